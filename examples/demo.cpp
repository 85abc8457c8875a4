// SPDX-License-Identifier: MIT
#include <asyncio/version.h>

#include <iostream>

int main() { std::cout << "asyncio-cpp " << asyncio::version() << '\n'; }
