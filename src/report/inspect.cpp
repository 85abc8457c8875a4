// SPDX-License-Identifier: MIT
#include <asyncio/inspect.h>

#include "base/names.h"
#include "base/traceback.h"
#include "loop/loop_state.h"
#include "loop/traceback_recorder.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <locale>
#include <sstream>
#include <unordered_set>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

namespace {

// As numbers are written in C: the line of a file has no separators between its thousands, in no country.
std::ostringstream plain_text() {
  std::ostringstream text;
  text.imbue(std::locale::classic());
  return text;
}

// The stack that ends with `innermost`.
std::vector<FrameEntry> stack_from(const Promise* innermost) {
  std::vector<FrameEntry> stack;
  for (const Promise* coroutine = innermost; coroutine != nullptr; coroutine = coroutine->parent()) {
    std::string function = function_of(coroutine->definition());
    if (is_of_library(function)) continue;
    const std::source_location place = traceback_entry(*coroutine).place;
    stack.push_back({std::move(function), place.file_name(), place.line()});
  }
  return stack;
}

void apply_limit(std::vector<FrameEntry>& stack, const CallGraphOptions& options) {
  if (!options.limit) return;
  const std::size_t wanted = static_cast<std::size_t>(std::abs(static_cast<long long>(*options.limit)));
  if (wanted >= stack.size()) return;
  if (*options.limit >= 0) {
    stack.resize(wanted);
  } else {
    stack.erase(stack.begin(), stack.end() - static_cast<std::ptrdiff_t>(wanted));
  }
}

std::string title_of(const FutureBase& state) {
  std::ostringstream text = plain_text();
  if (const TaskBase* task = state.as_task()) {
    text << "Task(name='" << AnyTask(const_cast<TaskBase*>(task)).name() << "', id=" << task << ")";
  } else {
    text << "Future(id=" << &state << ")";
  }
  return text.str();
}

// The task behind a waiter: the one that is parked, or the one on whose behalf it counts the ends of others.
const TaskBase* awaiter_behind(const Waiter& waiter) {
  if (waiter.kind().awaiter != nullptr) return waiter.kind().awaiter(waiter);
  return waiter.task();
}

class Capture {
 public:
  // The stack is finite, and so is a screen.
  static constexpr std::size_t most_levels = 100;

  explicit Capture(const CallGraphOptions& options) : options_(options) {}

  CallGraph of(const FutureBase& state) {
    std::vector<FrameEntry> stack;
    if (const TaskBase* task = state.as_task()) stack = stack_from(task->innermost());
    return of(state, std::move(stack));
  }

  CallGraph of(const FutureBase& state, std::vector<FrameEntry> stack) {
    CallGraph graph{title_of(state), std::move(stack), {}};
    apply_limit(graph.call_stack, options_);
    path_.push_back(&state);
    told_.insert(&state);
    const LinkRing& joiners = state.joiners();
    for (const Link* link = joiners.first(); link != nullptr; link = joiners.after(*link)) {
      const TaskBase* awaiter = awaiter_behind(static_cast<const LinkedWaiter&>(*link));
      if (awaiter == nullptr) continue;
      if (const char* why = reason_to_stop(*awaiter)) {
        graph.awaited_by.push_back({title_of(*awaiter) + why, {}, {}});
      } else {
        graph.awaited_by.push_back(of(*awaiter));
      }
    }
    path_.pop_back();
    return graph;
  }

  // The graph becomes a tree, whose branches meet again as a rule: in each of them all that follows would be told anew.
  const char* reason_to_stop(const TaskBase& awaiter) const {
    if (std::find(path_.begin(), path_.end(), &awaiter) != path_.end()) return " (cycle)";
    if (told_.contains(&awaiter)) return " (above)";
    return path_.size() >= most_levels ? " (and so on)" : nullptr;
  }

