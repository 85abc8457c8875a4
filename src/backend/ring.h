// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <linux/io_uring.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

namespace asyncio::inline ASYNCIO_ABI::detail {

// The sets of IORING_SETUP flags that Ring::open() tries, best first: completions are worked off in this thread and
// only when it asks (6.1); in this thread, when it enters the kernel for any reason (6.0); the same for a ring without
// an owner (5.19). All raise IORING_SQ_TASKRUN, without which peek() would be blind.
// No member of Ring: g++ would make it a symbol that is unique in the process, and a plugin with it cannot be unloaded.
constexpr unsigned common_ring_flags =
    IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_TASKRUN_FLAG;
constexpr unsigned ring_flag_sets[] = {
    common_ring_flags | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
    common_ring_flags | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
    common_ring_flags | IORING_SETUP_COOP_TASKRUN,
};

// An io_uring ring: two queues in memory that is shared with the kernel. An operation goes out as a submission entry
// (SQE) and comes back as a completion (CQE), or as several where it is multishot; its user_data says which one it is.
//
//   std::string why;
//   std::unique_ptr<Ring> ring = Ring::open(256, 4096, &why);
//   if (ring == nullptr) return use_epoll(why);
//
//   ring->poll_multishot(fd, POLLIN, 7);
//   ring->submit_and_wait(1, 50ms);
//   ring->for_each_cqe([&](std::uint64_t user_data, int result, unsigned flags) {
//     if ((flags & IORING_CQE_F_MORE) == 0) retire(user_data);  // nothing more will come of it
//     ready(user_data, result);
//   });
//
// The result of a completion is what the system call would return, or -errno. Queueing costs no system call: the
// entries leave with the next submit(), submit_and_wait() or peek().
//
// Threads: a ring is used by the thread that made it, and by no other (SINGLE_ISSUER). The first call that enters the
// kernel from elsewhere throws std::system_error with EEXIST; a kernel before 6.0 cannot tell, and corrupts the queues.
// Fork: the shared memory is not there in a child. A child may destroy the ring, which leaves the parent's untouched;
// anything else crashes. The descriptor is close-on-exec.
// Lifetime: what an operation points to has to outlive its last completion: a cancel asks, and only the completion
// without IORING_CQE_F_MORE says that the kernel let go. Closing a descriptor does not end its operations either.
// Destroying the ring cancels what is in flight, but later, in the kernel's own time, and until then the files stay
// open: a port stays taken (for up to 45 ms, in one attempt of two), a peer sees no end. Hence: cancel_all(), reap,
// destroy.
class Ring {
 public:
  // Opens a ring with the first flags with which the kernel passes self_test(). Null where it passes with none, because
  // it is too old or because a sandbox is in the way: use epoll; `why`, if given, gets the reason, for a log. Throws
  // std::system_error where a resource ran out (ENOMEM, EMFILE, ENFILE, EAGAIN), which epoll would only hide.
  static std::unique_ptr<Ring> open(unsigned submissions, unsigned completions, std::string* why = nullptr);

  // Opens a ring with just these flags and tests nothing. The sizes are rounded up to powers of two, and down to what
  // the kernel allows. Throws std::system_error.
  Ring(unsigned submissions, unsigned completions, unsigned setup_flags);
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  // For a ring that was opened with IORING_SETUP_R_DISABLED: begins, and makes the calling thread its owner. Until then
  // nothing may be queued. Throws std::system_error.
  void enable();

  // Whether an error says that a resource ran out, and nothing about io_uring.
  static bool ran_out(const std::error_code& error);

  // Proves on a ring that is still unused that it does what is promised here, in about ten system calls. Throws
  // std::system_error, with EOPNOTSUPP where the kernel accepts an operation but does not do it.
  void self_test();

  // --- Queueing. Each of these fills a submission entry, which may still be changed (IOSQE_CQE_SKIP_SUCCESS, say)
  // until the next call to the ring. A full queue is submitted first. They throw what submit() throws.

  // Completes at once with 0.
  io_uring_sqe& nop(std::uint64_t user_data);

