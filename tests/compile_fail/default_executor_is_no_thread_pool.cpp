// SPDX-License-Identifier: MIT
// BH-EXE-02
// EXPECT: ThreadPoolExecutor
#include <asyncio/executor.h>

void replace(asyncio::EventLoop& loop, asyncio::Executor& executor) { loop.set_default_executor(executor); }
