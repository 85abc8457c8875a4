// SPDX-License-Identifier: MIT
// A plugin that contains the library, as a module of an interpreter would; see host.cpp.
#include <asyncio/asyncio.h>

#include <csignal>
#include <stdexcept>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

namespace {

const ContextVar<std::string> name("name", "plugin");

Coro<int> fail() {
  co_await sleep(1ms);
  throw std::runtime_error(name.get());
}

Coro<int> work() {
  name.set("task");
  int sum = co_await to_thread([] { return name.get() == "task" ? 40 : 0; });
  try {
    sum += co_await create_task(fail());
  } catch (const std::runtime_error&) {
    sum += 2;
  }
  co_return sum;
}

}  // namespace

// Uses everything that the library registers with the system or keeps for a thread; 42 if all is well.
extern "C" int use_the_library() {
  name.set("thread");
  return run(work());
}

// Leaves a loop behind, which handles a signal.
extern "C" void leave_a_loop() {
  auto* loop = new EventLoop;
  loop->add_signal_handler(SIGUSR2, [] {});
}
