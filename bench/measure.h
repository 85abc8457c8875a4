// SPDX-License-Identifier: MIT
#pragma once

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

// What all benchmark programs, ours and the peers', measure and report with, so that their figures can be compared: CPU
// time of the process, wall time where two threads are involved, and resident memory. One JSON object a line.
namespace measure {

inline double clock_ns(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}
inline double cpu_ns() { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }
inline double wall_ns() { return clock_ns(CLOCK_MONOTONIC); }

// A field of /proc/self/status, which are in KiB.
inline double status_bytes(const char* field) {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) std::abort();
  const std::size_t length = std::strlen(field);
  double kib = 0;
  for (char line[256]; std::fgets(line, sizeof line, file) != nullptr;) {
    if (std::strncmp(line, field, length) == 0) kib = std::atof(line + length + 1);
  }
  std::fclose(file);
  return kib * 1024;
}
inline double resident_bytes() { return status_bytes("VmRSS"); }
inline double peak_bytes() { return status_bytes("VmHWM"); }

inline void report_ns(const char* row, double ns) {
  std::printf("{\"t\": \"%s\", \"ns\": %.2f}\n", row, ns);
  std::fflush(stdout);
}
inline void report_bytes(const char* row, double bytes) {
  std::printf("{\"t\": \"%s\", \"bytes\": %.0f}\n", row, bytes);
  std::fflush(stdout);
}

// CPU time per operation, from its construction to report().
class CpuTime {
 public:
  void report(const char* row, double operations) const { report_ns(row, (cpu_ns() - start_) / operations); }

 private:
  double start_ = cpu_ns();
};

// The most memory per object, beyond what there was at its construction.
class PeakMemory {
 public:
  void report(const char* row, double objects) const { report_bytes(row, (peak_bytes() - start_) / objects); }

 private:
  double start_ = resident_bytes();
};

inline void pin_to_cpu(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
}

// Has the compiler believe that the value is used.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

inline void require(bool condition) {
  if (!condition) std::abort();
}

class Random {
 public:
  std::uint64_t operator()() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

 private:
  std::uint64_t state_ = 88172645463325252u;
};

// On a cache line of its own: else what is counted is how the compiler lays out the stack of the posting thread.
struct alignas(128) SharedCounter {
  std::atomic<std::uint64_t> value{0};
};

// The rows xthread_*, on a thread of their own: post(f) has the loop, which is on cpu 0, call f.
template <class Post>
void post_from_another_cpu(Post post) {
  pin_to_cpu(1);
  constexpr std::uint64_t round_trips = 20'000;
  SharedCounter answered;
  std::vector<double> times;
  for (std::uint64_t i = 1; i <= round_trips; ++i) {
    const double start = wall_ns();
    post([&answered, i] { answered.value.store(i, std::memory_order_release); });
    while (answered.value.load(std::memory_order_acquire) != i) {
    }
    times.push_back(wall_ns() - start);
    for (const double pause = wall_ns(); wall_ns() - pause < 20'000;) {  // the loop goes back to sleep
    }
  }
  std::sort(times.begin(), times.end());
  report_ns("xthread_rtt_p50", times[times.size() / 2]);
  report_ns("xthread_rtt_p99", times[times.size() * 99 / 100]);

  constexpr std::uint64_t posts = 1'000'000;
  SharedCounter count;
  const double start = wall_ns();
  for (std::uint64_t i = 0; i < posts; ++i) {
    post([&count] { count.value.fetch_add(1, std::memory_order_relaxed); });
  }
  while (count.value.load(std::memory_order_relaxed) != posts) {
  }
  report_ns("xthread_post", (wall_ns() - start) / static_cast<double>(posts));
}

}  // namespace measure
