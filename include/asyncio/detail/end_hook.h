// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/ref.h>
#include <asyncio/future.h>

#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// One of several tasks and futures whose ends are awaited together: what gather(), wait() and as_completed() are made
// of. Calls owner.ended(hook) in the moment in which its subject ends, inside of whatever ends it; costs no task and no
// callback in the loop's queue. owner.awaiter() says which task it is that waits. Once armed it must not move.
template <class Owner>
class EndHook final : public lowlevel::LinkedWaiter {
 public:
  explicit EndHook(FutureBase& subject) : LinkedWaiter(kind), subject_(subject) {}
  EndHook(EndHook&& other) noexcept
      : LinkedWaiter(std::move(other)), subject_(std::move(other.subject_)), owner_(other.owner_) {}
  ~EndHook() { let_go(); }

  // False where the subject has ended already.
  bool arm(Owner& owner) noexcept {
    owner_ = &owner;
    if (subject_->done()) return false;
    subject_->joiners().push_back(*this);
    return true;
  }
  void disarm() noexcept {
    if (subject_) subject_->joiners().remove(*this);
  }

  // Disarms it, and drops the reference to the subject.
  void let_go() noexcept {
    disarm();
    subject_.reset();
  }

  FutureBase& subject() const { return *subject_; }

 private:
  static void remove(Waiter& waiter) noexcept { static_cast<EndHook&>(waiter).disarm(); }
  static void joined(Waiter& waiter) noexcept {
    EndHook& hook = static_cast<EndHook&>(waiter);
    hook.owner_->ended(hook);
  }
  static const TaskBase* awaiter(const Waiter& waiter) noexcept {
    return static_cast<const EndHook&>(waiter).owner_->awaiter();
  }
  static constexpr lowlevel::WaitKind kind{
      .reason = "end",
      .remove = &EndHook::remove,
      .interrupt = nullptr,
      .joined = &EndHook::joined,
      .awaiter = &EndHook::awaiter,
  };

  Ref<FutureBase> subject_;  // null once let go
  Owner* owner_ = nullptr;
};

// Throws ValueError unless the future or task belongs to the running loop.
void require_own_loop(const FutureBase& state, const char* what);

}  // namespace asyncio::inline ASYNCIO_ABI::detail
