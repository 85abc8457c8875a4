// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/detail/shared.h>

namespace asyncio::inline ASYNCIO_ABI::detail {

// The part of ContextVar that does not depend on the type.
class AnyContextVar {
 public:
  explicit AnyContextVar(const char* name) : name_(name) {}
  AnyContextVar(const AnyContextVar&) = delete;
  AnyContextVar& operator=(const AnyContextVar&) = delete;
  const char* name() const { return name_; }

 protected:
  using Value = Ref<const SharedObject>;
  Value find() const;  // of none where it is not set
  Value exchange(Value value) const;
  [[noreturn]] void throw_unset() const;
  [[noreturn]] void throw_foreign_token() const;

 private:
  const char* name_;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
