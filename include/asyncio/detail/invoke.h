// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// std::invoke for functions and member functions, without the 20,000 lines of <functional>. The object of a member
// function may be a pointer to it, or a std::reference_wrapper. An object, and no function: argument-dependent lookup
// does not find it, for a user who writes invoke() and means another one.
struct Invoke {
  template <class F, class... Args>
  constexpr decltype(auto) operator()(F&& f, Args&&... args) const {
    if constexpr (std::is_member_function_pointer_v<std::remove_cvref_t<F>>) {
      return [&f](auto&& object, auto&&... rest) -> decltype(auto) {
        if constexpr (requires {
                        (std::forward<decltype(object)>(object).*f)(std::forward<decltype(rest)>(rest)...);
                      }) {
          return (std::forward<decltype(object)>(object).*f)(std::forward<decltype(rest)>(rest)...);
        } else if constexpr (requires { *object; }) {
          return ((*std::forward<decltype(object)>(object)).*f)(std::forward<decltype(rest)>(rest)...);
        } else {
          return (object.get().*f)(std::forward<decltype(rest)>(rest)...);
        }
      }(std::forward<Args>(args)...);
    } else {
      return std::forward<F>(f)(std::forward<Args>(args)...);
    }
  }
};
inline constexpr Invoke invoke{};

// A callable with the arguments that it is to be called with later, of which the library makes copies of its own. It is
// called once, and the arguments are moved in where that is possible.
// A parameter T& refers to what the library owns. That is right for what is given up, a temporary or std::move(x). But
// of an x that stays with the caller it would be a copy, and what the callable does to it would be lost without a word:
// there std::ref(x) has to be written.
template <class F, class... Args>
concept CallableLater = std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>...> ||
                        std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>&...>;

// What stands for an argument where that is asked: nobody may change a copy of what stays with the caller.
template <class Given>
using Unchanged =
    std::conditional_t<std::is_lvalue_reference_v<Given>, const std::decay_t<Given>&, std::decay_t<Given>&>;

// Whether F is a member function that changes its object, and that object stays with the caller.
template <class F, class... Args>
inline constexpr bool changes_copied_object = false;
template <class F, class Object, class... Args>
  requires std::is_member_function_pointer_v<std::decay_t<F>>
inline constexpr bool changes_copied_object<F, Object&, Args...> =
    !std::is_invocable_v<std::decay_t<F>&, const Object&, std::decay_t<Args>...>;

// Says what to write instead, where the callable would work on a copy.
template <class F, class... Args>
constexpr void check_call_later() {
  static_assert(CallableLater<F, Args...>, "the callable does not take these arguments");
  static_assert(!CallableLater<F, Args...> || std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>...> ||
                    std::is_invocable_v<std::decay_t<F>&, Unchanged<Args>...>,
                "the callable takes an argument by reference, and would work on a copy: pass std::ref(argument)");
  static_assert(!changes_copied_object<F, Args...>,
                "the member function would change a copy of the object: pass &object or std::ref(object)");
}
// The same for what is called again and again, with arguments that stay.
template <class F, class... Args>
constexpr void check_calls_later() {
  constexpr bool callable = std::is_invocable_v<std::decay_t<F>&, std::decay_t<Args>&...>;
  static_assert(callable, "the callable does not take these arguments, more than once");
  static_assert(!callable || std::is_invocable_v<std::decay_t<F>&, Unchanged<Args>...>,
                "the callable takes an argument by reference, and would work on a copy: pass std::ref(argument)");
}

// The call itself, with what is owned. Where check_call_later() refuses it, it compiles: one message is enough.
template <class F, class... Args>
constexpr decltype(auto) call_once(F& f, Args&... args) {
  if constexpr (std::is_invocable_v<F&, Args...>) {
    return detail::invoke(f, std::move(args)...);
  } else if constexpr (std::is_invocable_v<F&, Args&...>) {
    return detail::invoke(f, args...);
  }
}

template <class F, class... Args>
struct CallOnce {
  using type = void;
};
template <class F, class... Args>
  requires std::is_invocable_v<F&, Args...>
struct CallOnce<F, Args...> : std::invoke_result<F&, Args...> {};
template <class F, class... Args>
  requires(!std::is_invocable_v<F&, Args...> && std::is_invocable_v<F&, Args&...>)
struct CallOnce<F, Args...> : std::invoke_result<F&, Args&...> {};

// What it gives, of callables and arguments as they were given.
template <class F, class... Args>
using CallOnceResult = typename CallOnce<std::decay_t<F>, std::decay_t<Args>...>::type;

}  // namespace asyncio::inline ASYNCIO_ABI::detail
