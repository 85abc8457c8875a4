// SPDX-License-Identifier: MIT
#include "../measure.h"

#include <uv.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>

// libuv has callbacks and no tasks: only its timers and its way from thread to thread can be compared.

static void measure_timers(uv_loop_t* loop) {
  constexpr int count = 1'000'000;
  measure::Random random;
  const measure::PeakMemory memory;
  const measure::CpuTime time;
  for (int i = 0; i < count; ++i) {
    auto* timer = static_cast<uv_timer_t*>(std::malloc(sizeof(uv_timer_t)));
    uv_timer_init(loop, timer);
    const uv_timer_cb fired = [](uv_timer_t* due) {
      uv_close(reinterpret_cast<uv_handle_t*>(due), [](uv_handle_t* closed) { std::free(closed); });
    };
    uv_timer_start(timer, fired, random() % 1000, 0);
  }
  uv_run(loop, UV_RUN_DEFAULT);
  time.report("timers_cpu", count);
  memory.report("timers_rss", count);
}

// The usual way: a vector under a mutex, and uv_async_send().
struct Inbox {
  using Calls = std::vector<std::function<void()>>;
  static void run_all(uv_async_t* async) {
    Inbox& self = *static_cast<Inbox*>(async->data);
    Calls calls;
    {
      std::lock_guard lock(self.mutex);
      calls.swap(self.calls);
    }
    for (const auto& call : calls) call();
  }

  std::mutex mutex;
  Calls calls;
  uv_async_t async;
};

static void measure_threads(uv_loop_t* loop) {
  measure::pin_to_cpu(0);
  Inbox inbox;
  inbox.async.data = &inbox;
  uv_async_init(loop, &inbox.async, &Inbox::run_all);
  std::thread poster([&] {
    const auto post = [&](auto callable) {
      {
        std::lock_guard lock(inbox.mutex);
        inbox.calls.emplace_back(callable);
      }
      uv_async_send(&inbox.async);
    };
    measure::post_from_another_cpu(post);
    post([&] { uv_close(reinterpret_cast<uv_handle_t*>(&inbox.async), nullptr); });
  });
  uv_run(loop, UV_RUN_DEFAULT);
  poster.join();
}

int main(int, char** arguments) {
  const std::string row = arguments[1];
  if (row == "timers") measure_timers(uv_default_loop());
  if (row == "xthread") measure_threads(uv_default_loop());
}
