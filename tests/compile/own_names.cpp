// SPDX-License-Identifier: MIT
// A user's program has names of its own, beside `using namespace asyncio;` and `using namespace std;`: nothing of the
// library's machinery gets into their way, and what they have called invoke() or create_task() gets into nobody's.
#include <asyncio/asyncio.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace asyncio;
using namespace std;
using namespace std::chrono_literals;

// What people call their classes.
// clang-format off
#define OWN(name) struct name { int value = 1; };
OWN(Account) OWN(Accessor) OWN(Action) OWN(Agent) OWN(App) OWN(Argument) OWN(Awaiter) OWN(Base) OWN(Batch) OWN(Block)
OWN(Buffer) OWN(Cache) OWN(Call) OWN(Callback) OWN(Caller) OWN(Cancel) OWN(Chat) OWN(Client) OWN(Command) OWN(Config)
OWN(Cork) OWN(Cursor) OWN(Deadline) OWN(Delivery) OWN(Document) OWN(Done) OWN(Drain) OWN(Element) OWN(EndHook)
OWN(Ended) OWN(Entered) OWN(Entrant) OWN(Entry) OWN(Error) OWN(Failure) OWN(Fetch) OWN(File) OWN(Frame) OWN(Game)
OWN(Gather) OWN(Guard) OWN(Header) OWN(Held) OWN(Holder) OWN(Image) OWN(Inbox) OWN(Info) OWN(Invoke) OWN(Item)
OWN(Job) OWN(Join) OWN(Kept) OWN(Kind) OWN(Link) OWN(Listener) OWN(Logger) OWN(Loop) OWN(Message) OWN(Metrics)
OWN(Next) OWN(Node) OWN(Operation) OWN(Option) OWN(Order) OWN(Owner) OWN(Packet) OWN(Page) OWN(Part) OWN(Peer)
OWN(Pool) OWN(Process) OWN(Promise) OWN(Race) OWN(Reader) OWN(Ref) OWN(Request) OWN(Resource) OWN(Response)
OWN(Result) OWN(RingBuffer) OWN(Room) OWN(Route) OWN(Row) OWN(Runnable) OWN(Scope) OWN(Session) OWN(Shield)
OWN(Signals) OWN(Sleep) OWN(Socket) OWN(State) OWN(Step) OWN(Stream) OWN(Ticks) OWN(Timer) OWN(Token) OWN(Traceback)
OWN(Transfer) OWN(Transport) OWN(Unchanged) OWN(Url) OWN(User) OWN(Value) OWN(Wait) OWN(WaitFor) OWN(Waiter)
OWN(WaitQueue) OWN(Watch) OWN(Work) OWN(Worker) OWN(Writer)
#undef OWN
    // clang-format on

    // What the library has made of classes of its own is not the user's to reach into.
    template <class T>
    concept ShowsItsQueue = requires(T& x) { x.ready; } || requires(T& x) { x.live; } ||
                            requires(T& x) { x.callbacks; };
static_assert(!ShowsItsQueue<EventLoop>);
static_assert(!is_convertible_v<EventLoop&, asyncio::detail::LoopCore&>);
static_assert(!is_convertible_v<ContextVar<int>&, asyncio::detail::AnyContextVar&>);
static_assert(!is_convertible_v<asyncio::Queue<int>&, asyncio::detail::QueueBase&>);

// And their functions.
inline int link(const Link& made) { return made.value; }
inline int connect(const Peer& peer) { return peer.value; }
inline int send(const Message& message) { return message.value; }
inline int read(const Reader& from) { return from.value; }
inline int write(const Writer& to) { return to.value; }
inline int decode(const Buffer& bytes) { return bytes.value; }
inline int report(const Failure& what) { return what.value; }
inline int describe(const Item& item) { return item.value; }
inline int drop(const Item& item) { return item.value; }
inline int holds(const Guard& guard) { return guard.value; }
inline int retain(const Resource& resource) { return resource.value; }
inline int release(const Resource& resource) { return resource.value; }
inline int start(const Job& job) { return job.value; }
inline int stop(const Job& job) { return job.value; }
inline int running_loop(const Loop& loop) { return loop.value; }

