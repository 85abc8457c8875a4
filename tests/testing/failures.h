// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/testing.h>

#include <gtest/gtest-spi.h>

#include <string>
#include <vector>

namespace asyncio::testing {

// What a body fails with when the kit runs it as a test.
class Failures {
 public:
  explicit Failures(Coro<> (*body)(), Time time = Time::virtual_time) {
    const ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results_);
    run_test(body, time);
  }

  int count() const { return results_.size(); }
  const ::testing::TestPartResult& only() const { return results_.GetTestPartResult(0); }
  std::string text() const {
    std::string text;
    for (int i = 0; i < count(); ++i) text += results_.GetTestPartResult(i).message() + std::string("\n");
    return text;
  }

  // The one failure there is has these texts, in this order.
  ::testing::AssertionResult are_one(const std::vector<std::string>& texts) const {
    const std::string all = text();
    if (count() != 1) return ::testing::AssertionFailure() << count() << " failures:\n" << all;
    std::size_t at = 0;
    for (const std::string& wanted : texts) {
      at = all.find(wanted, at);
      if (at == std::string::npos) return ::testing::AssertionFailure() << "no '" << wanted << "' in\n" << all;
      at += wanted.size();
    }
    return ::testing::AssertionSuccess();
  }

 private:
  ::testing::TestPartResultArray results_;
};

}  // namespace asyncio::testing
