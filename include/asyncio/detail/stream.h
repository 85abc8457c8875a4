// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>
#include <asyncio/detail/ref.h>
#include <asyncio/lowlevel/waiter.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

// What the functions of streams give to co_await.
namespace asyncio::inline ASYNCIO_ABI::detail {

class ReadOperation;
class StreamTransport;

// What handles and operations need to know of a connection: they keep it. The base of StreamTransport alone.
class StreamCore {
 public:
  StreamCore(const StreamCore&) = delete;
  StreamCore& operator=(const StreamCore&) = delete;

  void retain() noexcept { references_.retain(); }
  void release() noexcept {
    if (references_.release()) destroy();
  }

 protected:
  StreamCore() = default;
  ~StreamCore() = default;

 private:
  void destroy() noexcept;

  RefCount references_{0};
};

// What all reads of one kind have in common.
struct ReadKind : lowlevel::WaitKind {
  // Takes what has arrived; true once the operation is done. Throws what it fails with.
  bool (*attempt)(ReadOperation&);
  // Gives back to the stream what the operation has collected, and forgets what it has searched. Null: it does neither.
  void (*restart)(ReadOperation&) noexcept;
};

// One read of a stream: the base of what the functions of StreamReader give to co_await. No coroutine frame. Data leave
// the kernel only in the turn of the task that reads, which then continues at once: a cancel before that loses nothing.
// It keeps the connection: the handles to it may go before it is awaited, and while it waits.
class ReadOperation : public lowlevel::Waiter {
 public:
  ReadOperation(StreamCore& stream, const ReadKind& kind) : Waiter(kind), stream_(stream) {}
  ReadOperation(ReadOperation&& other) noexcept : Waiter(std::move(other)), stream_(std::move(other.stream_)) {}

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

  StreamTransport& transport() const;

  Ref<StreamCore> stream_;

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
  ReadString(StreamCore& stream, const ReadKind& kind, std::size_t count)
      : ReadOperation(stream, kind), count_(count) {}
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
  ReadUntil(StreamCore& stream, std::vector<std::string> separators)
      : ReadString(stream, until, 0), separators_(std::move(separators)) {}

  static const ReadKind until;

 private:
  static bool attempt_until(ReadOperation& operation);

  std::vector<std::string> separators_;  // shortest first
};

// What next_line() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] ReadLine : public ReadString {
 public:
  ReadLine(StreamCore& stream, bool keep_newline) : ReadString(stream, keep_newline ? line : bare_line, 0) {}
  std::optional<std::string> await_resume() {
    const bool bare = kind_ == &bare_line;
    std::string text = ReadString::await_resume();
    if (text.empty()) return std::nullopt;
    if (bare) remove_newline(text);
    return text;
  }

 private:
  static const ReadKind bare_line;
  static void remove_newline(std::string& text) noexcept;
};

// What read_into() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] ReadInto : public ReadOperation {
 public:
  ReadInto(StreamCore& stream, std::span<std::byte> buffer) : ReadOperation(stream, into), buffer_(buffer) {}
  std::size_t await_resume() {
    finish();
    return buffer_.size();
  }

 private:
  static const ReadKind into;
  static bool attempt_into(ReadOperation& operation);

  std::span<std::byte> buffer_;  // once done, the part of it that was filled
};

// A wait for a connection, which it keeps: the handles may go before it is awaited, and while it waits.
class StreamWait : public lowlevel::LinkedWaiter {
 public:
  StreamWait(StreamCore& stream, const lowlevel::WaitKind& kind) : LinkedWaiter(kind), stream_(stream) {}
  StreamWait(StreamWait&& other) noexcept : LinkedWaiter(std::move(other)), stream_(std::move(other.stream_)) {}

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

  StreamTransport& transport() const;

  Ref<StreamCore> stream_;

 private:
  friend class StreamTransport;
  void begin_wait();
  void end_wait() noexcept;
};

// What drain() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] Drain : public StreamWait {
 public:
  explicit Drain(StreamCore& stream) : StreamWait(stream, draining) {}
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
  static constexpr lowlevel::WaitKind draining{.reason = "StreamWriter.drain", .remove = &remove};
  static constexpr lowlevel::WaitKind for_room{.reason = "StreamWriter.drain", .remove = &remove};
  static constexpr lowlevel::WaitKind yielding{.reason = "StreamWriter.drain", .remove = &remove};
};

// What wait_closed() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] WaitClosed : public StreamWait {
 public:
  explicit WaitClosed(StreamCore& stream) : StreamWait(stream, closing) {}
  bool await_ready() const;
  void await_resume();

 private:
  static constexpr lowlevel::WaitKind closing{.reason = "StreamWriter.wait_closed", .remove = &remove};
};

// What wait_disconnected() gives to co_await.
class [[nodiscard("nothing is waited for: write co_await")]] WaitDisconnected : public StreamWait {
 public:
  explicit WaitDisconnected(StreamCore& stream) : StreamWait(stream, kind) {}
  bool await_ready() const;
  void await_resume() { check(); }

  static constexpr lowlevel::WaitKind kind{.reason = "StreamWriter.wait_disconnected", .remove = &remove};
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
