// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/address.h>
#include <asyncio/chrono.h>
#include <asyncio/coro.h>
#include <asyncio/error.h>
#include <asyncio/time_limit.h>
#include <asyncio/waiter.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

class ReadOperation;
class StreamTransport;

// What all reads of one kind have in common.
struct ReadKind : WaitKind {
  // Takes what has arrived; true once the operation is done. Throws what it fails with.
  bool (*attempt)(ReadOperation&);
  // Gives back to the stream what the operation has collected, and forgets what it has searched. Null: it does neither.
  void (*restart)(ReadOperation&) noexcept;
};

// One read of a stream: the base of what the functions of StreamReader give to co_await. No coroutine frame. Data leave
// the kernel only in the turn of the task that reads, which then continues at once: a cancel before that loses nothing.
class ReadOperation : public Waiter {
 public:
  ReadOperation(StreamTransport& transport, const ReadKind& kind) : Waiter(kind), transport_(&transport) {}
  ReadOperation(ReadOperation&& other) noexcept : Waiter(std::move(other)), transport_(other.transport_) {}

  bool await_ready() { return begin(); }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    start_waiting();
    park(self);
  }

 protected:
  ~ReadOperation() {
    if (task_ != nullptr) end_wait();
  }

  static void remove(Waiter& waiter) noexcept;
  void finish();  // throws what went wrong

  StreamTransport* transport_;  // kept while the operation waits: the handles to it may go meanwhile

 private:
  friend class StreamTransport;
  bool begin();
  void start_waiting();
  void end_wait() noexcept;
  const ReadKind& read_kind() const { return static_cast<const ReadKind&>(*kind_); }
};

// What read(), readexactly() and readuntil() give to co_await: a std::string.
class [[nodiscard("nothing is waited for: write co_await")]] ReadString : public ReadOperation {
 public:
  ReadString(StreamTransport& transport, const ReadKind& kind, std::size_t count)
      : ReadOperation(transport, kind), count_(count) {}
  std::string await_resume() {
    finish();
    return std::move(result_);
  }

  static const ReadKind some;     // up to count_ bytes
  static const ReadKind all;      // to the end of the stream
  static const ReadKind exactly;  // count_ bytes
  static const ReadKind line;     // to the next newline, or the end

 protected:
  static bool attempt_some(ReadOperation& operation);
  static bool attempt_all(ReadOperation& operation);
  static bool attempt_exactly(ReadOperation& operation);
  static bool attempt_line(ReadOperation& operation);
  static void put_back(ReadOperation& operation) noexcept;
  static void forget_search(ReadOperation& operation) noexcept;

  std::size_t count_;  // of bytes that are wanted; for a line, of those that have been searched
  std::string result_;
};

// The same for readuntil().
class [[nodiscard("nothing is waited for: write co_await")]] ReadUntil : public ReadString {
 public:
  ReadUntil(StreamTransport& transport, std::vector<std::string> separators)
      : ReadString(transport, until, 0), separators_(std::move(separators)) {}

  static const ReadKind until;

 private:
  static bool attempt_until(ReadOperation& operation);

  std::vector<std::string> separators_;  // shortest first
};

// What next_line() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] ReadLine : public ReadString {
 public:
  explicit ReadLine(StreamTransport& transport) : ReadString(transport, line, 0) {}
  std::optional<std::string> await_resume() {
    std::string text = ReadString::await_resume();
    if (text.empty()) return std::nullopt;
    return text;
  }
};

// What read_into() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] ReadInto : public ReadOperation {
 public:
  ReadInto(StreamTransport& transport, std::span<std::byte> buffer) : ReadOperation(transport, into), buffer_(buffer) {}
  std::size_t await_resume() {
    finish();
    return buffer_.size();
  }

 private:
  static const ReadKind into;
  static bool attempt_into(ReadOperation& operation);

  std::span<std::byte> buffer_;  // once done, the part of it that was filled
};

