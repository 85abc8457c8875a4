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

// What was entered comes first: it was entered by whatever runs now. A loop enters nothing around the steps of tasks.
Context& Context::active() {
  if (this_thread.context != nullptr) return *this_thread.context;
  if (this_thread.task != nullptr) return this_thread.task->extra().context;
  // A pointer to the thread's own context is set with its first value, so that the ones without cost nothing.
  this_thread.context = &of_thread;
  return of_thread;
}

const Context* Context::active_if_any() noexcept {
  if (this_thread.context != nullptr) return this_thread.context;
  if (this_thread.task == nullptr) return &of_thread;
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

const std::shared_ptr<Context::Cell>& Context::cell() const {
  if (cell_ == nullptr) cell_ = std::make_shared<Cell>();
  return cell_;
}

bool Context::empty() const { return cell_ == nullptr || cell_->values == nullptr; }

Context Context::copy() const {
  Context result;
  if (!empty()) result.cell_ = std::make_shared<Cell>(*cell_);
  return result;
}

Context::Entered::Entered(Context& context) : previous_(std::exchange(this_thread.context, &context)) {}
Context::Entered::~Entered() { this_thread.context = previous_; }

AnyContextVar::Value AnyContextVar::find() const {
  const Context* context = Context::active_if_any();
  if (context == nullptr || context->empty()) return nullptr;
  const Context::Cell::Values& values = *context->cell_->values;
  auto at = place(values, this);
  return at != values.end() && at->variable == this ? at->value : nullptr;
}

AnyContextVar::Value AnyContextVar::exchange(Value value) const {
  Context& context = Context::active();
  auto values = std::make_shared<Context::Cell::Values>();
  if (!context.empty()) *values = *context.cell_->values;
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
  context.cell()->values = std::move(values);
  return old;
}

void AnyContextVar::throw_unset() const {
  throw std::out_of_range(std::string("ContextVar ") + name_ + " has no value here");
}
void AnyContextVar::throw_foreign_token() const { throw ValueError("the token was made by another ContextVar"); }

}  // namespace asyncio::inline ASYNCIO_ABI
