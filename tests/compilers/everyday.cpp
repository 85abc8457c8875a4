// SPDX-License-Identifier: MIT
// What the documentation and the examples of the library write. None of it may be wrong on a supported compiler.
#include "canary.h"

#include <memory>
#include <tuple>
#include <vector>

using namespace canary;

struct Name {
  Name(const char*) {}  // implicit, as std::string's
  Counted owner;
};

struct Limits {
  int timeout = 0;
  const char* text = nullptr;
};

struct Error {
  Counted owner;
};

class Options {
 public:
  Options() = default;
  Options(int given) : owner(given) {}

 private:
  Counted owner;
};

// A builder that is awaited itself.
class Request : public Pause {
 public:
  explicit Request(Name given) : url(std::move(given)) {}
  Request& header(Name given) & {
    headers.push_back(std::move(given));
    return *this;
  }
  Request&& header(Name given) && { return std::move(header(std::move(given))); }
  Counted await_resume() { return url.owner; }

 private:
  Name url;
  std::vector<Name> headers;
};

class Held {
 public:
  Held() : owner(new Counted) {}
  Held(Held&& other) noexcept : owner(std::exchange(other.owner, nullptr)) {}
  ~Held() { delete owner; }

 private:
  Counted* owner;
};

struct Scoped : Pause {
  explicit Scoped(Counted&) {}
  Held await_resume() { return Held(); }
};

// Awaited by way of operator co_await.
class Joinable {
 public:
  struct Join : Pause {
    explicit Join(Counted given) : owner(std::move(given)) {}
    Counted await_resume() { return owner; }
    Counted owner;
  };
  Join operator co_await() const { return Join(owner); }

 private:
  Counted owner;
};

Coro<Counted> make(int value) {
  co_await Pause();
  co_return Counted(value);
}
Coro<int> number(int value) {
  co_await Pause();
  co_return value;
}
Coro<> consume(Counted) { co_await Pause(); }
Coro<> named(Name) { co_await Pause(); }
Coro<> named_by_reference(const Name&) { co_await Pause(); }
Coro<> limited(Name, Limits = {}) { co_await Pause(); }
Coro<> with_options(Options = {}) { co_await Pause(); }
Coro<> optional_name(std::optional<Name> = std::nullopt) { co_await Pause(); }
Coro<> fail(Counted) {
  co_await Pause();
  throw Error();
}
Coro<std::optional<Counted>> next(int& left) {
  co_await Pause();
  if (left-- == 0) co_return std::nullopt;
  co_return Counted(left);
}
template <class A, class B>
Coro<std::tuple<Counted, Counted>> gather(A first, B second) {
  Counted a = co_await first;
  Counted b = co_await second;
  co_return std::tuple(a, b);
}
template <class X, class F>
Coro<> with(X x, F body) {
  co_await body(x);
}
template <class F, class... Args>
Coro<> call(F body, Args... args) {
  co_await Pause();
  co_await body(std::move(args)...);
}
Counted throws_at_once() { throw Error(); }

