// SPDX-License-Identifier: MIT
#include <asyncio/exit_stack.h>

namespace asyncio::inline ASYNCIO_ABI {

void ExitStack::drop_entries() noexcept {
  while (!entries_.empty()) entries_.pop_back();
}

Coro<bool> ExitStack::exit(std::exception_ptr error) {
  const std::exception_ptr given = error;
  while (!entries_.empty()) {
    // Out of the stack before it is left: an exit may push others, which are then the next.
    const std::unique_ptr<Entry> entry = std::move(entries_.back());
    entries_.pop_back();
    try {
      const bool suppressed = co_await entry->leave(error);
      if (suppressed) error = nullptr;
    } catch (...) {
      error = std::current_exception();
    }
  }
  if (error == given) co_return false;
  if (error != nullptr) std::rethrow_exception(error);
  co_return true;
}

Coro<> ExitStack::aclose() {
  const bool suppressed = co_await exit(nullptr);
  static_cast<void>(suppressed);
}

}  // namespace asyncio::inline ASYNCIO_ABI
