// SPDX-License-Identifier: MIT
#include "loop/loop_registry.h"

#include <asyncio/testing.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <vector>

using namespace asyncio;
using namespace asyncio::detail;

namespace {

// Places of loops that are never made: the tree looks at addresses alone.
std::vector<std::unique_ptr<LoopPlace>> make_places(const std::vector<LoopCore>& loops) {
  std::vector<std::unique_ptr<LoopPlace>> places;
  for (const LoopCore& loop : loops) places.push_back(std::make_unique<LoopPlace>(loop));
  return places;
}

std::size_t height(const LoopPlace* place) {
  return place == nullptr ? 0 : 1 + std::max(height(place->below[0]), height(place->below[1]));
}

TEST(LoopTree, holds_what_has_come_and_not_gone) {
  const std::vector<LoopCore> loops(64);
  const auto places = make_places(loops);
  std::vector<bool> there(loops.size());
  std::mt19937 random(1);
  LoopTree tree;
  for (int step = 0; step < 5000; ++step) {
    const std::size_t i = random() % loops.size();
    if (there[i]) {
      tree.remove(*places[i]);
    } else {
      tree.insert(*places[i]);
    }
    there[i] = !there[i];
    for (std::size_t k = 0; k < loops.size(); ++k) ASSERT_EQ(tree.contains(&loops[k]), there[k]);
  }
}

TEST(LoopTree, is_about_as_high_as_the_number_of_its_loops_has_bits) {
  const std::vector<LoopCore> loops(4096);
  const auto places = make_places(loops);
  LoopTree tree;
  for (const auto& place : places) tree.insert(*place);
  EXPECT_LE(height(places.front().get()), 24U);  // the first one is the root
}

TEST(IsAlive, a_loop_is_from_its_construction_to_its_end) {
  auto first = std::make_unique<EventLoop>();
  auto second = std::make_unique<EventLoop>();
  const LoopCore* gone = core_of(first.get());
  EXPECT_TRUE(is_alive(core_of(first.get())));
  EXPECT_TRUE(is_alive(core_of(second.get())));
  first.reset();
  EXPECT_FALSE(is_alive(gone));
  EXPECT_TRUE(is_alive(core_of(second.get())));
  EXPECT_FALSE(is_alive(nullptr));
}

}  // namespace
