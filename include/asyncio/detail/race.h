// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/passed_on.h>
#include <asyncio/detail/to_start.h>
#include <asyncio/exception_group.h>
#include <asyncio/lowlevel/waiter.h>
#include <asyncio/task.h>

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <iterator>
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
  ~Entrant() {
    if (runner_) runner_.state().joiners().remove(*this);
  }

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
    task.state().take();
    return {};
  } else {
    return task.state().take();
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
  std::vector<Entrant> entrants(tasks.size());
  Race race(rule, entrants);
  for (const Task<T>& task : tasks) race.enter(task);
  const std::size_t winner = co_await race;
  co_return Winner<RacePrize<T>>{winner, detail::take_prize(tasks[winner])};
}

template <RaceRule rule, class... A>
auto start_race(ToStart<A>&&... entrants) {
  (entrants.make(), ...);
  return detail::run_race<rule>(entrants.take()...);
}

template <RaceRule rule, class... A>
auto race_arguments(A&&... awaitables) {
  if constexpr ((check_awaitable<A>() && ...)) {
    (require_unused(awaitables), ...);
    return detail::start_race<rule>(ToStart<A>(std::forward<A>(awaitables))...);
  }
}

template <RaceRule rule, class R>
auto race_range(R&& range) {
  detail::require_all_unused(range);
  auto coros = detail::coros_of(std::forward<R>(range));
  if (coros.empty()) throw ValueError("a race needs somebody who takes part");
  return detail::run_race_of<rule>(std::move(coros));
}

template <RaceRule rule, class... A>
auto race_all(A&&... awaitables) {
  static_assert(sizeof...(A) > 0, "a race needs somebody who takes part");
  if constexpr (is_range<A...>) {
    return detail::race_range<rule>(std::forward<A>(awaitables)...);
  } else {
    return detail::race_arguments<rule>(std::forward<A>(awaitables)...);
  }
}

}  // namespace detail

template <class... A>
auto race(A&&... awaitables) {
  return detail::race_all<detail::RaceRule::first_end>(std::forward<A>(awaitables)...);
}
template <class... A>
auto first_success(A&&... awaitables) {
  return detail::race_all<detail::RaceRule::first_value>(std::forward<A>(awaitables)...);
}

}  // namespace asyncio::inline ASYNCIO_ABI
