// SPDX-License-Identifier: MIT
// What a program needs to find in the installed library: a loop with its timers, tasks, threads and streams, and
// exceptions that can be caught on this side of a shared library.
#include <asyncio/asyncio.h>
#include <asyncio/version.h>

#include <iostream>
#include <string>

using namespace asyncio;
using namespace std::chrono_literals;

Coro<> send_greeting(StreamWriter writer) {
  co_await sleep(1ms);
  std::string greeting = co_await to_thread([] { return std::string("hello\n"); });
  writer.write(greeting);
  co_await writer.drain();
}

Coro<> async_main() {
  auto pair = make_stream_pair();
  Task<> sender = create_task(send_greeting(std::move(pair.first.writer)));
  std::string line = co_await pair.second.reader.readline();
  co_await sender;
  try {
    co_await wait_for(sleep(1h), 1ms);
  } catch (const TimeoutError&) {
    std::cout << "a coroutine says " << line;
  }
}

int main() {
  std::cout << "asyncio-cpp " << version() << '\n';
  return run(async_main());
}
