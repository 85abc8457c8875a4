// SPDX-License-Identifier: MIT
#include "backend/epoll.h"
#include "backend/io_uring.h"

#include <cstdio>
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

std::unique_ptr<KernelBackend> make_backend(Backend::Kind kind, bool debug) {
  std::string why = "the program asked for it";
  if (kind == Backend::Kind::automatic) {
    kind = kind_of_environment();
    why = "ASYNCIO_BACKEND names it";
  }
  std::unique_ptr<KernelBackend> backend;
  if (kind != Backend::Kind::epoll) {
    std::string reason;
    backend = UringBackend::make(reason);
    if (backend == nullptr && kind == Backend::Kind::io_uring)
      throw RuntimeError("io_uring is not available: " + reason);
    if (kind == Backend::Kind::automatic) {
      why = backend != nullptr ? "" : "io_uring is not available: " + reason;
    }
  }
  if (backend == nullptr) backend = std::make_unique<EpollBackend>();
  if (debug)
    std::fprintf(stderr, "asyncio: this loop uses %s%s%s\n", std::string(backend->name()).c_str(),
                 why.empty() ? "" : ": ", why.c_str());
  return backend;
}

}  // namespace asyncio::inline ASYNCIO_ABI
