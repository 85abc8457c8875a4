// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/link.h>

namespace asyncio::inline ASYNCIO_ABI::lowlevel {

// Something of the operating system's that is bound to a loop, and must let go of it when the loop is closed, whoever
// holds it then: an open socket, a listener.
class LoopResource : public detail::Link {
 public:
  // The loop is being closed. Unlinks itself; nothing of the loop may be used afterwards.
  virtual void loop_closing() noexcept = 0;

 protected:
  LoopResource() = default;
  ~LoopResource() { unlink(); }
};

}  // namespace asyncio::inline ASYNCIO_ABI::lowlevel
