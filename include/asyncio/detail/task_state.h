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
    this->before_destroy(this->result.exception());
    delete this;
  }

  void settle() noexcept override {
    CoroPromise<T>& body = static_cast<CoroPromise<T>&>(*std::exchange(this->innermost_, nullptr));
    if constexpr (std::is_nothrow_move_constructible_v<ResultSlot<T>>) {
      this->result.take_from(body.result_);
    } else {
      try {
        this->result.take_from(body.result_);
      } catch (...) {
        this->result.fail(std::current_exception());
      }
    }
    body.handle().destroy();
    if (this->result.state() == ResultSlot<T>::State::exception) [[unlikely]] {
      this->end_with(this->result.exception());
    } else {
      this->end();
    }
  }
  void settle_cancelled(std::exception_ptr error) noexcept override {
    this->result.fail(std::move(error));
    this->end_with(this->result.exception());
  }
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
