// SPDX-License-Identifier: MIT
#include "backend/io_uring.h"

#include "backend/readiness.h"
#include "base/system_error.h"

#include <sys/eventfd.h>
#include <sys/stat.h>

#include <algorithm>
#include <ctime>
#include <system_error>

// Theory of operation
//
// The ring is made disabled, by the thread that makes the loop, which so learns of every shortage; and enabled, for
// good, by the thread that polls first. What is watched before that gets its slot at once and its request then.
//
// user_data is the slot's index and generation. A slot is not given to another owner before the last completion of its
// request (the one without F_MORE), so a late completion finds its own slot, without an owner. The generation is for
// the other direction: a cancel that is sent while the last completion is on its way must not find the slot's next
// request.
//
// The kernel ends a multishot request whose completion finds the queue full, and the new request completes at once,
// since a socket can nearly always be written to. Armed again from within the reaping of a queue that overflows it
// would only overflow it again, for ever. So this waits until the overflow has been reaped, and is done in portions
// that fit.
//
// What a completion says is mostly the key of the wake-up that caused it, and that is the same for plain and for urgent
// data. To find out for each would cost an echo server 5 to 8 %. So an edge that the kernel has not verified is told as
// one of plain data, and once more within `repeat_after`, with the bit for urgent ones: by then most descriptors have
// had another edge, and what a receive has left behind an urgent mark is found.
//
// The kernel holds the file open for as long as the request lives: a port would stay taken, and a peer would see no
// end, after close(). Hence unwatch() hands its cancel to the kernel at once, which costs what EPOLL_CTL_DEL costs.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

namespace {
constexpr unsigned submissions = 256;
constexpr unsigned completions = 2048;             // with twice as many, opening a ring takes 330 us instead of 20
constexpr std::int64_t repeat_after = 50'000'000;  // ns
constexpr std::uint64_t nobody = UINT32_MAX;       // the user_data of cancels: their own result is of no interest

void prove_enable(unsigned flags) {
  Ring ring(1, 2, flags | IORING_SETUP_R_DISABLED);
  ring.enable();
}
}  // namespace

std::unique_ptr<UringBackend> UringBackend::make(std::string& why) {
  // The flags of a ring that has passed the tests once in this process.
  static constinit std::atomic<unsigned> proven = 0;
  unsigned flags = proven.load(std::memory_order_relaxed);
  try {
    if (flags == 0) {
      const std::unique_ptr<Ring> probe = Ring::open(8, 16, &why);
      if (probe == nullptr) return nullptr;
      flags = probe->setup_flags();
      prove_enable(flags);
      proven.store(flags, std::memory_order_relaxed);
    }
    return std::unique_ptr<UringBackend>(new UringBackend(flags));
  } catch (const std::system_error& error) {
    if (Ring::ran_out(error.code())) throw;
    why = error.what();  // forbidden since the test
    return nullptr;
  }
}

UringBackend::Wake::Wake() : WatchedFd(-1), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!event_) throw_errno("eventfd");
  set_fd(event_.get());
}

UringBackend::UringBackend(unsigned setup_flags)
    : ring_(submissions, completions, setup_flags | IORING_SETUP_R_DISABLED) {
  start(wake_, EPOLLIN, false);  // never read: each write is an edge, and the count has 64 bits
}

UringBackend::~UringBackend() {
  if (!here()) return;  // the end of the ring's thread has ended its requests; in a forked child they are the parent's
  try {
    ring_.cancel_all(nobody);
    for (int turn = 0; armed_ > 0 && turn < 100; ++turn) {
      ring_.submit_and_wait(1, std::chrono::milliseconds(10));
      ring_.for_each_cqe([this](std::uint64_t target, int, unsigned flags) {
        if (target != nobody && (flags & IORING_CQE_F_MORE) == 0) --armed_;
      });
    }
  } catch (const std::system_error&) {  // then the kernel does it in its own time
  }
}

bool UringBackend::here() const { return thread_ == std::this_thread::get_id() && !made_.forked(); }

void UringBackend::require_here() const {
  if (here()) return;
  if (made_.forked()) throw_parents_loop();
  if (enabled())
    throw RuntimeError(
        "this event loop has run in another thread: on io_uring it stays there (ASYNCIO_BACKEND=epoll lets it move)");
}

void UringBackend::adopt() {
  require_here();
  ring_.enable();
  thread_ = std::this_thread::get_id();
  for (std::uint32_t i = 0; i < slots_.size(); ++i)
    if (slots_[i].owner != nullptr) arm(i);
}

