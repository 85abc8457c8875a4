// SPDX-License-Identifier: MIT
#include "backend/ring.h"

#include "base/system_error.h"
#include "base/unique_fd.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <initializer_list>
#include <system_error>

// Theory of operation
//
// Each queue is a circular buffer with a head and a tail that run freely and wrap at 2^32. We write submissions and
// move their tail, the kernel takes them and moves the head; with completions it is the other way round. Without a
// kernel thread on the submission side (SQPOLL) the kernel looks at our tail only while we are in io_uring_enter, so it
// is published there and nowhere else.
//
// With DEFER_TASKRUN an event on a descriptor leaves a note for this thread and raises IORING_SQ_TASKRUN; the
// completion is written when the thread enters with GETEVENTS. Hence every enter but that of submit() sets GETEVENTS,
// and peek() looks at the flag before it decides to enter. When the completion queue is full the kernel keeps what
// follows in a list of its own (NODROP), raises IORING_SQ_CQ_OVERFLOW, and moves the list over at the next GETEVENTS:
// reaping is all it takes.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
namespace {

// Newer than the headers of Debian 12.
constexpr unsigned feature_no_iowait = 1U << 17;  // IORING_FEAT_NO_IOWAIT, 6.15
constexpr unsigned enter_no_iowait = 1U << 7;     // IORING_ENTER_NO_IOWAIT

// One mapping for both rings; completions are never dropped; arguments are read at submission; 32 bits of poll events;
// a timeout in the wait call.
constexpr unsigned required_features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE |
                                       IORING_FEAT_POLL_32BITS | IORING_FEAT_EXT_ARG;

// Big-endian machines want the halves of poll32_events swapped.
static_assert(std::endian::native == std::endian::little);

unsigned* word_at(void* base, unsigned offset) {
  return reinterpret_cast<unsigned*>(static_cast<std::byte*>(base) + offset);
}

}  // namespace

std::unique_ptr<Ring> Ring::open(unsigned submissions, unsigned completions, std::string* why) {
  for (const unsigned flags : ring_flag_sets) {
    try {
      auto ring = std::make_unique<Ring>(submissions, completions, flags);
      ring->self_test();
      return ring;
    } catch (const std::system_error& error) {
      if (ran_out(error.code())) throw;
      if (why != nullptr) *why = error.what();
    }
  }
  return nullptr;
}

// Delegates, so that the destructor cleans up after a throw in the body.
Ring::Ring(unsigned submissions, unsigned completions, unsigned setup_flags) : Ring() {
  io_uring_params params{};
  params.flags = setup_flags_ = setup_flags;
  params.cq_entries = std::max({submissions, completions, 1U});  // fewer completions than submissions are EINVAL
  fd_ = static_cast<int>(::syscall(__NR_io_uring_setup, std::max(submissions, 1U), &params));
  if (fd_ < 0) throw_errno("io_uring_setup");
  if ((params.features & required_features) != required_features)
    throw_system_error(EOPNOTSUPP, "io_uring_setup: features");
  // Else a thread that waits for a socket counts as one that waits for a disk, and an idle server as a busy machine.
  if ((params.features & feature_no_iowait) != 0) wait_flags_ = enter_no_iowait;

  rings_ = map(std::max(params.sq_off.array + params.sq_entries * sizeof(unsigned),
                        params.cq_off.cqes + params.cq_entries * sizeof(io_uring_cqe)),
               IORING_OFF_SQ_RING);
  entries_ = map(params.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES);

  sq_head_ = word_at(rings_.address, params.sq_off.head);
  sq_shared_tail_ = word_at(rings_.address, params.sq_off.tail);
  sq_flags_ = word_at(rings_.address, params.sq_off.flags);
  sq_entries_ = params.sq_entries;
  sqes_ = static_cast<io_uring_sqe*>(entries_.address);
  cq_head_ = word_at(rings_.address, params.cq_off.head);
  cq_tail_ = word_at(rings_.address, params.cq_off.tail);
  cq_mask_ = params.cq_entries - 1;
  cqes_ = reinterpret_cast<io_uring_cqe*>(word_at(rings_.address, params.cq_off.cqes));

  // The submission ring proper is a list of indices into the entries; they are always used in order.
  unsigned* indices = word_at(rings_.address, params.sq_off.array);
  for (unsigned i = 0; i < sq_entries_; ++i) indices[i] = i;
}

Ring::~Ring() {
  for (const Mapping& mapping : {rings_, entries_})
    if (mapping.address != nullptr) ::munmap(mapping.address, mapping.size);
  if (fd_ >= 0) ::close(fd_);
}

