// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/detail/deadline.h>
#include <asyncio/detail/ref.h>
#include <asyncio/detail/scope_link.h>
#include <asyncio/event_loop.h>
#include <asyncio/time_limit.h>

#include <exception>
#include <optional>

namespace asyncio::inline ASYNCIO_ABI {

// How a CancelScope is made.
struct CancelScopeOptions {
  std::optional<TimePoint> deadline = std::nullopt;  // when it cancels itself; nothing: never
  bool shield = false;                               // what cancels the scopes around it does not reach into it
};

// A block that can be given up as a whole.
//
//   auto found = co_await with(move_on_after(2s), [&](CancelScope&) -> Coro<Page> { co_return co_await ask(host); });
//   if (!found) show("no answer in time");                             // found is a std::optional<Page>
//
//   co_await with(CancelScope({.shield = true}), [&](CancelScope&) -> Coro<> { co_await connection.aclose(); });
//
// Once it is cancelled, by cancel() or by its deadline, *every* wait in the block throws CancelledError until the block
// is left: it cannot be held up by code that catches the error and waits again. That is the difference to
// Task::cancel(), which throws once. The scope swallows its error at the end of the block, and with() gives an empty
// optional then (false where the body gives nothing). A body that does not wait any more ends with its value; a
// deadline that passes while it computes takes effect at its next wait.
//
// Scopes nest. The outermost that is cancelled decides: its error passes through the scopes inside of it, each of which
// swallows only its own. A shielded scope hides all scopes around it from what is inside: work that must be done even
// though everything around it is given up waits normally there (give it a deadline, or it may hold up the whole).
// A scope is that of one task. Tasks that the body starts are not in it; where a TaskGroup stands inside of the block,
// its tasks are cancelled, once, because the block waits for them.
//
// Requests of Task::cancel() come first, pass through every scope, and a shield does not stop them; a scope does not
// count as a request, and leaves cancelling() alone. What has taken effect is not taken back by a scope either: a wait
// that was woken gives what it got, and the next one throws.
//
// Movable until it is entered; afterwards it must stay, and be left by the task that entered it, as with() does. For
// the thread of the loop. It may be entered once. It may outlive its task and its loop: where the block was broken off,
// because the loop was closed, cancel() and the rest have no effect.
// Python: anyio.CancelScope, trio.CancelScope; asyncio has timeout() only.
class CancelScope : private detail::Deadline<CancelScope> {
 public:
  explicit CancelScope(const CancelScopeOptions& options = {})
      : deadline_(options.deadline), link_(this, options.shield) {}
  CancelScope(CancelScope&& other) noexcept
      : limit_(other.limit_), deadline_(other.deadline_), link_(this, other.link_.shield, other.link_.cancelled) {}
  ~CancelScope() {
    if (task_) [[unlikely]]
      leave();
  }

  // Cancels the block; may be called by any task of the loop, and inside of the block, where it takes effect at the
  // next wait. Before the block: its first wait throws. Twice is once, and after the block it has no effect.
  void cancel();

  // Whether it is cancelled, or its deadline has passed: for loops that compute, and wait for nothing that could throw.
  bool cancel_called() const;
  // Whether the block was ended by the scope's CancelledError: false in the block, and where it came to its end.
  bool cancelled_caught() const { return caught_; }

  // When the scope cancels itself, on the loop's clock; nothing is never. It can be moved while the scope is not
  // cancelled: to a time that has passed cancels it at once.
  std::optional<TimePoint> deadline() const { return deadline_; }
  void set_deadline(std::optional<TimePoint> deadline);

  // Whether the scopes around it are hidden from the block. A change takes effect at once, also for a wait under way.
  bool shield() const { return link_.shield; }
  void set_shield(bool shield);

  // For with(). RuntimeError where it has been entered before; where another task leaves it than entered it.
  void enter_now();
  bool exit_now(const std::exception_ptr& error);  // whether the error was the scope's own, and ends here

 protected:
  // For what is said of it.
  TimeLimit limit_;                  // that it was made with; for ever where the deadline is all that is known
  const char* waited_in_ = nullptr;  // when the deadline passed: what its task waited in, or ""; null before

 private:
  friend class detail::Deadline<CancelScope>;

  // Whether its block is under way. Asked before the loop of the task is used: a task that has not ended has one.
  bool active() const { return task_ && !task_->done(); }
  void deadline_passed() noexcept;
  void schedule();  // arms the timer, or cancels where the deadline has passed
  void unschedule() noexcept;
  void leave() noexcept;  // takes the scope out of its task

  detail::Ref<detail::TaskBase> task_;  // that is in the block; null outside
  std::optional<TimePoint> deadline_;
  detail::ScopeLink link_;  // is in the list of that task
  bool entered_ = false;    // once and for all
  bool caught_ = false;
};

// A CancelScope whose block must not be given up silently: the scope's own CancelledError becomes a TimeoutError.
// with() gives what the body gives. A cancel() by hand ends in TimeoutError too.
class FailScope : public CancelScope {
 public:
  using CancelScope::CancelScope;
  FailScope(const CancelScopeOptions& options, TimeLimit limit) : CancelScope(options) { limit_ = limit; }

  void exit_now(const std::exception_ptr& error);
};

namespace detail {

// What the following take beside the time.
struct ScopeOptions {
  bool shield = false;  // as in CancelScopeOptions
};

}  // namespace detail

// A scope that cancels itself after a while, counted from this call: `move_on_after(2s, {.shield = true})`.
// std::nullopt is never, NaN throws ValueError; throws RuntimeError where no loop runs. For what is not over in time
// but may be left out. Python: trio.move_on_after, anyio.move_on_after.
CancelScope move_on_after(TimeLimit timeout, const detail::ScopeOptions& options = {});
// The same at a time of the loop's clock; std::nullopt is never.
CancelScope move_on_at(std::optional<TimePoint> when, const detail::ScopeOptions& options = {});

// The same with TimeoutError: for what must be over in time. timeout() does so too, but by a request of Task::cancel().
// Python: trio.fail_after, anyio.fail_after.
FailScope fail_after(TimeLimit timeout, const detail::ScopeOptions& options = {});
FailScope fail_at(std::optional<TimePoint> when, const detail::ScopeOptions& options = {});

}  // namespace asyncio::inline ASYNCIO_ABI
