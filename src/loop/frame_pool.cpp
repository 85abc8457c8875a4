// SPDX-License-Identifier: MIT
#include <asyncio/detail/frame_pool.h>

#include "base/per_thread.h"

#include <sys/mman.h>

#include <atomic>
#include <cassert>
#include <cstdint>
#include <utility>

// Theory of operation. A chunk begins at a multiple of its size, so that the address of a block tells its chunk. Its
// header counts the bytes of which nobody has said yet that they are no longer in use: get() and put() do not touch it.
// A thread that ends says so of all blocks in its lists; whoever brings a count to zero gives the chunk back, be it the
// thread that puts the last block much later. trim() adds up what this thread has in its lists, chunk by chunk. Where
// that is the whole count, nobody else has a block of it, and nobody can get one: the chunk is given back.
//
// The part of a chunk that has not been carved counts as in use, so that nobody gives it back under the hands of the
// thread that carves it; what is too small for the last block is said to be out of use when the thread goes on to
// another chunk.
//
// A thread has no pool until it first gets something: `mine` points at one in which nothing is pooled, every list is
// empty and `largest` is 0, which leads to the slow paths. The lists of small blocks are thread-local themselves and
// belong to the thread's pool as if they were in it: what is spawned and awaited most finds its list at once. The pool
// goes with the thread. What is put still later, by the destructors of other thread-local objects and of globals, is
// said to be out of use at once, as by every thread that never got anything. What is got still later makes another
// pool.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

#if defined(__SANITIZE_ADDRESS__)
#define ASYNCIO_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define ASYNCIO_SANITIZED 1
#endif
#endif

#if defined(ASYNCIO_SANITIZED)
constexpr unsigned enabled_classes = 0;
#else
constexpr unsigned enabled_classes = FramePool::classes;
#endif
constinit FramePool FramePool::none;
constinit thread_local FramePool* FramePool::mine = &FramePool::none;
constinit thread_local FramePool::Block* FramePool::small_free[small_classes + 1] = {};
constinit thread_local unsigned FramePool::largest = 0;
constinit thread_local unsigned FramePool::keeping = 0;
constinit thread_local FramePool::Kept* FramePool::kept = nullptr;

struct FramePool::Chunk {
  std::atomic<std::uint32_t> in_use;  // bytes, as far as anybody knows
  FramePool* const taker;             // the pool that took it from the system
  std::atomic<FramePool*> examiner;   // the pool that examines it at the moment; only it touches what follows
  std::uint32_t found = 0;            // bytes in the lists of the examiner
  bool whole = false;                 // found is all of in_use
  Chunk* next_examined = nullptr;

  static Chunk& of(void* block) noexcept {
    return *reinterpret_cast<Chunk*>(reinterpret_cast<std::uintptr_t>(block) & ~(chunk_size - 1));
  }
};

