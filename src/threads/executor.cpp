// SPDX-License-Identifier: MIT
#include <asyncio/executor.h>

#include "base/fork.h"
#include "loop/loop_state.h"
#include "loop/report.h"
#include "loop/task_extra.h"
#include "threads/threads_of_loop.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

// Theory of operation. The Pool is shared by its owner and its threads, each of which holds a reference: it outlives
// whoever goes first. Everything in it that changes does so under mutex_; what is the user's code (a call, its
// destructor, the telling of futures) runs without it, and so what is to be destroyed or told is taken out first.
//
// A thread is made when work comes for which none is idle. It serves until the pool is closed and the queue empty,
// counts itself out, and the last one tells those who wait for the end. The std::threads are in threads_ until somebody
// takes them out to join them, or to let them go; several may join, and each waits until all have been joined.
//
// The owner goes in one of three ways: it joins; or, where it is destroyed by work of the pool itself, or abandoned, it
// lets go of the threads, which finish what they have; or, in the child of a fork(), where there are none and a lock
// may be held for ever, it touches nothing, and keeps the pool for ever (stay()).
//
// What a loop has of executors is a ThreadsOfLoop: a resource of the loop that it knows by its base class alone.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

// What the threads of a pool and its owner share. It outlives the owner where that has let go of the threads.
class ThreadPoolExecutor::Pool : public std::enable_shared_from_this<Pool> {
 public:
  Pool(int max_workers, std::string_view prefix, Callback<void()> initializer)
      : most_threads_(static_cast<std::size_t>(max_workers)), prefix_(prefix), initializer_(std::move(initializer)) {}

  // False in the child of a fork() that came later: there are no threads then, the locks may be held for ever, and all
  // that can be done is to leave everything alone.
  bool here() const { return !made_.forked(); }
  void require_here() const {
    if (!here()) throw RuntimeError("the threads of this executor are the parent's: the child of a fork() has none");
  }
  // Where it is not here: is never destroyed, and does not count as a leak.
  void stay() noexcept {
    self_ = shared_from_this();
    next_left_ = left.exchange(this);
  }

  void post(std::unique_ptr<Work> work);
  void require_outside() const;  // throws RuntimeError in a thread of the pool
  void close(bool cancel_futures) noexcept;
  void join();
  void let_go() noexcept;
  ThreadFuture<> ended();
  std::size_t unfinished() {
    std::lock_guard lock(mutex_);
    return queue_.size() + working_;
  }
  bool is_member() const { return pool_of_this_thread == this; }  // the calling thread

 private:
  void start_thread();
  void serve() noexcept;
  void perform(std::unique_ptr<Work> work) noexcept;
  bool initialize() noexcept;
  void leave() noexcept;
  // Tells those who wait for the end, where this is it; by way of what is to be told once the lock is free.
  using Told = std::vector<std::shared_ptr<ThreadFutureState<void>>>;
  Told take_told() noexcept { return alive_ == 0 && closed_ ? std::exchange(told_at_end_, {}) : Told(); }
  static void tell(const Told& told) noexcept;

  static constinit std::atomic<Pool*> left;
  const ProcessMark made_;
  std::shared_ptr<Pool> self_;
  Pool* next_left_ = nullptr;

  const std::size_t most_threads_;
  const std::string prefix_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<std::unique_ptr<Work>> queue_;
  std::vector<std::thread> threads_;  // joined or detached by whoever takes them out
  std::size_t joining_ = 0;           // threads that do so
  std::size_t started_ = 0;
  std::size_t alive_ = 0;
  std::size_t idle_ = 0;
  std::size_t working_ = 0;  // threads that make a call
  bool closed_ = false;
  std::exception_ptr broken_;
  Callback<void()> initializer_;
  std::mutex initializing_;  // the initializer is one object: its calls do not overlap
  Told told_at_end_;

