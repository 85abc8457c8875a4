// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/coro.h>
#include <asyncio/detail/future_state.h>

#include <cstddef>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

template <class T>
class TaskState final : public ValueState<T, TaskBase> {
 public:
  TaskState(LoopCore& loop, Coro<T>& coro, const std::source_location& creation, bool eager = false) noexcept
      : ValueState<T, TaskBase>(loop, *coro.release(), creation, eager) {}
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FramePool::put(memory, size); }

 private:
  ~TaskState() = default;
  void destroy() noexcept override {
    this->before_destroy(this->exception());
    delete this;
  }

  void settle() noexcept override {
    CoroPromise<T>& body = static_cast<CoroPromise<T>&>(this->take_innermost());
    bool failed = body.has_error();
    if constexpr (noexcept(this->take_from(body))) {
      this->take_from(body);
    } else {
      try {
        this->take_from(body);
      } catch (...) {
        this->fail(std::current_exception());
        failed = true;
      }
    }
    body.handle().destroy();
    if (failed) [[unlikely]] {
      this->end_with(this->word_.error);
    } else {
      this->end();
    }
  }
  void settle_cancelled(std::exception_ptr error) noexcept override {
    this->fail(std::move(error));
    this->end_with(this->word_.error);
  }
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
