// SPDX-License-Identifier: MIT
// EXPECT: ignoring return value
#include <asyncio/version.h>

int main() { asyncio::version(); }
