// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/calls.h>

#include <exception>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// Has std::terminate() know SystemExit and KeyboardInterrupt (see run(), which calls this); for all else it goes on as
// before. Once for the program.
void install_terminate_handler() noexcept;

}  // namespace detail

template <Awaitable A>
auto run(A&& awaitable, const RunOptions& options) {
  detail::install_terminate_handler();
  Runner runner(options);
  std::exception_ptr error;
  // What nobody catches does not unwind the stack: without a handler here the program would end without the cleaning
  // up.
  try {
    if constexpr (std::is_void_v<AwaitResult<A>>) {
      runner.run(std::forward<A>(awaitable));
      runner.close();
      return 0;
    } else {
      auto value = runner.run(std::forward<A>(awaitable));
      runner.close();
      return value;
    }
  } catch (...) {
    error = std::current_exception();
  }
  runner.close_after(error);
  std::rethrow_exception(error);
}

template <class F, class... Args>
  requires detail::CallableLater<F, Args...>
auto run(const RunOptions& options, F&& f, Args&&... args) {
  return asyncio::run(detail::own_call(std::forward<F>(f), std::forward<Args>(args)...), options);
}

template <class F, class... Args>
  requires detail::CallableLater<F, Args...>
auto run(F&& f, Args&&... args) {
  return asyncio::run(RunOptions{}, std::forward<F>(f), std::forward<Args>(args)...);
}

}  // namespace asyncio::inline ASYNCIO_ABI