  // Completes once with the mask of POLLIN, POLLOUT, ... that are ready, or become so. A regular file is always ready.
  io_uring_sqe& poll(int fd, unsigned events, std::uint64_t user_data);

  // Completes at every edge: now if something is ready, then whenever more happens. A bit says that its direction is
  // ready, and its absence says nothing: data that arrive report POLLIN alone, writable or not. The caller drains the
  // descriptor, and arms again after a completion without IORING_CQE_F_MORE, which the kernel may send at any time.
  // On a regular file it completes once.
  io_uring_sqe& poll_multishot(int fd, unsigned events, std::uint64_t user_data);

  // Asks the operation `target`, of any kind, to end. Completes with 0, -ENOENT (there is none) or -EALREADY (too
  // late); the target completes on its own account, mostly with -ECANCELED.
  io_uring_sqe& cancel(std::uint64_t target, std::uint64_t user_data);

  // The same for all that is in flight; completes with their number.
  io_uring_sqe& cancel_all(std::uint64_t user_data);

  // An entry of zeros, for whatever has no function here.
  io_uring_sqe& get_sqe();

  // --- Running. Entries that the kernel refuses for now (EAGAIN, EBUSY: completions are in the way) stay queued and
  // leave with a later call; where there is nothing to reap, so that no later call could do better, these throw. They
  // also throw where a completion was lost for want of memory (EBADR) and from the wrong thread (EEXIST): always
  // std::system_error.

  // Hands the queued entries to the kernel. Waits for nothing and reaps nothing.
  void submit();

  // Submits, and waits until `min_complete` completions are ready or the time is up. A signal ends the wait early.
  // Returns how many are ready, which may be none. No system call where enough are ready and nothing is queued.
  unsigned submit_and_wait(unsigned min_complete, std::optional<std::chrono::nanoseconds> timeout);

  // How many completions are ready, without waiting. Enters the kernel only where entries are queued or where it has
  // work set aside for this thread: in a busy loop with nothing to do it costs a few loads.
  unsigned peek();

  // Whether the kernel holds completions that do not fit; the next peek() or wait gets at them. Until then it ends
  // every multishot operation that has something to say.
  bool overflown() const { return (relaxed(sq_flags_) & IORING_SQ_CQ_OVERFLOW) != 0; }

  // Calls function(user_data, result, flags) for the completions that are ready, in order, and returns their number.
  // The function may queue, submit, wait, and reap as well: each completion leaves the queue before its call. What
  // becomes ready meanwhile is left for the next time, so that this ends. A function that throws loses no other
  // completion.
  template <class Function>
  unsigned for_each_cqe(Function&& function);

  // What the ring was opened with.
  unsigned setup_flags() const { return setup_flags_; }
  int fd() const { return fd_; }

 private:
  struct Completion {
    std::uint64_t user_data;
    int result;
    unsigned flags;
  };
  struct Mapping {
    void* address = nullptr;
    std::size_t size = 0;
  };

