// SPDX-License-Identifier: MIT
#include <asyncio/detail/frame_pool.h>

#include <asyncio/testing.h>

#include "loop/loop_state.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>

using namespace asyncio;
using namespace asyncio::detail;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Where every block comes from operator new there is nothing to test but that.
bool pooled() {
  const std::size_t before = FramePool::bytes_in_use();
  void* block = FramePool::get(64);
  const bool counted = FramePool::bytes_in_use() != before;
  FramePool::put(block, 64);
  return counted;
}

// Runs f in a thread of its own, whose pool begins empty and ends with it.
template <class F>
void in_thread(F f) {
  std::thread(std::move(f)).join();
}

// Blocks of one size.
class Blocks {
 public:
  Blocks(std::size_t size, std::size_t count) : size_(size) {
    for (std::size_t i = 0; i < count; ++i) {
      void* block = FramePool::get(size);
      std::memset(block, static_cast<int>(i), size);
      blocks_.push_back(block);
    }
  }
  Blocks(Blocks&& other) noexcept : size_(other.size_), blocks_(std::exchange(other.blocks_, {})) {}
  ~Blocks() { put_all(); }

  void put_all() {
    for (void* block : blocks_) FramePool::put(block, size_);
    blocks_.clear();
  }
  void* at(std::size_t index) const { return blocks_.at(index); }
  // All but every n-th.
  void put_all_but_every(std::size_t n) {
    std::vector<void*> kept;
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      if (i % n == 0) {
        kept.push_back(blocks_[i]);
      } else {
        FramePool::put(blocks_[i], size_);
      }
    }
    blocks_ = kept;
  }

 private:
  std::size_t size_;
  std::vector<void*> blocks_;
};

constexpr std::size_t per_chunk = FramePool::chunk_size / 256;

TEST(FramePool, gives_a_block_that_was_put_back_again) {
  if (!pooled()) return;
  void* block = FramePool::get(100);
  FramePool::put(block, 100);
  EXPECT_EQ(FramePool::get(97), block);  // of the same class
  FramePool::put(block, 97);
}

TEST(FramePool, blocks_are_aligned_and_apart) {
  for (std::size_t size : {1u, 16u, 17u, 100u, 1000u, 1024u, 1025u, 100'000u}) {
    std::vector<char*> blocks;
    for (int i = 0; i < 100; ++i) {
      char* block = static_cast<char*>(FramePool::get(size));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % 16, 0u);
      std::memset(block, i, size);
      blocks.push_back(block);
    }
    for (int i = 0; i < 100; ++i) {
      char* block = blocks[static_cast<std::size_t>(i)];
      EXPECT_EQ(block[0], static_cast<char>(i));
      EXPECT_EQ(block[size - 1], static_cast<char>(i));
      FramePool::put(block, size);
    }
  }
}

TEST(FramePool, counts_what_is_out) {
  if (!pooled()) return;
  const std::size_t before = FramePool::bytes_in_use();
  {
    Blocks blocks(100, 1000);
    EXPECT_EQ(FramePool::bytes_in_use(), before + 1000 * 112);
  }
  EXPECT_EQ(FramePool::bytes_in_use(), before);
}

TEST(FramePool, trim_gives_back_chunks_that_are_wholly_free) {
  in_thread([] {
    if (!pooled()) return;
    {
      Blocks blocks(256, 40 * per_chunk);
      EXPECT_GE(FramePool::chunks(), 40u);
      EXPECT_EQ(FramePool::trim(), 0u);
    }
    const std::size_t chunks = FramePool::chunks();
    EXPECT_GE(FramePool::trim(), 39u);
    EXPECT_LE(FramePool::chunks(), chunks - 39);
    EXPECT_EQ(FramePool::bytes_in_use(), 0u);
    EXPECT_EQ(FramePool::trim(), 0u);
    const Blocks again(256, 40 * per_chunk);
    EXPECT_GE(FramePool::chunks(), 40u);
  });
}

