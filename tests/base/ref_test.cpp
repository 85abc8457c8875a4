// SPDX-License-Identifier: MIT
#include <asyncio/detail/ref.h>

#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <utility>

namespace asyncio {
namespace {

using detail::Ref;
using detail::RefCount;

int live = 0;

// Of each test its own: what a compiler inlines depends on how often it is used.
template <int>
class Counted {
 public:
  Counted() { ++live; }
  void retain() noexcept { references_.retain(); }
  void release() noexcept {
    if (references_.release()) delete this;
  }
  [[gnu::noinline]] std::uint32_t references() const { return references_.value(); }
  void end() noexcept { delete this; }

 private:
  ~Counted() { --live; }
  RefCount references_{0};
};

Counted<1>* kept = nullptr;

void keep(Counted<1>& object, bool fails) {
  object.retain();
  kept = &object;
  if (fails) throw std::runtime_error("no more");
}

// The compiler must not see who else refers to the object.
void (*volatile keep_unseen)(Counted<1>& object, bool fails) = keep;

[[gnu::noinline]] void make(bool fails) {
  const Ref<Counted<1>> own(*new Counted<1>);
  keep_unseen(*own, fails);
}

TEST(Ref, what_it_refers_to_stays_until_the_last_one_goes) {
  live = 0;
  Ref<Counted<0>> first(*new Counted<0>);
  Ref<Counted<0>> second = first;
  EXPECT_EQ(first->references(), 2u);
  first.reset();
  EXPECT_FALSE(first);
  EXPECT_EQ(second->references(), 1u);
  second = Ref<Counted<0>>();
  EXPECT_EQ(live, 0);
}

TEST(Ref, lets_go_where_an_exception_passes_by) {
  EXPECT_THROW(make(true), std::runtime_error);
  EXPECT_EQ(kept->references(), 1u);
  kept->end();
  make(false);
  EXPECT_EQ(kept->references(), 1u);
  kept->end();
}

TEST(Ref, a_moved_one_refers_to_none) {
  live = 0;
  Ref<Counted<2>> first(*new Counted<2>);
  Ref<Counted<2>> second = std::move(first);
  EXPECT_EQ(first.get(), nullptr);
  EXPECT_EQ(second->references(), 1u);
  second.reset();
  EXPECT_EQ(live, 0);
}

}  // namespace
}  // namespace asyncio
