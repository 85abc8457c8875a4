// SPDX-License-Identifier: MIT
#include <asyncio/error.h>

#include "backend/epoll.h"

#include <cstdlib>
#include <string>

namespace asyncio::inline ASYNCIO_ABI {

namespace {
Backend::Kind kind_of_environment() {
  const char* name = std::getenv("ASYNCIO_BACKEND");
  if (name == nullptr || *name == '\0') return Backend::Kind::automatic;
  const std::string_view text(name);
  if (text == "epoll") return Backend::Kind::epoll;
  if (text == "io_uring") return Backend::Kind::io_uring;
  throw RuntimeError("ASYNCIO_BACKEND: '" + std::string(text) + "' is neither epoll nor io_uring");
}
}  // namespace

std::unique_ptr<KernelBackend> make_backend(Backend::Kind kind, bool) {
  if (kind == Backend::Kind::automatic) kind = kind_of_environment();
  if (kind == Backend::Kind::io_uring) throw RuntimeError("io_uring is not available");
  return std::make_unique<EpollBackend>();
}

}  // namespace asyncio::inline ASYNCIO_ABI
