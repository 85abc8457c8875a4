// SPDX-License-Identifier: MIT
// Runs the tutorials' programs in real time, side by side, and compares what they print and how long they take with
// what the tutorials promise; then holds ten thousand TCP connections. Exit code 0: everything was as promised.
#include <asyncio/asyncio.h>

#include "program.h"
#include "promises.h"
#include "swarm.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

using namespace asyncio;
using namespace std::chrono_literals;

namespace {

// What a program may take longer than promised: to start, and to wait for the processor beside thirty others.
constexpr auto tolerance = 500ms;
// What is still running then hangs, and is killed.
constexpr auto patience = 20s;

struct Row {
  const demo::Promise* promise;
  demo::Program::Outcome outcome;
  int expected_status = 0;

  bool output_is_right() const {
    return demo::matches(outcome.output, promise->output) && outcome.status == expected_status;
  }
  bool time_is_right() const { return outcome.time >= promise->time && outcome.time < promise->time + tolerance; }
};

demo::Program::Outcome run_program(std::string name, std::string argument) {
  std::vector<std::string> command{demo::program_directory() + "/" + name};
  if (!argument.empty()) command.push_back(argument);
  return demo::Program(command).wait(patience);
}

// The server that the tutorial ends with Ctrl-C, and its client.
Coro<std::vector<Row>> run_echo_pair(Executor& threads) {
  auto& loop = get_running_loop();
  std::string port;
  {
    auto probe = co_await start_server([](StreamReader, StreamWriter) -> Coro<> { co_return; }, "127.0.0.1", 0);
    port = std::to_string(probe.port());  // free, once the probe is closed
  }
  demo::Program server({demo::program_directory() + "/" + std::string(demo::echo_server_promise.program), port});
  Row client{&demo::echo_client_promise, {}};
  for (int attempt = 0; attempt < 100; ++attempt) {
    auto outcome = loop.run_in_executor(&threads, run_program, std::string(client.promise->program), port);
    client.outcome = co_await outcome;
    if (client.outcome.status == 0 || client.outcome.killed) break;
    co_await sleep(20ms);  // the server is not listening yet
  }
  server.interrupt();
  auto ended = loop.run_in_executor(&threads, [&server] { return server.wait(patience); });
  Row row{&demo::echo_server_promise, {}, 130};
  row.outcome = co_await ended;
  std::vector<Row> rows;
  rows.push_back(std::move(row));
  rows.push_back(std::move(client));
  co_return rows;
}

Coro<Row> run_one(const demo::Promise& promise, Executor& threads, int& ended, int count) {
  auto& loop = get_running_loop();
  auto outcome = loop.run_in_executor(&threads, run_program, std::string(promise.program), std::string());
  Row row{&promise, {}};
  row.outcome = co_await outcome;
  ++ended;
  if (::isatty(STDOUT_FILENO) != 0) {
    std::printf("\r  %d of %d have ended", ended, count);
    if (ended == count) std::printf("\r%40s\r", "");
    std::fflush(stdout);
  }
  co_return row;
}

bool show(const Row& row, bool timed) {
  const bool right = row.output_is_right() && (!timed || row.time_is_right());
  const double seconds = std::chrono::duration<double>(row.outcome.time).count();
  const char* output = row.outcome.killed      ? "KILLED: IT HANGS"
                       : row.output_is_right() ? "as promised"
                                               : "NOT AS PROMISED";
  std::printf("  %-36s %6.1f s %8.3f s   %s%s\n", std::string(row.promise->program).c_str(),
              static_cast<double>(row.promise->time.count()), seconds, output,
              timed && !row.time_is_right() ? ", TIME OFF" : "");
  if (!row.output_is_right())
    std::printf("--- exit code %d, output:\n%s---\n", row.outcome.status, row.outcome.output.c_str());
  return right;
}

Coro<bool> show_tutorials(bool timed) {
  constexpr int count = static_cast<int>(std::size(demo::promises));
  std::printf("The tutorials' programs (examples/tutorial), all at the same time\n");
  std::fflush(stdout);
  ThreadPoolExecutor threads(count + 2);
  int ended = 0;
  std::vector<Coro<Row>> runs;
  for (const demo::Promise& promise : demo::promises) runs.push_back(run_one(promise, threads, ended, count));
  auto pair = create_task(run_echo_pair(threads));
  std::vector<Row> rows = co_await gather(std::move(runs));
  std::vector<Row> pair_rows = co_await std::move(pair);

  std::printf("  %-36s %8s %10s   output\n", "program", "promised", "measured");
  bool right = true;
  for (const Row& row : rows) right = show(row, timed) && right;
  for (const Row& row : pair_rows) right = show(row, false) && right;
  co_return right;
}

Coro<int> async_main() {
  bool right = co_await show_tutorials(true);
  const bool swarm_right = co_await demo::show_swarm();
  right = right && swarm_right;
  std::printf("\n%s\n", right ? "Everything was as promised." : "Not everything was as promised.");
  co_return right ? 0 : 1;
}

// The part that no load of the machine changes: what the tutorials' programs print.
Coro<int> check_outputs() {
  const bool right = co_await show_tutorials(false);
  co_return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::string_view(argv[1]) == "--clients") {
    const auto number = [&](int i) { return std::strtoul(argv[i], nullptr, 10); };
    demo::raise_file_limit();
    return run(
        demo::run_swarm(static_cast<std::uint16_t>(number(2)), static_cast<std::uint16_t>(number(3)), number(4)));
  }
  if (argc == 2 && std::string_view(argv[1]) == "--outputs") return run(check_outputs());
  return run(async_main());
}