namespace names_of_the_user {

Coro<Result> fetch(Url url) {
  co_await sleep(0s);
  co_return Result{url.value};
}
Coro<> nothing() { co_await sleep(0s); }

Coro<int> all_of_them() {
  Queue<Job> jobs;
  Lock lock;
  Semaphore slots(2);
  Event ready;
  Broadcast<Message> news(4);
  ContextVar<User> user("user", User{2});
  co_await jobs.put(Job{3});
  const Job job = co_await jobs.get();
  auto held = co_await lock.scoped();
  co_await with(slots, [] {});
  ready.set();
  co_await ready.wait();
  news.send(Message{1});
  Task<Result> task = create_task(fetch(Url{4}));
  const Result result = co_await task;
  auto [first, second] = co_await gather(fetch(Url{5}), nothing());
  auto won = co_await race(fetch(Url{6}), sleep(1h));
  const Outcome<Result> outcome = co_await as_result(wait_for(fetch(Url{7}), 1s));
  co_await with(TaskGroup(), [](TaskGroup& group) { group.create_task(nothing()); });
  const int counted = co_await to_thread([] { return 1; });
  Future<Promise> promised;
  get_running_loop().call_soon([promised] { promised.set_result(Promise{8}); });
  const Promise kept = co_await promised;
  static_cast<void>(second);
  co_return job.value + result.value + first.value + static_cast<int>(won.index()) + outcome.value().value + counted +
      kept.value + user.get().value + link({}) + connect({}) + send({}) + read(Reader()) + write(Writer()) +
      decode({}) + report({}) + describe({}) + drop({}) + holds({}) + retain({}) + release({}) + start({}) + stop({}) +
      running_loop({});
}

// What std has, called without std:: on what the library has given: nothing of the library is meant.
Coro<int> plain_words() {
  Task<int> task = create_task([]() -> Coro<int> { co_return 1; });
  const auto look = [](const Task<int>& looked_at) { return looked_at.done(); };
  const bool done = invoke(look, task);
  auto operation = sleep(1ms);
  const auto measure = [](auto& awaiter) { return sizeof awaiter; };
  const auto size = invoke(measure, operation);
  Lock lock;
  auto acquire = lock.acquire();
  swap(task, task);
  co_await acquire;
  co_return co_await task + static_cast<int>(done) + static_cast<int>(size);
}

}  // namespace names_of_the_user

// A namespace of the user's in which each name that the library calls has been taken, by functions that take anything.
// Its classes are given to the library, which calls its own functions all the same.
namespace greedy {

// clang-format off
#define TAKES_ALL(name) template <class... A> constexpr void name(A&&...) {}
TAKES_ALL(all_tasks) TAKES_ALL(as_completed) TAKES_ALL(as_coro) TAKES_ALL(as_result) TAKES_ALL(bind_call)
TAKES_ALL(bind_repeated_call) TAKES_ALL(bind_work) TAKES_ALL(block_at) TAKES_ALL(block_result)
TAKES_ALL(call_at_ticks) TAKES_ALL(call_in_thread) TAKES_ALL(call_once) TAKES_ALL(call_owned) TAKES_ALL(cancel_with)
TAKES_ALL(cancelled_error) TAKES_ALL(capture_call_graph) TAKES_ALL(check_awaitable) TAKES_ALL(check_call_later)
TAKES_ALL(check_calls_later) TAKES_ALL(check_child) TAKES_ALL(check_waitable) TAKES_ALL(core_of)
TAKES_ALL(create_task) TAKES_ALL(current_task) TAKES_ALL(decode) TAKES_ALL(describe_task) TAKES_ALL(drop)
TAKES_ALL(drop_repeated) TAKES_ALL(drop_unawaited) TAKES_ALL(enter_block) TAKES_ALL(enter_now)
TAKES_ALL(error_code_of) TAKES_ALL(error_is) TAKES_ALL(every) TAKES_ALL(exception_of) TAKES_ALL(exit_block)
TAKES_ALL(exit_block_at) TAKES_ALL(first_success) TAKES_ALL(from_foreign) TAKES_ALL(gather)
TAKES_ALL(gather_arguments) TAKES_ALL(gather_range) TAKES_ALL(get_awaiter) TAKES_ALL(holds) TAKES_ALL(invoke)
TAKES_ALL(is_cancelled_error) TAKES_ALL(make_cancelled) TAKES_ALL(needs_options) TAKES_ALL(own_call)
TAKES_ALL(passes_outcomes) TAKES_ALL(place_of) TAKES_ALL(race) TAKES_ALL(race_arguments) TAKES_ALL(race_range)
TAKES_ALL(refer_to) TAKES_ALL(refuse_other_thread) TAKES_ALL(refuse_task) TAKES_ALL(remove_done_callback)
TAKES_ALL(add_done_callback) TAKES_ALL(require_all_unused) TAKES_ALL(require_own_loop) TAKES_ALL(require_own_thread)
TAKES_ALL(require_unused) TAKES_ALL(retry) TAKES_ALL(run) TAKES_ALL(run_abandonable) TAKES_ALL(run_attempts)
TAKES_ALL(run_block) TAKES_ALL(run_coroutine_threadsafe) TAKES_ALL(run_for) TAKES_ALL(run_in_thread)
TAKES_ALL(run_race) TAKES_ALL(run_race_of) TAKES_ALL(run_stoppable) TAKES_ALL(running_loop) TAKES_ALL(send_coroutine)
TAKES_ALL(shield) TAKES_ALL(sleep) TAKES_ALL(start_task) TAKES_ALL(start_task_with) TAKES_ALL(state_of)
TAKES_ALL(take_child) TAKES_ALL(take_prize) TAKES_ALL(take_prize_of) TAKES_ALL(timeout) TAKES_ALL(to_child)
TAKES_ALL(to_nanoseconds) TAKES_ALL(to_outcome) TAKES_ALL(to_owned) TAKES_ALL(to_thread) TAKES_ALL(to_vector)
TAKES_ALL(wait) TAKES_ALL(wait_for) TAKES_ALL(wait_for_call) TAKES_ALL(wait_for_ends) TAKES_ALL(with)
TAKES_ALL(without_repeated) TAKES_ALL(wrap_future) TAKES_ALL(write_number) TAKES_ALL(move) TAKES_ALL(forward)
TAKES_ALL(exchange) TAKES_ALL(swap_with) TAKES_ALL(make_pair) TAKES_ALL(get) TAKES_ALL(find) TAKES_ALL(begin_of)
TAKES_ALL(end_of)
#undef TAKES_ALL
    // clang-format on

