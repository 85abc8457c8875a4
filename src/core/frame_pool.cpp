// SPDX-License-Identifier: MIT
#include <asyncio/frame_pool.h>

namespace asyncio::inline ASYNCIO_ABI {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ASYNCIO_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define ASYNCIO_SANITIZED 1
#endif
#endif

#if defined(ASYNCIO_SANITIZED)
constexpr std::size_t enabled_classes = 0;
#else
constexpr std::size_t enabled_classes = FramePool::classes;
#endif
constinit thread_local FramePool FramePool::mine{enabled_classes};

// Behind the two words of a coroutine frame that tell whether it is done, which stay readable.
struct FramePool::Kept {
  void* frame_words[2];
  Kept* next;
  std::size_t size;
};

void* FramePool::get_unpooled(std::size_t size) {
  const std::size_t index = (size + granularity - 1) / granularity;
  if (mine.keeping_ && index <= enabled_classes) return mine.carve(index);
  return ::operator new(size);
}

void FramePool::put_unpooled(void* memory, std::size_t size) noexcept {
  if (!mine.keeping_) return ::operator delete(memory);
  Kept* kept = static_cast<Kept*>(memory);
  kept->next = mine.kept_;
  kept->size = size;
  mine.kept_ = kept;
}

FramePool::Quarantine::Quarantine() noexcept : largest_(mine.largest_) {
  mine.largest_ = 0;
  mine.keeping_ = true;
}

FramePool::Quarantine::~Quarantine() {
  mine.largest_ = largest_;
  mine.keeping_ = false;
  while (Kept* kept = mine.kept_) {
    mine.kept_ = kept->next;
    put(kept, kept->size);
  }
}

std::size_t FramePool::bytes_in_use() noexcept {
  std::size_t free = 0;
  for (std::size_t index = 0; index <= classes; ++index) {
    for (const Block* block = mine.free_[index]; block != nullptr; block = block->next) free += index * granularity;
  }
  return mine.carved_ - free;
}

void* FramePool::carve(std::size_t index) {
  const std::size_t size = index * granularity;
  if (static_cast<std::size_t>(end_ - cursor_) < size) {
    cursor_ = static_cast<char*>(::operator new(chunk_size));
    end_ = cursor_ + chunk_size;
    ++chunks_;
  }
  char* block = cursor_;
  cursor_ += size;
  carved_ += size;
  return block;
}

}  // namespace asyncio::inline ASYNCIO_ABI
