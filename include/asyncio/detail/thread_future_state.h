// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/callback.h>
#include <asyncio/detail/result_slot.h>
#include <asyncio/time_limit.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

struct LoopCore;

// The state behind a ThreadFuture, apart from its value. All of it may be used by any thread.
//
// Who makes the result calls begin(), stores it if that says so, and then publish(). A cancel wins before begin(), and
// comes too late after it; so nobody reads the result while it is being written.
class ThreadFutureBase {
 public:
  ThreadFutureBase();
  ThreadFutureBase(const ThreadFutureBase&) = delete;
  ThreadFutureBase& operator=(const ThreadFutureBase&) = delete;

  bool begin();             // false where it has been cancelled
  void publish() noexcept;  // the result is there: wakes those who wait, and runs the callbacks
  bool cancel() noexcept;   // false once it has begun; true also where it is cancelled already

  bool running() const;    // has begun, and not ended
  bool done() const;       // has a result, or is cancelled
  bool cancelled() const;  // has none, and will have none

  // Throws RuntimeError in the thread of the loop that is to make the result: it would wait for ever; else TimeoutError
  // after the timeout.
  void wait(TimeLimit timeout = {}) const;

  // Calls it once done: in the thread that ends it, and at once where it has ended.
  using OnDone = Callback<void(const ThreadFutureBase&)>;
  void on_done(OnDone callback);

  void set_loop(const LoopCore& loop) { loop_ = &loop; }  // that makes the result; before anybody waits

 protected:
  ~ThreadFutureBase();
  void require_value() const;  // throws CancelledError where it was cancelled

 private:
  enum class Phase : std::uint8_t { pending, running, finished, cancelled };
  struct Sync;

  bool end(Phase from, Phase to) noexcept;
  void call(OnDone& callback) const noexcept;
  void check_thread() const;

  std::unique_ptr<Sync> sync_;
  const LoopCore* loop_ = nullptr;
};

template <class T>
class ThreadFutureState final : public ThreadFutureBase {
 public:
  // Ends it with what `source` holds; without effect where it was cancelled. The source keeps nothing of an exception:
  // the last reference to it must not be dropped by a thread that others know nothing of.
  void finish(ResultSlot<T>& source) noexcept {
    if (!begin()) return;
    try {
      result.take_from(source);
    } catch (...) {
      result.fail(std::current_exception());
    }
    source.clear();
    publish();
  }
  void fail(std::exception_ptr error) noexcept {
    ResultSlot<T> failed;
    failed.fail(std::move(error));
    finish(failed);
  }
  ResultSlot<T>& get() {
    require_value();
    return result;
  }

  [[no_unique_address]] ResultSlot<T> result;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
