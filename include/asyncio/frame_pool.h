// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cstddef>
#include <cstdint>
#include <new>

namespace asyncio::inline ASYNCIO_ABI {

// Memory for coroutine frames and tasks: a free list for each size, one set of lists per thread.
//
// A frame costs a pop here where malloc costs a search, and carries no header. Memory comes in chunks, which go back to
// the system when a thread ends, or when the loop of the thread is idle and finds whole chunks free (trim()). A block
// may be freed by another thread than the one that took it: it then joins that thread's lists.
// Under a sanitizer every block comes from operator new, so that a use after free is found.
class FramePool {
 public:
  static void* get(std::size_t size) {
    FramePool& pool = mine;
    const std::size_t index = (size + granularity - 1) / granularity;
    if (index > pool.largest_) [[unlikely]]
      return get_unpooled(size);
    if (Block* block = pool.free_[index]) [[likely]] {
      pool.free_[index] = block->next;
      return block;
    }
    return pool.carve(index);
  }

  static void put(void* memory, std::size_t size) noexcept {
    FramePool& pool = mine;
    const std::size_t index = (size + granularity - 1) / granularity;
    if (index > pool.largest_) [[unlikely]]
      return put_unpooled(memory, size);
    Block* block = static_cast<Block*>(memory);
    block->next = pool.free_[index];
    pool.free_[index] = block;
  }

  // Gives chunks of this thread that are wholly free back to the system.
  static void trim() noexcept;

  // While one lives, what this thread gives back is kept: its bytes can still be read, and are not handed out again.
  class Quarantine {
   public:
    Quarantine() noexcept;
    Quarantine(const Quarantine&) = delete;
    ~Quarantine();

   private:
    std::size_t largest_;
  };

  // What this thread has handed out and not got back, in bytes: walks the lists, for tests. 0 where nothing is pooled.
  static std::size_t bytes_in_use() noexcept;

  // The chunks that this thread has taken from the system and not given back.
  static std::size_t chunks() noexcept { return mine.chunks_; }

  static constexpr std::size_t granularity = 16;
  static constexpr std::size_t classes = 64;  // up to 1 KiB
  static constexpr std::size_t chunk_size = std::size_t{1} << 16;

 private:
  struct Block {
    Block* next;
  };

  explicit constexpr FramePool(std::size_t largest) : largest_(largest) {}
  void* carve(std::size_t index);
  static void* get_unpooled(std::size_t size);
  static void put_unpooled(void* memory, std::size_t size) noexcept;

  [[gnu::tls_model("initial-exec")]] static constinit thread_local FramePool mine;

  std::size_t largest_;  // the highest class that is pooled; 0 where none is
  Block* free_[classes + 1] = {};
  char* cursor_ = nullptr;  // the rest of the newest chunk is [cursor_, end_)
  char* end_ = nullptr;
  std::size_t chunks_ = 0;
  std::size_t carved_ = 0;  // bytes
  struct Kept;
  bool keeping_ = false;  // a Quarantine lives
  Kept* kept_ = nullptr;  // what it keeps
};

}  // namespace asyncio::inline ASYNCIO_ABI
