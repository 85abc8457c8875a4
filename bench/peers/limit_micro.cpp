// SPDX-License-Identifier: MIT
#include "../measure.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <coroutine>
#include <string>
#include <thread>
#include <utility>

// The least that a C++20 coroutine runtime can do for each row: frames from a free list, symmetric transfer, a queue of
// handles, a heap of timers. Not a library: no exceptions, no cancelling, one thread, nothing that tells who waits
// where.

using Handle = std::coroutine_handle<>;

// Free lists of blocks in classes of 16 bytes.
class Pool {
 public:
  void* get(std::size_t size) {
    const std::size_t index = (size + 15) / 16;
    if (index > classes) return ::operator new(size);
    if (Block* block = free_[index]) {
      free_[index] = block->next;
      return block;
    }
    if (static_cast<std::size_t>(end_ - cursor_) < index * 16) {
      cursor_ = static_cast<char*>(std::malloc(chunk));
      end_ = cursor_ + chunk;
    }
    return std::exchange(cursor_, cursor_ + index * 16);
  }
  void put(void* memory, std::size_t size) {
    const std::size_t index = (size + 15) / 16;
    if (index > classes) return ::operator delete(memory);
    Block* block = static_cast<Block*>(memory);
    block->next = std::exchange(free_[index], block);
  }

 private:
  struct Block {
    Block* next;
  };
  static constexpr std::size_t classes = 64;
  static constexpr std::size_t chunk = 1 << 16;

  Block* free_[classes + 1] = {};
  char* cursor_ = nullptr;
  char* end_ = nullptr;
};
static Pool pool;

// The queue of the loop: a ring whose size is a power of two.
class Ring {
 public:
  bool empty() const { return head_ == tail_; }
  std::size_t size() const { return tail_ - head_; }
  void push(Handle handle) {
    if (size() == capacity_) grow();
    items_[tail_++ & (capacity_ - 1)] = handle;
  }
  Handle pop() { return items_[head_++ & (capacity_ - 1)]; }

 private:
  void grow() {
    const std::size_t capacity = capacity_ == 0 ? 1024 : capacity_ * 2;
    Handle* items = new Handle[capacity];
    for (std::size_t i = head_; i != tail_; ++i) items[i - head_] = items_[i & (capacity_ - 1)];
    tail_ -= head_;
    head_ = 0;
    delete[] items_;
    items_ = items;
    capacity_ = capacity;
  }

  Handle* items_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
};
static Ring ready;

struct Promise {
  static void* operator new(std::size_t size) { return pool.get(size); }
  static void operator delete(void* memory, std::size_t size) { pool.put(memory, size); }
  std::suspend_always initial_suspend() noexcept { return {}; }
  struct Leave {
    bool await_ready() noexcept { return false; }
    template <class P>
    Handle await_suspend(std::coroutine_handle<P> self) noexcept {
      const Handle parent = self.promise().parent;
      return parent ? parent : std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };
  Leave final_suspend() noexcept { return {}; }
  void return_value(int result) { value = result; }
  void unhandled_exception() { std::abort(); }