Coro<> arguments() {
  Counted local(1);
  co_await consume(Counted(1));
  co_await consume(local);
  co_await consume(std::move(local));
  co_await named("text");
  co_await named_by_reference("text");
  co_await named(Name("text"));
  co_await limited("text");
  co_await limited("text", {.timeout = 5});
  co_await limited("text", Limits{5, "text"});
  co_await with_options();
  co_await with_options(5);
  co_await with_options({});
  co_await optional_name();
  co_await optional_name("text");
  co_await optional_name(Name("text"));
  for (int i = 0; i < 3; ++i) co_await consume(Counted(i));
}
Coro<> results() {
  Counted first = co_await make(1);
  Counted second(co_await make(2));
  Counted third{co_await make(3)};
  auto&& fourth = co_await make(4);
  first = co_await make(5);
  co_await make(6);
  std::vector<Counted> all;
  all.push_back(co_await make(7));
  all.emplace_back(co_await make(8));
  auto owned = std::make_unique<Counted>(co_await make(9));
  int sum = (co_await make(10)).value + (co_await make(11)).value;
  bool both = co_await number(1) == 1 && (co_await make(12)).value == 12;
  co_await consume(co_await make(13));
  expect_not(first.value != 5 || second.value != 2 || third.value != 3 || fourth.value != 4, "values");
  expect_not(all[1].value != 8 || owned->value != 9 || sum != 21 || !both, "values of expressions");
}
struct Connection {
  Counted reader;
  Counted writer;
};
Coro<Connection> open_connection() {
  co_await Pause();
  Counted reader(1);
  co_return Connection{std::move(reader), Counted(2)};
}
Coro<Counted> returns_it() { co_return co_await make(1); }
Coro<> returned() {
  co_await returns_it();
  auto connection = co_await open_connection();
  auto& [reader, writer] = connection;
  connection = co_await open_connection();
  expect_not(reader.value != 1 || writer.value != 2, "connection");
}
Coro<> builder() {
  auto response = co_await Request("url").header("a").header("b");
  Request request("url");
  co_await request.header("a");
}
Coro<> guard() {
  Counted lock;
  auto held = co_await Scoped(lock);
  co_await Scoped(lock);
}
Coro<> joined() {
  Joinable task;
  co_await task;
  co_await Joinable();
}
Coro<> loops() {
  int left = 3;
  while (auto item = co_await next(left)) co_await consume(*item);
  left = 1;
  if (auto item = co_await next(left)) co_await consume(std::move(*item));
  if (auto item = co_await make(1); item.value == 1) co_await consume(item);
  std::vector<Counted> all(3);
  for (const Counted& item : all) co_await consume(item);
}
Coro<> gathered() {
  auto both = co_await gather(make(1), make(2));
  expect_not(std::get<1>(both).value != 2, "gather");
  co_await gather(make(3), Joinable());
}
Coro<> blocks() {
  Counted local(1);
  co_await with(Counted(2), [&](Counted& x) -> Coro<> {
    co_await consume(x);
    local = x;
  });
  co_await with(Held(), [&](Held&) -> Coro<> { co_await consume(local); });
  co_await call([](Counted given) -> Coro<> { co_await consume(given); }, local);
  co_await [](Counted given) -> Coro<> { co_await consume(given); }(local);
  co_await [&]() -> Coro<> { co_await consume(local); }();
  auto body = [local]() -> Coro<> { co_await consume(local); };
  co_await body();
}
// What g++ 12 miscompiles, and no compiler may that we support.
struct Pair {
  Counted first;
  Counted second;
};
Coro<> pair(Pair) { co_await Pause(); }
Coro<bool> ready(int& left) {
  co_await Pause();
  co_return --left == 0;
}
Coro<> until(int& left) {
  while (!co_await ready(left)) co_await Pause();
}
Coro<> ordinary(bool first) {
  Counted local(1);
  co_await call([local]() -> Coro<> { co_await consume(local); });
  co_await call([local = std::move(local)]() -> Coro<> { co_await consume(local); });
  co_await pair({Counted(1), Counted(2)});
  co_await pair({.first = Counted(1), .second = co_await make(2)});
  Pair both{co_await make(1), co_await make(2)};
  Counted chosen = first ? co_await make(1) : co_await make(2);
  co_await consume(first ? Counted(1) : Counted(2));
  co_await consume(first ? local : co_await make(3));
  Counted* made = new Counted(co_await make(4));
  expect_not(both.second.value != 2 || chosen.value != (first ? 1 : 2) || made->value != 4, "ordinary values");
  delete made;
  int left = 3;
  co_await until(left);
}
Coro<> errors() {
  int caught = 0;
  try {
    co_await fail(Counted(1));
  } catch (const Error&) {
    ++caught;
  }
  try {
    Counted local;
    co_await consume(throws_at_once());
  } catch (const Error&) {
    ++caught;
  }
  try {
    co_await with(Counted(1), [&](Counted& x) -> Coro<> { co_await fail(x); });
  } catch (const Error& error) {
    Counted copy = error.owner;
    ++caught;
  }
  expect_not(caught != 3, "caught");
}
Coro<> stored() {
  Coro<> first = consume(Counted(1));
  Coro<> never_awaited = consume(Counted(2));
  co_await first;
  co_await std::move(never_awaited);
  consume(Counted(3));
}

int main(int, char**) {
  run("arguments", arguments());
  run("results", results());
  run("returned", returned());
  run("builder", builder());
  run("guard", guard());
  run("operator co_await", joined());
  run("loops", loops());
  run("gather", gathered());
  run("blocks", blocks());
  run("ordinary", ordinary(true));
  run("ordinary, the other", ordinary(false));
  run("errors", errors());
  run("stored", stored());
  return verdict();
}
