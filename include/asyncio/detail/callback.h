// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

template <class Signature>
class Callback;

// Any callable, owned: what std::move_only_function is in C++23, with 32 bytes of room before it allocates.
// Empty after being moved from; calling an empty one is undefined.
template <class R, class... Args>
class Callback<R(Args...)> {
 private:
  struct Operations {
    R (*call)(void* room, Args&&... args);
    void (*move)(void* from, void* to) noexcept;  // and destroys what was at `from`; null where copying the bytes does
    void (*destroy)(void* room) noexcept;         // null where there is nothing to do
    const std::type_info* type;
  };

 public:
  Callback() = default;
  Callback(std::nullptr_t) {}

  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Callback> && std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
  Callback(F&& callable) {
    using Held = std::decay_t<F>;
    if constexpr (fits<Held>) {
      ::new (static_cast<void*>(room_)) Held(std::forward<F>(callable));
      operations_ = &inline_operations<Held>;
    } else {
      ::new (static_cast<void*>(room_)) Held*(new Held(std::forward<F>(callable)));
      operations_ = &heap_operations<Held>;
    }
  }

  Callback(Callback&& other) noexcept { take(other); }
  Callback& operator=(Callback&& other) noexcept {
    if (this != &other) {
      const Callback old(std::move(*this));  // its destructor may come back here
      take(other);
    }
    return *this;
  }
  ~Callback() { reset(); }

  explicit operator bool() const { return operations_ != nullptr; }

  // Of the callable, for messages; that of void where it is empty.
  const std::type_info& type() const { return operations_ != nullptr ? *operations_->type : typeid(void); }

  R operator()(Args... args) { return operations_->call(room_, std::forward<Args>(args)...); }

  // The callable of `from`, to be called for the last time where it lies: `from`, which has to stay in its place, is
  // empty from now on, and the callable is destroyed with the Last.
  class Last {
   public:
    explicit Last(Callback& from) noexcept : operations_(std::exchange(from.operations_, nullptr)), room_(from.room_) {}
    Last(const Last&) = delete;
    ~Last() {
      if (operations_ != nullptr && operations_->destroy != nullptr) operations_->destroy(room_);
    }
    R operator()(Args... args) { return operations_->call(room_, std::forward<Args>(args)...); }

   private:
    const Operations* operations_;
    std::byte* room_;
  };

 private:
  static constexpr std::size_t room = 32;

  template <class F>
  static constexpr bool fits =
      sizeof(F) <= room && alignof(F) <= alignof(void*) && std::is_nothrow_move_constructible_v<F>;

  template <class F>
  static constexpr Operations inline_operations{
      [](void* at, Args&&... args) -> R { return static_cast<R>((*static_cast<F*>(at))(std::forward<Args>(args)...)); },
      std::is_trivially_copyable_v<F> ? nullptr : +[](void* from, void* to) noexcept {
        ::new (to) F(std::move(*static_cast<F*>(from)));
        static_cast<F*>(from)->~F();
      },
      std::is_trivially_copyable_v<F> ? nullptr : +[](void* at) noexcept { static_cast<F*>(at)->~F(); }, &typeid(F)};

  template <class F>
  static constexpr Operations heap_operations{
      [](void* at, Args&&... args) -> R {
        return static_cast<R>((**static_cast<F**>(at))(std::forward<Args>(args)...));
      },
      nullptr, [](void* at) noexcept { delete *static_cast<F**>(at); }, &typeid(F)};

  void take(Callback& other) noexcept {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ == nullptr) return;
    if (operations_->move != nullptr) {
      operations_->move(other.room_, room_);
    } else {
#if defined(__GNUC__) && !defined(__clang__)  // which warns of the rest of the room, where the callable is a small one
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
      std::memcpy(room_, other.room_, room);
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
    }
  }
  void reset() noexcept {
    const Operations* operations = std::exchange(operations_, nullptr);
    if (operations != nullptr && operations->destroy != nullptr) operations->destroy(room_);
  }

  alignas(void*) std::byte room_[room];
  const Operations* operations_ = nullptr;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
