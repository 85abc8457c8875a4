// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <iostream>

using namespace asyncio;
using namespace std::chrono_literals;

Coro<> say_hello() {
  std::cout << "Hello\n";
  co_await sleep(1s);
  std::cout << "World" << std::endl;
}

// A test of asynchronous code. It takes no second: the clock of a test moves on by itself.
ASYNC_TEST(Tutorial, say_hello) {
  ::testing::internal::CaptureStdout();
  co_await say_hello();
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "Hello\nWorld\n");
}
