// SPDX-License-Identifier: MIT
#include "net/stream_transport.h"

#include "base/system_error.h"
#include "base/timed_out.h"
#include "loop/report.h"
#include "net/carrier_behind.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

using lowlevel::CarriedIn;
using lowlevel::Carrier;
using lowlevel::Handover;
using lowlevel::Pieces;
using lowlevel::Rest;

namespace {
constexpr std::uint8_t most_turns_in_a_row = 128;
constexpr std::uint32_t for_ever = std::numeric_limits<std::uint32_t>::max();

// Of the operation whose task goes on in this moment: a word in each awaiter would be one in each frame that reads.
constinit thread_local std::exception_ptr* failure = nullptr;

std::uint32_t clamp(std::size_t value) {
  return static_cast<std::uint32_t>(std::min<std::size_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

// Up to 49 days; more is for ever.
std::uint32_t to_milliseconds(TimeLimit limit) {
  if (limit.for_ever()) return for_ever;
  if (limit.none_left()) return 0;
  return clamp(static_cast<std::size_t>((limit.nanoseconds().count() - 1) / 1'000'000 + 1));
}

constexpr const char* made_before_a_fork = "the connection was made before a fork(): the child must leave it alone";

// Of a connection whose carrier is not there: before it has one, and while one takes over from another.
class Nowhere final : public Carrier {
  CarriedIn carry_in(std::span<std::byte>) override { return {0, Rest::empty}; }
  std::size_t carry_out(Pieces) override { return 0; }
  void carry_eof() override {}
  void let_go() noexcept override {}
  bool waits_for_kernel() const override { return false; }
};
Nowhere& nowhere() {
  static Nowhere& carrier = *new Nowhere;  // for ever: a static loop may close later than this would go
  return carrier;
}

std::span<const std::byte> bytes_of(std::string_view data) { return std::as_bytes(std::span(data)); }
}  // namespace

// --- what all streams of a loop share

LoopStreams& LoopStreams::of(EventLoop& loop) {
  LoopResource*& streams = loop.state().streams;
  if (streams == nullptr) streams = new LoopStreams(loop);
  return static_cast<LoopStreams&>(*streams);
}

void LoopStreams::loop_closing() noexcept {
  while (!transports.alone()) StreamTransport::at(*transports.next).loop_closing();
  loop_.state().streams = nullptr;
  delete this;
}

namespace detail {

// How long a connection may take to close: it stands among those that wait for the end of it, and goes with that.
class CloseTimer final : public StreamWait, private Timer {
 public:
  CloseTimer(StreamTransport& transport, std::uint32_t milliseconds)
      : StreamWait(transport, kind), Timer(&pass), loop_(transport.loop()) {
    loop_.arm(*this, loop_.deadline_after(std::chrono::milliseconds(milliseconds)));
  }

  // Calls off what takes too long.
  static void expire(StreamTransport& transport) noexcept {
    std::exception_ptr error;
    try {
      error = std::make_exception_ptr(TimeoutError(transport.why_close_failed()));
    } catch (...) {
      error = std::current_exception();
    }
    transport.lose(std::move(error));
  }

 private:
  static void pass(Timer& timer) noexcept { expire(static_cast<CloseTimer&>(timer).transport()); }
  static void closed(Waiter& waiter) noexcept {
    CloseTimer& self = static_cast<CloseTimer&>(waiter);
    self.loop_.disarm(self);
    delete &self;
  }
  static constexpr WaitKind kind{
      .reason = "StreamWriter.close", .remove = nullptr, .interrupt = nullptr, .joined = &closed};

  EventLoop& loop_;
};

StreamTransport::StreamTransport(EventLoop& loop, Link& place, std::size_t limit, TimeLimit close_timeout)
    : limit_(clamp(limit)), loop_(&loop), carrier_(&nowhere()), close_timeout_(to_milliseconds(close_timeout)) {
  require_limit(limit);
  place.push_back(*this);
}

StreamTransport::StreamTransport(EventLoop& loop, std::unique_ptr<Carrier> carrier,
                                 const lowlevel::ConnectionOptions& options)
    : StreamTransport(loop, LoopStreams::of(loop).transports, options.limit, options.close_timeout) {
  owns_carrier_ = true;
  attach(*carrier.release());
  arrived_ = true;
}

StreamTransport::~StreamTransport() {
  unlink();
  if (owns_carrier_) delete carrier_;
}

void StreamTransport::attach_inside(SocketCarrier& carrier) noexcept { attach(carrier); }

void StreamTransport::attach(Carrier& carrier) noexcept {
  carrier_ = &carrier;
  for_kernel_ = carrier.waits_for_kernel();
  carrier.attach(*this);
}

}  // namespace detail

void detail::require_limit(std::size_t limit) {
  if (limit == 0) throw ValueError("the limit of a stream must not be 0");
}

void detail::throw_made_before_fork(const char* operation) {
  throw RuntimeError(std::string(operation) + ": " + made_before_a_fork);
}

namespace detail {

void StreamCore::destroy() noexcept { delete static_cast<StreamTransport*>(this); }

// --- waiting

void StreamTransport::begin_wait(const char* operation) {
  if (loop_ != nullptr && loop_->state().forked()) throw_made_before_fork(operation);
  if (!here()) {
    throw RuntimeError(std::string(operation) + ": the connection belongs to another event loop, or to a closed one");
  }
  count_outside_work(1);
}

void StreamTransport::end_wait() noexcept { count_outside_work(-1); }

void StreamTransport::count_outside_work(int by) noexcept {
  if (for_kernel_ && loop_ != nullptr) loop_->state().outside_work += by;
}

void StreamTransport::add_waiter(StreamWait& waiter) noexcept {
  if (waiters_ == nullptr) {
    waiters_ = &waiter;
  } else {
    waiters_->push_back(waiter);
  }
}

void StreamTransport::remove_waiter(StreamWait& waiter) noexcept {
  if (waiters_ == &waiter) waiters_ = waiter.alone() ? nullptr : static_cast<StreamWait*>(waiter.next);
  waiter.unlink();
}

void StreamTransport::wake_waiters(const WaitKind* kind) noexcept {
  if (waiters_ == nullptr) return;
  Link waiting;
  std::exchange(waiters_, nullptr)->push_back(waiting);
  while (!waiting.alone()) {
    StreamWait& waiter = static_cast<StreamWait&>(*waiting.next);
    waiter.unlink();
    if (kind != nullptr && kind != &waiter.kind()) {
      add_waiter(waiter);
    } else if (waiter.kind().joined != nullptr) {
      waiter.kind().joined(waiter);
    } else {
      waiter.wake();
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
  try {
    while (arrived_) {
      arrived_ = false;
      const auto [count, rest] = carrier_->carry_in(room);
      if (rest == Rest::more) arrived_ = true;
      if (rest == Rest::end) [[unlikely]] {
        ended_ = true;
        peer_gone();
      }
      if (count > 0 || ended_) return static_cast<std::ptrdiff_t>(count);
    }
    return would_block;
  } catch (...) {
    lose(std::current_exception());
    throw;
  }
}

std::ptrdiff_t StreamTransport::receive_shared(std::size_t most, std::string_view& data) {
  constexpr std::size_t shared = LoopStreams::room_size;
  std::byte* const room = arrived_ ? LoopStreams::of(*loop_).room().data() : nullptr;  // its loop may be closed
  const std::ptrdiff_t count = receive({room, std::min(most, shared)});
  data = {reinterpret_cast<const char*>(room), static_cast<std::size_t>(std::max<std::ptrdiff_t>(count, 0))};
  return count;
}

void StreamTransport::restart_reader() noexcept {
  if (reader_ != nullptr && reader_->read_kind().restart != nullptr) reader_->read_kind().restart(*reader_);
}

void StreamTransport::unread(std::string_view data) {
  restart_reader();
  input_.prepend(data);
  if (reader_ != nullptr) queue_turn();
}

void StreamTransport::queue_turn() noexcept {
  if (queued_) return;
  queued_ = true;
  retain();
  core_of(*loop_).ready.push(*this);
}

void StreamTransport::can_carry_in() noexcept {
  arrived_ = true;
  if (reader_ != nullptr) queue_turn();
}

void StreamTransport::peer_gone() noexcept {
  if (gone_) return;
  gone_ = true;
  wake_waiters(&WaitDisconnected::kind);
}

void StreamTransport::run() noexcept {
  queued_ = false;
  if (room_ && !corked_) flush();
  if (reader_ != nullptr) finish_reader();
  if (closed_) end_lingering();
  release();
}

void StreamTransport::drop() noexcept {
  queued_ = false;
  end_lingering();
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
  if (eof_wanted_ || corked_) [[unlikely]]
    return write({&data, 1});
  if (closing_ || data.empty()) return;
  const std::size_t size = data.size();
  if (output_.empty()) {
    try {
      do {
        const std::span<const std::byte> piece = bytes_of(data);
        const std::size_t count = carrier_->carry_out({&piece, 1});
        if (count == 0) break;
        data.remove_prefix(count);
      } while (!data.empty());
    } catch (...) {
      return lose(std::current_exception());
    }
  }
  keep(data, data.size() < size);
  if (output_.size() > high_) paused_ = true;
}

// For want of memory nothing of a write happens; but where some of it has, the stream has a hole, and is of no use.
void StreamTransport::keep(std::string_view data, bool begun) {
  try {
    output_.append(data);
  } catch (...) {
    if (!begun) throw;
    lose(std::current_exception());
  }
}

// What is kept counts as the first of the pieces: so what a cork has gathered goes together with a large one.
void StreamTransport::write(std::span<const std::string_view> pieces) {
  if (eof_wanted_) throw RuntimeError("write() after write_eof()");
  if (closing_) return;
  constexpr std::size_t large = 16 * 1024;
  constexpr std::size_t most = 16;  // at a time
  std::array<std::span<const std::byte>, most> parts;
  bool begun = false;
  while (!pieces.empty() && !closed_) {
    const bool blocked = !output_.empty() && !corked_;  // the carrier has said that it takes nothing
    std::size_t number = 0;
    std::size_t size = 0;
    if (!output_.empty()) parts[number++] = bytes_of(output_.view());
    for (; !pieces.empty() && number < most; pieces = pieces.subspan(1)) {
      if (pieces.front().empty()) continue;
      parts[number++] = bytes_of(pieces.front());
      size += pieces.front().size();
    }
    std::span<std::span<const std::byte>> rest = std::span(parts).first(number);
    const std::size_t kept = output_.size();
    if (!blocked && (!corked_ || size >= large)) {
      try {
        carry_out(rest);
      } catch (...) {
        return lose(std::current_exception());
      }
    }
    if (kept > 0) {
      output_.consume(kept - rest.front().size());
      rest = rest.subspan(1);
    }
    for (const std::span<const std::byte> part : rest) size -= part.size();
    begun = begun || size > 0;  // so much has been taken
    for (const std::span<const std::byte> part : rest) {
      if (!closed_) keep({reinterpret_cast<const char*>(part.data()), part.size()}, begun);
      begun = true;
    }
  }
  if (output_.size() > high_) paused_ = true;
}

// Takes what the carrier takes off the pieces, which stay, empty.
void StreamTransport::carry_out(std::span<std::span<const std::byte>> pieces) {
  while (!pieces.empty()) {
    std::size_t count = carrier_->carry_out(pieces);
    if (count == 0) return;
    while (count > 0) {
      std::span<const std::byte>& first = pieces.front();
      const std::size_t taken = std::min(count, first.size());
      first = first.subspan(taken);
      count -= taken;
      if (first.empty()) pieces = pieces.subspan(1);
    }
  }
}

void StreamTransport::uncork() noexcept {
  if (!corked_) return;
  corked_ = false;
  flush();
}

// Sends what is kept, as far as it goes, and does what waits for that.
void StreamTransport::flush() noexcept {
  if (closed_) return;
  room_ = false;
  try {
    while (!output_.empty()) {
      const std::span<const std::byte> piece = bytes_of(output_.view());
      const std::size_t count = carrier_->carry_out({&piece, 1});
      if (count == 0) break;
      output_.consume(count);
    }
    if (paused_ && output_.size() <= low_) {
      paused_ = false;
      wake_waiters(&Drain::for_room);
    }
    if (!output_.empty()) return;
    if (closing_ && !close_carried_) {
      close_carried_ = true;
      if (carrier_->carry_close()) lose(nullptr);
    } else if (eof_wanted_ && !eof_carried_ && !closing_) {
      eof_carried_ = true;
      carrier_->carry_eof();
    }
  } catch (...) {
    lose(std::current_exception());
  }
}

void StreamTransport::can_carry_out() noexcept {
  if (output_.empty()) return;
  room_ = true;
  queue_turn();
}

void StreamTransport::write_eof() {
  if (eof_wanted_ || closing_) return;
  eof_wanted_ = true;
  if (output_.empty()) flush();
}

void StreamTransport::set_limits(std::size_t high, std::size_t low) {
  if (low > high) {
    throw ValueError("set_write_buffer_limits: the low-water mark must not be above the high-water mark: " +
                     std::to_string(low) + " and " + std::to_string(high));
  }
  high_ = clamp(high);
  low_ = clamp(low);
  paused_ = output_.size() > high_;
  if (!paused_) wake_waiters(&Drain::for_room);
}

// --- closing

void StreamTransport::close() noexcept {
  if (closing_) return;
  closing_ = true;
  corked_ = false;
  flush();
  if (!closed_) linger();
}

void StreamTransport::linger() noexcept {
  lingering_ = true;
  retain();
  if (close_timeout_ == for_ever) return;
  try {
    if (close_timeout_ == 0) return CloseTimer::expire(*this);
    add_waiter(*new CloseTimer(*this, close_timeout_));
  } catch (...) {
    CloseTimer::expire(*this);  // there is no memory to wait with
  }
}

std::string StreamTransport::why_close_failed() const {
  const ExtraInfo info = extra_info("peername");
  const Address* const peer = std::get_if<Address>(&info);
  return "close: the peer" + (peer != nullptr ? " " + to_string(*peer) : "") + " has not taken " +
         std::to_string(output_.size()) + " bytes of what was written within " +
         describe(std::chrono::milliseconds(close_timeout_));
}

void StreamTransport::end_lingering() noexcept {
  if (!lingering_) return;
  lingering_ = false;
  release();
}

void StreamTransport::lose(std::exception_ptr error) noexcept {
  if (closed_) return;
  closing_ = closed_ = true;
  dropped_ = !output_.empty();
  error_ = std::move(error);
  output_.clear();
  paused_ = corked_ = false;
  carrier_->let_go();
  arrived_ = false;
  ended_ = gone_ = true;
  connection_lost();
  wake_waiters(nullptr);
  if (loop_->get_debug() && loop_->state().streams != nullptr) [[unlikely]]
    LoopStreams::of(*loop_).unclosed.forget(*this);
  // In a turn of its own: a carrier that calls this must not be destroyed by it.
  if (reader_ != nullptr || lingering_) queue_turn();
}

void StreamTransport::writer_gone() noexcept {
  if (!closing_ && loop_->get_debug()) LoopStreams::of(*loop_).unclosed.report(*loop_, *this);
  close();
}

void StreamTransport::loop_closing() noexcept {
  retain();
  unlink();
  lose(nullptr);
  loop_ = nullptr;
  release();
}

// --- another carrier

std::unique_ptr<Carrier> StreamTransport::take_carrier() {
  Carrier* const old = std::exchange(carrier_, &nowhere());
  if (owns_carrier_) {
    owns_carrier_ = false;
    return std::unique_ptr<Carrier>(old);
  }
  return static_cast<SocketCarrier&>(*old).move_out();
}

void StreamTransport::swap_carrier(Callback<std::unique_ptr<Carrier>(Handover)>& make) {
  const auto require_open = [this] {
    if (closing_) throw std::system_error(std::make_error_code(std::errc::not_connected), "swap_carrier");
  };
  require_open();
  if (carrier_ == &nowhere()) throw RuntimeError("swap_carrier: the carrier is being swapped");
  const Ref<StreamTransport> keep(*this);
  restart_reader();
  std::unique_ptr<CarrierBehind> behind = output_.empty() ? nullptr : std::make_unique<CarrierBehind>();
  Handover old{nullptr, std::string(input_.view())};
  std::unique_ptr<Carrier> fresh;
  try {
    old.carrier = take_carrier();
    input_.clear();
    if (behind != nullptr) {
      behind->begin(std::move(old.carrier), std::exchange(output_, ByteBuffer()));
      old.carrier = std::move(behind);
    }
    fresh = make(std::move(old));
    if (fresh == nullptr) throw ValueError("swap_carrier: there is no new carrier");
    require_open();  // make() may have closed it
  } catch (...) {
    lose(std::current_exception());
    throw;
  }
  owns_carrier_ = true;
  count_waits(-1);
  attach(*fresh.release());
  count_waits(1);
  ended_ = false;
  arrived_ = room_ = true;
  queue_turn();
}

// Of the tasks that wait now, as far as they are the kernel's.
void StreamTransport::count_waits(int sign) noexcept {
  int waits = reader_ != nullptr ? 1 : 0;
  if (const Link* first = waiters_) {
    const Link* link = first;
    do {
      ++waits;
      link = link->next;
    } while (link != first);
  }
  count_outside_work(sign * waits);
}

}  // namespace detail

}  // namespace asyncio::inline ASYNCIO_ABI
