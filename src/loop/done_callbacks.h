// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/future.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace asyncio::inline ASYNCIO_ABI::detail {

// The done callbacks of a loop that wait for their futures, by token: one of many is taken back without a search among
// them. Nothing of it can fail.
class DoneCallbacks {
 public:
  void add(DoneCallback& callback) noexcept;
  void remove(DoneCallback& callback) noexcept;
  DoneCallback* find(std::uint64_t token) noexcept;  // null where there is none

 private:
  void grow() noexcept;
  // Tokens are numbers in a row, so that they spread evenly.
  DoneCallback*& bucket(std::uint64_t token) noexcept {
    return buckets_ != nullptr ? buckets_[token & (bucket_count_ - 1)] : only_bucket_;
  }

  std::size_t count_ = 0;
  std::size_t bucket_count_ = 1;  // a power of two
  std::unique_ptr<DoneCallback*[]> buckets_;
  DoneCallback* only_bucket_ = nullptr;  // before there are others
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
