// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/address.h>
#include <asyncio/chrono.h>
#include <asyncio/coro.h>
#include <asyncio/error.h>
#include <asyncio/time_limit.h>

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

namespace detail {  // what the operations give to co_await
class StreamCore;
class StreamTransport;
class ReadString;
class ReadInto;
class ReadLine;
class ReadUntil;
class Drain;
class WaitClosed;
class WaitDisconnected;
}  // namespace detail

namespace detail {

// How next_line() gives a line.
struct LineOptions {
  bool keep_newline = true;  // else without it, be it "\n" or "\r\n"
};

}  // namespace detail

// The incoming half of a connection.
//
//   while (auto line = co_await reader.next_line()) std::cout << *line;
//
// The end of the stream is an empty result, not an error. Reading is on demand: nothing leaves the kernel while no task
// reads, so that a peer which sends faster than it is read is held up by the network. One task may wait at a time; a
// second one gets RuntimeError, unless what it asks for is buffered already. A cancelled read has taken nothing out of
// the stream. At most `limit` bytes and what one receive brings (64 KiB) are buffered. A task that finds data at every
// read lets others run after 128 of them.
// The first operation on a connection that was reset throws std::system_error (connection_reset, broken_pipe), whose
// text names the peer, and so do all later ones. For the thread of its loop. Python: asyncio.StreamReader.
class StreamReader {
 public:
  StreamReader() = default;  // of nothing, like one that was moved from: each use throws RuntimeError
  explicit StreamReader(detail::StreamCore& stream) noexcept;  // for transports: takes a reference
  StreamReader(StreamReader&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  StreamReader& operator=(StreamReader&& other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }
  ~StreamReader();

  // Everything up to the end of the stream. Mind the memory: the peer decides how much that is.
  detail::ReadString read();
  // 1 to `count` bytes, as soon as there are any; none at the end of the stream.
  detail::ReadString read(std::size_t count);
  // The same into the caller's memory; gives how many. Nothing is written to `buffer` before the moment in which the
  // await returns, so that the tasks of a loop may share one buffer for what they use up before their next await.
  detail::ReadInto read_into(std::span<std::byte> buffer);
  // The same for an array or a vector: g++ would keep the span that the call makes of it in the frame of the caller.
  template <class Bytes>
    requires std::convertible_to<Bytes&, std::span<std::byte>>
  detail::ReadInto read_into(Bytes& buffer);
  // `count` bytes. Throws IncompleteReadError, which has what came, where the stream ends before that; ValueError for a
  // number that was negative.
  detail::ReadString readexactly(std::size_t count);
  // A line with its newline; the last one may have none. Empty at the end. Throws LimitOverrunError where it is longer
  // than the limit (not counting the newline), and drops what has come of it, consumed() bytes; reading can go on: with
  // the next line if the newline had come, else with the rest of this one.
  detail::ReadString readline();
  // The same, and nothing at the end of the stream. Python: `async for line in reader`.
  //
  //   while (auto line = co_await reader.next_line({.keep_newline = false})) handle(*line);
  detail::ReadLine next_line(const detail::LineOptions& options = {});
  // Up to and with the separator, or that of several which ends first. Throws IncompleteReadError where the stream ends
  // before one; LimitOverrunError where more than the limit is in front of one: the data stay, and as many bytes as its
  // consumed() says can be read before the separator. An empty separator throws ValueError within the call.
  template <class... Separators>
  detail::ReadUntil readuntil(std::string_view separator, const Separators&... more);

  // Puts bytes in front of what is to be read next: what a look at a request has taken too much, say. Whoever waits in
  // a read gets them first. Nothing limits how many.
  void unread(std::string_view data);

  // Whether a read has met the end of the stream, and nothing is buffered: all later ones give nothing.
  bool at_eof() const;

  // How long a line can be: the limit of readline() and readuntil(), in bytes.
  std::size_t limit() const;

 private:
  [[noreturn]] static void throw_negative(std::size_t count);
  [[noreturn]] static void throw_moved();

  detail::ReadUntil until(std::vector<std::string> separators);
  detail::StreamCore& stream() const {
    if (stream_ == nullptr) [[unlikely]]
      throw_moved();
    return *stream_;
  }
  detail::StreamTransport& transport() const;

  detail::StreamCore* stream_ = nullptr;  // once moved from
};

// What get_extra_info() knows: nothing, an address, a number or file descriptor, a text.
using ExtraInfo = std::variant<std::monostate, Address, int, std::string>;

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
  class Cork;

