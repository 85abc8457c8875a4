// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What a handle does that was used though it is empty, or was moved from: throws RuntimeError. `handle` is its name.
[[noreturn]] void refuse_empty(const char* handle);

// A reference to something that counts its references itself, with retain() and release(). What is referred to stays
// while the Ref does: that is how everything which may outlive a task, a future or a loop refers to it.
template <class T>
class Ref {
 public:
  Ref() = default;  // refers to none
  explicit Ref(T& object) noexcept : object_(&object) { object.retain(); }
  Ref(const Ref& other) noexcept : object_(other.object_) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { reset(); }

  void reset() noexcept {
    T* object = std::exchange(object_, nullptr);
    if (object == nullptr) return;
    object->release();
#if defined(__GNUC__) && !defined(__clang__)
    // Where an exception passes by, g++ (13 to 16) takes the store of the counter for dead, because `delete this` in the
    // other branch ends the object's life: what is referred to would stay for ever.
    asm volatile("" ::: "memory");
#endif
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
