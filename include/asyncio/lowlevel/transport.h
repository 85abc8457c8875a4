// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/callback.h>
#include <asyncio/stream.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <string_view>

// Write your own transport: what carries the bytes of a StreamReader and a StreamWriter, be it a serial line, a pipe, a
// cipher over another carrier, or a network that a test has made up. examples/own_transport.cpp is one, from end to
// end.
//
//   class SerialLine final : public lowlevel::Carrier, lowlevel::WatchedFd {
//    public:
//     SerialLine(EventLoop& loop, int fd) : WatchedFd(fd) { watch(loop); }
//     ~SerialLine() override { SerialLine::let_go(); }
//
//     lowlevel::CarriedIn carry_in(std::span<std::byte> room) override {
//       const ssize_t count = ::read(fd(), room.data(), room.size());
//       if (count > 0) return {static_cast<std::size_t>(count), lowlevel::Rest::more};
//       if (count == 0) return {0, lowlevel::Rest::end};
//       if (errno == EAGAIN) return {0, lowlevel::Rest::empty};
//       throw std::system_error(errno, std::generic_category(), "read");
//     }
//     ...
//    private:
//     void ready(std::uint8_t readiness) noexcept override {
//       if ((readiness & can_read) != 0) sink().can_carry_in();
//       if ((readiness & can_write) != 0) sink().can_carry_out();
//     }
//   };
//   auto [reader, writer] = lowlevel::make_connection(std::make_unique<SerialLine>(get_running_loop(), fd));
//
// The work is divided so: a *carrier* moves bytes when it is asked to, and tells when it can move more. Its *sink* has
// the buffers, the limits, the tasks that wait, and what closing means. The sink of most carriers is the connection
// that make_connection() makes. A carrier that changes what it carries (TLS, compression, a tunnel) owns the carrier
// below it, and is that one's sink: see swap_carrier().
//
// The rules for both, in the thread of the loop all:
//   - One thing at a time. A carrier calls its sink from a turn of its own: from WatchedFd::ready(), a callback, a
//     timer or a task. Never inside of one of its carry_ functions, and never inside of a call that the sink of another
//     one makes. So no call finds the carrier in the middle of another.
//   - A sink that is told something may call the carrier at once, inside of that call; lose() always calls let_go().
//     But it does not destroy the carrier then: that can be touched afterwards.
//   - A call before one has happened is only spurious, and allowed: can_carry_in() though nothing is there, and
//     can_carry_out() though nothing can be taken.
//   - Errors. carry_in(), carry_out(), carry_eof() and carry_close() throw what went wrong, which loses the connection:
//     each operation of the streams throws that exception from then on. What goes wrong at another time goes to lose().
//   - A carrier works for no task: a ContextVar has in it what it has in the thread outside of the loop.
//   - The life of a carrier: attach(), any of the carry_ functions, let_go() once, nothing more but extra_info(), the
//     destructor. It may also be destroyed without let_go(). It must not outlive its sink.
namespace asyncio::inline ASYNCIO_ABI::lowlevel {

// Whom a carrier tells.
class CarrierSink {
 public:
  // carry_in() may find something: data, the end of the stream, an error.
  virtual void can_carry_in() noexcept = 0;
  // carry_out() may be able to take something again.
  virtual void can_carry_out() noexcept = 0;
  // The peer is gone, or sends no more, which is known before what it has sent is read. Optional; more than once is
  // once. What is there can be carried in all the same, and to tell of it is can_carry_in()'s. For wait_disconnected().
  virtual void peer_gone() noexcept = 0;
  // The connection is lost with this error; or, with none, it is closed: what follows a carry_close() that said "not
  // yet".
  virtual void lose(std::exception_ptr error) noexcept = 0;

 protected:
  ~CarrierSink() = default;
};

// What a carry_in() leaves. Nobody guesses it from the number of bytes: only the carrier knows what a short one means.
enum class Rest : std::uint8_t {
  empty,  // for certain nothing: it is not called again before can_carry_in()
  more,   // perhaps something: data, the end, an error
  end,    // the stream has ended, behind the bytes that were given
};

struct CarriedIn {
  std::size_t count;  // bytes that are in `room` now
  Rest rest;          // none and Rest::more is asked again at once
};

// Several pieces of bytes, one behind the other; none of them is empty.
using Pieces = std::span<const std::span<const std::byte>>;

class Carrier {
 public:
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;
  virtual ~Carrier() = default;