  [[gnu::tls_model("initial-exec")]] static constinit thread_local const Pool* pool_of_this_thread;
};

constinit thread_local const ThreadPoolExecutor::Pool* ThreadPoolExecutor::Pool::pool_of_this_thread = nullptr;
constinit std::atomic<ThreadPoolExecutor::Pool*> ThreadPoolExecutor::Pool::left = nullptr;

void ThreadPoolExecutor::Pool::post(std::unique_ptr<Work> work) {
  std::lock_guard lock(mutex_);  // gone before the work, whose destructor is the user's code
  if (broken_ != nullptr) std::rethrow_exception(broken_);
  if (closed_) throw RuntimeError("the executor is shut down, and takes no more work");
  queue_.push_back(std::move(work));
  // An idle thread which has been notified for earlier work counts as idle until it wakes: hence the comparison.
  if (queue_.size() <= idle_ || threads_.size() == most_threads_) return changed_.notify_one();
  try {
    start_thread();
  } catch (...) {
    if (alive_ > 0) return;  // it will be done, only later
    work = std::move(queue_.back());
    queue_.pop_back();
    throw;
  }
}

void ThreadPoolExecutor::Pool::start_thread() {
  threads_.reserve(threads_.size() + 1);
  std::string name = prefix_ + "_" + std::to_string(started_);
  if (name.size() > 15) name.erase(0, name.size() - 15);
  std::thread thread([self = shared_from_this(), name = std::move(name)] {
    ::pthread_setname_np(::pthread_self(), name.c_str());
    self->serve();
  });
  threads_.push_back(std::move(thread));
  ++started_;
  ++alive_;
}

void ThreadPoolExecutor::Pool::serve() noexcept {
  pool_of_this_thread = this;
  if (initialize()) {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      changed_.wait(lock, [this] { return !queue_.empty() || closed_ || broken_ != nullptr; });
      --idle_;
      if (queue_.empty()) break;
      std::unique_ptr<Work> work = std::move(queue_.front());
      queue_.pop_front();
      ++working_;
      lock.unlock();
      perform(std::move(work));
      lock.lock();
      --working_;
    }
  }
  leave();
}

void ThreadPoolExecutor::Pool::perform(std::unique_ptr<Work> work) noexcept {
  Context own = Context::current();  // what a job sets is not there in the next one
  Context::Entered entered(own);
  work->run();
  work.reset();
}

bool ThreadPoolExecutor::Pool::initialize() noexcept {
  if (!initializer_) return true;
  std::exception_ptr error;
  try {
    std::lock_guard lock(initializing_);
    initializer_();
    return true;
  } catch (...) {
    error = std::current_exception();
  }
  report_made(nullptr, "Exception in the initializer of a ThreadPoolExecutor",
              [&](ExceptionContext& context) { context.exception = std::move(error); });
  auto broken =
      std::make_exception_ptr(BrokenThreadPool("the initializer of the thread pool threw: it cannot be used"));
  std::list<std::unique_ptr<Work>> dropped;
  {
    std::lock_guard lock(mutex_);
    if (broken_ == nullptr) broken_ = broken;
    std::swap(dropped, queue_);
    changed_.notify_all();
  }
  for (auto& work : dropped) work->fail(broken);
  return false;
}

void ThreadPoolExecutor::Pool::leave() noexcept {
  Told told;
  {
    std::lock_guard lock(mutex_);
    --alive_;
    told = take_told();
  }
  tell(told);
}

void ThreadPoolExecutor::Pool::tell(const Told& told) noexcept {
  for (auto& state : told) {
    ResultSlot<void> nothing;
    nothing.emplace();
    state->finish(nothing);
  }
}

void ThreadPoolExecutor::Pool::require_outside() const {
  if (is_member()) throw RuntimeError("a thread of the pool cannot wait for its end: use shutdown({.wait = false})");
}

