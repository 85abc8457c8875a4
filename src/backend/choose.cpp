// SPDX-License-Identifier: MIT
#include "backend/epoll.h"
#include "backend/io_uring.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
Backend kind_of_environment() {
  const char* name = std::getenv("ASYNCIO_BACKEND");
  if (name == nullptr || *name == '\0') return Backend::automatic;
  const std::string_view text(name);
  if (text == "epoll") return Backend::epoll;
  if (text == "io_uring") return Backend::io_uring;
  throw RuntimeError("ASYNCIO_BACKEND: '" + std::string(text) + "' is neither epoll nor io_uring");
}
}  // namespace

std::string_view to_string(Backend backend) {
  switch (backend) {
    case Backend::epoll:
      return "epoll";
    case Backend::io_uring:
      return "io_uring";
    case Backend::automatic:
      break;
  }
  return "automatic";
}

std::unique_ptr<KernelBackend> detail::make_backend(Backend kind, bool debug) {
  std::string why = "the program asked for it";
  if (kind == Backend::automatic) {
    kind = kind_of_environment();
    why = "ASYNCIO_BACKEND names it";
  }
  std::unique_ptr<KernelBackend> backend;
  if (kind != Backend::epoll) {
    std::string reason;
    backend = UringBackend::make(reason);
    if (backend == nullptr && kind == Backend::io_uring) throw RuntimeError("io_uring is not available: " + reason);
    if (kind == Backend::automatic) {
      why = backend != nullptr ? "" : "io_uring is not available: " + reason;
    }
  }
  if (backend == nullptr) backend = std::make_unique<EpollBackend>();
  if (debug)
    std::fprintf(stderr, "asyncio: this loop uses %s%s%s\n", std::string(to_string(backend->kind())).c_str(),
                 why.empty() ? "" : ": ", why.c_str());
  return backend;
}

}  // namespace asyncio::inline ASYNCIO_ABI