  StreamWriter() = default;  // of nothing, like one that was moved from: each use throws RuntimeError
  explicit StreamWriter(detail::StreamCore& stream) noexcept;  // for transports: takes a reference
  StreamWriter(StreamWriter&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  StreamWriter& operator=(StreamWriter&& other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }
  ~StreamWriter();

  // Sends, or keeps a copy of what cannot be sent yet. After close(), or once the connection is lost, it is dropped;
  // the next drain() or read tells. Throws RuntimeError after write_eof().
  void write(std::string_view data);
  void write(std::span<const std::byte> data) {
    write(std::string_view(reinterpret_cast<const char*>(data.data()), data.size()));
  }
  // Several pieces at once, each text or bytes: sent together, as one packet if they are small, and without a copy of
  // what can be sent. `writer.write("HTTP/1.1 200 OK\r\n", headers, "\r\n", body);`
  template <class First, class Second, class... More>
  void write(const First& first, const Second& second, const More&... more);
  // The same for all pieces of a range. Where it throws, what came before is sent.
  template <class Range>
  void writelines(const Range& pieces);

  // Where more than the high-water mark is kept, waits until it is at most the low one. Throws the error that the
  // connection was lost with, and connection_reset where it is closed, or is aborted meanwhile. Any number of tasks may
  // wait. A cancel ends the wait, and nothing else: the data are still sent.
  detail::Drain drain();

  // Sends what is kept, then tells the peer that there is no more; reading goes on. Twice is once.
  void write_eof();
  bool can_write_eof() const;

  // Sends what is kept, then closes; nothing can be read any more. Twice is once. A peer that does not take what is
  // kept cannot hold the connection for ever: after the time limit of the connection (close_timeout, 30 seconds) the
  // rest is dropped, as abort() does, and drain() and wait_closed() throw TimeoutError.
  void close();
  bool is_closing() const;
  // Waits until it is closed; throws the error that the connection was lost with. It does not close: without close(),
  // and with nobody who reads or writes, the end of the peer is not noticed. Any number of tasks may wait, and be
  // cancelled.
  detail::WaitClosed wait_closed();
  // Closes at once and drops what is kept.
  void abort();

  // Waits until the peer is gone: it has reset the connection, or ended its half, or the connection is closed on this
  // side. For a handler that computes while nobody reads:
  //
  //   co_await race(compute_answer(request), client_gone(writer));
  //
  // It needs no read, and takes nothing: what has come, and was not read, stays. (That is why it is no wait_closed():
  // the connection is still open, and a peer that has only ended its half, as `nc -N` does, may well read on. TCP
  // cannot tell the two apart.) Throws nothing but CancelledError. Any number of tasks may wait, and be cancelled.
  detail::WaitDisconnected wait_disconnected();

  // "peername" and "sockname": an Address; "socket": the file descriptor; what else the transport knows
  // (asyncio/lowlevel/ transport.h). Anything else, what is not known, and everything once the connection is closed:
  // nothing.
  ExtraInfo get_extra_info(std::string_view name) const;
  // The same, typed; each throws std::system_error (not_connected) where it is not known.
  Address peername() const;
  Address sockname() const;
  int fileno() const;

  // How much is kept, and from where on drain() waits: above `high`, until at most `low`. Throws ValueError for low >
  // high.
  std::size_t get_write_buffer_size() const;
  void set_write_buffer_limits(std::size_t high, std::optional<std::size_t> low = std::nullopt);

 private:
  friend class detail::StreamTransport;
  [[noreturn]] static void throw_moved();
  void write_pieces(std::span<const std::string_view> pieces);
  static std::string_view to_text(std::string_view piece) { return piece; }
  static std::string_view to_text(std::span<const std::byte> piece) {
    return {reinterpret_cast<const char*>(piece.data()), piece.size()};
  }
  detail::StreamCore& stream() const {
    if (stream_ == nullptr) [[unlikely]]
      throw_moved();
    return *stream_;
  }
  detail::StreamTransport& transport() const;

  detail::StreamCore* stream_ = nullptr;  // once moved from
};

// Gathers what is written: while one lives, write() only keeps, and its end sends all of it at once.
//
//   {
//     const StreamWriter::Cork cork(writer);
//     write_headers(writer);
//     writer.write(body);
//   }
//   co_await writer.drain();
//
// A piece of 16 KiB or more is not copied: it is sent as it is written, together with what was kept before. Where one
// is within another the outer one sends. It keeps the connection, and holds what other tasks write, too; so it should
// not last over a wait. close() sends at once. For the thread of the loop.
class [[nodiscard("what is written is sent at once: keep it in a variable")]] StreamWriter::Cork {
 public:
  explicit Cork(const StreamWriter& writer);
  Cork(const Cork&) = delete;
  Cork& operator=(const Cork&) = delete;
  ~Cork();

