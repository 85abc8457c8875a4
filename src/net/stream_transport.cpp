// SPDX-License-Identifier: MIT
#include "net/stream_transport.h"

#include "base/system_error.h"
#include "report/report.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace {
constexpr std::uint8_t most_turns_in_a_row = 128;

// Of the operation whose task goes on in this moment: a word in each awaiter would be one in each frame that reads.
constinit thread_local std::exception_ptr* failure = nullptr;

std::uint32_t clamp(std::size_t value) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

constexpr const char* made_before_a_fork = "the connection was made before a fork(): the child must leave it alone";

std::exception_ptr error_of(std::ptrdiff_t carried, const char* operation) {
  if (carried == StreamTransport::of_parent) {
    return std::make_exception_ptr(RuntimeError(std::string(operation) + ": " + made_before_a_fork));
  }
  return system_exception(static_cast<int>(-1 - carried), operation);
}
}  // namespace

StreamTransport::StreamTransport(EventLoop& loop, std::size_t limit) : loop_(&loop), limit_(clamp(limit)) {
  require_limit(limit);
  // Here, where it may fail. One for all streams: an idle connection needs none of its own, and the memory is always in
  // the cache.
  std::unique_ptr<std::byte[]>& room = loop.state().stream_room;
  if (room == nullptr) room.reset(new std::byte[shared_room_size]);
  loop.state().resources.push_back(*this);
}

void require_limit(std::size_t limit) {
  if (limit == 0) throw ValueError("the limit of a stream must not be 0");
}

// --- waiting

void StreamTransport::begin_wait(const char* operation) {
  if (loop_ != nullptr && loop_->state().forked()) {
    throw RuntimeError(std::string(operation) + ": " + made_before_a_fork);
  }
  if (!here()) {
    throw RuntimeError(std::string(operation) + ": the connection belongs to another event loop, or to a closed one");
  }
  retain();
  count_outside_work(1);
}

void StreamTransport::end_wait() noexcept {
  count_outside_work(-1);
  release();
}

void StreamTransport::count_outside_work(int by) noexcept {
  if (loop_ != nullptr && waits_for_kernel()) loop_->state().outside_work += by;
}

void StreamTransport::wake_waiters(bool all) noexcept {
  Link waiting;
  waiters_.move_all(waiting);
  while (!waiting.alone()) {
    StreamWait& waiter = static_cast<StreamWait&>(*waiting.next);
    waiter.unlink();
    if (all || &waiter.kind() == &Drain::for_room) {
      waiter.wake();
    } else {
      waiters_.push_back(waiter);
    }
  }
}

bool StreamTransport::must_yield() noexcept {
  if (++turns_in_a_row_ < most_turns_in_a_row) return false;
  turns_in_a_row_ = 0;
  return here();
}

// --- reading

std::ptrdiff_t StreamTransport::receive(std::span<std::byte> room) {
  if (error_ != nullptr) std::rethrow_exception(error_);
  if (ended_ || room.empty()) return 0;
  if (!arrived_) return would_block;
  const auto [count, more] = carry_in(room);
  arrived_ = more;
  if (count > 0 || count == would_block) return count;
  if (count == 0) {
    ended_ = true;
    return 0;
  }
  lose(error_of(count, "read"));
  std::rethrow_exception(error_);
}

std::ptrdiff_t StreamTransport::receive_shared(std::size_t most, std::string_view& data) {
  std::byte* const room = arrived_ ? shared_room().data() : nullptr;  // its loop may be closed
  const std::ptrdiff_t count = receive({room, std::min(most, shared_room_size)});
  data = {reinterpret_cast<const char*>(room), static_cast<std::size_t>(std::max<std::ptrdiff_t>(count, 0))};
  return count;
}

void StreamTransport::queue_turn() noexcept {
  if (queued_) return;
  queued_ = true;
  retain();
  loop_->ready.push(*this);
}

