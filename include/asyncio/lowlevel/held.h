// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <utility>

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

// What scoped() of a lock or semaphore gives: the lock, or the permit, which the destructor gives back.
//
//   Coro<> update(Lock& lock) {
//     auto held = co_await lock.scoped();
//     co_await write(...);
//   }                                      // given back here, also when a cancel or an exception ends the block
//
// Movable. It must not outlive what it was taken from.
template <class Owner>
class [[nodiscard("the lock is given back at once: keep it in a variable")]] Held {
 public:
  explicit Held(Owner& owner) noexcept : owner_(&owner) {}
  Held(Held&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
  Held& operator=(Held other) noexcept {
    std::swap(owner_, other.owner_);
    return *this;
  }
  ~Held() { release(); }

  // Gives it back before the end of the block; after that there is nothing left to give back.
  void release() noexcept {
    if (Owner* owner = std::exchange(owner_, nullptr)) owner->give_back();
  }

 private:
  Owner* owner_;  // null once given back or moved from
};

// The awaiter behind scoped(): an Owner::Acquire that gives the guard. Owner has a noexcept give_back(), of which Held
// is a friend; Acquire a constructor from Owner& and an owner().
template <class Owner, class Acquire>
class [[nodiscard("nothing is waited for: write co_await")]] ScopedAcquire : public Acquire {
 public:
  explicit ScopedAcquire(Owner& owner) : Acquire(owner) {}
  Held<Owner> await_resume() {
    Acquire::await_resume();
    return Held<Owner>(this->owner());
  }
};

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
