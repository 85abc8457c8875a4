// SPDX-License-Identifier: MIT
#include <asyncio/testing.h>

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace asyncio::inline ASYNCIO_ABI::testing {

void fail_requirement(const std::string& what, const std::source_location& where) {
  GTEST_MESSAGE_AT_(where.file_name(), static_cast<int>(where.line()), what.c_str(),
                    ::testing::TestPartResult::kFatalFailure);
  throw RequirementFailed();
}

void fail_comparison(const char* function, const char* relation, const std::string& left, const std::string& right,
                     const std::source_location& where) {
  fail_requirement(std::string(function) + "(): expected the first value " + relation +
                       " the second\n  first:  " + left + "\n  second: " + right,
                   where);
}

void fail_nothing_thrown(const std::type_info& expected, const std::source_location& where) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> known(abi::__cxa_demangle(expected.name(), nullptr, nullptr, &status),
                                                     std::free);
  std::string name = known != nullptr ? known.get() : expected.name();
  // The inline namespace is the library's own affair.
  constexpr std::string_view library = "asyncio::";
  if (name.starts_with("asyncio::abi"))
    name.erase(library.size(), name.find("::", library.size()) + 2 - library.size());
  fail_requirement("require_throws(): nothing was thrown, expected: " + name, where);
}

void require(bool condition, const std::source_location& where) {
  if (!condition) fail_requirement("require(): the condition does not hold", where);
}

}  // namespace asyncio::inline ASYNCIO_ABI::testing