// The incoming half of a connection.
//
//   while (auto line = co_await reader.next_line()) std::cout << *line;
//
// The end of the stream is an empty result, not an error. Reading is on demand: nothing leaves the kernel while no task
// reads, so that a peer which sends faster than it is read is held up by the network. One task may wait at a time; a
// second one gets RuntimeError, unless what it asks for is buffered already. A cancelled read has taken nothing out of the
// stream. At most `limit` bytes and what one receive brings (64 KiB) are buffered. A task that finds data at every read
// lets others run after 128 of them.
// The first operation on a connection that was reset throws std::system_error (connection_reset, broken_pipe), and so do
// all later ones. For the thread of its loop. Python: asyncio.StreamReader.
class StreamReader {
 public:
  StreamReader() = default;  // of nothing, like one that was moved from: each use throws RuntimeError
  explicit StreamReader(StreamTransport& transport) noexcept;  // for transports: takes a reference
  StreamReader(StreamReader&& other) noexcept : transport_(std::exchange(other.transport_, nullptr)) {}
  StreamReader& operator=(StreamReader&& other) noexcept {
    std::swap(transport_, other.transport_);
    return *this;
  }
  ~StreamReader();

  // Everything up to the end of the stream. Mind the memory: the peer decides how much that is.
  ReadString read() { return ReadString(transport(), ReadString::all, 0); }
  // 1 to `count` bytes, as soon as there are any; none at the end of the stream.
  ReadString read(std::size_t count) { return ReadString(transport(), ReadString::some, count); }
  // The same into the caller's memory; gives how many. Nothing is written to `buffer` before the moment in which the
  // await returns, so that the tasks of a loop may share one buffer for what they use up before their next await.
  ReadInto read_into(std::span<std::byte> buffer) { return ReadInto(transport(), buffer); }
  // The same for an array or a vector: g++ would keep the span that the call makes of it in the frame of the caller.
  template <class Bytes>
    requires std::convertible_to<Bytes&, std::span<std::byte>>
  ReadInto read_into(Bytes& buffer) {
    return ReadInto(transport(), buffer);
  }
  // `count` bytes. Throws IncompleteReadError, which has what came, where the stream ends before that; ValueError for a
  // number that was negative.
  ReadString readexactly(std::size_t count) {
    if (count > static_cast<std::size_t>(PTRDIFF_MAX)) throw_negative();
    return ReadString(transport(), ReadString::exactly, count);
  }
  // A line with its newline; the last one may have none. Empty at the end. Throws LimitOverrunError where it is longer
  // than the limit (not counting the newline), and drops what has come of it, consumed() bytes; reading can go on: with
  // the next line if the newline had come, else with the rest of this one.
  ReadString readline() { return ReadString(transport(), ReadString::line, 0); }
  // The same, and nothing at the end of the stream. Python: `async for line in reader`.
  ReadLine next_line() { return ReadLine(transport()); }
  // Up to and with the separator, or that of several which ends first. Throws IncompleteReadError where the stream ends
  // before one; LimitOverrunError where more than the limit is in front of one: the data stay, and as many bytes as its
  // consumed() says can be read before the separator. An empty separator throws ValueError within the call.
  template <class... Separators>
  ReadUntil readuntil(std::string_view separator, const Separators&... more) {
    return until({std::string(separator), std::string(std::string_view(more))...});
  }

  // Whether a read has met the end of the stream, and nothing is buffered: all later ones give nothing.
  bool at_eof() const;

  // How long a line can be: the limit of readline() and readuntil(), in bytes.
  std::size_t limit() const;

 private:
  [[noreturn]] static void throw_negative();
  [[noreturn]] static void throw_moved();

  ReadUntil until(std::vector<std::string> separators);
  StreamTransport& transport() const {
    if (transport_ == nullptr) [[unlikely]]
      throw_moved();
    return *transport_;
  }

  StreamTransport* transport_ = nullptr;  // once moved from
};

