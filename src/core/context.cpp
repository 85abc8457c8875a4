// SPDX-License-Identifier: MIT
#include <asyncio/context.h>

#include <asyncio/error.h>
#include <asyncio/waiter.h>

#include "core/task_extra.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

// Values are in a sorted list which never changes once it is shared: a set() makes a new one, so that a copy of a
// context costs one pointer. Contexts hold few variables; a list of 20 is copied in less time than a tree is walked.
struct Context::Cell {
  struct Entry {
    const AnyContextVar* variable;
    std::shared_ptr<const void> value;
  };
  using Values = std::vector<Entry>;
  std::shared_ptr<const Values> values;
};

namespace {
thread_local Context of_thread;

template <class Values>
auto place(Values& values, const AnyContextVar* variable) {
  return std::lower_bound(values.begin(), values.end(), variable, [](const auto& entry, const AnyContextVar* wanted) {
    return std::less<>()(entry.variable, wanted);
  });
}
}  // namespace

Context& Context::active() {
  if (this_thread.task != nullptr) return this_thread.task->extra().context;
  if (this_thread.context != nullptr) return *this_thread.context;
  // A pointer to the thread's own context is set with its first value, so that the ones without cost nothing.
  return of_thread;
}

Context Context::current() {
  if (this_thread.task != nullptr) {
    const TaskExtra* extra = this_thread.task->extra_if_any();
    return extra != nullptr ? extra->context.copy() : Context();
  }
  return this_thread.context != nullptr ? this_thread.context->copy() : of_thread.copy();
}

Context Context::copy() const {
  Context result;
  if (cell_ != nullptr) result.cell_ = std::make_shared<Cell>(*cell_);
  return result;
}

Context::Entered::Entered(Context& context) : previous_(std::exchange(this_thread.context, &context)) {}
Context::Entered::~Entered() { this_thread.context = previous_; }

AnyContextVar::Value AnyContextVar::find() const {
  const Context* context = this_thread.context != nullptr ? this_thread.context : &of_thread;
  if (this_thread.task != nullptr) {
    const TaskExtra* extra = this_thread.task->extra_if_any();
    if (extra == nullptr) return nullptr;
    context = &extra->context;
  }
  if (context->cell_ == nullptr) return nullptr;
  const Context::Cell::Values& values = *context->cell_->values;
  auto at = place(values, this);
  return at != values.end() && at->variable == this ? at->value : nullptr;
}

AnyContextVar::Value AnyContextVar::exchange(Value value) const {
  Context& context = Context::active();
  auto values = std::make_shared<Context::Cell::Values>();
  if (context.cell_ == nullptr) {
    context.cell_ = std::make_shared<Context::Cell>();
  } else {
    *values = *context.cell_->values;
  }
  Value old;
  auto at = place(*values, this);
  if (at != values->end() && at->variable == this) {
    old = std::move(at->value);
    if (value != nullptr) {
      at->value = std::move(value);
    } else {
      values->erase(at);
    }
  } else if (value != nullptr) {
    values->insert(at, {this, std::move(value)});
  }
  context.cell_->values = std::move(values);
  return old;
}

void AnyContextVar::throw_unset() const {
  throw std::out_of_range(std::string("ContextVar ") + name_ + " has no value here");
}
void AnyContextVar::throw_foreign_token() const { throw ValueError("the token was made by another ContextVar"); }

}  // namespace asyncio::inline ASYNCIO_ABI
