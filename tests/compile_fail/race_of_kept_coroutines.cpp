// SPDX-License-Identifier: MIT
// EXPECT: hand the whole range over, with std::move(coros)
#include <asyncio/race.h>

void start(std::vector<asyncio::Coro<int>>& coros) { (void)asyncio::race(coros); }