// A wait for a connection, which stays meanwhile even if the handles to it go.
class StreamWait : public LinkedWaiter {
 public:
  StreamWait(StreamTransport& transport, const WaitKind& kind) : LinkedWaiter(kind), transport_(&transport) {}
  StreamWait(StreamWait&& other) noexcept : LinkedWaiter(std::move(other)), transport_(other.transport_) {}

  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    begin_wait();
    park(self);
  }

 protected:
  ~StreamWait() {
    if (task_ != nullptr) end_wait();
  }
  static void remove(Waiter& waiter) noexcept;

  StreamTransport* transport_;

 private:
  friend class StreamTransport;
  void begin_wait();
  void end_wait() noexcept;
};

// What drain() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] Drain : public StreamWait {
 public:
  explicit Drain(StreamTransport& transport) : StreamWait(transport, draining) {}
  bool await_ready();
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    StreamWait::await_suspend(self);
    if (kind_ == &yielding) wake();
  }
  void await_resume();

 private:
  friend class StreamTransport;
  friend class StreamWait;
  // It waits for nothing yet; for room; for nothing, but others shall have a turn.
  static constexpr WaitKind draining{.reason = "StreamWriter.drain", .remove = &remove};
  static constexpr WaitKind for_room{.reason = "StreamWriter.drain", .remove = &remove};
  static constexpr WaitKind yielding{.reason = "StreamWriter.drain", .remove = &remove};
};

// What wait_closed() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] WaitClosed : public StreamWait {
 public:
  explicit WaitClosed(StreamTransport& transport) : StreamWait(transport, closing) {}
  bool await_ready() const;
  void await_resume();

 private:
  static constexpr WaitKind closing{.reason = "StreamWriter.wait_closed", .remove = &remove};
};

// What wait_disconnected() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] WaitDisconnected : public StreamWait {
 public:
  explicit WaitDisconnected(StreamTransport& transport) : StreamWait(transport, kind) {}
  bool await_ready() const;
  void await_resume() { check(); }

  static constexpr WaitKind kind{.reason = "StreamWriter.wait_disconnected", .remove = &remove};
};

// What get_extra_info() knows: nothing, an address, a file descriptor.
using ExtraInfo = std::variant<std::monostate, Address, int>;

// The outgoing half of a connection.
//
//   writer.write("hello\n");
//   co_await writer.drain();
//
// write() never waits: what the network does not take at once is kept, and sent on. drain() waits while more than
// the high-water mark (64 KiB) is kept; call it after a write(), or memory fills with what a slow peer does not take.
// Destroying a writer closes the connection, after sending what is kept; in debug mode with a warning where it was not
// closed before. For the thread of its loop. Python: asyncio.StreamWriter.
class StreamWriter {
 public:
  StreamWriter() = default;  // of nothing, like one that was moved from: each use throws RuntimeError
  explicit StreamWriter(StreamTransport& transport) noexcept;  // for transports: takes a reference
  StreamWriter(StreamWriter&& other) noexcept : transport_(std::exchange(other.transport_, nullptr)) {}
  StreamWriter& operator=(StreamWriter&& other) noexcept {
    std::swap(transport_, other.transport_);
    return *this;
  }
  ~StreamWriter();

  // Sends, or keeps a copy of what cannot be sent yet. After close(), or once the connection is lost, it is dropped; the
  // next drain() or read tells. Throws RuntimeError after write_eof().
  void write(std::string_view data);
  void write(std::span<const std::byte> data) {
    write(std::string_view(reinterpret_cast<const char*>(data.data()), data.size()));
  }
  // Several pieces, joined into as few packets as possible.
  template <class Range>
  void writelines(const Range& pieces) {
    const Cork cork(*this);
    for (const auto& piece : pieces) write(std::string_view(piece));
  }

  // Where more than the high-water mark is kept, waits until it is at most the low one. Throws the error that the
  // connection was lost with, and connection_reset where it is closed, or is aborted meanwhile. Any number of tasks may
  // wait. A cancel ends the wait, and nothing else: the data are still sent.
  Drain drain() { return Drain(transport()); }

  // Sends what is kept, then tells the peer that there is no more; reading goes on. Twice is once.
  void write_eof();
  bool can_write_eof() const;

