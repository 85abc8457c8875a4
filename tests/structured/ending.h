// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>
#include <asyncio/error.h>

#include <exception>
#include <string>
#include <utility>

// How an awaitable ends: "value", "timeout", "cancelled", or the text of another exception.
template <class A>
asyncio::Coro<std::string> ending(A awaitable) {
  std::string end = "value";
  try {
    co_await std::move(awaitable);
  } catch (const asyncio::TimeoutError&) {
    end = "timeout";
  } catch (const asyncio::CancelledError&) {
    end = "cancelled";
  } catch (const std::exception& error) {
    end = error.what();
  }
  co_return end;
}