TEST(FramePool, trim_leaves_chunks_alone_that_have_a_block_out) {
  in_thread([] {
    if (!pooled()) return;
    Blocks blocks(256, 40 * per_chunk);
    blocks.put_all_but_every(per_chunk / 2);
    const std::size_t in_use = FramePool::bytes_in_use();
    EXPECT_EQ(FramePool::trim(), 0u);
    EXPECT_EQ(FramePool::bytes_in_use(), in_use);
    blocks.put_all();
    EXPECT_GE(FramePool::trim(), 39u);
  });
}

TEST(FramePool, trim_copes_with_classes_that_share_chunks) {
  in_thread([] {
    if (!pooled()) return;
    std::vector<std::pair<void*, std::size_t>> blocks;
    for (std::size_t i = 0; i < 20'000; ++i) {
      const std::size_t size = 16 + i * 37 % 1000;
      blocks.emplace_back(FramePool::get(size), size);
    }
    const std::size_t chunks = FramePool::chunks();
    for (const auto& [block, size] : blocks) FramePool::put(block, size);
    EXPECT_GE(FramePool::trim(), chunks - 1);  // the one that is being carved stays
    EXPECT_EQ(FramePool::bytes_in_use(), 0u);
  });
}

TEST(FramePool, a_block_may_be_put_back_by_another_thread) {
  in_thread([] {
    if (!pooled()) return;
    Blocks blocks(256, 40 * per_chunk);
    in_thread([&blocks] {
      const Blocks own(256, 1);  // so that it has a pool
      blocks.put_all();
      EXPECT_GE(FramePool::trim(), 39u);  // it has all blocks of theirs
    });
    EXPECT_LE(FramePool::trim(), 1u);  // the one that they shared
    const Blocks more(256, per_chunk);
  });
}

// Whether the system has given memory to this address, which may have been given back.
bool is_mapped(void* address) {
  const auto page = reinterpret_cast<std::uintptr_t>(address) & ~std::uintptr_t{4095};
  return ::msync(reinterpret_cast<void*>(page), 4096, MS_ASYNC) == 0;
}

TEST(FramePool, a_thread_that_has_none_gives_back_at_once_what_it_puts) {
  in_thread([] {
    if (!pooled()) return;
    Blocks blocks(256, 40 * per_chunk);
    void* const middle = blocks.at(20 * per_chunk);
    EXPECT_TRUE(is_mapped(middle));
    in_thread([&blocks] {
      blocks.put_all();
      EXPECT_EQ(FramePool::chunks(), 0u);
    });
    EXPECT_FALSE(is_mapped(middle));
    const Blocks more(256, per_chunk);
  });
}

// Gets and puts blocks in the destructor of an object that was made before the pool of its thread, and goes after it.
struct PutsAtTheEnd {
  std::optional<Blocks>& blocks;
  ~PutsAtTheEnd() {
    EXPECT_EQ(FramePool::chunks(), 0u);
    blocks->put_all();
    Blocks more(256, per_chunk);  // in another pool, which ends in its turn
    more.put_all();
  }
};

TEST(FramePool, what_is_put_and_got_after_the_end_of_a_threads_pool_finds_its_way) {
  std::optional<Blocks> blocks;
  void* middle = nullptr;
  in_thread([&] {
    static thread_local PutsAtTheEnd last{blocks};
    static_cast<void>(last);
    blocks.emplace(256, 40 * per_chunk);
    if (pooled()) middle = blocks->at(20 * per_chunk);
  });
  if (middle != nullptr) {
    EXPECT_FALSE(is_mapped(middle));
  }
}

TEST(FramePool, what_outlives_its_thread_is_given_back_by_whoever_puts_it) {
  std::optional<Blocks> blocks;
  in_thread([&] { blocks.emplace(256, 40 * per_chunk); });
  in_thread([&] { blocks.reset(); });
  in_thread([&] { blocks.emplace(256, 10 * per_chunk); });
  blocks.reset();
  FramePool::trim();
}

