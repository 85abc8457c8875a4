// SPDX-License-Identifier: MIT
#include "tests/allocation/scenarios.h"

#include <gtest/gtest.h>

namespace allocation_test {
namespace {

// A sample; all of them fail in tests/long/.
class Allocation : public ::testing::TestWithParam<Scenario> {};

TEST_P(Allocation, that_fails_comes_out_and_harms_nothing_else) {
  fail_every_allocation(GetParam(), 1, GetParam().in_threads ? 1 : 7);
}

INSTANTIATE_TEST_SUITE_P(Sample, Allocation, ::testing::ValuesIn(scenarios().begin(), scenarios().end()),
                         [](const auto& given) { return std::string(given.param.name); });

}  // namespace
}  // namespace allocation_test
