// SPDX-License-Identifier: MIT
#include <asyncio/event_loop.h>

#include <asyncio/detail/frame_pool.h>

#include "base/fork.h"
#include "base/names.h"
#include "base/per_thread.h"
#include "loop/loop_registry.h"
#include "loop/loop_resource.h"
#include "loop/loop_state.h"
#include "loop/report.h"
#include "loop/step_watch.h"
#include "loop/task_extra.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <typeinfo>
#include <utility>

// Theory of operation.
//
// Work. What is to run stands in the ready queue; run_once() takes the whole queue as the batch of one iteration, and
// what a step makes ready waits for the next. Where work comes from is asked in poll(), and nowhere else: signals and
// messages of other threads, the kernel, timers. It is asked when nothing is ready, and else each time that steps_left
// has counted down. The kernel's answers and timers run no code of users: they put it into the queue.
//
// Sleeping. Before the loop waits in the kernel the inbox is told so, and looks once more whether anything has come:
// from then on a sender wakes the backend. A signal wakes it always. So nothing that comes between the last look and
// the wait is slept through.
//
// Leaving. run_forever() ends after an iteration by `stopping`, or before the next step by `exit`: an exception that no
// code of a user may catch on its way, because it is of the loop and not of the step in which it came up. What is left
// of the batch stays there, and runs first when the loop runs again.
//
// Closing, in this order, because each may use what comes later: no more messages; the frames of all tasks, the newest
// first; what is bound to the system (LoopResource: streams, servers, signals, threads); descriptors with callbacks;
// timers; done callbacks and the ready queue; at last the tasks themselves, which may have stood in that. Destructors
// of users run in each of these steps, and may make anything but new work: require_open() throws.
//
// Three loops are not closed but left: one of the parent in the child of a fork(), one that std::exit() finds running
// in another thread, and one in a step of which std::exit() was called (leave_behind()). The first two keep all they
// have.
//
// Nothing of this layer but run.cpp refers to this source: what tasks, futures and the rest ask of a loop is in
// loop_state.cpp. Members that have to do with one matter alone stand beside it: callbacks in handle.cpp, descriptors
// in fd_table.cpp, signals in signals.cpp, the exception handler in report.cpp, executors in threads/executor.cpp.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

namespace {
constexpr unsigned most_steps_per_poll = 256;
constexpr std::int64_t longest_between_polls = 500'000;  // ns

// A wake-up costs more than all else that a timer does: those that are due in quick succession share one. A timer that
// comes alone is not delayed by it. Linux takes the same liberty with every wait of an ordinary thread (prctl(2),
// PR_SET_TIMERSLACK), but not with those of a real-time one.
constexpr std::int64_t shortest_between_timers = 50'000;  // ns

constexpr std::size_t kept_chunks = 16;                           // of frame memory: 1 MiB
constexpr std::int64_t shortest_trim_pause = 1'000'000'000;       // ns
constexpr std::int64_t longest_trim_pause = 60 * 1'000'000'000L;  // ns

// Made by a loop that begins to run in this thread, and gone where the thread-local objects are being destroyed: if a
// loop goes then, and runs still, that is std::exit().
struct NotEnded {};
[[gnu::tls_model("initial-exec")]] constinit thread_local NotEnded* not_ended = nullptr;

// Marks the loop as the one that runs in this thread.
class Running {
 public:
  explicit Running(EventLoop& loop) : state_(loop.state()) {
    per_thread(not_ended);
    state_.running = true;
    state_.thread = std::this_thread::get_id();
    this_thread.loop = &core_of(loop);
    this_thread.task = nullptr;
    this_thread.context = nullptr;
  }
  Running(const Running&) = delete;
  ~Running() {
    state_.running = false;
    this_thread.loop = nullptr;
    this_thread.task = task_;
    this_thread.context = context_;
  }

 private:
  EventLoop::State& state_;
  // Of the caller: tasks and callbacks have their own. There is a task only in the child of a fork() in one.
  TaskBase* task_ = this_thread.task;
  Context* context_ = this_thread.context;
};
}  // namespace