void ThreadPoolExecutor::Pool::close(bool cancel_futures) noexcept {
  std::list<std::unique_ptr<Work>> dropped;  // destroyed, and so cancelled, without the lock
  Told told;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    if (cancel_futures) std::swap(dropped, queue_);
    changed_.notify_all();
    told = take_told();
  }
  tell(told);
}

void ThreadPoolExecutor::Pool::join() {
  std::unique_lock lock(mutex_);
  std::vector<std::thread> threads = std::exchange(threads_, {});
  ++joining_;
  lock.unlock();
  for (std::thread& thread : threads) thread.join();
  lock.lock();
  // Another one may have taken the threads, and be waiting for them still: that is not the end for this one either.
  if (--joining_ == 0) changed_.notify_all();
  changed_.wait(lock, [this] { return joining_ == 0; });
}

void ThreadPoolExecutor::Pool::let_go() noexcept {
  std::vector<std::thread> threads;
  bool busy = false;
  {
    std::lock_guard lock(mutex_);
    busy = !queue_.empty() || idle_ < alive_ || is_member();
    std::swap(threads, threads_);
  }
  // Idle threads end at once: to wait for them leaves nothing behind.
  for (std::thread& thread : threads) busy ? thread.detach() : thread.join();
}

ThreadFuture<> ThreadPoolExecutor::Pool::ended() {
  auto state = std::make_shared<ThreadFutureState<void>>();
  Told told;
  {
    std::lock_guard lock(mutex_);
    told_at_end_.push_back(state);
    told = take_told();
  }
  tell(told);
  return ThreadFuture<>(std::move(state));
}

ThreadPoolExecutor::ThreadPoolExecutor(int max_workers, std::string_view thread_name_prefix,
                                       Callback<void()> initializer) {
  if (max_workers < 1)
    throw ValueError("ThreadPoolExecutor: max_workers must be at least 1, not " + std::to_string(max_workers));
  pool_ = std::make_shared<Pool>(max_workers, thread_name_prefix, std::move(initializer));
}

ThreadPoolExecutor::ThreadPoolExecutor(ThreadPoolExecutor&& other) noexcept : pool_(std::move(other.pool_)) {}

ThreadPoolExecutor::~ThreadPoolExecutor() {
  if (pool_ == nullptr) return;
  if (!pool_->here()) {
    pool_->stay();
    return;
  }
  pool_->close(false);
  if (pool_->is_member()) {
    pool_->let_go();  // destroyed by its own work
  } else {
    pool_->join();
  }
}

ThreadPoolExecutor::Pool& ThreadPoolExecutor::pool() const {
  if (pool_ == nullptr) refuse_empty("ThreadPoolExecutor");
  return *pool_;
}

void ThreadPoolExecutor::post(std::unique_ptr<Work> work) {
  pool().require_here();
  pool().post(std::move(work));
}

void ThreadPoolExecutor::shutdown(const ExecutorShutdownOptions& options) {
  if (!pool().here()) return;
  if (options.wait) pool_->require_outside();
  pool_->close(options.cancel_futures);
  if (options.wait) pool_->join();
}

ThreadFuture<> ThreadPoolExecutor::ended() {
  pool().require_here();
  return pool().ended();
}

std::size_t ThreadPoolExecutor::unfinished() const {
  pool().require_here();
  return pool().unfinished();
}

void ThreadPoolExecutor::abandon() noexcept {
  if (pool_ == nullptr || !pool_->here()) return;
  pool_->close(false);
  pool_->let_go();
}

int ThreadPoolExecutor::default_workers() {
  // Those that this process may use; a container often has fewer than the machine.
  cpu_set_t allowed;
  const int count = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  return std::min(32, count + 4);
}

ThreadsOfLoop& ThreadsOfLoop::of(EventLoop& loop) {
  EventLoop::State& state = loop.state();
  state.require_open();
  if (state.threads == nullptr) {
    state.threads = new ThreadsOfLoop(loop);
    state.resources.push_back(*state.threads);
  }
  return static_cast<ThreadsOfLoop&>(*state.threads);
}