 private:
  detail::StreamTransport* transport_;  // null within another one
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
  int socket = -1;                                     // one that is connected already: see open_connection(options)
};

// Connects to a TCP server. `host` is a name or an address; all addresses of a name are tried in their order. Throws
// std::system_error: that the name is not known, or what the attempts failed with; where there were several its message
// has them all, and its code is that of the last. A cancel closes the socket. Python: asyncio.open_connection().
Coro<Connection> open_connection(std::string_view host, int port, const StreamOptions& options = {});

// The same over a stream socket that is connected already, of any family: `open_connection({.socket = fd})`. It is the
// library's from the call on, and is closed also where this throws, or is never awaited. ValueError for what is no
// stream socket; the call with a host, and one with a socket, refuse each other's options so too.
Coro<Connection> open_connection(const StreamOptions& options);

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

#include <asyncio/detail/stream.h>

namespace asyncio::inline ASYNCIO_ABI {

inline detail::ReadString StreamReader::read() { return {stream(), detail::ReadString::all, 0}; }
inline detail::ReadString StreamReader::read(std::size_t count) { return {stream(), detail::ReadString::some, count}; }
inline detail::ReadInto StreamReader::read_into(std::span<std::byte> buffer) { return {stream(), buffer}; }
template <class Bytes>
  requires std::convertible_to<Bytes&, std::span<std::byte>>
detail::ReadInto StreamReader::read_into(Bytes& buffer) {
  return {stream(), buffer};
}
inline detail::ReadString StreamReader::readexactly(std::size_t count) {
  if (count > static_cast<std::size_t>(PTRDIFF_MAX)) throw_negative(count);
  return {stream(), detail::ReadString::exactly, count};
}
inline detail::ReadString StreamReader::readline() { return {stream(), detail::ReadString::line, 0}; }
inline detail::ReadLine StreamReader::next_line(const detail::LineOptions& options) {
  return {stream(), options.keep_newline};
}
template <class... Separators>
detail::ReadUntil StreamReader::readuntil(std::string_view separator, const Separators&... more) {
  return until({std::string(separator), std::string(std::string_view(more))...});
}

template <class First, class Second, class... More>
void StreamWriter::write(const First& first, const Second& second, const More&... more) {
  const std::string_view pieces[] = {to_text(first), to_text(second), to_text(more)...};
  write_pieces(pieces);
}
template <class Range>
void StreamWriter::writelines(const Range& pieces) {
  const Cork cork(*this);
  for (const auto& piece : pieces) write(std::string_view(piece));
}
inline detail::Drain StreamWriter::drain() { return detail::Drain(stream()); }
inline detail::WaitClosed StreamWriter::wait_closed() { return detail::WaitClosed(stream()); }
inline detail::WaitDisconnected StreamWriter::wait_disconnected() { return detail::WaitDisconnected(stream()); }

}  // namespace asyncio::inline ASYNCIO_ABI