EventLoop::State::State(EventLoop& owner, const LoopOptions& options)
    : loop(owner),
      place(owner),
      backend(make_backend(options.backend, owner.debug)),
      clock(options.clock),
      inbox(&Inbox::take(*backend)),
      fds(owner),
      cancels(owner) {}

EventLoop::EventLoop(const LoopOptions& options) {
  const char* environment = std::getenv("ASYNCIO_DEBUG");
  const bool wanted =
      options.debug || (environment != nullptr && *environment != '\0' && std::strcmp(environment, "0") != 0);
  debug = wanted;  // the backend tells which one it is
  state_ = new State(*this, options);
  set_debug(wanted);
  register_loop(state_->place);
}

EventLoop::~EventLoop() {
  const bool left = state_->running && (state_->thread != std::this_thread::get_id() || not_ended == nullptr);
  if (left) {
    leave_behind();
  } else {
    close();
  }
  unregister_loop(state_->place);
  if (state_->forked()) {
    state_->leave_to_parent();
  } else if (!left) {
    delete state_;
  }
}

// Its tasks are the parent's, as its threads are: they are not unwound. Their destructors would do here what the parent
// has still to do, to files and connections that both have. All stays reachable, so that nobody takes it for a leak.
void EventLoop::State::leave_to_parent() noexcept {
  loop.live.move_all(left);
  loop.callbacks.move_all(left_callbacks);
  batch.take_first(loop.ready);
  keep_parents_loop(place);
}

EventLoop& get_running_loop() { return EventLoop::of(running_loop("get_running_loop")); }

void EventLoop::set_task_factory(TaskFactory factory) {
  state_->check_caller("set_task_factory");
  has_task_factory = static_cast<bool>(factory);
  state_->task_factory = std::move(factory);
}

const TaskFactory& EventLoop::get_task_factory() const { return state_->task_factory; }

void EventLoop::require_startable() const {
  require_open();
  if (state_->running) throw RuntimeError("this event loop is already running");
  if (this_thread.loop != nullptr) throw RuntimeError("cannot run an event loop while another one runs in this thread");
}

void EventLoop::run_forever() {
  require_startable();
  Running running(*this);
  State& state = *state_;
  do {
    state.run_once();
    if (state.exit != nullptr) [[unlikely]] {
      state.stopping = false;
      std::rethrow_exception(std::exchange(state.exit, nullptr));
    }
  } while (!state.stopping);
  state.stopping = false;
}

void EventLoop::run_until_done(FutureBase& future) {
  if (future.loop() != this)
    throw ValueError("run_until_complete: " + describe_stranger(future) + " belongs to another event loop");
  if (!state_->run_until(future)) throw RuntimeError("the event loop was stopped before the future completed");
}

bool EventLoop::State::run_until(FutureBase& future) {
  // Stops the loop when the future ends.
  struct Stopper : LinkedWaiter {
    Stopper(EventLoop& owner, FutureBase& until) : LinkedWaiter(kind()), loop(owner), future(until) {
      future.joiners().push_back(*this);
    }
    ~Stopper() { future.joiners().remove(*this); }
    static const WaitKind& kind() {
      static constexpr WaitKind kind{"run_until_complete", nullptr, nullptr, [](Waiter& waiter) noexcept {
                                       static_cast<Stopper&>(waiter).loop.state().stopping = true;
                                     }};
      return kind;
    }
    EventLoop& loop;
    FutureBase& future;
  };
  if (!future.done()) {
    const Stopper stopper(loop, future);
    try {
      loop.run_forever();
    } catch (const RuntimeError&) {
      // In the child of a fork(), the outcome of what went on there is what counts, if it needed no loop for it.
      if (!forked() || !future.done()) throw;
    }
  }
  return future.done();
}

void EventLoop::stop() {
  state_->check_caller("stop");
  state_->stopping = true;
}

void EventLoop::set_debug(bool on) {
  state_->check_caller("set_debug");
  debug = on;
  if (on) __atomic_store_n(&debug_mode_used, true, __ATOMIC_RELAXED);
}

