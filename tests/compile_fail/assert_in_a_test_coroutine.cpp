// SPDX-License-Identifier: MIT
// EXPECT: in coroutine
#include <asyncio/testing.h>

ASYNC_TEST(Suite, name) {
  ASSERT_TRUE(false);
  co_return;
}
