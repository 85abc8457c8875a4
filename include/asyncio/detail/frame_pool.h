// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/config.h>

#include <cstddef>
#include <cstdint>
#include <new>

namespace asyncio::inline ASYNCIO_ABI::detail {

// Memory for coroutine frames and tasks: a free list for each size, one set of lists per thread.
//
// A frame costs a pop here where malloc costs a search, and carries no header. Memory comes in chunks, which go back to
// the system when a thread ends, or when the loop of the thread is idle and finds whole chunks free (trim()). A block
// may be freed by another thread than the one that took it: it then joins that thread's lists, if it has any. A chunk
// of which a block is still out when its thread ends goes back when that block has come home, wherever that is.
// Under the address and the memory sanitizer every block comes from operator new, so that a use after free is found.
class FramePool {
 public:
  static void* get(std::size_t size) {
    const std::size_t index = index_of(size);
    if (index > classes) [[unlikely]]
      return ::operator new(size);
    Block*& free = free_of(index);
    if (Block* block = free) [[likely]] {
      free = block->next;
      return block;
    }
    return mine->carve(size);
  }

  static void put(void* memory, std::size_t size) noexcept {
    const std::size_t index = index_of(size);
    // largest is never more than classes, but g++ cannot know it, and warns where the size of a frame is a constant.
    if (index > classes || index > largest) [[unlikely]]
      return put_unpooled(memory, size);
    Block*& free = free_of(index);
    Block* block = static_cast<Block*>(memory);
    block->next = free;
    free = block;
  }

  // Gives chunks of which this thread has every block back to the system; says how many. Walks all that is free: about
  // 30 ns for each block, 80 where they go back. A loop does it when it is idle (EventLoop::State::trim_memory).
  static std::size_t trim() noexcept;

  // While one lives, what this thread gives back is kept: its bytes can still be read, and are not handed out again.
  class Quarantine {
   public:
    Quarantine() noexcept;
    Quarantine(const Quarantine&) = delete;
    ~Quarantine();
  };

  // What this thread has handed out and not got back, in bytes: walks the lists, for tests. 0 where nothing is pooled.
  static std::size_t bytes_in_use() noexcept;

  // The chunks that this thread has taken from the system and not given back.
  static std::size_t chunks() noexcept { return mine->chunks_; }

  static constexpr std::size_t granularity = 16;
  static constexpr std::size_t smallest = 32;  // of a block: a Quarantine writes into what it keeps
  static constexpr std::size_t classes = 64;   // up to 1 KiB
  static constexpr std::size_t chunk_size = std::size_t{1} << 16;

 private:
  struct Block {
    Block* next;
  };

  struct Chunk;

  struct Kept;

  // Small blocks are had without a look at the pool; thread-local memory is scarce, so the others are not.
  static constexpr std::size_t small_classes = 12;  // up to 192 bytes

  static std::size_t index_of(std::size_t size) noexcept { return (size + granularity - 1) / granularity; }
  static Block*& free_of(std::size_t index) noexcept {
    return index <= small_classes ? small_free[index] : mine->far_free_[index - small_classes];
  }

  constexpr FramePool() = default;
  static FramePool& make();
  static void end_thread(void* pool) noexcept;
  void* carve(std::size_t size);
  void* carve_chunk(std::size_t size);
  void give_all_back() noexcept;
  void retire_chunk() noexcept;
  static void count_off(Chunk& chunk, std::size_t bytes) noexcept;
  static void give_back(Chunk& chunk) noexcept;
  static void put_unpooled(void* memory, std::size_t size) noexcept;

  static constinit FramePool none;                                                   // nothing is pooled in it
  [[gnu::tls_model("initial-exec")]] static constinit thread_local FramePool* mine;  // none until the first get()
  [[gnu::tls_model("initial-exec")]] static constinit thread_local Block* small_free[small_classes + 1];
  // The highest class that goes into the lists; 0 where nothing does.
  [[gnu::tls_model("initial-exec")]] static constinit thread_local unsigned largest;
  [[gnu::tls_model("initial-exec")]] static constinit thread_local unsigned keeping;  // how many Quarantines live
  [[gnu::tls_model("initial-exec")]] static constinit thread_local Kept* kept;        // what they keep

  Block* far_free_[classes - small_classes + 1] = {};
  char* cursor_ = nullptr;  // the rest of the newest chunk is [cursor_, end_)
  char* end_ = nullptr;
  char* lot_ = nullptr;  // chunks that have not been touched yet are [lot_, lot_end_)
  char* lot_end_ = nullptr;
  std::size_t chunks_ = 0;
  std::size_t carved_ = 0;  // bytes
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
