// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/exception_group.h>
#include <asyncio/task.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

class Race;

// One of the tasks of a race.
class Entrant : public LinkedWaiter {
 public:
  Entrant() : LinkedWaiter(kind) {}
  ~Entrant() { unlink(); }

 private:
  friend class Race;
  static const WaitKind kind;

  Race* race_ = nullptr;
  AnyTask runner_;
};

// Waits until one task has a value and all others have ended; then says which it was, or throws. The part of race()
// that does not depend on types.
class Race : public Waiter {
 public:
  explicit Race(std::span<Entrant> entrants) : Waiter(kind), entrants_(entrants) {}

  // Has the task take part, as the next entrant. To be done for all before the race is awaited.
  void enter(const AnyTask& task);

  bool await_ready();
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    park(self);
  }
  std::size_t await_resume();

 private:
  friend class Entrant;
  static const WaitKind kind;
  static bool forward(Waiter& waiter);
  void ended(Entrant& entrant) noexcept;
  void note_winner(const Entrant& ended) noexcept;
  void cancel_rest(std::string_view message);

  static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

  std::span<Entrant> entrants_;
  std::size_t entered_ = 0;
  std::size_t running_ = 0;
  std::size_t winner_ = nobody;
  bool requested_ = false;        // a request to cancel the caller was passed on
  bool scope_requested_ = false;  // that of a CancelScope was
};

// What a race of awaitables of one type gives.
template <class T>
struct Winner {
  std::size_t index;  // in the vector
  T value;            // std::monostate where the awaitables give nothing
};

template <class T>
struct RacePrizeOf {
  static_assert(!std::is_reference_v<T>, "race: what is raced must give a value, not a reference");
  using type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
};
template <class T>
using RacePrize = typename RacePrizeOf<T>::type;

template <class T>
RacePrize<T> take_prize(const Task<T>& task) {
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return task.state().result.take();
  }
}

template <class Prize, std::size_t index = 0, class Tasks>
Prize take_prize_of(const Tasks& tasks, std::size_t winner) {
  if constexpr (index + 1 < std::tuple_size_v<Tasks>) {
    if (winner != index) return take_prize_of<Prize, index + 1>(tasks, winner);
  }
  return Prize(std::in_place_index<index>, take_prize(std::get<index>(tasks)));
}

template <class... T>
Coro<std::variant<RacePrize<T>...>> run_race(Coro<T>... coros) {
  const std::tuple<Task<T>...> tasks{create_task(std::move(coros))...};  // braces: they start in this order
  std::array<Entrant, sizeof...(T)> entrants;
  Race race(entrants);
  std::apply([&race](const Task<T>&... task) { (race.enter(task), ...); }, tasks);
  const std::size_t winner = co_await race;
  co_return take_prize_of<std::variant<RacePrize<T>...>>(tasks, winner);
}

template <class T>
Coro<Winner<RacePrize<T>>> run_race_of(std::vector<Coro<T>> coros) {
  std::vector<Task<T>> tasks;
  tasks.reserve(coros.size());
  for (Coro<T>& coro : coros) tasks.push_back(create_task(std::move(coro)));
  const auto entrants = std::make_unique<Entrant[]>(tasks.size());
  Race race(std::span<Entrant>(entrants.get(), tasks.size()));
  for (const Task<T>& task : tasks) race.enter(task);
  const std::size_t winner = co_await race;
  co_return Winner<RacePrize<T>>{winner, take_prize(tasks[winner])};
}

// Runs all of them at the same time, and gives the value of the first that has one:
//
//   auto answer = co_await race(ask(primary), ask(mirror), sleep(2s));
//   if (answer.index() == 2) ...                                        // two seconds have passed
//
// The result is a std::variant with an alternative for each argument, in their order (std::monostate for one without a
// value); index() says who won. An error does not win: those that fail drop out, and only if all of them fail the race
// throws, ExceptionGroup("all entrants of a race failed") with the errors in the order of the arguments.
// The losers are cancelled, and the race is over when all of them have ended, so that nothing of it goes on behind the
// caller's back. What they throw meanwhile is dropped. If all are cancelled by others it throws CancelledError.
// Where the caller is cancelled, all of them are, and CancelledError comes when they have ended. If one has won all the
// same, its value is given, and the cancel lands at the caller's next wait.
// Each argument is an awaitable of its own; nothing starts before the co_await. A Task that takes part and loses is
// cancelled too. Python has none: asyncio.wait(FIRST_COMPLETED), and cleaning up; JavaScript: Promise.any.
template <Awaitable... A>
  requires(sizeof...(A) > 0)
auto race(A&&... awaitables) {
  return run_race(as_coro(std::forward<A>(awaitables))...);
}

// The same for any number of one type; the result says who has won, and what: a Winner{index, value}. Throws ValueError
// where there are none.
template <Awaitable A>
Coro<Winner<RacePrize<AwaitResult<A>>>> race(std::vector<A> awaitables) {
  if (awaitables.empty()) throw ValueError("a race needs somebody who takes part");
  std::vector<Coro<AwaitResult<A>>> coros;
  coros.reserve(awaitables.size());
  for (A& awaitable : awaitables) coros.push_back(as_coro(std::move(awaitable)));
  return run_race_of(std::move(coros));
}

}  // namespace asyncio::inline ASYNCIO_ABI
