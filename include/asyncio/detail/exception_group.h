// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/construct.h>
#include <asyncio/detail/holds.h>

#include <concepts>
#include <exception>
#include <optional>
#include <type_traits>

namespace asyncio::inline ASYNCIO_ABI {

template <class E>
ExceptionGroup::Split ExceptionGroup::split() const {
  static_assert(!is_group<E>, "split() looks at the leaves of a group, and a leaf is never an ExceptionGroup");
  return split_leaves([](const std::exception_ptr& leaf, void*) { return detail::holds<E>(leaf); }, nullptr);
}

template <std::predicate<const std::exception_ptr&> F>
std::optional<ExceptionGroup> ExceptionGroup::subgroup(F&& predicate) const {
  using Predicate = std::remove_reference_t<F>;
  const auto call = [](const std::exception_ptr& leaf, void* argument) -> bool {
    return (*static_cast<Predicate*>(argument))(leaf);
  };
  return split_leaves(call, const_cast<std::remove_const_t<Predicate>*>(detail::pointer_to(predicate))).match;
}

template <class E, class F>
  requires std::invocable<F&, const E&> || std::invocable<F&, const ExceptionGroup&>
std::optional<ExceptionGroup> ExceptionGroup::handle(F&& f) const {
  Split parts = split<E>();
  if (!parts.match) return parts.rest;
  if constexpr (std::invocable<F&, const E&>) {
    using Function = std::remove_reference_t<F>;
    const auto call = [](const std::exception_ptr& leaf, void* argument) {
      try {
        std::rethrow_exception(leaf);
      } catch (const E& error) {
        (*static_cast<Function*>(argument))(error);
      }
    };
    parts.match->visit_leaves(call, const_cast<std::remove_const_t<Function>*>(detail::pointer_to(f)));
  } else {
    f(*parts.match);
  }
  return parts.rest;
}

}  // namespace asyncio::inline ASYNCIO_ABI
