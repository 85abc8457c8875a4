// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/chrono.h>
#include <asyncio/future.h>
#include <asyncio/task.h>

#include <cstdint>
#include <exception>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// What waits, where, and for whom. For the thread of the loop; nothing is recorded for it, so that it costs nothing
// until it is asked for.
//
//   print_call_graph();          // in any coroutine: its stack, and who awaits its task
//
//   print_tasks();               // what each task of the loop waits for, and where

// A coroutine on a stack.
struct FrameEntry {
  std::string function;
  std::string file;
  unsigned line = 0;  // where it waits; for one that has not waited yet, where it is defined

  bool operator==(const FrameEntry&) const = default;
};

// A task or future, the coroutines that it runs, and who awaits it. Each task is told once: where it comes again stands
// its title, with " (cycle)" where it waits for itself in the end, else with " (above)". A hundred levels are told; the
// titles after them end with " (and so on)". Python: asyncio.FutureCallGraph.
struct CallGraph {
  std::string title;                   // "Task(name='fetch', id=0x...)"
  std::vector<FrameEntry> call_stack;  // innermost first; none for a future, and once a task has ended
  std::vector<CallGraph> awaited_by;   // in the order of their awaits
};

// `limit`: how many entries of each stack to keep: the innermost ones; where it is negative, the outermost; 0 none.
struct CallGraphOptions {
  std::optional<int> limit = std::nullopt;
};

// The graph of the running task: nothing where a callback runs instead. Throws RuntimeError where no loop runs.
std::optional<CallGraph> capture_call_graph(const CallGraphOptions& options = {},
                                            const std::source_location& here = std::source_location::current());
// The graph of a task, whatever its state, or of a future.
CallGraph capture_call_graph(const AnyTask& task, const CallGraphOptions& options = {});
CallGraph capture_call_graph(const detail::FutureBase& state, const CallGraphOptions& options = {});
template <class T>
CallGraph capture_call_graph(const Future<T>& future, const CallGraphOptions& options = {}) {
  return asyncio::capture_call_graph(static_cast<const detail::FutureBase&>(future.state()), options);
}

// The same as text, one block for each task.
std::string format_call_graph(const CallGraph& graph);
std::string format_call_graph(const CallGraphOptions& options = {},
                              const std::source_location& here = std::source_location::current());
// The same, to standard output.
void print_call_graph(const CallGraphOptions& options = {},
                      const std::source_location& here = std::source_location::current());
void print_call_graph(const CallGraph& graph);
void print_call_graph(const AnyTask& task, const CallGraphOptions& options = {});

// A task, for a list of tasks.
struct TaskInfo {
  enum class State : std::uint8_t {
    running,    // it is its turn
    ready,      // its turn will come
    waiting,    // for what `reason` says
    done,       // ended, with a value or an exception
    cancelled,  // ended with CancelledError
  };

  std::string name;
  std::uint64_t number = 0;  // counts the tasks of the program
  State state = State::ready;
  const char* reason = "";  // what it waits in: "Semaphore.acquire"; empty unless it waits
  std::vector<FrameEntry> call_stack;
  std::string created_in;  // "main (shop.cpp:12)"; empty where the library started it, for run() or gather()
};

std::string_view to_string(TaskInfo::State state);  // its name here

TaskInfo describe_task(const AnyTask& task);
// Those of the running loop that have not ended, oldest first. Throws RuntimeError where no loop runs.
std::vector<TaskInfo> describe_tasks();

// As text, a paragraph for each, and to standard output:
//
//   Task-7: waiting in Semaphore.acquire
//       in fetch (shop.cpp:12)
//       in crawl (shop.cpp:20)
//
// For a program that hangs: get_running_loop().add_signal_handler(SIGUSR1, [] { print_tasks(); }).
std::string format_tasks(const std::vector<TaskInfo>& tasks);
void print_tasks();

// An exception as text: its type, what it says, and the coroutines through which it has come so far, as far as they are
// known in this thread. For a log, in the handler that has caught it; the last two are missing in another place.
//
//   std::out_of_range: no price for tea
//       in price (shop.cpp:12)
//       in total (shop.cpp:18)
//
// Python: traceback.format_exception().
std::string format_exception(const std::exception_ptr& error = std::current_exception());

// A callback that a loop is still to call: what call_soon(), call_later(), call_at(), add_reader() or add_writer() was
// given.
struct HandleInfo {
  enum class State : std::uint8_t {
    ready,    // its turn will come
    armed,    // its time will come
    reading,  // it is called whenever its descriptor can be read
    writing,  // or written
  };

  std::string callback;  // its type: "serve()::{lambda()#1}"
  State state = State::ready;
  std::optional<std::chrono::nanoseconds> due_in;  // of an armed one, on the loop's clock
  std::optional<int> fd;                           // that it reads or writes
};

std::string_view to_string(HandleInfo::State state);  // its name here

// Those of the running loop: what is ready in its order, then what is armed by time, then by descriptor. One that was
// cancelled is none of them. Throws RuntimeError where no loop runs.
std::vector<HandleInfo> describe_handles();

// As text, a line for each: "serve()::{lambda()#1}: armed, due in 3600 s".
std::string format_handles(const std::vector<HandleInfo>& handles);

}  // namespace asyncio::inline ASYNCIO_ABI
