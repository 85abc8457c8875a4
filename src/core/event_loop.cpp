// SPDX-License-Identifier: MIT
#include <asyncio/event_loop.h>

#include "core/loop_state.h"
#include "core/report.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace {
constexpr unsigned most_steps_per_poll = 256;
constexpr std::int64_t longest_between_polls = 500'000;  // ns

// Marks the loop as the one that runs in this thread.
class Running {
 public:
  explicit Running(EventLoop& loop) : state_(loop.state()) {
    if (state_.closed) throw RuntimeError("the event loop is closed");
    if (state_.running) throw RuntimeError("this event loop is already running");
    if (this_thread.loop != nullptr)
      throw RuntimeError("cannot run an event loop while another one runs in this thread");
    state_.running = true;
    state_.thread = std::this_thread::get_id();
    this_thread.loop = &loop;
  }
  Running(const Running&) = delete;
  ~Running() {
    state_.running = false;
    this_thread.loop = nullptr;
  }

 private:
  EventLoop::State& state_;
};
}  // namespace

EventLoop::State::State(EventLoop& owner, const LoopOptions& options)
    : loop(owner),
      backend(make_backend(options.backend, owner.debug)),
      clock(options.clock),
      inbox(new Inbox(*backend)) {}

EventLoop::State::~State() { inbox->release(); }

EventLoop::EventLoop(const LoopOptions& options) {
  const char* environment = std::getenv("ASYNCIO_DEBUG");
  debug = options.debug || (environment != nullptr && *environment != '\0' && std::strcmp(environment, "0") != 0);
  state_ = std::make_unique<State>(*this, options);
}

EventLoop::~EventLoop() { close(); }

bool EventLoop::is_running() const { return state_->running; }
bool EventLoop::is_closed() const { return state_->closed; }
std::string_view EventLoop::backend() const { return state_->backend->name(); }

void EventLoop::require_open() const {
  if (state_->closed) throw RuntimeError("the event loop is closed");
}

EventLoop& get_running_loop() { return EventLoop::of(running_loop()); }

void EventLoop::run_forever() {
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
  if (future.loop() != this) throw ValueError("the future belongs to another event loop");
  // Stops the loop when the future ends.
  struct Stopper : LinkedWaiter {
    explicit Stopper(EventLoop& owner) : LinkedWaiter(kind()), loop(owner) {}
    ~Stopper() { unlink(); }
    static const WaitKind& kind() {
      static constexpr WaitKind kind{"run_until_complete", nullptr, nullptr,
                                     [](Waiter& waiter) noexcept { static_cast<Stopper&>(waiter).loop.stop(); }};
      return kind;
    }
    EventLoop& loop;
  };
  if (!future.done()) {
    Stopper stopper(*this);
    future.joiners().push_back(stopper);
    run_forever();
  }
  if (!future.done()) throw RuntimeError("the event loop was stopped before the future completed");
}

void EventLoop::stop() noexcept { state_->stopping = true; }

void EventLoop::State::leave_with(std::exception_ptr error) noexcept {
  if (exit == nullptr) exit = std::move(error);
}

void EventLoop::State::check_thread(const char* operation) const {
  if (!running || thread == std::this_thread::get_id()) return;
  throw RuntimeError(
      std::string(operation) +
      " is not thread-safe, and was called from another thread than the loop's: use call_soon_threadsafe");
}

void EventLoop::State::run_once() {
  if (batch.empty()) {
    if (loop.ready.empty() || steps_left == 0) poll();
    batch.take_first(loop.ready);
  }
  while (Runnable* next = batch.pop()) {
    next->run();
    if (exit != nullptr) [[unlikely]]
      return;
    if (--steps_left == 0) [[unlikely]]
      poll();
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
  if (!inbox->empty()) inbox->run_all(loop);
  const bool idle = batch.empty() && loop.ready.empty() && !stopping && exit == nullptr;
  if (!idle || !idle_waiters.alone()) {
    backend->poll(0);
    if (idle && loop.ready.empty() && inbox->empty() && timers.next() > now()) wake_idle();
  } else if (inbox->prepare_to_wait()) {
    backend->poll(wait_until());
    inbox->end_wait();
  }
  if (!inbox->empty()) inbox->run_all(loop);
  fire_timers();
  polled_at = backend->now();
  steps_left = steps_per_poll;
}

std::int64_t EventLoop::State::wait_until() {
  if (clock == nullptr) return timers.next();
  if (outside_work > 0 || timers.size() == 0) return KernelBackend::forever;
  clock->advance_to(TimePoint(std::chrono::nanoseconds(timers.next())));
  return 0;
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
  if (std::exchange(state.closed, true)) return;
  state.inbox->close();
  // Frames first: their destructors may wake other tasks, and those must still be there.
  std::vector<AnyTask> tasks;
  for (Link* link = live.next; link != &live; link = link->next) tasks.emplace_back(&TaskBase::from_live(*link));
  for (const AnyTask& task : tasks) task.state()->destroy_pending();
  while (TimerNode* timer = state.timers.pop_due(KernelBackend::forever)) static_cast<Timer*>(timer)->fire();
  ready.take_first(state.batch);
  while (Runnable* node = ready.pop()) node->drop();
}

TimePoint EventLoop::time() const { return TimePoint(std::chrono::nanoseconds(state_->now())); }

TimePoint EventLoop::deadline_after(std::chrono::nanoseconds delay) const {
  const TimePoint now = time();
  return delay < TimePoint::max() - now ? now + delay : TimePoint::max();
}

void EventLoop::arm(Timer& timer, TimePoint when) { state_->timers.arm(timer, when.time_since_epoch().count()); }
void EventLoop::disarm(Timer& timer) noexcept { state_->timers.disarm(timer); }

}  // namespace asyncio::inline ASYNCIO_ABI
