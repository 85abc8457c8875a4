// SPDX-License-Identifier: MIT
// FLAGS: -fno-exceptions
// EXPECT: asyncio-cpp needs exceptions
#include <asyncio/sleep.h>
