// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// Bytes that came in at one end and leave at the other. Empty, it is one null pointer and holds no memory: a program
// has a hundred thousand of these, and few with anything in them.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  ByteBuffer(ByteBuffer&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  ByteBuffer& operator=(ByteBuffer&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~ByteBuffer() { std::free(block_); }

  bool empty() const { return block_ == nullptr; }
  std::size_t size() const { return block_ == nullptr ? 0 : block_->end - block_->begin; }
  std::string_view view() const {
    return block_ == nullptr ? std::string_view() : std::string_view(block_->bytes() + block_->begin, size());
  }

  void append(std::string_view data) {
    if (data.empty()) return;
    reserve(data.size());
    std::memcpy(block_->bytes() + block_->end, data.data(), data.size());
    block_->end += data.size();
  }

  // Takes the first `count` bytes away; the memory too, with the last of them.
  void consume(std::size_t count) noexcept {
    if (count >= size()) return clear();
    block_->begin += count;
  }

  // Puts bytes back in front.
  void prepend(std::string_view data) {
    if (data.empty()) return;
    ByteBuffer joined;
    joined.reserve(data.size() + size());
    joined.append(data);
    joined.append(view());
    *this = std::move(joined);
  }

  void clear() noexcept {
    std::free(block_);
    block_ = nullptr;
  }

 private:
  struct Block {
    std::size_t begin;
    std::size_t end;
    std::size_t capacity;
    char* bytes() { return reinterpret_cast<char*>(this + 1); }
  };

  // Room for `more` bytes at the end; moves what is there to the front where half of the block is free anyway.
  void reserve(std::size_t more) {
    const std::size_t used = size();
    if (block_ != nullptr && block_->capacity - block_->end >= more) return;
    if (block_ != nullptr && block_->begin >= used && block_->capacity - used >= more) {
      std::memmove(block_->bytes(), block_->bytes() + block_->begin, used);
      block_->begin = 0;
      block_->end = used;
      return;
    }
    std::size_t capacity = used + more;
    if (block_ != nullptr && capacity < 2 * used) capacity = 2 * used;
    auto* grown = static_cast<Block*>(std::malloc(sizeof(Block) + capacity));
    if (grown == nullptr) throw std::bad_alloc();
    *grown = {0, used, capacity};
    if (used > 0) std::memcpy(grown->bytes(), block_->bytes() + block_->begin, used);
    std::free(block_);
    block_ = grown;
  }

  Block* block_ = nullptr;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
