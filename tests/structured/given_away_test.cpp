// SPDX-License-Identifier: MIT
// A coroutine that is given away twice, which the compiler cannot see.
#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

Coro<int> one() { co_return 1; }

// What takes a coroutine, and has to refuse one that somebody else has got.
ASYNC_TEST(Coro, that_was_given_away_is_refused_wherever_it_is_given_again) {
  const std::pair<const char*, std::function<Coro<>(Coro<int>)>> places[] = {
      {"await", [](Coro<int> c) -> Coro<> { co_await std::move(c); }},
      {"create_task", [](Coro<int> c) -> Coro<> { co_await create_task(std::move(c)); }},
      {"with options", [](Coro<int> c) -> Coro<> { co_await create_task(std::move(c), {.name = "n"}); }},
      {"eager", [](Coro<int> c) -> Coro<> { co_await create_task(std::move(c), {.eager_start = true}); }},
      {"of a loop", [](Coro<int> c) -> Coro<> { co_await get_running_loop().create_task(std::move(c)); }},
      {"gather", [](Coro<int> c) -> Coro<> { co_await gather(std::move(c)); }},
      {"race", [](Coro<int> c) -> Coro<> { co_await race(std::move(c)); }},
      {"first_success", [](Coro<int> c) -> Coro<> { co_await first_success(std::move(c)); }},
      {"shield", [](Coro<int> c) -> Coro<> { co_await shield(std::move(c)); }},
      {"wait_for", [](Coro<int> c) -> Coro<> { co_await wait_for(std::move(c), 1s); }},
      {"as_result", [](Coro<int> c) -> Coro<> { (co_await as_result(std::move(c))).value(); }},
      {"group",
       [](Coro<int> c) -> Coro<> {
         std::exception_ptr error;
         co_await with(TaskGroup(), [&](TaskGroup& group) {
           try {
             group.create_task(std::move(c));
           } catch (...) {
             error = std::current_exception();
           }
         });
         std::rethrow_exception(error);
       }},
      {"as_completed",
       [](Coro<int> c) -> Coro<> {
         std::vector<Coro<int>> coros;
         coros.push_back(std::move(c));
         co_await as_completed(std::move(coros)).next();
       }},
      {"threadsafe",
       [](Coro<int> c) -> Coro<> {
         run_coroutine_threadsafe(get_running_loop(), std::move(c));
         co_return;
       }},
  };
  for (const auto& [name, give] : places) {
    Coro<int> used = one();
    co_await std::move(used);
    std::string said;
    try {
      co_await give(std::move(used));
    } catch (const RuntimeError& error) {
      said = error.what();
    }
    EXPECT_NE(said.find("awaited only once"), std::string::npos) << name << ": " << said;
  }
  EXPECT_EQ(all_tasks().size(), 1u);
}

ASYNC_TEST(Coro, that_was_given_away_keeps_those_beside_it_from_being_started) {
  bool began = false;
  const auto begins = [](bool& ran) -> Coro<int> {
    ran = true;
    co_return 1;
  };
  const auto pair = [&] {
    std::vector<Coro<int>> coros;
    coros.push_back(begins(began));
    coros.push_back(one());
    coros[1].close();
    return coros;
  };
  std::vector<Coro<int>> coros = pair();
  EXPECT_THROW(static_cast<void>(gather(std::move(coros))), RuntimeError);
  EXPECT_THROW(static_cast<void>(as_completed(std::move(coros))), RuntimeError);
  EXPECT_THROW(static_cast<void>(gather(std::move(coros[0]), std::move(coros[1]))), RuntimeError);
  coros[0].close();
  co_await settle();
  EXPECT_FALSE(began);
}

}  // namespace
