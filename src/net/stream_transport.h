// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/stream.h>

#include "base/byte_buffer.h"
#include "loop/loop_resource.h"
#include "loop/loop_state.h"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>
#include <string_view>

namespace asyncio::inline ASYNCIO_ABI {

// A connection of bytes, whatever carries them: what StreamReader and StreamWriter share. A carrier (a socket, memory,
// TLS over another one) derives from it: it moves bytes, and tells when it can move more; buffers, limits, waiting and
// errors are here.
//
// Reading. `arrived` is sticky: set when the carrier says that there may be data, cleared when a receive has taken all
// that there was, which the carrier alone can know. A reading task tries first; where there is nothing it is parked in reader_. When
// something arrives the transport queues itself, and in its turn has the waiting operation take what came: then
// the task continues at once, in the same turn. So a receive happens at the very moment in which its task goes on.
//
// Closing. close() sends what is kept first; the transport then lives until that is done, held by itself (lingering_).
// lose() ends it at once, for good or with an error, which every later operation reports.
//
// Lifetime. Handles hold references, and so do the turn that is queued and each task that waits: a handle may be
// destroyed by one task while another waits through it. Once the loop is closed the transport is too, and loop_ is null.
class StreamTransport : public Runnable, public LoopResource {
 public:
  static constexpr std::ptrdiff_t would_block = -1;
  static constexpr std::ptrdiff_t of_parent = PTRDIFF_MIN;  // made before a fork(): the child must not touch it

  void retain() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }
  EventLoop& loop() const { return *loop_; }
  // For a writer's calls that change something.
  StreamTransport& in_own_thread(const char* operation) {
    require_own_thread(loop_, operation);
    return *this;
  }
  bool here() const { return loop_ == this_thread.loop; }  // the running task is one of its loop

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
  // The same into memory that all transports of the loop share; valid until the next call. At most `most` bytes.
  std::ptrdiff_t receive_shared(std::size_t most, std::string_view& data);

  // The operation of the task that waits for data; null: none. It is tried again when something arrives.
  ReadOperation* reader() const { return reader_; }
  void set_reader(ReadOperation* operation) noexcept {
    reader_ = operation;
    turns_in_a_row_ = 0;
  }
  // In the turn in which an operation has failed, at its end: throws what it failed with.
  static void throw_failure();
  // Has the reader tried again in the transport's turn.
  void queue_turn() noexcept;

  // --- of the writer
  void write(std::string_view data);
  void write_eof();
  virtual bool can_write_eof() const { return true; }
  void close() noexcept;
  void abort() noexcept { lose(nullptr); }
  bool closing() const { return closing_; }
  bool closed() const { return closed_; }
  bool paused() const { return paused_; }
  bool dropped() const { return dropped_; }
  std::size_t kept() const { return output_.size(); }
  void set_limits(std::size_t high, std::size_t low);
  void cork() noexcept { corked_ = true; }
  void uncork();
  void writer_gone() noexcept;
  void add_waiter(StreamWait& waiter) noexcept { waiters_.push_back(waiter); }

  virtual ExtraInfo extra_info(std::string_view name) const = 0;

  // --- Runnable, LoopResource
  void run() noexcept final;
  void drop() noexcept final;
  void loop_closing() noexcept final;

 protected:
  StreamTransport(EventLoop& loop, std::size_t limit);  // throws ValueError for a limit of 0
  virtual ~StreamTransport() = default;

  // What a carrier does. A count is at least 1; -1 is would_block, an error number is negative and below that: -1 - errno.
  struct Carried {
    std::ptrdiff_t count;  // 0: the end
    // Whether another carry_in() may find something: data, the end, an error. False only where that is certain: nothing
    // is tried again before can_carry_in().
    bool more;
  };
  virtual Carried carry_in(std::span<std::byte> room) noexcept = 0;
  virtual std::ptrdiff_t carry_out(std::string_view data) noexcept = 0;
  virtual void carry_eof() noexcept = 0;
  virtual void let_go() noexcept = 0;  // close what carries; called once
  // Takes in what has arrived and nobody will read, before a close() that is no failure; where it would be one else.
  virtual void discard_input() noexcept {}

  // Whether its waits are the kernel's, so that a virtual clock must stand still.
  virtual bool waits_for_kernel() const { return true; }

  // What the loop's transports share for bytes that nobody keeps.
  std::span<std::byte> shared_room() const { return {loop_->state().stream_room.get(), shared_room_size}; }

  // What a carrier tells.
  void can_carry_in() noexcept;
  void can_carry_out() noexcept;
  void lose(std::exception_ptr error) noexcept;

 private:
  static constexpr std::size_t shared_room_size = 64 * 1024;

  void flush() noexcept;
  void finish() noexcept;
  void finish_reader() noexcept;
  void count_outside_work(int by) noexcept;
  void wake_waiters(bool all) noexcept;  // else those that wait for room

  EventLoop* loop_;                  // null once it is closed
  ReadOperation* reader_ = nullptr;  // the operation that waits
  ByteBuffer input_;                 // received, and not read yet
  ByteBuffer output_;                // written, and not sent yet
  std::exception_ptr error_;
  Link waiters_;  // each a StreamWait
  std::uint32_t references_ = 0;
  std::uint32_t limit_;
  std::uint32_t high_ = 64 * 1024;
  std::uint32_t low_ = 16 * 1024;
  std::uint8_t turns_in_a_row_ = 0;  // reads and drains that did not have to wait
  bool arrived_ : 1 = false;
  bool queued_ : 1 = false;  // in the loop's queue, which holds a reference
  bool ended_ : 1 = false;   // the peer sends no more
  bool paused_ : 1 = false;  // above the high-water mark, and not yet down to the low one
  bool corked_ : 1 = false;  // write() only keeps
  bool eof_wanted_ : 1 = false;
  bool closing_ : 1 = false;
  bool closed_ : 1 = false;
  bool dropped_ : 1 = false;    // closed before all that was kept had been sent
  bool lingering_ : 1 = false;  // holds itself until what is kept has been sent
};

// Throws ValueError for 0.
void require_limit(std::size_t limit);

}  // namespace asyncio::inline ASYNCIO_ABI