    struct Thing {
  int value = 1;
  bool operator<(const Thing& other) const { return value < other.value; }
  asyncio::Coro<Thing> make() const { co_return *this; }
};
struct Failure : std::exception {};

asyncio::Coro<Thing> thing() {
  co_await asyncio::sleep(0s);
  co_return Thing();
}
asyncio::Coro<Thing> thing_of(Thing given) { co_return given; }
asyncio::AsyncGenerator<Thing> things() { co_yield Thing(); }

// A block.
struct Block {
  asyncio::Coro<Thing> enter() { return thing(); }
  asyncio::Coro<bool> exit(std::exception_ptr) { co_return false; }
};
struct QuickBlock {
  Thing enter_now() { return {}; }
  void exit_now(std::exception_ptr) {}
};
// An awaiter that the library knows nothing of.
struct Foreign {
  bool await_ready() const { return true; }
  void await_suspend(std::coroutine_handle<>) const {}
  Thing await_resume() const { return {}; }
};

asyncio::Coro<> use_tasks() {
  asyncio::Task<Thing> task = asyncio::create_task(thing());
  asyncio::Task<Thing> called = asyncio::create_task(&thing_of, Thing());
  asyncio::Task<Thing> member = asyncio::create_task(&Thing::make, Thing());
  const auto token = task.add_done_callback([](asyncio::Task<Thing>) {});
  task.remove_done_callback(token);
  static_cast<void>(asyncio::capture_call_graph(task));
  co_await task;
  co_await asyncio::shield(called);
  co_await asyncio::wait_for(member, 1s);
  co_await asyncio::wait_for(thing(), 1s);
  co_await Foreign();
  co_await asyncio::from_foreign(Foreign(), [] {});
  co_await asyncio::create_task(Foreign());
  asyncio::Future<Thing> future;
  future.add_done_callback([](asyncio::Future<Thing>) {});
  future.set_result(Thing());
  co_await future;
  auto generator = things();
  while (auto next = co_await generator.next()) static_cast<void>(next);
  asyncio::get_running_loop().call_soon([](Thing) {}, Thing());
  asyncio::get_running_loop().call_later(1s, [](Thing) {}, Thing()).cancel();
  asyncio::ContextVar<Thing> variable("variable", Thing());
  variable.reset(variable.set(Thing()));
}

asyncio::Coro<> use_many() {
  static_cast<void>(co_await asyncio::gather(thing(), thing_of(Thing()), Foreign()));
  static_cast<void>(co_await asyncio::gather(asyncio::return_exceptions, thing()));
  std::vector<asyncio::Coro<Thing>> coros;
  coros.push_back(thing());
  static_cast<void>(co_await asyncio::gather(std::move(coros)));
  static_cast<void>(co_await asyncio::race(thing(), Foreign()));
  static_cast<void>(co_await asyncio::first_success(thing(), thing_of(Thing())));
  std::vector<asyncio::Coro<Thing>> racers;
  racers.push_back(thing());
  static_cast<void>(co_await asyncio::race(std::move(racers)));
  const std::vector<asyncio::Task<Thing>> tasks{asyncio::create_task(thing())};
  static_cast<void>(co_await asyncio::wait(tasks));
  auto ends = asyncio::as_completed(tasks);
  while (auto ended = co_await ends.next()) co_await *ended;
  std::vector<asyncio::Coro<Thing>> more;
  more.push_back(thing());
  auto ends_of_more = asyncio::as_completed(std::move(more));
  while (auto ended = co_await ends_of_more.next()) co_await *ended;
  static_cast<void>(co_await asyncio::as_result(thing()));
  static_cast<void>(co_await asyncio::as_result(Foreign()));
}

asyncio::Coro<> use_blocks() {
  co_await asyncio::with(Block(), [](Thing) -> asyncio::Coro<Thing> { return thing(); });
  co_await asyncio::with(QuickBlock(), [](Thing) -> asyncio::Coro<Thing> { return thing(); });
  co_await asyncio::with(QuickBlock(), [](Thing) {});
  co_await asyncio::with(asyncio::timeout(1s), []() -> asyncio::Coro<Thing> { return thing(); });
  co_await asyncio::with(asyncio::TaskGroup(), [](asyncio::TaskGroup& group) -> asyncio::Coro<> {
    group.create_task(thing());
    group.create_task(&thing_of, Thing());
    co_await group.start(
        [](asyncio::Started<Thing>& started, Thing given) -> asyncio::Coro<> {
          started(given);
          co_return;
        },
        Thing());
  });
  co_await asyncio::with(asyncio::ExitStack(), [](asyncio::ExitStack& stack) -> asyncio::Coro<> {
    co_await stack.enter(Block());
    stack.callback([](Thing) {}, Thing());
    stack.callback(&thing_of, Thing());
    stack.push([](std::exception_ptr) {});
  });
}

asyncio::Coro<> use_the_rest() {
  asyncio::Queue<Thing> queue;
  asyncio::PriorityQueue<Thing> by_value;
  asyncio::LifoQueue<Thing> last_in;
  co_await queue.put(Thing());
  co_await by_value.put(Thing());
  co_await last_in.emplace();
  static_cast<void>(co_await queue.next());
  static_cast<void>(co_await by_value.get());
  static_cast<void>(last_in.get_nowait());
  asyncio::Broadcast<Thing> news(1);
  auto subscription = news.subscribe();
  news.send(Thing());
  static_cast<void>(co_await subscription.next());
  co_await asyncio::to_thread([](Thing given) { return given; }, Thing());
  co_await asyncio::to_thread(asyncio::abandon_on_cancel, [](Thing given) { return given; }, Thing());
  asyncio::ThreadPoolExecutor pool(1);
  std::vector<Thing> given(1);
  static_cast<void>(pool.map([](const Thing& each) { return each; }, given));
  co_await asyncio::wrap_future(pool.submit([](Thing each) { return each; }, Thing()));
  co_await asyncio::get_running_loop().run_in_executor(pool, [](Thing each) { return each; }, Thing());
  co_await asyncio::retry([] { return thing(); }, {.attempts = 2});
  auto again = asyncio::create_task(asyncio::every(1s, &thing_of, Thing()));
  again.cancel();
  asyncio::EventLoop& loop = asyncio::get_running_loop();
  asyncio::run_coroutine_threadsafe(loop, thing()).cancel();
  asyncio::run_coroutine_threadsafe(loop, &thing_of, Thing()).cancel();
  asyncio::Condition condition;
  co_await asyncio::with(condition, [] {});
}

}  // namespace greedy

int main() { return run(names_of_the_user::all_of_them()) + run(names_of_the_user::plain_words()); }