namespace {
constexpr std::size_t header_size = 64;
// Chunks come in lots: a system call for each would be felt.
constexpr std::size_t lot_size = 16 * FramePool::chunk_size;

char* map_lot() {
  const std::size_t slack = FramePool::chunk_size;
  void* mapped = ::mmap(nullptr, lot_size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  char* const begin = static_cast<char*>(mapped);
  const std::size_t before = (slack - reinterpret_cast<std::uintptr_t>(begin) % slack) % slack;
  if (before > 0) ::munmap(begin, before);
  if (before < slack) ::munmap(begin + before + lot_size, slack - before);
  return begin + before;
}
}  // namespace

// Behind the two words of a coroutine frame that tell whether it is done, which stay readable.
struct FramePool::Kept {
  void* frame_words[2];
  Kept* next;
  std::size_t size;
};
static_assert(sizeof(void*) * 4 <= FramePool::smallest);

void FramePool::put_unpooled(void* memory, std::size_t size) noexcept {
  if (keeping > 0) {
    assert(size >= smallest);
    Kept* block = static_cast<Kept*>(memory);
    block->next = kept;
    block->size = size;
    kept = block;
    return;
  }
  const std::size_t index = index_of(size);
  if (index > enabled_classes) return ::operator delete(memory);
  count_off(Chunk::of(memory), index * granularity);
}

FramePool::Quarantine::Quarantine() noexcept {
  ++keeping;
  largest = 0;
}

FramePool::Quarantine::~Quarantine() {
  if (--keeping > 0) return;
  if (mine != &none) largest = enabled_classes;
  while (Kept* block = kept) {
    kept = block->next;
    put(block, block->size);
  }
}

FramePool& FramePool::make() {
  auto* pool = new FramePool;
  if (!at_thread_end([](void* ended) { end_thread(ended); }, pool)) {
    delete pool;
    throw std::bad_alloc();
  }
  if (keeping == 0) largest = enabled_classes;
  return *(mine = pool);
}

void FramePool::end_thread(void* pool) noexcept {
  static_cast<FramePool*>(pool)->give_all_back();
  largest = 0;
  mine = &none;
  delete static_cast<FramePool*>(pool);
}

void FramePool::give_all_back() noexcept {
  for (std::size_t index = 1; index <= classes; ++index) {
    Block* block = std::exchange(free_of(index), nullptr);
    while (block != nullptr) {
      Block* next = block->next;
      count_off(Chunk::of(block), index * granularity);
      block = next;
    }
  }
  retire_chunk();
  if (lot_ != lot_end_) ::munmap(lot_, static_cast<std::size_t>(lot_end_ - lot_));
}

void FramePool::count_off(Chunk& chunk, std::size_t bytes) noexcept {
  const auto count = static_cast<std::uint32_t>(bytes);
  if (chunk.in_use.fetch_sub(count, std::memory_order_acq_rel) == count) give_back(chunk);
}

void FramePool::retire_chunk() noexcept {
  if (cursor_ == nullptr) return;
  Chunk& chunk = Chunk::of(end_ - 1);
  const auto rest = static_cast<std::size_t>(end_ - cursor_);
  cursor_ = end_ = nullptr;
  if (rest > 0) count_off(chunk, rest);
}

void FramePool::give_back(Chunk& chunk) noexcept {
  chunk.~Chunk();
  // Where the system cannot split the mapping once more, it can still have the memory.
  if (::munmap(&chunk, chunk_size) != 0) ::madvise(&chunk, chunk_size, MADV_DONTNEED);
}

std::size_t FramePool::bytes_in_use() noexcept {
  std::size_t free = 0;
  for (std::size_t index = 1; index <= classes; ++index) {
    for (const Block* block = free_of(index); block != nullptr; block = block->next) free += index * granularity;
  }
  return mine->carved_ - free;
}

void* FramePool::carve(std::size_t size) {
  const std::size_t bytes = index_of(size) * granularity;
  if (static_cast<std::size_t>(end_ - cursor_) < bytes) [[unlikely]]
    return carve_chunk(size);
  char* block = cursor_;
  cursor_ += bytes;
  carved_ += bytes;
  return block;
}

// Where there is no chunk, or too little is left of it.
void* FramePool::carve_chunk(std::size_t size) {
  if (index_of(size) > enabled_classes) return ::operator new(size);
  if (this == &none) return make().carve(size);
  if (lot_ == lot_end_) {
    lot_ = map_lot();
    lot_end_ = lot_ + lot_size;
  }
  retire_chunk();
  Chunk* chunk = ::new (static_cast<void*>(lot_)) Chunk{chunk_size - header_size, this, nullptr};
  static_assert(sizeof(Chunk) <= header_size);
  lot_ += chunk_size;
  cursor_ = reinterpret_cast<char*>(chunk) + header_size;
  end_ = reinterpret_cast<char*>(chunk) + chunk_size;
  ++chunks_;
  return carve(size);
}

std::size_t FramePool::trim() noexcept {
  // Two threads may have blocks of one chunk, and trim at the same time: the first to come to a chunk examines it.
  FramePool& pool = *mine;
  Chunk* examined = nullptr;
  for (std::size_t index = 1; index <= classes; ++index) {
    for (Block* block = free_of(index); block != nullptr; block = block->next) {
      Chunk& chunk = Chunk::of(block);
      FramePool* examiner = chunk.examiner.load(std::memory_order_relaxed);
      if (examiner == nullptr && chunk.examiner.compare_exchange_strong(examiner, &pool, std::memory_order_acquire)) {
        examiner = &pool;
        chunk.found = 0;
        chunk.next_examined = examined;
        examined = &chunk;
      }
      if (examiner == &pool) chunk.found += static_cast<std::uint32_t>(index * granularity);
    }
  }
  std::size_t whole = 0;
  for (Chunk* chunk = examined; chunk != nullptr; chunk = chunk->next_examined) {
    chunk->whole = chunk->found == chunk->in_use.load(std::memory_order_acquire);
    if (chunk->whole) ++whole;
  }
  for (std::size_t index = 1; index <= classes && whole > 0; ++index) {
    Block** place = &free_of(index);
    while (Block* block = *place) {
      Chunk& chunk = Chunk::of(block);
      if (chunk.examiner.load(std::memory_order_relaxed) == &pool && chunk.whole) {
        *place = block->next;
      } else {
        place = &block->next;
      }
    }
  }
  while (examined != nullptr) {
    Chunk& chunk = *examined;
    examined = chunk.next_examined;
    if (chunk.whole) {
      if (chunk.taker == &pool && pool.chunks_ > 0) --pool.chunks_;
      pool.carved_ -= chunk.found;
      give_back(chunk);
    } else {
      chunk.examiner.store(nullptr, std::memory_order_release);
    }
  }
  return whole;
}

}  // namespace asyncio::inline ASYNCIO_ABI
