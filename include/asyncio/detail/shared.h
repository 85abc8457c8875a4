// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/ref.h>

#include <cstdint>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// The base of what Refs own together, in any threads: the last one destroys it. What std::shared_ptr is for, which
// stands in <memory>: in libstdc++ that header brings in all of iostreams, a fifth of what a small program takes to
// compile. (<atomic> has its price too; hence the builtins, which clang and g++ share.)
class SharedObject {
 public:
  SharedObject(const SharedObject&) = delete;
  SharedObject& operator=(const SharedObject&) = delete;

  void retain() const noexcept { __atomic_add_fetch(&owners_, 1, __ATOMIC_RELAXED); }
  void release() const noexcept {
    // Nobody can add to the references of somebody who has the only one: that one needs no locked operation.
    if (__atomic_load_n(&owners_, __ATOMIC_ACQUIRE) == 1 || __atomic_sub_fetch(&owners_, 1, __ATOMIC_ACQ_REL) == 0) {
      end();
    }
  }

 protected:
  SharedObject() = default;
  virtual ~SharedObject() = default;
  virtual void end() const noexcept { delete this; }  // once nobody refers to it

 private:
  mutable std::uint32_t owners_ = 1;  // the first is the one which Ref::adopt() takes over
};

template <class T>
class SharedValue : public SharedObject {
 public:
  template <class... Args>
  explicit SharedValue(Args&&... args) : value(std::forward<Args>(args)...) {}

  T value;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
