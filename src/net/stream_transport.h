// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/transport.h>
#include <asyncio/stream.h>

#include "base/byte_buffer.h"
#include "loop/loop_resource.h"
#include "loop/loop_state.h"
#include "net/socket_carrier.h"
#include "net/unclosed.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string_view>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

// What all streams of a loop share. Made with the first of them.
class LoopStreams final : public lowlevel::LoopResource {
 public:
  static LoopStreams& of(EventLoop& loop);

  // For bytes that nobody keeps, valid until the next receive: an idle connection needs no memory of its own for what
  // may come, and this is always in the cache.
  static constexpr std::size_t room_size = 64 * 1024;
  std::span<std::byte> room() { return room_; }
  Link transports;    // each a StreamTransport that is in no other list
  Unclosed unclosed;  // used in debug mode

  void loop_closing() noexcept override;

 private:
  explicit LoopStreams(EventLoop& loop) : loop_(loop) { loop.state().resources.push_back(*this); }
  ~LoopStreams() = default;

  EventLoop& loop_;
  std::array<std::byte, room_size> room_;
};

}  // namespace detail

// A connection of bytes, whatever carries them: what StreamReader and StreamWriter share. Buffers, limits, waiting and
// errors are here; a Carrier (a socket, memory, TLS over another one) moves the bytes. lowlevel/transport.h is the
// contract between the two. What derives from this says only where the carrier is, and what stands beside it.
//
// Reading. `arrived` is sticky: set when the carrier says that there may be data, cleared when it says that nothing is
// left. A reading task tries first; where there is nothing it is parked in reader_. When something arrives the
// transport queues itself, and in its turn has the waiting operation take what came: then the task continues at once,
// in the same turn. So a receive happens at the very moment in which its task goes on.
//
// Writing. A carrier that can take more has the transport queue itself too: nothing calls the carrier from within a
// call of the carrier, but for let_go().
//
// Closing. close() sends what is kept first, and lets the carrier say goodbye; the transport then lives until that is
// done, held by itself (lingering_), and not longer than its time limit. lose() ends it at once, for good or with an
// error, which every later operation reports.
//
// Lifetime. Handles hold references, and so do the turn that is queued and each task that waits: a handle may be
// destroyed by one task while another waits through it. Nothing that a carrier calls destroys it. Once the loop is
// closed the transport is too, and loop_ is null.
namespace detail {
class StreamTransport : public Runnable, private Link, private lowlevel::CarrierSink, public StreamCore {
 public:
  static constexpr std::ptrdiff_t would_block = -1;

  // Over a carrier that has memory of its own.
  StreamTransport(EventLoop& loop, std::unique_ptr<lowlevel::Carrier> carrier,
                  const lowlevel::ConnectionOptions& options);

  EventLoop& loop() const { return *loop_; }
  // For a writer's calls that change something.
  StreamTransport& in_own_thread(const char* operation) {
    detail::require_own_thread(core_of(loop_), operation);
    return *this;
  }
  bool here() const { return core_of(loop_) == this_thread.loop; }  // the running task is one of its loop
  static StreamTransport& of(StreamCore& core) { return static_cast<StreamTransport&>(core); }
  static StreamTransport& of(const StreamWriter& writer) { return of(writer.stream()); }
  // Of a place in LoopStreams::transports, or in the list that it was made for.
  static StreamTransport& at(Link& place) { return static_cast<StreamTransport&>(place); }

  // Around every wait of a task. Throws RuntimeError where the task is another loop's.
  void begin_wait(const char* operation);
  void end_wait() noexcept;
  // Whether a task has done so much in a row without waiting that others must have a turn.
  bool must_yield() noexcept;

  // --- of the reader
  bool at_eof() const { return ended_ && input_.empty(); }
  std::size_t limit() const { return limit_; }
  ByteBuffer& input() { return input_; }
  const std::exception_ptr& error() const { return error_; }
  bool ended() const { return ended_; }

  // Receives into `room`: how many bytes; 0 at the end of the stream, which is remembered; would_block where there is
  // nothing. Throws the error that the connection is lost with.
  std::ptrdiff_t receive(std::span<std::byte> room);
  // The same into the memory that the streams of the loop share. At most `most` bytes.
  std::ptrdiff_t receive_shared(std::size_t most, std::string_view& data);
  // Calls keep(), which copies what has been received to where it stays. If that fails, for want of memory, the stream
  // has a hole: the connection is lost, and no later read goes on behind it as if nothing were missing.
  template <class F>
  void keep_received(F&& keep) {
    try {
      keep();
    } catch (...) {
      lose(std::current_exception());
      throw;
    }
  }

  // The operation of the task that waits for data; null: none. It is tried again when something arrives.
  ReadOperation* reader() const { return reader_; }
  void set_reader(ReadOperation* operation) noexcept {
    reader_ = operation;
    turns_in_a_row_ = 0;
  }
  // Has the operation that waits give back what it has collected: others want it.
  void restart_reader() noexcept;
  void unread(std::string_view data);
  // In the turn in which an operation has failed, at its end: throws what it failed with.
  static void throw_failure();
  // Has the reader tried again in the transport's turn.
  void queue_turn() noexcept;

