// SPDX-License-Identifier: MIT
#include <asyncio/run.h>

#include "rows.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

// micro [ROW...]: measures these rows, or all. Each in a process of its own, because memory is measured by its peak.

struct Row {
  std::string_view name;
  asyncio::Coro<> (*measure)();
};

static constexpr Row rows[] = {
    {"call", call},
    {"fib", fib},
    {"spawn_await", spawn_await},
    {"spawn_join", spawn_join},
    {"gather", gather_children},
    {"yield2", yield_2},
    {"yield1000", yield_1000},
    {"chan", channel},
    {"mutex", mutex},
    {"timers", timers},
    {"future", future_set},
    {"xthread", from_another_thread},
    {"cancel", cancel},
    {"wait_for", wait_for_in_time},
    {"context", context_per_task},
    {"as_result", failure_as_result},
    {"caught", failure_caught},
};

static int run_apart(const Row& row) {
  const pid_t child = fork();
  if (child == 0) _exit(asyncio::run(row.measure()));
  int status = 0;
  waitpid(child, &status, 0);
  if (status == 0) return 0;
  std::fprintf(stderr, "micro: %s failed\n", row.name.data());
  return 1;
}

int main(int count, char** arguments) {
  int result = 0;
  if (count == 1) {
    for (const Row& row : rows) result |= run_apart(row);
  }
  for (int i = 1; i < count; ++i) {
    const Row* found = nullptr;
    for (const Row& row : rows) {
      if (row.name == arguments[i]) found = &row;
    }
    if (found == nullptr) {
      std::fprintf(stderr, "micro: there is no row %s; the rows are:", arguments[i]);
      for (const Row& row : rows) std::fprintf(stderr, " %s", row.name.data());
      std::fprintf(stderr, "\n");
      return 2;
    }
    result |= run_apart(*found);
  }
  return result;
}