void StreamTransport::can_carry_in() noexcept {
  arrived_ = true;
  if (reader_ != nullptr) queue_turn();
}

void StreamTransport::drop() noexcept {
  queued_ = false;
  release();
}

void StreamTransport::run() noexcept {
  queued_ = false;
  if (reader_ != nullptr) finish_reader();
  release();
}

void StreamTransport::finish_reader() noexcept {
  ReadOperation& operation = *reader_;
  std::exception_ptr error;
  try {
    if (!operation.read_kind().attempt(operation)) return;
  } catch (...) {
    error = std::current_exception();
  }
  set_reader(nullptr);
  failure = &error;
  operation.wake_now();
  failure = nullptr;
}

void StreamTransport::throw_failure() {
  if (failure != nullptr && *failure != nullptr) std::rethrow_exception(std::exchange(*failure, nullptr));
}

// --- writing

void StreamTransport::write(std::string_view data) {
  if (eof_wanted_) throw RuntimeError("write() after write_eof()");
  if (closing_ || data.empty()) return;
  if (output_.empty() && !corked_) {
    while (!data.empty()) {
      const std::ptrdiff_t count = carry_out(data);
      if (count >= 0) {
        data.remove_prefix(static_cast<std::size_t>(count));
      } else if (count == would_block) {
        break;
      } else {
        return lose(error_of(count, "write"));
      }
    }
  }
  output_.append(data);
  if (output_.size() > high_) paused_ = true;
}

void StreamTransport::uncork() {
  corked_ = false;
  flush();
}

void StreamTransport::flush() noexcept {
  if (output_.empty()) return;
  while (!output_.empty()) {
    const std::ptrdiff_t count = carry_out(output_.view());
    if (count == would_block) break;
    if (count < 0) return lose(error_of(count, "write"));
    output_.consume(static_cast<std::size_t>(count));
  }
  if (paused_ && output_.size() <= low_) {
    paused_ = false;
    wake_waiters(false);
  }
  if (!output_.empty()) return;
  if (closing_) return finish();
  if (eof_wanted_) carry_eof();
}

void StreamTransport::can_carry_out() noexcept {
  if (!corked_) flush();
}

void StreamTransport::write_eof() {
  if (eof_wanted_ || closing_) return;
  eof_wanted_ = true;
  if (output_.empty()) carry_eof();
}

void StreamTransport::set_limits(std::size_t high, std::size_t low) {
  if (low > high) throw ValueError("the low-water mark must not be above the high-water mark");
  high_ = clamp(high);
  low_ = clamp(low);
  paused_ = output_.size() > high_;
  if (!paused_) wake_waiters(false);
}

// --- closing

void StreamTransport::close() noexcept {
  if (closing_) return;
  closing_ = true;
  corked_ = false;
  if (output_.empty()) return finish();
  if (!lingering_) {
    lingering_ = true;
    retain();
  }
}

// Everything was sent.
void StreamTransport::finish() noexcept {
  if (!ended_) discard_input();  // whether or not it was told of already
  lose(nullptr);
}

void StreamTransport::lose(std::exception_ptr error) noexcept {
  if (closed_) return;
  retain();
  closing_ = closed_ = true;
  dropped_ = !output_.empty();
  error_ = std::move(error);
  output_.clear();
  paused_ = false;
  unlink();
  let_go();
  arrived_ = false;
  ended_ = true;
  if (reader_ != nullptr) queue_turn();
  wake_waiters(true);
  if (lingering_) {
    lingering_ = false;
    release();
  }
  release();
}

void StreamTransport::writer_gone() noexcept {
  if (!closing_ && loop_->debug) {
    report_made(loop_, "a StreamWriter was destroyed without close(); its connection is closed now",
                [](ExceptionContext&) {});
  }
  close();
}

void StreamTransport::loop_closing() noexcept {
  retain();
  lose(nullptr);
  loop_ = nullptr;
  release();
}

}  // namespace asyncio::inline ASYNCIO_ABI
