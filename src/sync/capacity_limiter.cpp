// SPDX-License-Identifier: MIT
#include <asyncio/capacity_limiter.h>

#include <asyncio/task.h>

#include <new>
#include <unordered_map>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

const WaitKind CapacityLimiter::Acquire::kind{"CapacityLimiter.acquire", &leave};

// A handle to each, so that the state of a task that ended with its token is not taken for another's.
struct CapacityLimiter::Borrowers : std::unordered_map<TaskBase*, AnyTask> {};

namespace {
TaskBase& calling_task(const char* operation) {
  if (this_thread.task == nullptr) throw RuntimeError(std::string(operation) + ": tokens are for tasks, and none runs");
  return *this_thread.task;
}

void require_valid(int total_tokens) {
  if (total_tokens < 0)
    throw ValueError("CapacityLimiter: the number of tokens must not be negative, and is " +
                     std::to_string(total_tokens));
}
}  // namespace

CapacityLimiter::CapacityLimiter(int total_tokens) : borrowers_(new Borrowers), total_(total_tokens) {
  require_valid(total_tokens);
}

CapacityLimiter::~CapacityLimiter() = default;

bool CapacityLimiter::try_acquire() {
  TaskBase& task = calling_task("CapacityLimiter.acquire");
  if (borrowers_->contains(&task))
    throw RuntimeError("CapacityLimiter.acquire: task '" + AnyTask(&task).name() + "' has borrowed a token already");
  if (borrowed_ >= total_) return false;
  lend(task);
  return true;
}

void CapacityLimiter::release() {
  waiters_.check_thread("CapacityLimiter.release");
  TaskBase& task = calling_task("CapacityLimiter.release");
  if (!give_back(task))
    throw RuntimeError("CapacityLimiter.release: task '" + AnyTask(&task).name() + "' has not borrowed a token");
}

void CapacityLimiter::set_total_tokens(int total_tokens) {
  require_valid(total_tokens);
  waiters_.check_thread("CapacityLimiter.set_total_tokens");
  total_ = total_tokens;
  try {
    while (borrowed_ < total_ && !waiters_.empty()) {
      lend(*waiters_.front().task());
      --waiting_;
      waiters_.wake_one();
    }
  } catch (const std::bad_alloc&) {
    total_ = borrowed_;  // none is free while somebody waits
    throw;
  }
}

void CapacityLimiter::lend(TaskBase& borrower) {
  borrowers_->emplace(&borrower, &borrower);
  ++borrowed_;
}

// The first that waits gets it, and its entry with it: this must not fail for want of memory.
bool CapacityLimiter::give_back(TaskBase& borrower) noexcept {
  auto entry = borrowers_->extract(&borrower);
  if (entry.empty()) return false;
  --borrowed_;
  const AnyTask gone = std::exchange(entry.mapped(), AnyTask());  // perhaps the last handle: it goes after all else
  if (borrowed_ < total_ && !waiters_.empty()) {
    TaskBase* const next = waiters_.front().task();
    entry.key() = next;
    entry.mapped() = AnyTask(next);
    borrowers_->insert(std::move(entry));
    ++borrowed_;
    --waiting_;
    waiters_.wake_one();
  }
  return true;
}

void CapacityLimiter::Acquire::leave(Waiter& waiter) noexcept {
  Acquire& self = static_cast<Acquire&>(waiter);
  if (self.alone()) return;  // the limiter has been destroyed
  self.unlink();
  --self.owner_->waiting_;
}

}  // namespace asyncio::inline ASYNCIO_ABI
