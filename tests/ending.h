// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>
#include <asyncio/error.h>
#include <asyncio/outcome.h>

#include <exception>
#include <string>
#include <utility>

// How an awaitable ends, for the tests of all areas.
namespace asyncio::inline ASYNCIO_ABI::testing {

// "value", "timeout", "cancelled", or the text of another exception.
template <class A>
Coro<std::string> ending(A awaitable) {
  std::string end = "value";
  try {
    (void)co_await std::move(awaitable);
  } catch (const TimeoutError&) {
    end = "timeout";
  } catch (const CancelledError&) {
    end = "cancelled";
  } catch (const std::exception& error) {
    end = error.what();
  }
  co_return end;
}

// Whether it throws an E.
template <class E, class A>
Coro<bool> throws(A awaitable) {
  bool thrown = false;
  try {
    (void)co_await std::move(awaitable);
  } catch (const E&) {
    thrown = true;
  }
  co_return thrown;
}

// What its exception says; "" for a value.
template <class A>
Coro<std::string> what_of(A awaitable) {
  auto outcome = co_await as_result(std::move(awaitable));
  co_return outcome.what();
}

}  // namespace asyncio::inline ASYNCIO_ABI::testing
