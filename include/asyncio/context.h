// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/any_context_var.h>
#include <asyncio/detail/shared.h>

#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// The values that ContextVars have in one line of work: a task, or a callback. A handle; copies share the values.
// Each task gets a copy of its creator's, so that what it sets shows in what it starts later, and nowhere else.
// Copying is cheap: values are shared until one of the two sets something. Python: contextvars.Context.
class Context {
 public:
  // No values yet.
  Context() = default;
  Context(const Context& other);
  Context(Context&& other) noexcept = default;
  Context& operator=(Context other) noexcept {
    cell_ = std::move(other.cell_);
    return *this;
  }

  // A copy of the context of the running task or callback; outside of both, of the thread. Python: copy_context().
  static Context current();

  // Whether a copy of it would have values.
  static bool any_values() noexcept;

  // A context with the same values, which goes its own way.
  Context copy() const;

  bool empty() const;

  // Calls f() in this context and gives what it returns.
  template <class F>
  decltype(auto) run(F&& f) {
    Entered entered(*this);
    return std::forward<F>(f)();
  }

  // Makes a context current for as long as it lives, within one function that does not wait meanwhile.
  class Entered {
   public:
    explicit Entered(Context& context);
    Entered(const Entered&) = delete;
    ~Entered();

   private:
    Context* previous_;
  };

 private:
  friend class detail::AnyContextVar;
  struct Cell;
  static Context& active();                        // the one that a set() changes
  static const Context* active_if_any() noexcept;  // the same, null where there is none yet
  Cell& cell() const;

  mutable detail::Ref<detail::SharedObject> cell_;  // a Cell; none while there are no values and no copies
};

// What ContextVar::set() gives, for reset().
class ContextToken {
 private:
  template <class T>
  friend class ContextVar;
  ContextToken(const detail::AnyContextVar& variable, detail::Ref<const detail::SharedObject> old)
      : variable_(&variable), old_(std::move(old)) {}

  const detail::AnyContextVar* variable_;
  detail::Ref<const detail::SharedObject> old_;  // of none where there was none
};

// A variable with one value per task: a request id, a locale, a transaction.
//
//   ContextVar<std::string> request_id("request_id", "-");
//
//   Coro<> handle(Request request) {
//     request_id.set(request.id);     // for this task, and the tasks that it starts from here on
//     co_await answer(request);       // request_id.get() is that id in there
//   }
//
// Make it once, as a global: it must outlive every context that holds a value of it. Any thread may use it. get()
// copies: let T be a std::shared_ptr where that is dear.
// Python: contextvars.ContextVar.
template <class T>
class ContextVar : private detail::AnyContextVar {
 public:
  using AnyContextVar::name;  // the one that it was made with

  using Token = ContextToken;

  // `name` is kept, not copied. Without a default, get() throws std::out_of_range until there is a value.
  explicit ContextVar(const char* name) : AnyContextVar(name) {}
  ContextVar(const char* name, T default_value)
      : AnyContextVar(name), default_(detail::Ref<const Held>::adopt(*new Held(std::move(default_value)))) {}

  // The value in this context, else the default.
  T get() const {
    if (Value value = find()) return static_cast<const Held&>(*value).value;
    if (!default_) throw_unset();
    return default_->value;
  }
  // The value in this context, else `fallback`.
  T get(T fallback) const {
    if (Value value = find()) return static_cast<const Held&>(*value).value;
    return fallback;
  }

  // Sets the value in this context; reset() with the result takes it back.
  Token set(T value) const { return Token(*this, exchange(Value::adopt(*new Held(std::move(value))))); }

  // Restores the value from before the set() that gave the token. Throws ValueError for a token of another variable.
  void reset(Token token) const {
    if (token.variable_ != this) throw_foreign_token();
    exchange(std::move(token.old_));
  }

 private:
  using Held = detail::SharedValue<T>;

  detail::Ref<const Held> default_;
};

}  // namespace asyncio::inline ASYNCIO_ABI
