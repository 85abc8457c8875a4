// SPDX-License-Identifier: MIT
#include <asyncio/every.h>
#include <asyncio/executor.h>
#include <asyncio/lowlevel/fd_ready.h>
#include <asyncio/lowlevel/timer.h>
#include <asyncio/lowlevel/wait_queue.h>
#include <asyncio/lowlevel/watched_fd.h>
#include <asyncio/rate_limiter.h>
#include <asyncio/retry.h>
#include <asyncio/signal.h>
#include <asyncio/wait.h>

#include "tests/structured/outliving.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>

// What a program may keep after its loop has gone: of what the operating system and the clock tell, and of what
// primitives and transports are written with.

using namespace outliving_test;

namespace {

template <class T>
std::shared_ptr<T> keep(T kept) {
  return std::make_shared<T>(std::move(kept));
}

struct Pipe {
  Pipe() { EXPECT_EQ(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0); }
  Pipe(const Pipe&) = delete;
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  int ends[2];
};

struct Bell final : lowlevel::WatchedFd {
  explicit Bell(int fd) : WatchedFd(fd) { watch(get_running_loop()); }
  ~Bell() { unwatch(); }
  void ready(std::uint8_t) noexcept override {}
};

struct Alarm final : lowlevel::Timer {
  Alarm() : Timer([](Timer&) noexcept {}), loop(get_running_loop()) { loop.arm(*this, loop.deadline_after(10h)); }
  ~Alarm() { stop(); }
  void stop() noexcept {
    if (armed()) loop.disarm(*this);
  }
  EventLoop& loop;
};

struct Gate {
  lowlevel::WaitQueue waiters;
};
struct Pass : lowlevel::QueuedWaiter {
  static constexpr lowlevel::WaitKind kind = lowlevel::WaitQueue::kind("Gate.pass");
  explicit Pass(Gate& gate) : QueuedWaiter(gate.waiters, kind) {}
};

constexpr const char* no_loop = ": no running event loop in this thread; call it in a coroutine, which run() runs";

const Row lowlevel_rows[] = {
    {"WatchedFd",
     [](Afterwards& after) -> Coro<> {
       const auto pipe = std::make_shared<Pipe>();
       const auto bell = std::make_shared<Bell>(pipe->ends[0]);
       after("unwatch", [pipe, bell] { bell->unwatch(); });
       after("watched", [bell] { EXPECT_FALSE(bell->watched()); });
       co_await sleep(1h);
     }},
    {"WatchedFd that is watched to its own end",
     [](Afterwards& after) -> Coro<> {
       const auto pipe = std::make_shared<Pipe>();
       const auto bell = std::make_shared<Bell>(pipe->ends[0]);
       after("kept", [pipe, bell] { EXPECT_EQ(bell->fd(), pipe->ends[0]); });
       co_await sleep(1h);
     }},
    {"readable()",
     [](Afterwards& after) -> Coro<> {
       const auto pipe = std::make_shared<Pipe>();
       after("never awaited", [wait = keep(lowlevel::readable(pipe->ends[0]))] {});
       after("written", [pipe] { EXPECT_EQ(::write(pipe->ends[1], "x", 1), 1); });
       co_await lowlevel::readable(pipe->ends[0]);
     }},
    {"Timer",
     [](Afterwards& after) -> Coro<> {
       const auto alarm = std::make_shared<Alarm>();
       after("stop", [alarm] { alarm->stop(); });
       after("armed", [alarm] { EXPECT_FALSE(alarm->armed()); });
       co_await sleep(1h);
     }},
    {"WaitQueue",
     [](Afterwards& after) -> Coro<> {
       const auto gate = std::make_shared<Gate>();
       after("never awaited", [gate, pass = keep(Pass(*gate))] {});
       after("wake_all", [gate] { static_cast<void>(gate->waiters.wake_all()); });
       after("empty", [gate] { EXPECT_TRUE(gate->waiters.empty()); });
       co_await Pass(*gate);
     }},
};

const Row clock_rows[] = {
    {"RateLimiter for which tasks wait",
     [](Afterwards& after) -> Coro<> {
       const auto limiter = std::make_shared<RateLimiter>(1, 1h);
       after("never awaited", [limiter, acquire = keep(limiter->acquire())] {});
       after("in the next loop", [limiter] {
         run([](RateLimiter& next) -> Coro<> {
           static_cast<void>(next.try_acquire());
           co_return;
         }(*limiter));
       });
       after(
           "without a loop", [limiter] { static_cast<void>(limiter->available()); },
           std::string("RateLimiter.available") + no_loop);
       co_await limiter->acquire();
       co_await limiter->acquire();
     }},
    {"every()",
     [](Afterwards& after) -> Coro<> {
       const auto calls = std::make_shared<int>(0);
       after("closed", [coro = keep(every(1h, [] {}))] { coro->close(); });
       after("calls", [calls] { EXPECT_EQ(*calls, 1); });
       co_await every(1h, [calls] { ++*calls; });
     }},
    {"retry() that waits for its next attempt",
     [](Afterwards& after) -> Coro<> {
       const auto calls = std::make_shared<int>(0);
       after("calls", [calls] { EXPECT_EQ(*calls, 1); });
       const auto fail = [calls]() -> Coro<> {
         ++*calls;
         throw std::runtime_error("no");
         co_return;
       };
       co_await retry(fail, {.delay = 1h});
     }},
    {"wait() and what tells of an end",
     [](Afterwards& after) -> Coro<> {
       Future<int> future;
       after("never awaited", [ended = keep(future.ended())] {});
       after("set_result", [future] { future.set_result(1); });
       const std::vector<Future<int>> futures{future};
       static_cast<void>(co_await wait(futures, {.timeout = 2h}));
     }},
};

// In the main thread only: a loop of another one has none to wait for.
const Row signal_rows[] = {
    {"wait_signal()",
     [](Afterwards& after) -> Coro<> {
       after("never awaited", [wait = keep(wait_signal(SIGUSR1))] {});
       co_await wait_signal(SIGUSR2);
     }},
    {"signals()",
     [](Afterwards& after) -> Coro<> {
       const std::shared_ptr<SignalStream> stream(new SignalStream(signals(SIGUSR1)));
       after("never awaited", [stream, next = keep(stream->next())] {});
       after("next", [stream] { stream->next().await_ready(); }, "signals.next: the event loop has ended");
       co_await stream->next();
     }},
};

TEST(Outliving, what_primitives_and_transports_are_written_with) { check(lowlevel_rows); }
TEST(Outliving, what_goes_by_the_clock) { check(clock_rows); }
TEST(Outliving, signals) {
  check(signal_rows);
  struct sigaction action{};
  for (int signal : {SIGUSR1, SIGUSR2}) {
    ::sigaction(signal, nullptr, &action);
    EXPECT_EQ(action.sa_handler, SIG_DFL);
  }
}

}  // namespace
