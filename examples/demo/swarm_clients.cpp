// SPDX-License-Identifier: MIT
#include "swarm.h"

#include <algorithm>
#include <string>
#include <vector>

using namespace asyncio;
using namespace std::chrono_literals;

namespace demo {

namespace {

constexpr auto talking_time = 5s;
constexpr int most_connecting = 200;  // at a time, so that the server's queue of new connections does not overflow
const std::string message(64, 'm');

struct Swarm {
  Semaphore connecting{most_connecting};
  Event go;
  std::size_t connected = 0;
  std::size_t failed = 0;
  std::vector<std::uint32_t> latencies;  // in microseconds
};

Coro<> client(Swarm& swarm, std::uint16_t port, Event& all_connected, std::size_t count) {
  auto& loop = get_running_loop();
  co_await swarm.connecting.acquire();
  auto connection = co_await open_connection("127.0.0.1", port);
  connection.writer.write("x");
  std::string first = co_await connection.reader.readexactly(1);
  swarm.connecting.release();
  if (++swarm.connected == count) all_connected.set();

  co_await swarm.go.wait();
  const auto end = loop.time() + talking_time;
  for (auto sent = loop.time(); sent < end; sent = loop.time()) {
    connection.writer.write(message);
    std::string answer = co_await connection.reader.readexactly(message.size());
    if (answer != message) throw std::runtime_error("the echo is not what was sent");
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(loop.time() - sent);
    swarm.latencies.push_back(static_cast<std::uint32_t>(took.count()));
  }
  connection.writer.close();
  co_await connection.writer.wait_closed();
}

Coro<> counted(Coro<> one, Swarm& swarm, Event& all_connected) {
  std::exception_ptr error;
  try {
    co_await std::move(one);
  } catch (const std::exception&) {
    error = std::current_exception();
  }
  if (error != nullptr) {
    ++swarm.failed;
    all_connected.set();
  }
}

// Tells how many are connected, four times a second, until all are.
Coro<> tell_progress(Swarm& swarm, StreamWriter& control, Event& all_connected) {
  while (!all_connected.is_set()) {
    control.write("connected " + std::to_string(swarm.connected) + "\n");
    co_await sleep(250ms);
  }
}

}  // namespace

Coro<> run_swarm(std::uint16_t port, std::uint16_t control_port, std::size_t count) {
  auto control = co_await open_connection("127.0.0.1", control_port);
  Swarm swarm;
  Event all_connected;
  co_await with(TaskGroup(), [&](TaskGroup& group) -> Coro<> {
    auto progress = group.create_task(tell_progress(swarm, control.writer, all_connected));
    for (std::size_t i = 0; i < count; ++i) {
      group.create_task(counted(client(swarm, port, all_connected, count), swarm, all_connected));
    }
    co_await all_connected.wait();
    co_await progress;
    control.writer.write("idle " + std::to_string(swarm.connected) + "\n");
    co_await control.reader.readline();  // "go"
    swarm.latencies.reserve(4'000'000);
    swarm.go.set();
  });
  std::sort(swarm.latencies.begin(), swarm.latencies.end());
  const std::size_t total = swarm.latencies.size();
  const auto percentile = [&](std::size_t p) { return total == 0 ? 0 : swarm.latencies[(total - 1) * p / 100]; };
  control.writer.write("talked " + std::to_string(total / std::chrono::seconds(talking_time).count()) + " " +
                       std::to_string(percentile(50)) + " " + std::to_string(percentile(99)) + " " +
                       std::to_string(swarm.failed) + "\n");
  control.writer.close();
  co_await control.writer.wait_closed();
}

}  // namespace demo