  int value;
  Handle parent;
};

// A coroutine: awaited by its parent, or started, which leaves the result in its frame.
class Coro {
 public:
  struct promise_type : Promise {
    Coro get_return_object() { return Coro(std::coroutine_handle<promise_type>::from_promise(*this)); }
  };
  explicit Coro(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  Coro(Coro&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  ~Coro() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() { return handle_.done(); }
  Handle await_suspend(Handle parent) {
    handle_.promise().parent = parent;
    return handle_;
  }
  int await_resume() { return handle_.promise().value; }

  void start() { ready.push(handle_); }
  bool done() { return handle_.done(); }
  struct Join {
    bool await_ready() { return handle.done(); }
    void await_suspend(Handle parent) { handle.promise().parent = parent; }
    int await_resume() { return handle.promise().value; }
    std::coroutine_handle<promise_type> handle;
  };
  Join join() { return {handle_}; }

 private:
  std::coroutine_handle<promise_type> handle_;
};

struct Yield {
  bool await_ready() { return false; }
  void await_suspend(Handle self) { ready.push(self); }
  void await_resume() {}
};

// A heap with four children to a node, keyed by time.
class Timers {
 public:
  struct Timer {
    std::uint64_t when;
    Handle handle;
  };
  bool empty() const { return heap_.empty(); }
  std::uint64_t next() const { return heap_[0].when; }
  void push(Timer timer) {
    std::size_t place = heap_.size();
    heap_.push_back(timer);
    for (; place != 0; place = (place - 1) / 4) {
      const std::size_t parent = (place - 1) / 4;
      if (heap_[parent].when <= timer.when) break;
      heap_[place] = heap_[parent];
    }
    heap_[place] = timer;
  }
  Handle pop() {
    const Handle first = heap_[0].handle;
    const Timer last = heap_.back();
    heap_.pop_back();
    const std::size_t size = heap_.size();
    std::size_t place = 0;
    if (size == 0) return first;
    while (true) {
      const std::size_t child = 4 * place + 1;
      if (child >= size) break;
      std::size_t earliest = child;
      for (std::size_t other = child + 1; other < child + 4 && other < size; ++other) {
        if (heap_[other].when < heap_[earliest].when) earliest = other;
      }
      if (heap_[earliest].when >= last.when) break;
      heap_[place] = heap_[earliest];
      place = earliest;
    }
    heap_[place] = last;
    return first;
  }

 private:
  std::vector<Timer> heap_;
};
static Timers timers;

static std::uint64_t now() { return static_cast<std::uint64_t>(measure::wall_ns()); }

struct SleepUntil {
  bool await_ready() { return false; }
  void await_suspend(Handle self) { timers.push({when, self}); }
  void await_resume() {}
  std::uint64_t when;
};

// For one sender and one receiver.
struct Channel {
  struct Send {
    bool await_ready() { return channel.tail - channel.head < 64; }
    void await_suspend(Handle self) { channel.sender = self; }
    void await_resume() {
      channel.items[channel.tail++ & 63] = item;
      if (channel.receiver) ready.push(std::exchange(channel.receiver, {}));
    }
    Channel& channel;
    std::uint64_t item;
  };
  struct Receive {
    bool await_ready() { return channel.tail != channel.head; }
    void await_suspend(Handle self) { channel.receiver = self; }
    std::uint64_t await_resume() {
      const std::uint64_t item = channel.items[channel.head++ & 63];
      if (channel.sender) ready.push(std::exchange(channel.sender, {}));
      return item;
    }
    Channel& channel;
  };

  std::uint64_t items[64];
  unsigned head = 0;
  unsigned tail = 0;
  Handle receiver;
  Handle sender;
};

struct Mutex {
  struct Acquire {
    bool await_ready() { return !mutex.locked && (mutex.locked = true); }
    void await_suspend(Handle self) {
      handle = self;
      *mutex.tail = this;
      mutex.tail = &next;
    }
    void await_resume() {}
    Mutex& mutex;
    Handle handle = {};
    Acquire* next = nullptr;
  };
  Acquire acquire() { return {*this}; }
  void release() {
    if (Acquire* first = head) {
      head = first->next;
      if (head == nullptr) tail = &head;
      ready.push(first->handle);
    } else {
      locked = false;
    }
  }

  bool locked = false;
  Acquire* head = nullptr;
  Acquire** tail = &head;
};

struct Future {
  void set(std::uint64_t result) {
    value = result;
    done = true;
    if (waiter) ready.push(std::exchange(waiter, {}));
  }
  bool await_ready() { return done; }
  void await_suspend(Handle self) { waiter = self; }
  std::uint64_t await_resume() { return value; }

  bool done = false;
  std::uint64_t value;
  Handle waiter;
};

// What other threads post: a lock-free list, newest first.
struct Post {
  void (*run)(Post*);
  Post* next = nullptr;
};
template <class F>
struct PostOf : Post {
  explicit PostOf(F f) : Post{&PostOf::run_it}, callable(std::move(f)) {}
  static void run_it(Post* post) {
    auto* self = static_cast<PostOf*>(post);
    self->callable();
    delete self;
  }
  F callable;
};
static std::atomic<Post*> inbox{nullptr};
static std::atomic<bool> asleep{false};
static int wake_fd;

static void wake() {
  const std::uint64_t one = 1;
  measure::require(write(wake_fd, &one, sizeof one) == sizeof one);
}
template <class F>
void post(F callable) {
  Post* entry = new PostOf<F>(std::move(callable));
  Post* first = inbox.load(std::memory_order_relaxed);
  do {
    entry->next = first;
  } while (!inbox.compare_exchange_weak(first, entry));
  if (asleep.load() && asleep.exchange(false)) wake();
}
static void run_inbox() {
  Post* newest = inbox.exchange(nullptr);
  Post* oldest = nullptr;
  while (newest != nullptr) {
    Post* next = newest->next;
    newest->next = std::exchange(oldest, newest);
    newest = next;
  }
  while (oldest != nullptr) {
    Post* next = oldest->next;
    oldest->run(oldest);
    oldest = next;
  }
}

// --- the rows

[[gnu::noinline]] static Coro child(int i) { co_return i; }

static Coro fibonacci(int n) {
  if (n < 2) co_return n;
  co_return co_await fibonacci(n - 1) + co_await fibonacci(n - 2);
}
static Coro set(Future& future, std::uint64_t value) {
  future.set(value);
  co_return 0;
}
static Coro sleep_until(std::uint64_t when) {
  co_await SleepUntil{when};
  co_return 0;
}
static Coro yield_repeatedly(int times) {
  for (int i = 0; i < times; ++i) co_await Yield{};
  co_return 0;
}
static Coro produce(Channel& channel, std::uint64_t count) {
  for (std::uint64_t i = 0; i < count; ++i) co_await Channel::Send{channel, i};
  co_return 0;
}
static Coro consume(Channel& channel, std::uint64_t count, std::uint64_t& sum) {
  for (std::uint64_t i = 0; i < count; ++i) sum += co_await Channel::Receive{channel};
  co_return 0;
}
static Coro lock_repeatedly(Mutex& mutex, int times) {
  for (int i = 0; i < times; ++i) {
    co_await mutex.acquire();
    co_await Yield{};
    mutex.release();
  }
  co_return 0;
}

static Coro run_row(std::string row) {
  std::uint64_t sum = 0;
  if (row == "call") {
    constexpr int calls = 10'000'000;
    const measure::CpuTime time;
    for (int i = 0; i < calls; ++i) sum += static_cast<std::uint64_t>(co_await child(i));
    time.report("call", calls);
  } else if (row == "fib") {
    const measure::CpuTime time;
    measure::require(co_await fibonacci(25) == 75'025);
    time.report("fib", 242'785);
  } else if (row == "spawn_await") {
    constexpr int tasks = 1'000'000;
    const measure::CpuTime time;
    for (int i = 0; i < tasks; ++i) {
      Coro task = child(i);
      task.start();
      sum += static_cast<std::uint64_t>(co_await task.join());
    }
    time.report("spawn_await", tasks);
  } else if (row == "spawn_join" || row == "gather") {
    const int count = row == "gather" ? 10'000 : 1'000'000;
    const int rounds = row == "gather" ? 50 : 1;
    const measure::PeakMemory memory;
    const measure::CpuTime time;
    for (int round = 0; round < rounds; ++round) {
      std::vector<Coro> tasks;
      tasks.reserve(static_cast<std::size_t>(count));
      for (int i = 0; i < count; ++i) {
        tasks.push_back(child(i));
        tasks.back().start();
      }
      for (Coro& task : tasks) sum += static_cast<std::uint64_t>(co_await task.join());
    }
    time.report(row.c_str(), count * rounds);
    if (rounds == 1) memory.report("spawn_join_rss", count);
  } else if (row == "yield2" || row == "yield1000") {
    const int count = row == "yield2" ? 2 : 1000;
    const measure::CpuTime time;
    std::vector<Coro> tasks;
    for (int i = 0; i < count; ++i) {
      tasks.push_back(yield_repeatedly(5'000'000 / count));
      tasks.back().start();
    }
    for (Coro& task : tasks) co_await task.join();
    time.report(row.c_str(), 5e6);
  } else if (row == "chan") {
    constexpr std::uint64_t items = 2'000'000;
    Channel channel;
    const measure::CpuTime time;
    Coro producer = produce(channel, items);
    Coro consumer = consume(channel, items, sum);
    producer.start();
    consumer.start();
    co_await producer.join();
    co_await consumer.join();
    time.report("chan", items);
  } else if (row == "mutex") {
    Mutex mutex;
    constexpr int times = 5'000'000;
    const measure::CpuTime time;
    for (int i = 0; i < times; ++i) {
      co_await mutex.acquire();
      measure::keep(mutex.locked);
      mutex.release();
    }
    time.report("mutex_unc", times);
    const measure::CpuTime contended;
    std::vector<Coro> tasks;
    for (int i = 0; i < 100; ++i) {
      tasks.push_back(lock_repeatedly(mutex, 10'000));
      tasks.back().start();
    }
    for (Coro& task : tasks) co_await task.join();
    contended.report("mutex_cont", 1e6);
  } else if (row == "timers") {
    constexpr int count = 1'000'000;
    measure::Random random;
    const measure::PeakMemory memory;
    const measure::CpuTime time;
    std::vector<Coro> tasks;
    tasks.reserve(count);
    const std::uint64_t start = now();
    for (int i = 0; i < count; ++i) {
      tasks.push_back(sleep_until(start + random() % 1000 * 1'000'000));
      tasks.back().start();
    }
    for (Coro& task : tasks) co_await task.join();
    time.report("timers_cpu", count);
    memory.report("timers_rss", count);
  } else if (row == "future") {
    constexpr int count = 1'000'000;
    const measure::CpuTime time;
    for (int i = 0; i < count; ++i) {
      Future future;
      Coro task = set(future, static_cast<std::uint64_t>(i));
      task.start();
      sum += co_await future;
    }
    time.report("future_set", count);
  } else if (row == "xthread") {
    measure::pin_to_cpu(0);
    bool finished = false;
    std::thread poster([&] {
      measure::post_from_another_cpu([](auto callable) { post(callable); });
      post([&] { finished = true; });
    });
    while (!finished) co_await SleepUntil{now() + 10'000'000};
    poster.join();
  }
  measure::keep(sum);
  co_return 0;
}

int main(int, char** arguments) {
  wake_fd = eventfd(0, EFD_NONBLOCK);
  const int epoll_fd = epoll_create1(0);
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {}};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &event);
  Coro main_task = run_row(arguments[1]);
  main_task.start();
  while (!main_task.done()) {
    for (std::size_t left = ready.size(); left != 0; --left) ready.pop().resume();
    if (inbox.load(std::memory_order_relaxed) != nullptr) run_inbox();
    if (ready.empty() && !main_task.done()) {
      asleep = true;
      if (inbox.load() == nullptr) {
        int timeout = 1000;
        if (!timers.empty()) {
          const std::uint64_t time = now();
          timeout = timers.next() <= time ? 0 : static_cast<int>((timers.next() - time) / 1'000'000 + 1);
        }
        if (timeout != 0) epoll_wait(epoll_fd, &event, 1, timeout);
      }
      asleep = false;
    }
    if (!timers.empty()) {
      const std::uint64_t time = now();
      while (!timers.empty() && timers.next() <= time) ready.push(timers.pop());
    }
  }
}
