// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/exception_group.h>
#include <asyncio/owned_awaitable.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

class Race;

// One of the tasks of a race.
class Entrant : public lowlevel::LinkedWaiter {
 public:
  Entrant() : LinkedWaiter(kind) {}
  ~Entrant() { unlink(); }

 private:
  friend class Race;
  static const lowlevel::WaitKind kind;

  Race* race_ = nullptr;
  AnyTask runner_;
};

// What decides a race.
enum class RaceRule : std::uint8_t {
  first_end,    // whatever it is: a value, an exception, a cancel
  first_value,  // the others drop out
};

// Waits until one task has decided the race and all others have ended; then says which it was, or throws. The part of
// race() and first_success() that does not depend on types.
class Race : public lowlevel::Waiter {
 public:
  Race(RaceRule rule, std::span<Entrant> entrants) : Waiter(kind), entrants_(entrants), rule_(rule) {}

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
  static const lowlevel::WaitKind kind;
  static bool forward(Waiter& waiter) noexcept;
  void ended(Entrant& entrant) noexcept;
  void note_winner(const Entrant& ended) noexcept;
  void cancel_rest(std::string_view message) noexcept;

  static constexpr std::size_t nobody = static_cast<std::size_t>(-1);

  bool decides(const AnyTask& ended) const noexcept;

  std::span<Entrant> entrants_;
  std::size_t entered_ = 0;
  std::size_t running_ = 0;
  std::size_t winner_ = nobody;
  RaceRule rule_;
  PassedOn passed_;  // of the caller
};

}  // namespace detail

// What a race of awaitables of one type gives.
template <class T>
struct Winner {
  std::size_t index;  // in the vector
  T value;            // std::monostate where the awaitables give nothing
};

namespace detail {

template <class T>
struct RacePrizeOf {
  static_assert(!std::is_reference_v<T>, "race: what is raced must give a value, not a reference");
  using type = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
};
template <class T>
using RacePrize = typename RacePrizeOf<T>::type;

// Throws its exception where an error has decided the race.
template <class T>
RacePrize<T> take_prize(const Task<T>& task) {
  task.state().retrieve();
  if constexpr (std::is_void_v<T>) {
    task.state().result.take();
    return {};
  } else {
    return task.state().result.take();
  }
}

template <class Prize, std::size_t index = 0, class Tasks>
Prize take_prize_of(const Tasks& tasks, std::size_t winner) {
  if constexpr (index + 1 < std::tuple_size_v<Tasks>) {
    if (winner != index) return detail::take_prize_of<Prize, index + 1>(tasks, winner);
  }
  return Prize(std::in_place_index<index>, detail::take_prize(std::get<index>(tasks)));
}

template <RaceRule rule, class... T>
Coro<std::variant<RacePrize<T>...>> run_race(Coro<T>... coros) {
  const std::tuple<Task<T>...> tasks{asyncio::create_task(std::move(coros))...};  // braces: they start in this order
  std::array<Entrant, sizeof...(T)> entrants;
  Race race(rule, entrants);
  std::apply([&race](const Task<T>&... task) { (race.enter(task), ...); }, tasks);
  const std::size_t winner = co_await race;
  co_return detail::take_prize_of<std::variant<RacePrize<T>...>>(tasks, winner);
}

template <RaceRule rule, class T>
Coro<Winner<RacePrize<T>>> run_race_of(std::vector<Coro<T>> coros) {
  std::vector<Task<T>> tasks;
  tasks.reserve(coros.size());
  for (Coro<T>& coro : coros) tasks.push_back(asyncio::create_task(std::move(coro)));
  const auto entrants = std::make_unique<Entrant[]>(tasks.size());
  Race race(rule, std::span<Entrant>(entrants.get(), tasks.size()));
  for (const Task<T>& task : tasks) race.enter(task);
  const std::size_t winner = co_await race;
  co_return Winner<RacePrize<T>>{winner, detail::take_prize(tasks[winner])};
}

template <RaceRule rule, class... A>
auto race_arguments(A&&... awaitables) {
  if constexpr ((check_awaitable<A>() && ...)) {
    (require_unused(awaitables), ...);
    return detail::run_race<rule>(detail::as_coro(std::forward<A>(awaitables))...);
  }
}

template <RaceRule rule, class R>
auto race_range(R&& range) {
  using Element = ElementOf<R>;
  std::vector<Coro<AwaitResult<std::remove_cvref_t<Element>>>> coros;
  detail::require_all_unused(range);
  for (auto&& element : range) coros.push_back(detail::as_coro(static_cast<Element>(element)));
  if (coros.empty()) throw ValueError("a race needs somebody who takes part");
  return detail::run_race_of<rule>(std::move(coros));
}

}  // namespace detail

// Runs all of them at the same time. The first that ends decides, whatever it ends with, and the rest is cancelled:
//
//   co_await race(read_requests(reader), send_events(writer));           // the session is over when one half is
//
//   auto answer = co_await race(ask(question), sleep(2s));
//   if (answer.index() == 1) ...                                         // two seconds have passed
//
// The result is a std::variant with an alternative for each argument, in their order (std::monostate for one without a
// value); index() says who was first. If the first ends with an exception race() throws that, and CancelledError where
// somebody has cancelled it. The others are cancelled, and race() is over when all of them have ended, so that nothing of
// it goes on behind the caller's back. What they give or throw meanwhile is dropped.
// Where the caller is cancelled all of them are, and CancelledError comes when they have ended. Where the race was
// decided before, or one of them answers the cancel with a value or another exception, that is what comes out, and the
// cancel lands at the caller's next wait.
// Each argument is an awaitable of its own; nothing starts before the co_await. A Task that takes part and is not the
// first is cancelled too. A Coro that has been awaited or given away throws RuntimeError in the call.
// Python has none: asyncio.wait(FIRST_COMPLETED), and cleaning up; JavaScript: Promise.race.
template <class... A>
  requires(sizeof...(A) > 0 && !detail::is_range<A...>)
auto race(A&&... awaitables) {
  return detail::race_arguments<detail::RaceRule::first_end>(std::forward<A>(awaitables)...);
}

// The same for a range of any number, `race(std::move(coros))`; the result says who was first, and with what: a
// Winner{index, value}. Throws ValueError where there are none.
template <detail::AwaitableRange R>
auto race(R&& range) {
  return detail::race_range<detail::RaceRule::first_end>(std::forward<R>(range));
}

// As race(), but an error does not decide: the first value does.
//
//   auto page = co_await first_success(download(mirror), download(another_mirror));
//
// Those that fail, or are cancelled by somebody, drop out. If all of them fail it throws ExceptionGroup("none of the
// entrants succeeded") with the errors in the order of the arguments, and CancelledError if all were cancelled.
// JavaScript: Promise.any.
template <class... A>
  requires(sizeof...(A) > 0 && !detail::is_range<A...>)
auto first_success(A&&... awaitables) {
  return detail::race_arguments<detail::RaceRule::first_value>(std::forward<A>(awaitables)...);
}
template <detail::AwaitableRange R>
auto first_success(R&& range) {
  return detail::race_range<detail::RaceRule::first_value>(std::forward<R>(range));
}

}  // namespace asyncio::inline ASYNCIO_ABI