  // Sends what is kept, then closes; nothing can be read any more. Twice is once. A peer that does not take what is kept
  // cannot hold the connection for ever: after the time limit of the connection (close_timeout, 30 seconds) the rest is
  // dropped, as abort() does, and drain() and wait_closed() throw TimeoutError.
  void close();
  bool is_closing() const;
  // Waits until it is closed; throws the error that the connection was lost with. It does not close: without close(), and
  // with nobody who reads or writes, the end of the peer is not noticed. Any number of tasks may wait, and be cancelled.
  WaitClosed wait_closed() { return WaitClosed(transport()); }
  // Closes at once and drops what is kept.
  void abort();

  // Waits until the peer is gone: it has reset the connection, or ended its half, or the connection is closed on this
  // side. For a handler that computes while nobody reads:
  //
  //   co_await race(compute_answer(request), client_gone(writer));
  //
  // It needs no read, and takes nothing: what has come, and was not read, stays. (That is why it is no wait_closed():
  // the connection is still open, and a peer that has only ended its half, as `nc -N` does, may well read on. TCP cannot
  // tell the two apart.) Throws nothing but CancelledError. Any number of tasks may wait, and be cancelled.
  WaitDisconnected wait_disconnected() { return WaitDisconnected(transport()); }

  // "peername" and "sockname": an Address; "socket": the file descriptor. Anything else, what is not known, and
  // everything once the connection is closed: nothing.
  ExtraInfo get_extra_info(std::string_view name) const;
  Address peername() const;  // throws std::system_error where it is not known
  Address sockname() const;

  // How much is kept, and from where on drain() waits: above `high`, until at most `low`. Throws ValueError for low > high.
  std::size_t get_write_buffer_size() const;
  void set_write_buffer_limits(std::size_t high, std::optional<std::size_t> low = std::nullopt);

 private:
  // While one lives, what is written is only kept; then it is sent.
  class Cork {
   public:
    explicit Cork(const StreamWriter& writer);
    Cork(const Cork&) = delete;
    ~Cork();

   private:
    StreamTransport& transport_;
  };

  friend class StreamTransport;
  [[noreturn]] static void throw_moved();
  StreamTransport& transport() const {
    if (transport_ == nullptr) [[unlikely]]
      throw_moved();
    return *transport_;
  }

  StreamTransport* transport_ = nullptr;  // once moved from
};

// Both halves of a connection.
struct Connection {
  StreamReader reader;
  StreamWriter writer;
};

// How a connection is made. Views are copied by the call.
struct StreamOptions {
  std::size_t limit = 64 * 1024;     // of a line, in bytes; 0 throws ValueError
  std::string_view local_host = {};  // to connect from
  int local_port = 0;
  bool all_errors = false;  // throw an ExceptionGroup (exception_group.h) with the error of every address
  TimeLimit close_timeout = std::chrono::seconds(30);  // see StreamWriter::close(); std::nullopt: for ever
};

// Connects to a TCP server. `host` is a name or an address; all addresses of a name are tried in their order. Throws
// std::system_error: that the name is not known, or what the attempts failed with; where there were several its message
// has them all, and its code is that of the last. A cancel closes the socket. Python: asyncio.open_connection().
Coro<Connection> open_connection(std::string_view host, int port, const StreamOptions& options = {});

// The same for a Unix socket. A path that begins with a NUL byte is an abstract name. Where the server has more
// connections to accept than it wants to keep waiting, waits for its turn.
Coro<Connection> open_unix_connection(std::string_view path, const StreamOptions& options = {});

// Two connections in memory, each of which reads what the other writes: for tests, and between tasks of one loop. Up to
// `capacity` bytes are under way in each direction, beyond that a writer keeps them.
struct StreamPair {
  Connection first;
  Connection second;
};
StreamPair make_stream_pair(std::size_t capacity = 64 * 1024, const StreamOptions& options = {});

}  // namespace asyncio::inline ASYNCIO_ABI
