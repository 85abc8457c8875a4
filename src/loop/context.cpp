// SPDX-License-Identifier: MIT
#include <asyncio/context.h>

#include <asyncio/error.h>
#include <asyncio/lowlevel/waiter.h>

#include "base/per_thread.h"
#include "loop/task_extra.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

// Theory of operation. The current context is, the first of these that there is:
//   1. the one that was entered (this_thread.context), for the length of one function call;
//   2. that of the task to which the code belongs (this_thread.task): a TaskExtra that the first set() makes;
//   3. the thread's own, which the first set() makes.
// A loop enters nothing around the steps of tasks: they find 2. So 1 must be null whenever a step begins, and what is
// not a step must have a context for as long as user code runs in it: in the third case its values are the thread's.
//
// Which context it is, for each kind of user code that the library runs, and destroys:
// - The body of a coroutine, what it awaits, awaiters of other libraries, with() and ExitStack, generators: all of that
//   is part of a step of the task that awaits, and has the task's context.
// - A frame: the parameters and locals of a task's coroutine are destroyed in the task's context, be it that the body
//   has ended, that the task was cancelled before its start, or that the loop was closed. this_thread.task stays set
//   until the frame is gone. A coroutine that no task runs, or a generator, is destroyed in that of who drops it.
// - A result is destroyed in the context of who drops the last handle, in the task's own if that is the loop. What a
//   thread gives is moved to its future in an empty context, and destroyed there where nobody wants it any more.
// - A callable (call_soon, call_later, call_soon_threadsafe, add_reader, add_signal_handler, add_done_callback,
//   to_thread, a server's handler ...) is called and destroyed in the context that it was registered in, or in the one
//   that was passed: it is kept in a BoundCallback, or beside a Context which is entered. One that is called again and
//   again has one context for all its calls, as in Python. Each connection of a server has a copy of its own.
// - The on_cancel of from_foreign() has the context of the task that waits: OnBehalfOf. So have the callbacks of a
//   std::stop_token that to_thread() has given away.
// - An exception handler has that of the task or handle which it is told of, else the current one, else a copy of the
//   thread's.
// - A task factory is called in the context of the create_task().
// - A job of an executor has a copy of its thread's context, which the initializer of the pool may have filled.
//   to_thread() takes the caller's along.
// - The code of transports and timers of one's own (Carrier, WatchedFd::ready(), Timer::fire()) has the thread's.
// - A value of a ContextVar is destroyed in the context of who drops the last context that has it.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

// Values are in a sorted list which never changes once it is shared: a set() makes a new one, so that a copy of a
// context costs one pointer. Contexts hold few variables; a list of 20 is copied in less time than a tree is walked.
struct Context::Cell : SharedObject {
  struct Entry {
    const AnyContextVar* variable;
    Ref<const SharedObject> value;
  };
  using Values = SharedValue<std::vector<Entry>>;

  Ref<const Values> values;
};

namespace {
[[gnu::tls_model("initial-exec")]] constinit thread_local Context* of_thread = nullptr;

template <class Values>
auto place(Values& values, const AnyContextVar* variable) {
  return std::lower_bound(values.begin(), values.end(), variable, [](const auto& entry, const AnyContextVar* wanted) {
    return std::less<>()(entry.variable, wanted);
  });
}
}  // namespace

Context& Context::active() {
  if (this_thread.context != nullptr) return *this_thread.context;
  if (this_thread.task != nullptr) return this_thread.task->extra().context;
  return per_thread(of_thread);
}

const Context* Context::active_if_any() noexcept {
  if (this_thread.context != nullptr) return this_thread.context;
  if (this_thread.task == nullptr) return of_thread;
  const TaskExtra* extra = this_thread.task->extra_if_any();
  return extra != nullptr ? &extra->context : nullptr;
}

Context Context::current() {
  const Context* active = active_if_any();
  return active != nullptr ? active->copy() : Context();
}

bool Context::any_values() noexcept {
  const Context* active = active_if_any();
  return active != nullptr && !active->empty();
}

Context::Context(const Context& other) : cell_(other.cell()) {}

Context::Cell& Context::cell() const {
  if (!cell_) cell_ = Ref<SharedObject>::adopt(*new Cell);
  return static_cast<Cell&>(*cell_);
}

bool Context::empty() const { return !cell_ || !cell().values; }

Context Context::copy() const {
  Context result;
  if (!empty()) result.cell().values = cell().values;
  return result;
}

Context::Entered::Entered(Context& context) : previous_(std::exchange(this_thread.context, &context)) {}
Context::Entered::~Entered() { this_thread.context = previous_; }

AnyContextVar::Value AnyContextVar::find() const {
  const Context* context = Context::active_if_any();
  if (context == nullptr || context->empty()) return Value();
  const auto& values = context->cell().values->value;
  auto at = place(values, this);
  return at != values.end() && at->variable == this ? at->value : Value();
}

AnyContextVar::Value AnyContextVar::exchange(Value value) const {
  Context& context = Context::active();
  std::vector<Context::Cell::Entry> values;
  if (!context.empty()) values = context.cell().values->value;
  Value old;
  auto at = place(values, this);
  if (at != values.end() && at->variable == this) {
    old = std::move(at->value);
    if (value) {
      at->value = std::move(value);
    } else {
      values.erase(at);
    }
  } else if (value) {
    values.insert(at, {this, std::move(value)});
  }
  using Values = Ref<const Context::Cell::Values>;
  context.cell().values = values.empty() ? Values()  // which costs nothing again
                                         : Values::adopt(*new Context::Cell::Values(std::move(values)));
  return old;
}

void AnyContextVar::throw_unset() const {
  throw std::out_of_range(std::string("ContextVar ") + name_ + " has no value here");
}
void AnyContextVar::throw_foreign_token() const {
  throw ValueError(std::string("ContextVar ") + name_ + ": the token was made by another ContextVar");
}

}  // namespace asyncio::inline ASYNCIO_ABI
