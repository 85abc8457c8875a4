// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>

#include <cstdint>
#include <string>

namespace asyncio::inline ASYNCIO_ABI {

class CancelScope;

// What few tasks have; made when first needed.
struct TaskExtra {
  std::uint64_t number = 0;
  std::string name = {};            // empty: "Task-<number>"
  std::string cancel_message = {};  // of the request that is to be delivered
  Context context = {};
  CancelScope* scope = nullptr;          // the innermost that the task is in
  const void* interrupted_by = nullptr;  // the scope that interrupted its last wait; null: a request of cancel()
};

}  // namespace asyncio::inline ASYNCIO_ABI
