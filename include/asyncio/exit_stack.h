// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>
#include <asyncio/detail/invoke.h>

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// Blocks whose number is known only when the program runs, and other things to be done at the end:
//
//   co_await with(ExitStack(), [&](ExitStack& stack) -> Coro<> {
//     std::vector<Connection*> connections;
//     for (const Host& host : hosts) connections.push_back(&co_await stack.enter(connect(host)));
//     stack.callback(&Log::flush, &access_log);
//     co_await work(connections);
//   });                                  // the log is flushed, then the connections are left, the last one first
//
// At the end of its block the stack leaves what it has entered, and calls what it was given, in the reverse order, each
// with the exception that is on its way out at that point: that of the body, or the one thrown last by an exit, which
// takes the place of what was there before. What suppresses it does so for those that come after. An exit that replaces
// an error and wants to keep it must put it into its own. A cancel does not interrupt an exit, as in with(). with()
// gives a bool, or a std::optional of what the body gives: false or empty where an exit has suppressed an exception.
//
// Movable. What is still in a stack that is destroyed outside of a block is destroyed, last in first, without its exit.
// Used by one task, as the blocks that it enters must be. Python: contextlib.AsyncExitStack.
class ExitStack {
 public:
  ExitStack() = default;
  ExitStack(ExitStack&&) noexcept = default;
  ExitStack& operator=(ExitStack&& other) noexcept {
    entries_.swap(other.entries_);
    return *this;
  }
  ~ExitStack() { drop_entries(); }

  // Enters anything that can stand in with(), and has it left at the end; gives what entering gives, and x itself, by
  // reference, where that is nothing. x moves into the stack; an lvalue stays where it is, and must live as long. Where
  // entering throws, or is cancelled, x is not in the stack. Python: enter_async_context(), enter_context().
  template <class X>
  auto enter(X&& x);

  // Has f(args...) called at the end, and awaited if it is a coroutine; the stack owns f and its arguments. It does not
  // learn of an exception, and can not suppress one. Python: callback(), push_async_callback().
  template <class F, class... Args>
    requires detail::CallableLater<F, Args...>
  void callback(F&& f, Args&&... args);

  // Has f(error) called at the end, with the std::exception_ptr that is on its way out, or null; and awaited if it is a
  // coroutine. If it gives true the exception is suppressed. Python: push(), push_async_exit().
  template <class F>
    requires std::invocable<std::decay_t<F>&, std::exception_ptr>
  void push(F&& f);

  // Moves all that is in the stack to another one, which is now to leave it: for what was entered successfully, and is
  // to outlive the block that did it.
  [[nodiscard]] ExitStack pop_all() noexcept { return std::move(*this); }

  // Leaves all of it now, as at the end of a block without an exception. Throws what an exit throws.
  Coro<> aclose();

  std::size_t size() const { return entries_.size(); }

  // For with().
  void enter_now() {}
  Coro<bool> exit(std::exception_ptr error);
  static constexpr bool exits_in_place = true;  // what it leaves protects itself

 private:
  class Entry {
   public:
    Entry() = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    virtual ~Entry() = default;
    virtual Coro<bool> leave(std::exception_ptr error) = 0;
  };

  template <class X>  // may be a reference
  class EntryOf;
  template <class F, class... Args>
  class CallbackExit;
  template <class F>
  class ErrorExit;

  template <class X, class... Args>
  void push_entry(Args&&... args);
  template <class X>
  auto enter_entry(std::unique_ptr<EntryOf<X>> entry);
  template <class X, class Block>
  Coro<Block&> enter_and_give_block(std::unique_ptr<EntryOf<X>> entry);
  template <class X, class Y>
  Coro<Y> enter_and_give(std::unique_ptr<EntryOf<X>> entry);
  // For one more: what is entered must not get lost afterwards for want of memory.
  void make_room() {
    if (entries_.size() == entries_.capacity()) entries_.reserve(2 * entries_.size() + 4);
  }
  void drop_entries() noexcept;

  std::vector<std::unique_ptr<Entry>> entries_;  // the last one is to be left first
};

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/exit_stack.h>