  // --- of the writer
  void write(std::string_view data);
  void write(std::span<const std::string_view> pieces);
  void write_eof();
  bool can_write_eof() const { return carrier_->can_carry_eof(); }
  void close() noexcept;
  void abort() noexcept { lose(nullptr); }
  bool closing() const { return closing_; }
  bool closed() const { return closed_; }
  bool paused() const { return paused_; }
  bool dropped() const { return dropped_; }
  bool gone() const { return gone_; }
  std::size_t kept() const { return output_.size(); }
  std::string why_close_failed() const;
  void set_limits(std::size_t high, std::size_t low);
  // False where it is corked already.
  bool cork() noexcept {
    if (corked_) return false;
    corked_ = true;
    return true;
  }
  void uncork() noexcept;
  void writer_gone() noexcept;
  void add_waiter(StreamWait& waiter) noexcept;
  void remove_waiter(StreamWait& waiter) noexcept;

  // --- of the carrier
  ExtraInfo extra_info(std::string_view name) const { return carrier_->extra_info(name); }
  lowlevel::Carrier* carrier() const { return carrier_; }
  void swap_carrier(Callback<std::unique_ptr<lowlevel::Carrier>(lowlevel::Handover)>& make);

  // The loop is being closed.
  void loop_closing() noexcept;

  void run() noexcept final;
  void drop() noexcept final;

 protected:
  // Over a carrier that stands in the same block as this: to be attached at the end of the constructor. `place`: a list
  // whose owner calls loop_closing().
  StreamTransport(EventLoop& loop, Link& place, std::size_t limit, TimeLimit close_timeout);
  void attach_inside(SocketCarrier& carrier) noexcept;
  void leave_place() noexcept { unlink(); }  // whose owner may go before this
  virtual ~StreamTransport();

 private:
  friend class CloseTimer;
  friend class StreamCore;

  void can_carry_in() noexcept final;
  void can_carry_out() noexcept final;
  void peer_gone() noexcept final;
  void lose(std::exception_ptr error) noexcept final;

  // It is closed.
  virtual void connection_lost() noexcept {}

  void attach(lowlevel::Carrier& carrier) noexcept;
  std::unique_ptr<lowlevel::Carrier> take_carrier();
  void keep(std::string_view data, bool begun);
  void carry_out(std::span<std::span<const std::byte>> pieces);
  void flush() noexcept;
  void linger() noexcept;
  void end_lingering() noexcept;
  void finish_reader() noexcept;
  void count_outside_work(int by) noexcept;
  void count_waits(int sign) noexcept;
  void wake_waiters(const lowlevel::WaitKind* kind) noexcept;  // null: all

  std::uint32_t limit_;
  EventLoop* loop_;                  // null once it is closed
  lowlevel::Carrier* carrier_;       // never null
  ReadOperation* reader_ = nullptr;  // the operation that waits
  ByteBuffer input_;                 // received, and not read yet
  ByteBuffer output_;                // written, and not sent yet
  std::exception_ptr error_;
  StreamWait* waiters_ = nullptr;  // the first of a circular list; null: nobody
  std::uint32_t high_ = 64 * 1024;
  std::uint32_t low_ = 16 * 1024;
  std::uint32_t close_timeout_;      // milliseconds
  std::uint8_t turns_in_a_row_ = 0;  // reads and drains that did not have to wait
  bool owns_carrier_ : 1 = false;    // else it stands in the block of this
  bool for_kernel_ : 1 = false;      // waits are the kernel's, so that a virtual clock must stand still
  bool arrived_ : 1 = false;
  bool queued_ : 1 = false;  // in the loop's queue, which holds a reference
  bool ended_ : 1 = false;   // the peer sends no more
  bool gone_ : 1 = false;    // and this is known, though perhaps not everything has been read
  bool room_ : 1 = false;    // the carrier can take more, which it is to be offered in the transport's turn
  bool paused_ : 1 = false;  // above the high-water mark, and not yet down to the low one
  bool corked_ : 1 = false;  // write() only keeps
  bool eof_wanted_ : 1 = false;
  bool eof_carried_ : 1 = false;
  bool closing_ : 1 = false;
  bool close_carried_ : 1 = false;
  bool closed_ : 1 = false;
  bool dropped_ : 1 = false;    // closed before all that was kept had been sent
  bool lingering_ : 1 = false;  // holds itself until what is kept has been sent
};
}  // namespace detail

namespace detail {

using detail::StreamTransport;

// A connection over a socket, in one block of memory.
class SocketStream final : public StreamTransport {
 public:
  SocketStream(EventLoop& loop, UniqueFd socket, const lowlevel::ConnectionOptions& options)
      : StreamTransport(loop, LoopStreams::of(loop).transports, options.limit, options.close_timeout),
        socket_(loop, std::move(socket)) {
    attach_inside(socket_);
  }
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FramePool::put(memory, size); }

 private:
  SocketCarrier socket_;
};

// The two ends of a connection.
Connection connection_of(StreamTransport& transport);

// Throws ValueError for 0.
void require_limit(std::size_t limit);

[[noreturn]] void throw_made_before_fork(const char* operation);

}  // namespace detail

}  // namespace asyncio::inline ASYNCIO_ABI
