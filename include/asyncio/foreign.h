// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/waiter.h>

namespace asyncio::inline ASYNCIO_ABI {

template <class A>
class ForeignAwaiter : public NativeAwaiter {
 public:
  explicit ForeignAwaiter(A&&) {}
};

}  // namespace asyncio::inline ASYNCIO_ABI