 private:
  const CallGraphOptions& options_;
  std::vector<const FutureBase*> path_;  // from where it began to where it is
  std::unordered_set<const FutureBase*> told_;
};

void format(std::ostringstream& out, const CallGraph& graph, const std::string& indent) {
  out << indent << "* " << graph.title << '\n';
  if (!graph.call_stack.empty()) {
    out << indent << "  + Call stack:\n";
    for (const FrameEntry& entry : graph.call_stack) {
      out << indent << "  |   File '" << entry.file << "', line " << entry.line << ", in async " << entry.function
          << "()\n";
    }
  }
  if (graph.awaited_by.empty()) return;
  out << indent << "  + Awaited by:\n";
  for (const CallGraph& awaiter : graph.awaited_by) format(out, awaiter, indent + "     ");
}

// At once: who looks at a program that hangs is about to kill it.
void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

std::optional<CallGraph> capture_call_graph(const CallGraphOptions& options, const std::source_location& here) {
  running_loop("capture_call_graph");
  const TaskBase* task = this_thread.task;
  if (task == nullptr) return std::nullopt;
  std::vector<FrameEntry> stack = stack_from(task->innermost());
  // The innermost coroutine does not wait: it calls this.
  if (!stack.empty()) stack.front() = {stack.front().function, here.file_name(), here.line()};
  return Capture(options).of(*task, std::move(stack));
}

CallGraph capture_call_graph(const AnyTask& task, const CallGraphOptions& options) {
  return Capture(options).of(task.state());
}

CallGraph capture_call_graph(const FutureBase& state, const CallGraphOptions& options) {
  return Capture(options).of(state);
}

std::string format_call_graph(const CallGraph& graph) {
  std::ostringstream out = plain_text();
  format(out, graph, "");
  return out.str();
}

std::string format_call_graph(const CallGraphOptions& options, const std::source_location& here) {
  const std::optional<CallGraph> graph = capture_call_graph(options, here);
  return graph ? format_call_graph(*graph) : std::string();
}

void print_call_graph(const CallGraph& graph) { print(format_call_graph(graph)); }

void print_call_graph(const CallGraphOptions& options, const std::source_location& here) {
  print(format_call_graph(options, here));
}

void print_call_graph(const AnyTask& task, const CallGraphOptions& options) {
  print_call_graph(capture_call_graph(task, options));
}

std::string_view to_string(TaskInfo::State state) {
  switch (state) {
    case TaskInfo::State::running:
      return "running";
    case TaskInfo::State::ready:
      return "ready";
    case TaskInfo::State::waiting:
      return "waiting";
    case TaskInfo::State::done:
      return "done";
    case TaskInfo::State::cancelled:
      break;
  }
  return "cancelled";
}

TaskInfo describe_task(const AnyTask& task) {
  const TaskBase& state = task.state();
  TaskInfo info;
  info.name = task.name();
  info.number = state.number();
  info.created_in = describe_creation(state.creation());
  if (state.done()) {
    info.state = state.cancelled() ? TaskInfo::State::cancelled : TaskInfo::State::done;
    return info;
  }
  const bool running = &state == this_thread.task;
  if (running) {
    info.state = TaskInfo::State::running;
  } else if (const Waiter* waiter = state.waiter()) {
    info.state = TaskInfo::State::waiting;
    info.reason = waiter->kind().reason;
  } else {
    info.state = TaskInfo::State::ready;
  }
  info.call_stack = stack_from(state.innermost());
  return info;
}

std::vector<TaskInfo> describe_tasks() {
  std::vector<TaskInfo> tasks;
  for (const AnyTask& task : all_tasks()) tasks.push_back(describe_task(task));
  return tasks;
}

std::string format_tasks(const std::vector<TaskInfo>& tasks) {
  std::string text;
  for (const TaskInfo& task : tasks) {
    text += task.name + ": ";
    text += to_string(task.state);
    if (*task.reason != '\0') text += std::string(" in ") + task.reason;
    for (const FrameEntry& entry : task.call_stack) {
      text += "\n    in " + entry.function + " (" + entry.file + ":" + std::to_string(entry.line) + ")";
    }
    text += '\n';
  }
  return text;
}

void print_tasks() { print(format_tasks(describe_tasks())); }

std::string format_exception(const std::exception_ptr& error) {
  if (error == nullptr) return "no exception";
  std::string text = describe(error);
  if (const auto traceback = traceback_in_flight(error)) text += '\n' + format(*traceback, "    ");
  return text;
}

std::string_view to_string(HandleInfo::State state) {
  switch (state) {
    case HandleInfo::State::ready:
      return "ready";
    case HandleInfo::State::armed:
      return "armed";
    case HandleInfo::State::reading:
      return "reading";
    case HandleInfo::State::writing:
      break;
  }
  return "writing";
}

std::vector<HandleInfo> describe_handles() {
  const EventLoop::State& state = EventLoop::of(running_loop("describe_handles")).state();
  std::vector<HandleInfo> handles;
  const auto add_ready = [&](const Runnable& node) {
    const auto* handle = dynamic_cast<const HandleState*>(&node);
    if (handle == nullptr || handle->cancelled()) return;
    handles.push_back(
        {.callback = describe(handle->callback_type()), .state = HandleInfo::State::ready, .due_in = {}, .fd = {}});
  };
  state.batch.for_each(add_ready);
  core_of(state.loop).ready.for_each(add_ready);

  const auto sort_from = [&](std::size_t begin, auto key) {
    std::ranges::sort(handles.begin() + static_cast<std::ptrdiff_t>(begin), handles.end(), {}, key);
  };
  const std::size_t first_armed = handles.size();
  state.timers.for_each([&](const TimerNode& node) {
    const TimerHandleState* handle = TimerHandleState::behind(static_cast<const Timer&>(node));
    if (handle == nullptr) return;
    const std::chrono::nanoseconds due_in(node.deadline - state.now());
    handles.push_back(
        {.callback = describe(handle->callback_type()), .state = HandleInfo::State::armed, .due_in = due_in, .fd = {}});
  });
  sort_from(first_armed, &HandleInfo::due_in);

  const std::size_t first_watch = handles.size();
  for (const FdTable::Entry& entry : state.fds.entries()) {
    const bool reads = entry.direction == FdTable::Direction::read;
    const auto doing = reads ? HandleInfo::State::reading : HandleInfo::State::writing;
    handles.push_back({.callback = describe(*entry.callback), .state = doing, .due_in = {}, .fd = entry.fd});
  }
  sort_from(first_watch, [](const HandleInfo& handle) { return std::pair(handle.fd, handle.state); });
  return handles;
}

std::string format_handles(const std::vector<HandleInfo>& handles) {
  std::ostringstream text = plain_text();
  for (const HandleInfo& handle : handles) {
    text << handle.callback << ": " << to_string(handle.state);
    if (handle.due_in) text << ", due in " << std::chrono::duration<double>(*handle.due_in).count() << " s";
    if (handle.fd) text << " fd " << *handle.fd;
    text << '\n';
  }
  return text.str();
}

}  // namespace asyncio::inline ASYNCIO_ABI
