// SPDX-License-Identifier: MIT
#include <asyncio/virtual_clock.h>

#include <asyncio/asyncio.h>
#include <asyncio/testing.h>

#include <unistd.h>

#include <csignal>
#include <stdexcept>

using namespace asyncio;
using namespace asyncio::testing;
using namespace std::chrono_literals;

namespace {

TEST(VirtualClock, tells_of_a_standstill_which_a_cancel_can_end) {
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  auto never = loop.create_future();
  auto task = loop.create_task([](Future<> future) -> Coro<> {
    co_await sleep(1h);
    co_await future;
  }(never));
  std::vector<std::chrono::nanoseconds> told;
  clock.on_standstill([&] {
    EXPECT_EQ(&get_running_loop(), &loop);
    told.push_back(clock.elapsed());
    task.cancel();
  });
  EXPECT_THROW(loop.run_until_complete(task), CancelledError);
  EXPECT_EQ(told, std::vector<std::chrono::nanoseconds>{1h});
}

TEST(VirtualClock, a_standstill_can_be_ended_by_stop_or_by_something_to_do) {
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  int times = 0;
  std::string log;
  clock.on_standstill([&] {
    switch (++times) {
      case 1:
        loop.call_soon([&log] { log += "called "; });
        break;
      case 2:
        loop.call_later(1h, [&log] { log += "an hour later "; });
        break;
      default:
        loop.stop();
    }
  });
  loop.run_forever();
  EXPECT_EQ(log, "called an hour later ");
  EXPECT_EQ(times, 3);
  EXPECT_EQ(clock.elapsed(), 1h);
}

TEST(VirtualClock, what_is_called_at_a_standstill_may_put_another_in_its_place_or_none) {
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  std::string log;
  const auto kept = std::make_shared<std::string>("kept ");
  clock.on_standstill([&, name = std::string("the first one, whose name is too long for a short string ")] {
    loop.call_soon([] {});  // so that there is another standstill
    clock.on_standstill([&, kept] {
      clock.on_standstill(nullptr);
      log += *kept;
      loop.stop();
    });
    log += name;
  });
  loop.run_forever();
  EXPECT_EQ(log, "the first one, whose name is too long for a short string kept ");
  EXPECT_EQ(kept.use_count(), 1);
}

Coro<> wait_for_the_outside() {
  EventLoop& loop = get_running_loop();
  co_await to_thread([] {});

  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  auto readable = loop.create_future();
  loop.add_reader(ends[0], [&readable] {
    if (!readable.done()) readable.set_result();
  });
  EXPECT_EQ(::write(ends[1], "x", 1), 1);
  co_await readable;
  loop.remove_reader(ends[0]);
  ::close(ends[0]);
  ::close(ends[1]);

  auto signal = create_task(wait_signal(SIGUSR1));
  co_await until_idle();
  std::raise(SIGUSR1);
  co_await signal;
}

TEST(VirtualClock, does_not_stand_still_while_something_outside_is_waited_for) {
  VirtualClock clock;
  int times = 0;
  clock.on_standstill([&times] { ++times; });
  run(wait_for_the_outside(), {.clock = &clock});
  EXPECT_EQ(times, 0);
}

TEST(VirtualClock, what_is_thrown_at_a_standstill_is_reported) {
  VirtualClock clock;
  EventLoop loop({.clock = &clock});
  std::string reported;
  loop.set_exception_handler([&](EventLoop&, const ExceptionContext& context) {
    reported = context.message;
    loop.stop();
  });
  clock.on_standstill([] { throw std::runtime_error("oops"); });
  loop.run_forever();
  EXPECT_EQ(reported, "Exception at a standstill of the clock");
}

}  // namespace
