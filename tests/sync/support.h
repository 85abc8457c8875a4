// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/testing.h>

#include "tests/ending.h"

#include <string_view>
#include <utility>

// What the tests of the primitives have in common.
namespace asyncio::testing {

// Whether awaiting it lets another task run in between.
template <class A>
Coro<bool> suspends(A awaitable) {
  bool other_ran = false;
  auto other = create_task(
      [](bool& ran) -> Coro<> {
        ran = true;
        co_return;
      },
      std::ref(other_ran));
  co_await std::move(awaitable);
  const bool suspended = other_ran;
  co_await other;
  co_return suspended;
}

// What the inspector shows of a task: the reason of its wait, or nothing where it does not wait.
inline std::string_view reason(const AnyTask& task) {
  const lowlevel::Waiter* waiter = task.state().waiter();
  return waiter != nullptr ? waiter->kind().reason : "";
}

// Has a task of one loop wait for make_wait(), and says whether a task of a second loop that does the same is refused.
// `let_go` ends the first wait.
template <class MakeWait, class LetGo>
bool refuses_a_second_loop(MakeWait make_wait, LetGo let_go) {
  EventLoop first;
  EventLoop second;
  auto waiting = first.create_task(detail::as_coro(make_wait()));
  first.run_until_complete(settle());
  const bool refused = second.run_until_complete(throws<RuntimeError>(make_wait()));
  let_go();
  first.run_until_complete(waiting);
  return refused;
}

}  // namespace asyncio::testing
