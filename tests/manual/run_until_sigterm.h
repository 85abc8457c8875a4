// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>
#include <thread>

// Runs a program that ends on SIGTERM: sends it one, once the program has something there that waits for it.
inline int run_until_sigterm(int (*program)()) {
  std::thread sender([] {
    struct sigaction action{};
    while (::sigaction(SIGTERM, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) std::this_thread::yield();
    std::raise(SIGTERM);
  });
  const int result = program();
  sender.join();
  return result;
}
