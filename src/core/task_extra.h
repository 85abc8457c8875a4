// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/context.h>

#include <cstdint>
#include <memory>
#include <string>

namespace asyncio::inline ASYNCIO_ABI {

class CancelScope;
struct Traceback;

// What few tasks have; made when first needed.
struct TaskExtra {
  std::uint64_t number = 0;
  std::string name = {};            // empty: "Task-<number>"
  std::string cancel_message = {};  // of the request that is to be delivered
  Context context = {};
  CancelScope* scope = nullptr;          // the innermost that the task is in
  const void* interrupted_by = nullptr;  // the scope that interrupted its last wait; null: a request of cancel()
  std::shared_ptr<const Traceback> traceback = {};  // of the exception that it ended with; null where nothing is known
};

}  // namespace asyncio::inline ASYNCIO_ABI