TEST(FramePool, two_threads_may_trim_chunks_that_they_share) {
  constexpr int rounds = 50;
  std::thread threads[2];
  std::vector<std::pair<void*, std::size_t>> shared[2];
  for (int round = 0; round < rounds; ++round) {
    // Each takes blocks, half of which the other puts back, while both trim.
    for (std::size_t t = 0; t < 2; ++t) {
      threads[t] = std::thread([&shared, t] {
        std::vector<std::pair<void*, std::size_t>> own;
        for (std::size_t i = 0; i < 3000; ++i) {
          const std::size_t size = 64 + 64 * (i % 8);
          (i % 2 == 0 ? own : shared[t]).emplace_back(FramePool::get(size), size);
        }
        for (const auto& [block, size] : own) FramePool::put(block, size);
        FramePool::trim();
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (std::size_t t = 0; t < 2; ++t) {
      threads[t] = std::thread([&shared, t] {
        const Blocks own(64, 1);
        for (std::size_t i = 0; i < shared[1 - t].size(); ++i) {
          FramePool::put(shared[1 - t][i].first, shared[1 - t][i].second);
          if (i % 500 == 0) FramePool::trim();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (auto& blocks : shared) blocks.clear();
  }
}

TEST(FramePool, two_threads_that_exchange_blocks_may_trim_at_the_same_time) {
  constexpr int rounds = 30;
  std::vector<void*> mail[2];
  for (int round = 0; round < rounds; ++round) {
    // Both carve, then each puts back what is half its own and half the other's, and trims.
    std::thread carvers[2];
    for (std::size_t t = 0; t < 2; ++t) {
      carvers[t] = std::thread([&mail, t] {
        for (int i = 0; i < 2000; ++i) mail[t].push_back(FramePool::get(128));
      });
    }
    for (std::thread& carver : carvers) carver.join();
    std::thread putters[2];
    for (std::size_t t = 0; t < 2; ++t) {
      putters[t] = std::thread([&mail, t] {
        const Blocks own(64, 1);
        for (std::size_t i = 0; i < 2000; ++i) FramePool::put(mail[(t + i) % 2][i], 128);
        FramePool::trim();
        FramePool::trim();
      });
    }
    for (std::thread& putter : putters) putter.join();
    for (auto& letters : mail) letters.clear();
  }
}

TEST(FramePool, a_quarantine_keeps_what_is_put_until_the_outermost_ends) {
  if (!pooled()) return;
  const std::size_t before = FramePool::bytes_in_use();
  void* block = FramePool::get(100);
  {
    FramePool::Quarantine outer;
    FramePool::put(block, 100);
    {
      FramePool::Quarantine inner;
      void* other = FramePool::get(100);
      EXPECT_NE(other, block);
      FramePool::put(other, 100);
    }
    void* third = FramePool::get(100);
    EXPECT_NE(third, block);
    FramePool::put(third, 100);
  }
  EXPECT_EQ(FramePool::bytes_in_use(), before);
}

Coro<> sleeper() { co_await sleep(1s); }

TEST(FramePool, an_idle_loop_gives_back_what_a_burst_of_tasks_took) {
  in_thread([] {
    if (!pooled()) return;
    const auto main = []() -> Coro<> {
      for (int i = 0; i < 50'000; ++i) create_task(sleeper());
      co_await sleep(2s);
    };
    VirtualClock clock;
    Runner runner({.clock = &clock});
    runner.run(main());
    const std::size_t peak = FramePool::chunks();
    EXPECT_GT(peak, 100u);
    EventLoop& loop = runner.get_loop();
    loop.state().trim_at = 0;  // as after a second
    runner.run(sleep(1s));
    EXPECT_LE(FramePool::chunks(), 16u);
  });
}

}  // namespace
