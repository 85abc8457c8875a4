// SPDX-License-Identifier: MIT
// FLAGS: -fno-rtti
// EXPECT: asyncio-cpp needs the names of types
#include <asyncio/sleep.h>