  Ring() = default;
  Mapping map(std::size_t size, std::uint64_t offset) const;
  io_uring_sqe& prepare(unsigned opcode, int fd, std::uint64_t user_data);
  unsigned queued() const { return sq_tail_ - acquire(sq_head_); }
  unsigned ready() const;
  bool has_deferred_work() const { return (relaxed(sq_flags_) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0; }
  bool take(Completion& completion);  // false where none is ready
  bool take_shared(Completion& completion);
  bool take_aside(Completion& completion);
  void make_room();
  void run_deferred_work();
  void enter(unsigned min_complete, unsigned flags, const io_uring_getevents_arg* argument);

  // Whoever fills or empties entries moves the index after that: acquire reads the kernel's, release writes ours.
  static unsigned acquire(unsigned* index) { return std::atomic_ref(*index).load(std::memory_order_acquire); }
  static unsigned relaxed(unsigned* word) { return std::atomic_ref(*word).load(std::memory_order_relaxed); }
  static void release(unsigned* index, unsigned value) {
    std::atomic_ref(*index).store(value, std::memory_order_release);
  }

  int fd_ = -1;
  unsigned setup_flags_ = 0;
  unsigned wait_flags_ = 0;  // what the kernel understands in addition to GETEVENTS
  unsigned sq_tail_ = 0;     // ahead of the shared tail by what was queued since the last enter
  unsigned sq_entries_ = 0;
  unsigned cq_mask_ = 0;
  unsigned* sq_head_ = nullptr;         // shared, moved by the kernel
  unsigned* sq_shared_tail_ = nullptr;  // shared, moved by us
  unsigned* sq_flags_ = nullptr;        // shared, set by the kernel
  unsigned* cq_head_ = nullptr;         // shared, moved by us
  unsigned* cq_tail_ = nullptr;         // shared, moved by the kernel
  io_uring_sqe* sqes_ = nullptr;
  const io_uring_cqe* cqes_ = nullptr;
  std::deque<Completion> aside_;  // taken off a full ring by make_room; older than all that is in it
  Mapping rings_;
  Mapping entries_;
};

inline io_uring_sqe& Ring::get_sqe() {
  if (queued() == sq_entries_) [[unlikely]]
    make_room();
  io_uring_sqe& sqe = sqes_[sq_tail_ & (sq_entries_ - 1)];
  std::memset(&sqe, 0, sizeof sqe);
  ++sq_tail_;
  return sqe;
}

inline io_uring_sqe& Ring::prepare(unsigned opcode, int fd, std::uint64_t user_data) {
  io_uring_sqe& sqe = get_sqe();
  sqe.opcode = static_cast<std::uint8_t>(opcode);
  sqe.fd = fd;
  sqe.user_data = user_data;
  return sqe;
}

inline io_uring_sqe& Ring::nop(std::uint64_t user_data) { return prepare(IORING_OP_NOP, -1, user_data); }

inline io_uring_sqe& Ring::poll(int fd, unsigned events, std::uint64_t user_data) {
  io_uring_sqe& sqe = prepare(IORING_OP_POLL_ADD, fd, user_data);
  sqe.poll32_events = events;
  return sqe;
}

inline io_uring_sqe& Ring::poll_multishot(int fd, unsigned events, std::uint64_t user_data) {
  io_uring_sqe& sqe = poll(fd, events, user_data);
  sqe.len = IORING_POLL_ADD_MULTI;
  return sqe;
}

inline io_uring_sqe& Ring::cancel(std::uint64_t target, std::uint64_t user_data) {
  io_uring_sqe& sqe = prepare(IORING_OP_ASYNC_CANCEL, -1, user_data);
  sqe.addr = target;
  return sqe;
}

inline io_uring_sqe& Ring::cancel_all(std::uint64_t user_data) {
  io_uring_sqe& sqe = prepare(IORING_OP_ASYNC_CANCEL, -1, user_data);
  sqe.cancel_flags = IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL;
  return sqe;
}

inline unsigned Ring::ready() const {
  return acquire(cq_tail_) - relaxed(cq_head_) + static_cast<unsigned>(aside_.size());
}

inline unsigned Ring::peek() {
  if (queued() != 0 || has_deferred_work()) run_deferred_work();
  return ready();
}

inline bool Ring::take_shared(Completion& completion) {
  const unsigned head = relaxed(cq_head_);
  if (head == acquire(cq_tail_)) return false;
  const io_uring_cqe& cqe = cqes_[head & cq_mask_];
  completion = {cqe.user_data, cqe.res, cqe.flags};
  release(cq_head_, head + 1);
  return true;
}

inline bool Ring::take(Completion& completion) {
  if (!aside_.empty()) [[unlikely]]
    return take_aside(completion);
  return take_shared(completion);
}

template <class Function>
unsigned Ring::for_each_cqe(Function&& function) {
  unsigned handled = 0;
  Completion completion;
  for (const unsigned limit = ready(); handled < limit && take(completion); ++handled)
    function(completion.user_data, completion.result, completion.flags);
  return handled;
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
