// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <utility>

// What a callable holds is destroyed where the callable is taken back, replaced or has run. Its destructor may use the
// very thing that lets go of it, and hold the last handle to that: an object whose timer keeps it alive, say, and which
// cancels its timers when it goes.

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

// Calls f when it goes, once.
template <class F>
class AtItsEnd {
 public:
  AtItsEnd(F f) : f_(std::move(f)) {}
  AtItsEnd(AtItsEnd&& other) noexcept : f_(std::move(other.f_)), mine_(std::exchange(other.mine_, false)) {}
  ~AtItsEnd() {
    if (mine_) f_();
  }

 private:
  F f_;
  bool mine_ = true;
};

// A callable of any signature that holds one.
template <class F>
auto holding(F f) {
  return [held = AtItsEnd<F>(std::move(f))](auto&&...) {};
}

template <class H>
struct LastHandle {
  void cancel_and_drop() {
    handle.cancel();
    handle = H();
    ++ends;
  }
  H handle;
  int ends = 0;
};

ASYNC_TEST(Reentry, a_handle_may_be_cancelled_and_dropped_by_what_its_callback_holds) {
  EventLoop& loop = get_running_loop();
  LastHandle<Handle> last;
  last.handle = loop.call_soon(holding([&last] { last.cancel_and_drop(); }));
  last.handle.cancel();
  EXPECT_EQ(last.ends, 1);
  last.handle = loop.call_soon(holding([&last] { last.cancel_and_drop(); }));
  co_await settle();  // it has run
  EXPECT_EQ(last.ends, 2);
}

ASYNC_TEST(Reentry, a_timer_may_be_cancelled_and_dropped_by_what_its_callback_holds) {
  EventLoop& loop = get_running_loop();
  LastHandle<TimerHandle> last;
  last.handle = loop.call_later(1h, holding([&last] { last.cancel_and_drop(); }));
  last.handle.cancel();
  EXPECT_EQ(last.ends, 1);
  last.handle = loop.call_later(1h, holding([&last] { last.cancel_and_drop(); }));
  co_await sleep(2h);
  EXPECT_EQ(last.ends, 2);
}

ASYNC_TEST(Reentry, a_call_from_a_thread_may_be_cancelled_and_made_again_by_what_its_callback_holds) {
  EventLoop& loop = get_running_loop();
  ThreadsafeHandle handle;
  int ends = 0;
  const auto end = [&] {
    EXPECT_FALSE(handle.cancel());
    loop.call_soon_threadsafe([&ends] { ++ends; });
  };
  handle = loop.call_soon_threadsafe(holding(end));
  EXPECT_TRUE(handle.cancel());
  co_await settle();
  EXPECT_EQ(ends, 1);
  handle = loop.call_soon_threadsafe(holding(end));
  co_await settle();
  EXPECT_EQ(ends, 2);
}

ASYNC_TEST(Reentry, a_done_callback_may_be_removed_by_what_it_holds) {
  Future<> future;
  std::uint64_t token = 0;
  int ends = 0;
  const auto end = [&] {
    EXPECT_FALSE(future.remove_done_callback(token));
    ++ends;
  };
  token = future.add_done_callback(holding(end));
  EXPECT_TRUE(future.remove_done_callback(token));
  EXPECT_EQ(ends, 1);
  token = future.add_done_callback(holding(end));
  future.set_result();
  co_await settle();
  EXPECT_EQ(ends, 2);
}

ASYNC_TEST(Reentry, a_reader_may_be_removed_and_replaced_by_what_it_holds) {
  EventLoop& loop = get_running_loop();
  int ends[2];
  require_eq(::pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  int gone = 0;
  const auto end = [&] {
    ++gone;
    EXPECT_FALSE(loop.remove_reader(ends[0]));
    loop.add_reader(ends[0], [] {});
  };
  loop.add_reader(ends[0], holding(end));
  EXPECT_TRUE(loop.remove_reader(ends[0]));
  EXPECT_TRUE(loop.remove_reader(ends[0]));  // the other one
  EXPECT_EQ(gone, 1);
  ::close(ends[0]);
  ::close(ends[1]);
  co_return;
}

ASYNC_TEST(Reentry, a_signal_handler_may_be_removed_and_replaced_by_what_it_holds) {
  EventLoop& loop = get_running_loop();
  int gone = 0;
  const auto end = [&] {
    ++gone;
    EXPECT_FALSE(loop.remove_signal_handler(SIGUSR1));
    loop.add_signal_handler(SIGUSR1, [] {});
    EXPECT_TRUE(loop.remove_signal_handler(SIGUSR1));
  };
  loop.add_signal_handler(SIGUSR1, holding(end));
  EXPECT_TRUE(loop.remove_signal_handler(SIGUSR1));
  EXPECT_FALSE(loop.remove_signal_handler(SIGUSR1));
  EXPECT_EQ(gone, 1);
  co_return;
}

TEST(Reentry, the_handlers_of_a_loop_may_be_replaced_by_what_they_hold) {
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  std::string log;
  loop.set_exception_handler(holding([&] {
    log += "handler ";
    loop.set_exception_handler([&](EventLoop&, const ExceptionContext& context) { log += context.message; });
  }));
  loop.set_exception_handler({});
  loop.set_task_factory(holding([&] {
    log += "factory ";
    loop.set_task_factory({});
  }));
  loop.set_task_factory({});
  clock.on_standstill(holding([&] {
    log += "standstill ";
    clock.on_standstill(nullptr);
  }));
  clock.on_standstill(nullptr);
  EXPECT_EQ(log, "handler factory standstill ");
}

}  // namespace
