// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cxxabi.h>

#include <new>
#include <utility>

// Of the program or the shared object that this is part of.
extern "C" [[gnu::visibility("hidden")]] void* __dso_handle;

namespace asyncio::inline ASYNCIO_ABI::detail {

// Has f(argument) called when this thread ends: before what was to be called then already, as thread_local objects are
// destroyed. It may be asked for while the thread ends, too. A plugin stays loaded until the call, whatever dlclose()
// says. False where there is no memory for it. The main thread calls nothing more once main() has been left, and its
// thread_local objects are gone.
inline bool at_thread_end(void (*f)(void*), void* argument) noexcept {
  return abi::__cxa_thread_atexit(f, argument, &__dso_handle) == 0;
}

// What each thread has one of: made when it first asks, and destroyed when it ends.
//
//   [[gnu::tls_model("initial-exec")]] constinit thread_local Notes* notes = nullptr;   // null: not made yet
//   per_thread(notes).begin(...);
//
// A thread_local object would be used after its end, by the destructors of other ones and of globals; here they get one
// more, which goes in its turn. And no more than a pointer stands in the thread-local memory of the library. A plugin
// that contains the library must find room for that in what the dynamic linker keeps for all plugins together.
// Throws std::bad_alloc.
template <class T>
T& per_thread(T*& mine) {
  if (mine != nullptr) [[likely]]
    return *mine;
  T* made = new T();
  const auto end = [](void* place) {
    // Null first: the destructor may come back here, by way of what it holds.
    delete std::exchange(*static_cast<T**>(place), nullptr);
  };
  if (!detail::at_thread_end(end, &mine)) {
    delete made;
    throw std::bad_alloc();
  }
  return *(mine = made);
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
