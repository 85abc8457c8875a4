// SPDX-License-Identifier: MIT
#include <asyncio/detail/link.h>

#include <gtest/gtest.h>

#include <array>
#include <string>

using namespace asyncio::detail;

namespace {

struct Letter : Link {
  explicit Letter(char which) : letter(which) {}
  char letter;
};

std::string letters_of(const LinkRing& ring) {
  std::string letters;
  for (const Link* link = ring.first(); link != nullptr; link = ring.after(*link))
    letters += static_cast<const Letter&>(*link).letter;
  return letters;
}

TEST(LinkRing, gives_back_what_it_was_given_first_in_first_out) {
  std::array<Letter, 3> letters{Letter('a'), Letter('b'), Letter('c')};
  LinkRing ring;
  EXPECT_TRUE(ring.empty());
  EXPECT_EQ(letters_of(ring), "");
  for (Letter& letter : letters) ring.push_back(letter);
  EXPECT_FALSE(ring.empty());
  EXPECT_EQ(letters_of(ring), "abc");
  for (Letter& letter : letters) {
    EXPECT_EQ(&ring.pop_front(), &letter);
    EXPECT_TRUE(letter.alone());
  }
  EXPECT_TRUE(ring.empty());
}

TEST(LinkRing, loses_any_one_of_its_places_and_keeps_the_order_of_the_others) {
  constexpr std::array without{"bcd", "acd", "abd", "abc"};
  for (std::size_t gone = 0; gone < without.size(); ++gone) {
    std::array<Letter, 4> letters{Letter('a'), Letter('b'), Letter('c'), Letter('d')};
    LinkRing ring;
    for (Letter& letter : letters) ring.push_back(letter);
    ring.remove(letters[gone]);
    EXPECT_EQ(letters_of(ring), without[gone]);
    EXPECT_TRUE(letters[gone].alone());
    ring.remove(letters[gone]);  // it is in no list now
    ring.push_back(letters[gone]);
    EXPECT_EQ(letters_of(ring), without[gone] + std::string(1, letters[gone].letter));
  }
}

TEST(LinkRing, is_empty_without_its_only_place_and_can_be_filled_again) {
  Letter a('a');
  Letter b('b');
  LinkRing ring;
  ring.push_back(a);
  EXPECT_EQ(letters_of(ring), "a");
  ring.remove(b);  // was never in it
  EXPECT_EQ(letters_of(ring), "a");
  ring.remove(a);
  EXPECT_TRUE(ring.empty());
  ring.push_back(b);
  ring.push_back(a);
  EXPECT_EQ(letters_of(ring), "ba");
}

}  // namespace
