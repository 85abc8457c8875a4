// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cstdint>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// What a handle does that was used though it is empty, or was moved from: throws RuntimeError. `handle` is its name.
[[noreturn]] void refuse_empty(const char* handle);

// How many refer to an object. For the objects of one thread.
class RefCount {
 public:
  explicit RefCount(std::uint32_t first) noexcept : count_(first) {}
  void retain() noexcept { ++count_; }
  // Whether it was the last: the object has to go then.
  [[nodiscard]] bool release() noexcept {
    --count_;
#if defined(__GNUC__) && !defined(__clang__)
    // Where an exception passes by, g++ 13 to 16 take this store for dead, because `delete this` ends the object's life
    // if it was the last: as far as the others know it would never come to that.
    asm volatile("" ::: "memory");
#endif
    return count_ == 0;
  }
  std::uint32_t value() const noexcept { return count_; }

 private:
  std::uint32_t count_;
};

// A reference to something that counts its references itself, with retain() and release(). What is referred to stays
// while the Ref does: that is how everything which may outlive a task, a future or a loop refers to it.
template <class T>
class Ref {
 public:
  Ref() = default;  // refers to none
  explicit Ref(T& object) noexcept : object_(&object) { object.retain(); }
  // One that takes over the reference which the object was made with.
  static Ref adopt(T& object) noexcept {
    Ref result;
    result.object_ = &object;
    return result;
  }
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
    if (T* object = std::exchange(object_, nullptr)) object->release();
  }

  T* get() const { return object_; }
  T& operator*() const { return *object_; }
  T* operator->() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T* object_ = nullptr;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
