// SPDX-License-Identifier: MIT
// Lets each single allocation fail, of programs that use every part of the library.
#include "tests/allocation/scenarios.h"

#include <gtest/gtest.h>

namespace allocation_test {
namespace {

class EveryAllocation : public ::testing::TestWithParam<Scenario> {};

TEST_P(EveryAllocation, that_fails_comes_out_and_harms_nothing_else) { fail_every_allocation(GetParam(), 1, 1); }

INSTANTIATE_TEST_SUITE_P(All, EveryAllocation, ::testing::ValuesIn(scenarios().begin(), scenarios().end()),
                         [](const auto& given) { return std::string(given.param.name); });

}  // namespace
}  // namespace allocation_test