void EventLoop::State::run_once() {
  if (batch.empty()) {
    if (loop.ready.empty() || steps_left == 0) poll();
    ran_since_trim = true;
    if (exit == nullptr && !loop.debug) [[likely]] {
      // Iterations of one step are frequent, and twice as fast if they are not made a batch first.
      while (Runnable* only = loop.ready.pop_only()) {
        only->run();
        if (--steps_left == 0) [[unlikely]]
          return poll();
        if (stopping || exit != nullptr || loop.debug) [[unlikely]]
          return;
      }
    }
    batch.take_first(loop.ready);
  }
  if (loop.debug) [[unlikely]]
    return run_batch_watched();
  while (exit == nullptr) [[likely]] {  // a poll, too, may have asked to leave: on the second Ctrl-C
    Runnable* next = batch.pop();
    if (next == nullptr) return;
    next->run();
    if (--steps_left == 0) [[unlikely]]
      poll();
  }
}

void EventLoop::State::run_batch_watched() {
  while (exit == nullptr) {
    Runnable* next = batch.pop();
    if (next == nullptr) return;
    // What it is must be known before it runs, because it may be gone afterwards.
    const HandleState* handle = dynamic_cast<HandleState*>(next);
    const std::type_info& type = handle != nullptr ? handle->callback_type() : typeid(*next);
    if (TaskBase* task = dynamic_cast<TaskBase*>(next)) {
      task->run_now();
    } else if (handle != nullptr || dynamic_cast<DoneCallback*>(next) != nullptr) {
      StepWatch step(loop);
      next->run();
      if (step.was_slow())
        step.report([&](ExceptionContext& context) { context.message = "callback " + describe(type); });
    } else {
      next->run();
    }
    if (--steps_left == 0) poll();
  }
}

void EventLoop::State::poll() {
  // How many steps fit into half a millisecond is learnt from the last ones: reading the clock at each would cost more
  // than most of them.
  if (polled_at != 0 && steps_left == 0) {
    const std::int64_t took = backend->now() - polled_at;
    if (took > longest_between_polls) {
      steps_per_poll = static_cast<unsigned>(std::max<std::int64_t>(1, steps_per_poll * longest_between_polls / took));
    } else {
      steps_per_poll = std::min(most_steps_per_poll, steps_per_poll * 2);
    }
  }
  if (signals != nullptr) signals->dispatch();
  if (!inbox->empty()) inbox->run_all(loop);
  const bool idle = batch.empty() && loop.ready.empty() && !stopping && exit == nullptr;
  if (!idle || !idle_waiters.alone()) {
    backend->poll(0);
    if (idle && loop.ready.empty() && inbox->empty() && timers.next() > now()) wake_idle();
  } else if (inbox->prepare_to_wait()) {
    const std::int64_t look_again = trim_memory();
    backend->poll(std::min(wait_until(), look_again));
    inbox->end_wait();
  } else {
    backend->poll(0);  // threads that send all the time do not keep the kernel from being heard
  }
  if (signals != nullptr) signals->dispatch();
  if (!inbox->empty()) inbox->run_all(loop);
  fire_timers();
  polled_at = backend->now();
  steps_left = steps_per_poll;
}

// A loop may be idle a hundred thousand times a second, and a look walks all that is free: so it looks at most once a
// second, for at most 1/256 of the time, and ever more seldom (up to once a minute) where it finds nothing. A loop that
// is idle for long wakes up once more for the look that was put off, and then not again.
std::int64_t EventLoop::State::trim_memory() noexcept {
  if (FramePool::chunks() <= kept_chunks || !ran_since_trim) return KernelBackend::forever;
  if (polled_at < trim_at) return clock == nullptr ? trim_at : KernelBackend::forever;
  const std::int64_t begin = backend->now();
  const bool found = FramePool::trim() > 0;
  const std::int64_t end = backend->now();
  const std::int64_t least = std::max(shortest_trim_pause, (end - begin) * 256);
  trim_pause = std::min(longest_trim_pause, found ? least : std::max(least, trim_pause * 2));
  trim_at = end + trim_pause;
  ran_since_trim = false;
  return KernelBackend::forever;
}