void ThreadsOfLoop::loop_closing() noexcept {
  while (!deliveries.alone()) Delivery::from_live(*deliveries.next).abandon();
  if (executor != nullptr) executor->abandon();
  if (resolver != nullptr) resolver->abandon();
  loop_.state().threads = nullptr;
  delete this;
}

Executor& EventLoop::default_executor() {
  check_executor_call();
  ThreadsOfLoop& threads = ThreadsOfLoop::of(*this);
  if (threads.executor_shut_down) throw RuntimeError("the default executor has been shut down");
  if (threads.executor == nullptr) threads.executor = std::make_shared<ThreadPoolExecutor>();
  return *threads.executor;
}

Executor& EventLoop::resolver() {
  // Few: a name server that does not answer keeps a thread for half a minute, but they mostly wait.
  constexpr int most_threads = 8;
  state_->check_caller("resolver");
  require_open();
  ThreadsOfLoop& threads = ThreadsOfLoop::of(*this);
  if (threads.resolver == nullptr) threads.resolver = std::make_unique<ThreadPoolExecutor>(most_threads, "resolver");
  return *threads.resolver;
}

void EventLoop::check_executor_call() const {
  state_->check_caller("run_in_executor");
  require_open();
}

void EventLoop::set_default_executor(ThreadPoolExecutor executor) {
  state_->check_caller("set_default_executor");
  ThreadsOfLoop& threads = ThreadsOfLoop::of(*this);
  auto next = std::make_shared<ThreadPoolExecutor>(std::move(executor));
  if (threads.executor != nullptr) threads.executor->abandon();
  threads.executor = std::move(next);
}

struct StopSource::Source : std::stop_source {};

StopSource::StopSource() : source_(std::make_unique<Source>()) {}
StopSource::~StopSource() = default;
std::stop_token StopSource::token() const { return source_->get_token(); }
void StopSource::request_stop() const noexcept { source_->request_stop(); }

const WaitKind ThreadWait::kind{
    .reason = "to_thread",
    .remove =
        [](Waiter& waiter) noexcept {
          ThreadWait& wait = static_cast<ThreadWait&>(waiter);
          wait.future_->joiners().remove(wait);
        },
    .interrupt = &ThreadWait::interrupt,
};

bool ThreadWait::interrupt(Waiter& waiter) noexcept {
  ThreadWait& wait = static_cast<ThreadWait&>(waiter);
  if (wait.call_->cancel()) return true;  // it has not begun, and never will
  // The request stays where it is, and lands when the call has ended.
  if (wait.stop_ != nullptr) {
    const OnBehalfOf waiting(*wait.task());  // what the call has registered with its token runs here
    wait.stop_->request_stop();
  }
  return false;
}

Coro<> EventLoop::shutdown_default_executor(TimeLimit timeout) {
  ThreadsOfLoop& threads = ThreadsOfLoop::of(*this);
  threads.executor_shut_down = true;
  const std::shared_ptr<ThreadPoolExecutor> executor = threads.executor;
  if (executor == nullptr) co_return;
  executor->shutdown({.wait = false});
  Future<> ended = wrap_future(executor->ended(), *this);
  TimerHandle timer;
  if (!timeout.for_ever()) timer = call_later(timeout.nanoseconds(), [ended] { ended.cancel(); });
  co_await Ended(ended.state());
  if (timer) timer.cancel();
  if (ended.cancelled()) {
    report(this, {.message = "the threads of the default executor did not end in time; the loop goes on without them"});
    executor->abandon();
  } else {
    executor->shutdown({});
  }
  // Meanwhile another call of this may have come to its end, and another executor may have been set.
  if (threads.executor == executor) threads.executor.reset();
}

}  // namespace asyncio::inline ASYNCIO_ABI