std::int64_t UringBackend::now() const {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

void UringBackend::poll(std::int64_t deadline) {
  if (!here()) [[unlikely]]
    adopt();
  if (!unverified_.empty()) deadline = std::min(deadline, repeat_at_);
  if (deadline <= 0 || !ended_.empty()) {
    ring_.peek();
  } else if (deadline == forever) {
    ring_.submit_and_wait(1, std::nullopt);
  } else {
    ring_.submit_and_wait(1, std::chrono::nanoseconds(deadline - now()));
  }
  ring_.for_each_cqe(
      [this](std::uint64_t user_data, int result, unsigned flags) { complete(user_data, result, flags); });
  if (!ended_.empty()) [[unlikely]]
    arm_ended();
  if (!unverified_.empty() && now() >= repeat_at_) repeat_unverified();
}

void UringBackend::repeat_unverified() {
  for (std::size_t i = 0; i < unverified_.size(); ++i) {  // not by iterators: an owner may watch something
    Slot& slot = slots_[unverified_[i]];
    slot.unverified = false;
    if (slot.owner != nullptr && !slot.once) slot.owner->ready(can_read | urgent);
  }
  unverified_.clear();
}

void UringBackend::complete(std::uint64_t user_data, int result, unsigned flags) {
  if (user_data == nobody) return;
  const auto index = static_cast<std::uint32_t>(user_data);
  Slot& slot = slots_[index];
  WatchedFd* const owner = slot.owner;
  if ((flags & IORING_CQE_F_MORE) == 0) [[unlikely]] {
    slot.armed = false;
    --armed_;
    if (owner == nullptr) return free_slot(index);
    if (!slot.once) ended_.push_back(index);
  }
  if (owner == nullptr) return;
  if (result < 0) return owner->ready(can_read | can_write | failed);
  const auto events = static_cast<std::uint32_t>(result);
  if ((events & unverified_event) != 0 && !slot.unverified) {
    if (unverified_.empty()) repeat_at_ = now() + repeat_after;
    slot.unverified = true;
    unverified_.push_back(index);
  }
  owner->ready(readiness_of(events));
}

void UringBackend::arm_ended() {
  for (unsigned portion = completions / 2; portion > 0 && !ended_.empty() && !ring_.overflown(); --portion) {
    const std::uint32_t index = ended_.back();
    ended_.pop_back();
    const Slot& slot = slots_[index];
    if (slot.owner != nullptr && !slot.once && !slot.armed) arm(index);
  }
}

void UringBackend::wake() noexcept {
  if (made_.forked()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_.fd(), &one, sizeof one);
}

void UringBackend::watch(WatchedFd& fd) {
  require_here();
  require_pollable(fd.fd());
  start(fd, edge_events | unverified_event, false);
}

void UringBackend::unwatch(WatchedFd& fd) noexcept {
  if (!fd.watched_) return;
  if (fd.slot_ >= slots_.size() || slots_[fd.slot_].owner != &fd) {
    fd.watched_ = false;  // by the backend of a loop that has gone, where that of this one now is
    return;
  }
  try {
    if (abandon(fd)) ring_.peek();
  } catch (const std::system_error&) {  // the cancel leaves with the next poll()
  }
}

void UringBackend::watch_once(WatchedFd& fd, std::uint8_t interest) {
  if (interest == 0) return unwatch(fd);
  require_here();
  if (fd.watched_) {
    if (Slot& slot = slots_[fd.slot_]; slot.once && !slot.armed) {
      slot.events = static_cast<std::uint16_t>(events_of(interest));
      if (enabled()) arm(fd.slot_);
      return;
    }
    abandon(fd);
  } else {
    require_pollable(fd.fd());
  }
  start(fd, events_of(interest), true);
}

// A poll request calls a file that cannot wait for anything ready, and a descriptor that is not open an asynchronous
// error. Sockets and pipes, which is nearly all, can wait; about the rest epoll knows.
void UringBackend::require_pollable(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) throw_errno("io_uring: watch");
  if (S_ISSOCK(status.st_mode) || S_ISFIFO(status.st_mode)) return;
  if (!judge_) {
    judge_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
    if (!judge_) throw_errno("epoll_create1");
  }
  epoll_event event{};
  if (::epoll_ctl(judge_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("io_uring: watch");
  ::epoll_ctl(judge_.get(), EPOLL_CTL_DEL, fd, &event);
}

void UringBackend::start(WatchedFd& fd, std::uint32_t events, bool once) {
  if (free_.empty()) {
    slots_.emplace_back();
    free_.reserve(slots_.capacity());
    unverified_.reserve(slots_.capacity());
    free_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
  }
  const std::uint32_t index = free_.back();
  Slot& slot = slots_[index];
  slot.events = static_cast<std::uint16_t>(events);
  slot.once = once;
  slot.owner = &fd;
  free_.pop_back();
  fd.slot_ = index;
  fd.watched_ = true;
  if (!enabled()) return;  // adopt() will arm it
  try {
    arm(index);
  } catch (...) {
    abandon(fd);
    throw;
  }
}

void UringBackend::arm(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.once) {
    ring_.poll(slot.owner->fd(), slot.events, user_data(index));
  } else {
    ring_.poll_multishot(slot.owner->fd(), slot.events, user_data(index));
  }
  slot.armed = true;
  ++armed_;
}

// Nothing reaches the owner from here on. Whether there is a cancel to be submitted.
bool UringBackend::abandon(WatchedFd& fd) {
  const std::uint32_t index = fd.slot_;
  fd.watched_ = false;
  slots_[index].owner = nullptr;
  if (!slots_[index].armed) {
    free_slot(index);
    return false;
  }
  if (!here()) return false;  // another thread's ring: the request stays until that is destroyed
  ring_.cancel(user_data(index), nobody).flags = IOSQE_CQE_SKIP_SUCCESS;
  return true;
}

void UringBackend::free_slot(std::uint32_t index) noexcept {
  ++slots_[index].generation;
  free_.push_back(index);
}

}  // namespace asyncio::inline ASYNCIO_ABI