std::int64_t EventLoop::State::wait_until() {
  if (clock == nullptr) return std::max(timers.next(), polled_at + shortest_between_timers);
  if (outside_work > 0) return KernelBackend::forever;
  if (timers.size() == 0) return stand_still() ? 0 : KernelBackend::forever;
  if (fds.watching()) {
    // What can be read or written now comes before what time brings.
    backend->poll(0);
    if (!loop.ready.empty()) return 0;
  }
  clock->advance_to(TimePoint(std::chrono::nanoseconds(timers.next())));
  return 0;
}

// A virtual clock has nowhere to go. True where that has brought something to do.
bool EventLoop::State::stand_still() noexcept {
  const Ref<VirtualClock::Standstill> standstill = clock->standstill();
  if (!standstill || fds.watching() || (signals != nullptr && signals->handles_any())) return false;
  backend->poll(0);
  if (!loop.ready.empty()) return true;
  BoundCallback<void()>& callback = standstill->value;
  run_reporting(&loop, callback.context(), "Exception at a standstill of the clock", callback);
  return !loop.ready.empty() || timers.size() > 0 || stopping || exit != nullptr;
}

void EventLoop::State::wake_idle() noexcept {
  Link waiting;
  idle_waiters.move_all(waiting);
  while (!waiting.alone()) {
    LinkedWaiter& waiter = static_cast<LinkedWaiter&>(*waiting.next);
    waiter.unlink();
    waiter.wake();
  }
}

void EventLoop::push_idle(LinkedWaiter& waiter) noexcept { state_->idle_waiters.push_back(waiter); }

void EventLoop::State::fire_timers() {
  if (timers.size() == 0) return;
  const std::int64_t time = now();
  while (TimerNode* due = timers.pop_due(time)) static_cast<Timer*>(due)->fire();
}

void EventLoop::close() {
  State& state = *state_;
  if (state.running) throw RuntimeError("cannot close a running event loop");
  if (std::exchange(state.closed, true) || state.forked()) return;
  state.inbox->close();
  Link ended;  // tasks, which stay until the ready queue, in which they may stand, has been dropped
  drop_frames(ended);
  let_go();
  while (!ended.alone()) {
    Link& link = *ended.next;
    link.unlink();
    TaskBase::from_live(link).release();
  }
}

// Either another thread has called std::exit(), and this loop runs on until the program has ended: nothing is touched,
// as in the child of a fork(). Or one of its own steps has, and will never return. That step's frames cannot be
// destroyed, and as std::exit() destroys no variables of functions, those of the other tasks are not either. But
// nothing may refer to the loop from now on.
void EventLoop::leave_behind() noexcept {
  State& state = *state_;
  if (state.thread != std::this_thread::get_id() || state.forked()) return;
  static constinit State* left = nullptr;
  state.left_before = std::exchange(left, &state);
  this_thread = {};
  state.closed = true;
  state.inbox->close();
  std::vector<AnyTask> tasks;
  for (Link* link = live.next; link != &live; link = link->next) tasks.emplace_back(&TaskBase::from_live(*link));
  for (const AnyTask& task : tasks) {
    state.left_frames.push_back(const_cast<Promise*>(task.state().innermost()));
    task.state().leave_frames();
  }
  let_go();
}

void EventLoop::drop_frames(Link& ended) noexcept {
  // Frames first: their destructors may wake other tasks, and those must still be there. The newest task goes first: it
  // may refer to what stands in the frames of those that were there before it.
  while (!live.alone()) {
    Link& newest = *live.prev;
    TaskBase& task = TaskBase::from_live(newest);
    task.retain();
    task.destroy_pending();
    ended.push_back(newest);
  }
}

void EventLoop::let_go() noexcept {
  State& state = *state_;
  while (!state.resources.alone()) static_cast<LoopResource&>(*state.resources.next).loop_closing();
  state.fds.clear();
  while (TimerNode* node = state.timers.pop_due(KernelBackend::forever)) {
    // Of all timers only those of callbacks belong to the loop. Those of others are disarmed by that.
    Timer& timer = static_cast<Timer&>(*node);
    if (TimerHandleState::behind(timer) != nullptr) static_cast<TimerHandleState&>(timer).drop();
  }
  ready.take_first(state.batch);
  DoneCallback::drop_all(*this);
  while (Runnable* node = ready.pop()) node->drop();
}

}  // namespace asyncio::inline ASYNCIO_ABI
