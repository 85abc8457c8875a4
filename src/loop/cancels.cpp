// SPDX-License-Identifier: MIT
#include "loop/cancels.h"

#include <asyncio/event_loop.h>

#include "loop/loop_state.h"

#include <algorithm>
#include <new>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

void Cancels::add(TaskBase& task) noexcept {
  ++count_;
  task.flags_ |= TaskBase::queued_flag;
  if (size_ < room_ || grow()) {
    listed_[size_++] = &task;
  } else {
    task.flags_ |= TaskBase::unlisted_flag;
    any_unlisted_ = unlisted_to_tell_ = true;
  }
  if (!busy_) deliver();
}

bool Cancels::grow() noexcept {
  const std::size_t room = std::max<std::size_t>(16, room_ * 2);
  std::unique_ptr<TaskBase*[]> grown(new (std::nothrow) TaskBase*[room]);
  if (grown == nullptr) return false;
  std::copy_n(listed_.get(), size_, grown.get());
  listed_ = std::move(grown);
  room_ = room;
  return true;
}

void Cancels::deliver() noexcept {
  busy_ = true;
  for (std::size_t told = 0; told < size_ || unlisted_to_tell_;) {
    while (told < size_) listed_[told++]->tell_of_cancel();
    if (std::exchange(unlisted_to_tell_, false)) tell_unlisted();
  }
  forget_all();
  busy_ = false;
}

void Cancels::tell_unlisted() noexcept {
  for (Link* link = loop_.live.next; link != &loop_.live; link = link->next) {
    TaskBase& task = TaskBase::from_live(*link);
    if (task.done() || (task.flags_ & TaskBase::unlisted_flag) == 0) continue;
    task.flags_ &= static_cast<std::uint8_t>(~TaskBase::unlisted_flag);
    task.tell_of_cancel();
  }
}

void Cancels::forget_all() noexcept {
  constexpr auto keep =
      static_cast<std::uint8_t>(~(TaskBase::queued_flag | TaskBase::passed_on_flag | TaskBase::no_circle_flag));
  for (std::size_t i = 0; i < size_; ++i) listed_[i]->flags_ &= keep;
  if (std::exchange(any_unlisted_, false)) {
    for (Link* link = loop_.live.next; link != &loop_.live; link = link->next)
      TaskBase::from_live(*link).flags_ &= keep;
  }
  size_ = count_ = 0;
  if (room_ > kept_room) {
    listed_.reset();
    room_ = 0;
  }
}

Cancels::Batch::Batch(LoopCore& loop) noexcept : cancels_(EventLoop::of(loop).state().cancels) {
  outermost_ = !std::exchange(cancels_.busy_, true);
}

Cancels::Batch::~Batch() {
  if (outermost_) cancels_.deliver();
}

}  // namespace asyncio::inline ASYNCIO_ABI
