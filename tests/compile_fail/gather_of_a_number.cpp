// SPDX-License-Identifier: MIT
// EXPECT: what is given must be awaitable
#include <asyncio/gather.h>

void start() { (void)asyncio::gather(1, 2); }
