// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/shared.h>

#include <concepts>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

class TaskErrors;

}  // namespace detail

// Several exceptions at once: what comes out of a TaskGroup when more than one of its tasks may have failed.
//
//   try {
//     co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> { ... });
//   } catch (const ExceptionGroup& failed) {
//     auto rest = failed.handle<TimeoutError>([](const TimeoutError& e) { log(e.what()); });   // except* TimeoutError
//     if (rest) rest = rest->handle<std::system_error>([](const std::system_error& e) { log(e.code()); });
//     if (rest) throw *rest;
//   }
//
// A member may be a group itself, so that a group is a tree; its leaves are the exceptions that are no groups. What
// selects exceptions looks at the leaves, and keeps the nesting around those that it takes.
// Immutable. Copies share their content, which any thread may read; copying never throws. There is always a member.
// what() shows the tree, one line for each member, and below those that a task has failed with the coroutines that they
// came through. Groups that are nested very deep are shown by their leaves alone. However deep a tree is, nothing here
// takes more stack for it, nor more than a step for each member.
// Python: BaseExceptionGroup, of which ExceptionGroup is the kind that a program sees; split(), subgroup(), except*.
class ExceptionGroup : public std::exception {
 public:
  struct Split;

  // Throws ValueError where `exceptions` is empty, or has a null pointer among them.
  ExceptionGroup(std::string message, std::vector<std::exception_ptr> exceptions);
  ExceptionGroup(const ExceptionGroup&) noexcept = default;
  ExceptionGroup& operator=(const ExceptionGroup&) noexcept = default;
  ~ExceptionGroup() override;

  const std::string& message() const noexcept;
  // Its direct members, in the order in which they were given. They live as long as one of the copies.
  std::span<const std::exception_ptr> exceptions() const noexcept;
  // The message, how many members there are, and below it each of them with its type and text.
  const char* what() const noexcept override;

  // The leaves that are an E, and those that are not; each side keeps the message and the nesting, and is empty where
  // it would have no leaf. Python: split(E).
  template <class E>
  Split split() const;

  // The leaves for which predicate(const std::exception_ptr&) is true, in their nesting; nothing where there are none.
  // Python: subgroup(predicate).
  template <std::predicate<const std::exception_ptr&> F>
  std::optional<ExceptionGroup> subgroup(F&& predicate) const;

  // Calls f with each leaf that is an E, or, if f does not take one, once with the group of them; gives the rest, which
  // is nothing where all have been handled. What f throws comes out at once. Python: except* E.
  template <class E, class F>
    requires std::invocable<F&, const E&> || std::invocable<F&, const ExceptionGroup&>
  std::optional<ExceptionGroup> handle(F&& f) const;

 private:
  friend class detail::TaskErrors;
  struct Content;
  struct Part;
  class Drawing;
  using Matches = bool (*)(const std::exception_ptr& leaf, void* argument);
  Split split_leaves(Matches matches, void* argument) const;
  void visit_leaves(void (*visit)(const std::exception_ptr& leaf, void* argument), void* argument) const;

  template <class E>
  static constexpr bool is_group = std::derived_from<std::remove_cvref_t<E>, ExceptionGroup>;

  explicit ExceptionGroup(detail::Ref<Content>&& content) noexcept;
  Content& content() const noexcept;

  detail::Ref<detail::SharedObject> content_;  // a Content
};

// The two parts of a group; at least one is there.
struct ExceptionGroup::Split {
  std::optional<ExceptionGroup> match;
  std::optional<ExceptionGroup> rest;
};

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/exception_group.h>
