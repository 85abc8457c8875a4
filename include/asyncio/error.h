// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>
#include <asyncio/detail/shared.h>

#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// The exceptions of the library, under their Python names. All can be copied, and copying none of them throws.
// Errors of the operating system are std::system_error.

namespace detail {

// A text which is copied without failing.
using SharedText = Ref<const SharedValue<std::string>>;
inline SharedText share_text(std::string text) {
  return SharedText::adopt(*new SharedValue<std::string>(std::move(text)));
}

}  // namespace detail

// Thrown at an await of a task that is cancelled. It has no base class, as Python's does not derive from Exception: a
// `catch (const std::exception&)` must not swallow a cancel. What catches it should do its cleaning up and rethrow;
// `catch (...)` must rethrow what it does not know.
class CancelledError final {
 public:
  CancelledError() noexcept = default;
  explicit CancelledError(std::string_view message, const void* source = nullptr)
      : text_(message.empty() ? detail::SharedText() : detail::share_text(std::string(message))), source_(source) {}

  // The text given to cancel(); empty without one.
  const char* message() const noexcept { return text_ ? text_->value.c_str() : ""; }
  const char* what() const noexcept { return *message() != '\0' ? message() : "cancelled"; }

  // The CancelScope that threw it; null for a request of Task::cancel().
  const void* source() const noexcept { return source_; }

 private:
  detail::SharedText text_;  // of none where it is empty: to be cancelled must not need memory
  const void* source_ = nullptr;
};

namespace detail {

// The same where there is no memory for the message: it goes without.
CancelledError cancelled_error(std::string_view message, const void* source = nullptr) noexcept;

}  // namespace detail

// Ends the program: leaves the loop at once, wherever it is thrown, and comes out of run(). No base class, like
// Python's.
class SystemExit final {
 public:
  explicit SystemExit(int code = 0) noexcept : code_(code) {}
  int code() const noexcept { return code_; }
  const char* what() const noexcept { return "SystemExit"; }

 private:
  int code_;
};

// Ctrl-C. Thrown by run() once the main task has ended on the cancel that the first Ctrl-C gave it.
class KeyboardInterrupt final {
 public:
  const char* what() const noexcept { return "KeyboardInterrupt"; }
};

// A misuse that only the running program can show: a second await of a Coro, a loop that is closed.
class RuntimeError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// An argument out of its domain.
class ValueError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// The state of a future or task does not allow the call: no result yet, or one already.
class InvalidStateError : public RuntimeError {
  using RuntimeError::RuntimeError;
};

// The barrier was reset or aborted while a task waited at it.
class BrokenBarrierError : public RuntimeError {
  using RuntimeError::RuntimeError;
};

// A deadline passed. ETIMEDOUT of the operating system is one too, as in Python.
class TimeoutError : public std::system_error {
 public:
  TimeoutError() : TimeoutError("timed out") {}
  explicit TimeoutError(const std::string& what)
      : std::system_error(std::make_error_code(std::errc::timed_out)), what_(what) {}
  const char* what() const noexcept override { return what_.what(); }

 private:
  std::runtime_error what_;  // a string that can be copied without failing
};

class QueueFull : public std::exception {
 public:
  QueueFull() noexcept = default;
  explicit QueueFull(int maxsize) noexcept;  // says how much the queue holds
  const char* what() const noexcept override { return text_; }

 private:
  char text_[64] = "queue is full";  // no string, which could not be copied without failing
};

class QueueEmpty : public std::exception {
 public:
  const char* what() const noexcept override { return "queue is empty"; }
};

class QueueShutDown : public std::exception {
 public:
  const char* what() const noexcept override { return "queue is shut down"; }
};

// No separator within the limit of a reader; the data stays in its buffer.
class LimitOverrunError : public std::length_error {
 public:
  LimitOverrunError(const std::string& what, std::size_t consumed) : std::length_error(what), consumed_(consumed) {}
  // How many bytes can be read without cutting a separator.
  std::size_t consumed() const noexcept { return consumed_; }

 private:
  std::size_t consumed_;
};

// The stream ended before the data that was asked for.
class IncompleteReadError : public std::runtime_error {
 public:
  IncompleteReadError(std::string partial, std::optional<std::size_t> expected);
  IncompleteReadError(const IncompleteReadError&) = default;  // and nothing else: one that is moved stays what it was
  IncompleteReadError& operator=(const IncompleteReadError&) = default;
  // What had been read; it is no longer in the reader.
  const std::string& partial() const noexcept { return partial_->value; }
  // How much was asked for; nothing where the end was to be a separator.
  std::optional<std::size_t> expected() const noexcept { return expected_; }

 private:
  detail::SharedText partial_;
  std::optional<std::size_t> expected_;
};

}  // namespace asyncio::inline ASYNCIO_ABI
