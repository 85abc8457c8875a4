// SPDX-License-Identifier: MIT
#include <asyncio/capacity_limiter.h>

#include <asyncio/task.h>

#include <unordered_map>

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
  serve();
}

void CapacityLimiter::lend(TaskBase& borrower) {
  borrowers_->emplace(&borrower, &borrower);
  ++borrowed_;
}

bool CapacityLimiter::give_back(TaskBase& borrower) noexcept {
  if (borrowers_->erase(&borrower) == 0) return false;
  --borrowed_;
  serve();
  return true;
}

void CapacityLimiter::serve() noexcept {
  while (borrowed_ < total_ && !waiters_.empty()) {
    lend(*waiters_.front().task());
    --waiting_;
    waiters_.wake_one();
  }
}

void CapacityLimiter::Acquire::leave(Waiter& waiter) noexcept {
  Acquire& self = static_cast<Acquire&>(waiter);
  if (self.alone()) return;  // the limiter has been destroyed
  self.unlink();
  --self.owner_->waiting_;
}

}  // namespace asyncio::inline ASYNCIO_ABI
