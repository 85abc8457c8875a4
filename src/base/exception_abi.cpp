// SPDX-License-Identifier: MIT
#include "base/exception_abi.h"

#include <asyncio/error.h>

#include <cxxabi.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(_LIBCPP_VERSION)
namespace __cxxabiv1 {
// Of the ABI, but not in this library's <cxxabi.h>.
struct __cxa_eh_globals;
extern "C" __cxa_eh_globals* __cxa_get_globals() noexcept;
}  // namespace __cxxabiv1
#endif

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

const void* detail::address_of(const std::exception_ptr& error) noexcept {
  // Both C++ libraries keep the address of the exception in it, and nothing else.
  const void* address = nullptr;
  static_assert(sizeof error == sizeof address);
  std::memcpy(&address, static_cast<const void*>(&error), sizeof address);
  return address;
}

#if defined(__GLIBCXX__)
const std::type_info* detail::type_of(const std::exception_ptr& error) noexcept {
  return error != nullptr ? error.__cxa_exception_type() : nullptr;
}
#else
namespace {
// What stands before every exception; the ABI calls it __cxa_exception.
struct Header {
  const std::type_info* type;
  void (*destructor)(void*);
  void (*unexpected_handler)();
  void (*terminate_handler)();
  void* next;
  int handler_count;
  int handler_switch_value;
  const char* action_record;
  const char* language_specific_data;
  void* catch_temporary;
  void* adjusted_pointer;
  struct alignas(std::max_align_t) {
    std::uint64_t exception_class;
    void (*cleanup)();
    std::uintptr_t for_the_unwinder[2];
  } unwind_header;
};
static_assert(sizeof(void*) == 8, "this header is that of 64-bit machines: the other one has fields in other places");
}  // namespace

const std::type_info* detail::type_of(const std::exception_ptr& error) noexcept {
  if (error == nullptr) return nullptr;
  return (static_cast<const Header*>(address_of(error)) - 1)->type;
}
#endif

bool detail::is_a(const std::exception_ptr& error, const std::type_info& type) noexcept {
  const std::type_info* its = type_of(error);
  return its != nullptr && *its == type;
}

bool detail::is_exit(const std::exception_ptr& error) noexcept {
  return is_a(error, typeid(SystemExit)) || is_a(error, typeid(KeyboardInterrupt));
}

bool detail::was_thrown_here(const void* exception) noexcept {
  // It is known by its header, which stands before the exception itself; rethrow_exception() makes one elsewhere. The
  // first word of the globals is the innermost header.
  constexpr std::uintptr_t longest_header = 160;
  std::uintptr_t header = 0;
  std::memcpy(&header, static_cast<const void*>(abi::__cxa_get_globals()), sizeof header);
  return reinterpret_cast<std::uintptr_t>(exception) - header <= longest_header;
}

}  // namespace asyncio::inline ASYNCIO_ABI