  // Puts what has arrived into `room`, which is not empty. Once it has given the end it gives that again.
  virtual CarriedIn carry_in(std::span<std::byte> room) = 0;

  // Takes as much of the pieces as it can, and copies what it keeps: how many bytes. Called until all is taken, or it
  // takes none: then not before can_carry_out().
  virtual std::size_t carry_out(Pieces pieces) = 0;

  // All has been taken that ever will be: tells the peer, behind what is on its way. Called once at most, and only
  // where it can.
  virtual void carry_eof() = 0;
  virtual bool can_carry_eof() const { return true; }

  // All has been taken, and the connection is to be closed in good order. True: now. False: not yet, there is something
  // to be sent, or to be waited for; lose(nullptr) tells when. Called once. What takes longer than the time limit of
  // the connection (close_timeout) is let go before that.
  virtual bool carry_close() { return true; }

  // Gives back at once whatever it has of the system, and calls its sink no more. Also where the loop is being closed,
  // when nothing can be scheduled any more.
  virtual void let_go() noexcept = 0;

  // What get_extra_info() of the writer gives; asked also after let_go(). Nothing for names that it does not know.
  virtual ExtraInfo extra_info(std::string_view name) const;

  // Whether what it waits for is the world's, so that a virtual clock stands still for tasks which wait for it; false
  // where it waits for timers or tasks of the loop. Asked at attach().
  virtual bool waits_for_kernel() const { return true; }

  // The carrier that this one owns, if it is a sink itself: for find_carrier().
  virtual Carrier* lower() const { return nullptr; }

  // Whom it tells from now on: called by whoever owns it, before anything else. What may have arrived already is asked
  // for by the sink.
  void attach(CarrierSink& sink) noexcept { sink_ = &sink; }

 protected:
  Carrier() = default;
  CarrierSink& sink() const { return *sink_; }

 private:
  CarrierSink* sink_ = nullptr;
};

// How a connection over a carrier is made.
struct ConnectionOptions {
  std::size_t limit = 64 * 1024;                       // of a line, in bytes; 0 throws ValueError
  TimeLimit close_timeout = std::chrono::seconds(30);  // see StreamWriter::close()
};

// The two ends of a connection over this carrier, for tasks of the running loop. Throws RuntimeError where none runs.
Connection make_connection(std::unique_ptr<Carrier> carrier, const ConnectionOptions& options = {});

// What a carrier that takes over is given.
struct Handover {
  std::unique_ptr<Carrier> carrier;  // the one before it, which goes on
  std::string input;                 // has been read, and not been used: its first input, before carry_in() of that one
};

// Puts another carrier into a live connection: how a connection begins to speak TLS (STARTTLS). The reader and the
// writer stay as they are, and so do the tasks that wait with them.
//
//   lowlevel::swap_carrier(writer, [](lowlevel::Handover old) -> std::unique_ptr<lowlevel::Carrier> {
//     return std::make_unique<Cipher>(std::move(old));
//   });
//
// Nothing is lost, and nothing comes twice. What was written before is sent by the old carrier as it is, and before
// anything that the new one sends, however long that takes. What has come and was not read belongs to the new carrier,
// also what a waiting readexactly() has collected. An end that was met, is met again. write_eof() that was called
// before has been carried out, or is by the new carrier. Throws std::system_error (not_connected) where the connection
// is closed, or closing, and then calls nothing. What make() throws is thrown, after the connection was lost with it:
// the old carrier has gone.
void swap_carrier(StreamWriter& writer, detail::Callback<std::unique_ptr<Carrier>(Handover)> make);

// The carrier of a connection, or one that it owns, that is a C; null where there is none. It lives as long as the
// connection has it. For typed accessors: `TlsInfo tls_info(const StreamWriter&)`.
Carrier* top_carrier(const StreamWriter& writer);
template <class C>
C* find_carrier(const StreamWriter& writer) {
  for (Carrier* carrier = lowlevel::top_carrier(writer); carrier != nullptr; carrier = carrier->lower()) {
    if (C* found = dynamic_cast<C*>(carrier)) return found;
  }
  return nullptr;
}

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
