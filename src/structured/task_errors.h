// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/exception_group.h>

#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI::detail {

struct Traceback;

// The errors of tasks that were started together, to become a group.
class TaskErrors {
 public:
  // `traceback`: the way that it has come; null where that is not known. One that is there already is one error all the
  // same: who awaits a task that fails, fails with the same exception.
  void add(std::exception_ptr error, std::shared_ptr<const Traceback> traceback);
  bool empty() const { return errors_.empty(); }
  const std::vector<std::exception_ptr>& errors() {
    drop_repeated();
    return errors_;
  }
  ExceptionGroup to_group(const std::string& message) &&;

 private:
  void drop_repeated();

  std::vector<std::exception_ptr> errors_;
  std::vector<std::shared_ptr<const Traceback>> tracebacks_;  // of each
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