Ring::Mapping Ring::map(std::size_t size, std::uint64_t offset) const {
  void* address =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, static_cast<off_t>(offset));
  if (address == MAP_FAILED) throw_errno("io_uring: mmap");
  // A forked child that went on would write into the queues of its parent.
  ::madvise(address, size, MADV_DONTFORK);
  return {address, size};
}

// epoll would hide such an error until the next descriptor.
bool Ring::ran_out(const std::error_code& error) {
  const auto errors = {ENOMEM, EMFILE, ENFILE, EAGAIN};
  return std::find(errors.begin(), errors.end(), error.value()) != errors.end();
}

void Ring::enable() {
  if (::syscall(__NR_io_uring_register, fd_, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) != 0)
    throw_errno("io_uring_register: enable");
}

void Ring::self_test() {
  using namespace std::chrono_literals;
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw_system_error(EOPNOTSUPP, what);
  };
  // Whether the next completion is this one. Everything but the last wait is ready before it begins: the second only
  // keeps a broken kernel from blocking for ever.
  const auto completed = [this](std::uint64_t user_data, int result, unsigned flags) {
    Completion next;
    return take(next) && next.user_data == user_data && next.result == result &&
           (next.flags & IORING_CQE_F_MORE) == flags;
  };

  const UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) throw_errno("eventfd");
  poll_multishot(event.get(), POLLIN, 1);
  nop(2);
  submit_and_wait(1, 1s);
  require(completed(2, 0, 0), "io_uring self-test: nop");

  ::eventfd_write(event.get(), 1);
  peek();
  require(completed(1, POLLIN, IORING_CQE_F_MORE), "io_uring self-test: poll, seen without a wait");
  ::eventfd_write(event.get(), 1);
  submit_and_wait(1, 1s);
  require(completed(1, POLLIN, IORING_CQE_F_MORE), "io_uring self-test: multishot poll");

  cancel(1, 3).flags = IOSQE_CQE_SKIP_SUCCESS;
  submit_and_wait(1, 1s);
  require(completed(1, -ECANCELED, 0), "io_uring self-test: cancel");

  require(submit_and_wait(1, 1us) == 0, "io_uring self-test: wait with a timeout");
}

void Ring::submit() {
  if (queued() != 0) enter(0, 0, nullptr);
}

unsigned Ring::submit_and_wait(unsigned min_complete, std::optional<std::chrono::nanoseconds> timeout) {
  using namespace std::chrono;
  if (ready() >= min_complete || (timeout && *timeout <= nanoseconds::zero())) return peek();
  if (!timeout) {
    enter(min_complete, IORING_ENTER_GETEVENTS | wait_flags_, nullptr);
    return ready();
  }
  // Passing a time costs a tenth of the call, and what is set aside is usually what we would wait for.
  if (has_deferred_work()) {
    run_deferred_work();
    if (ready() >= min_complete) return ready();
  }
  // The kernel adds the time to its clock in 63 bits of nanoseconds, and promises nothing about an overflow.
  const nanoseconds bounded = std::min<nanoseconds>(*timeout, hours(24 * 365 * 100));
  const seconds whole = duration_cast<seconds>(bounded);
  const __kernel_timespec time{whole.count(), (bounded - whole).count()};
  io_uring_getevents_arg argument{};
  argument.ts = reinterpret_cast<std::uintptr_t>(&time);
  enter(min_complete, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | wait_flags_, &argument);
  return ready();
}

void Ring::run_deferred_work() { enter(0, IORING_ENTER_GETEVENTS, nullptr); }

void Ring::make_room() {
  submit();
  if (queued() < sq_entries_) return;
  // The kernel takes nothing while completions overflow. Their functions cannot be called from within somebody's
  // get_sqe, so the completions wait aside, and the kernel gets room for its own list.
  for (Completion next; take_shared(next);) aside_.push_back(next);
  run_deferred_work();
  if (queued() == sq_entries_) throw_system_error(EBUSY, "io_uring: the submission queue stays full");
}

bool Ring::take_aside(Completion& completion) {
  completion = aside_.front();
  aside_.pop_front();
  return true;
}

void Ring::enter(unsigned min_complete, unsigned flags, const io_uring_getevents_arg* argument) {
  release(sq_shared_tail_, sq_tail_);
  if (::syscall(__NR_io_uring_enter, fd_, queued(), min_complete, flags, argument,
                argument != nullptr ? sizeof *argument : 0) >= 0)
    return;
  switch (errno) {
    case ETIME:  // the time is up
    case EINTR:  // a signal; nothing was submitted, and the next call does that
      return;
    case EAGAIN:
    case EBUSY:
      if (ready() != 0) return;
      throw_errno("io_uring_enter");
    case EBADR:
      throw_errno("io_uring_enter: a completion was lost for want of memory");
    case EEXIST:
      throw_errno("io_uring_enter: the ring belongs to the thread that opened it");
    default:
      throw_errno("io_uring_enter");
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
