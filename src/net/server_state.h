// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/server.h>
#include <asyncio/wait_queue.h>

#include "core/loop_resource.h"
#include "core/loop_state.h"
#include "net/socket_transport.h"

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI {

class Listener;

// What a Server, its listening sockets and its connections share: it lives as long as any of them.
class ServerState final : public LoopResource {
 public:
  ServerState(EventLoop& loop, ConnectionHandler handler, const ServerOptions& options);

  void retain() noexcept { ++references_; }
  void release() noexcept {
    if (--references_ == 0) delete this;
  }

  EventLoop& loop() const { return *loop_; }
  void add(UniqueFd socket);         // bound, and not listening yet
  void owns_path(std::string path);  // of a Unix socket that was just bound, to be removed by close()
  void listen();                     // throws RuntimeError where it is closed
  void close() noexcept;
  void end_clients(bool abort) noexcept;
  bool serving() const { return serving_; }
  std::vector<ListeningSocket> sockets() const;

  // A connection was accepted: runs the handler for it.
  void serve(UniqueFd socket) noexcept;
  void connection_gone() noexcept;
  Link& connections() { return connections_; }

  // Waits that end when close() was called, and when no connection is left.
  class Until;
  Until until_closed();
  Until until_empty();

  // The one serve_forever() that may run at a time. Throws RuntimeError where there is one.
  class ServingForever {
   public:
    explicit ServingForever(ServerState& state);
    ServingForever(const ServingForever&) = delete;
    ~ServingForever() { state_.serving_forever_ = false; }

   private:
    ServerState& state_;
  };

  void loop_closing() noexcept override;

 private:
  friend class Server;
  ~ServerState();

  EventLoop* loop_;
  ConnectionHandler handler_;
  ServerOptions options_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::string path_;
  dev_t device_ = 0;  // of the file at path_
  ino_t inode_ = 0;
  Link connections_;  // of ServedTransport
  WaitQueue closed_waiters_;
  WaitQueue empty_waiters_;
  std::uint32_t references_ = 0;
  bool serving_ = false;
  bool serving_forever_ = false;
  bool closed_ = false;
};

ServerState& server_state(Server& server);

// Keeps the state: what a coroutine of the server holds, since the Server may go before it runs.
class ServerRef {
 public:
  explicit ServerRef(ServerState& state) noexcept : state_(&state) { state.retain(); }
  ServerRef(ServerRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  ServerRef& operator=(ServerRef&&) = delete;
  ~ServerRef() {
    if (state_ != nullptr) state_->release();
  }
  ServerState& operator*() const { return *state_; }
  ServerState* operator->() const { return state_; }

 private:
  ServerState* state_;  // null once moved from
};

class ServerState::Until : public WaitQueue::Waiter {
 public:
  Until(ServerState& state, bool closed)
      : Waiter(closed ? state.closed_waiters_ : state.empty_waiters_, closed ? closing : emptying),
        ready_(closed ? state.closed_ : state.connections_.alone()) {}
  bool await_ready() const { return ready_; }

 private:
  static constexpr WaitKind closing = WaitQueue::kind("Server.wait_closed");
  static constexpr WaitKind emptying = WaitQueue::kind("Server.wait_closed");

  bool ready_;
};

inline ServerState::Until ServerState::until_closed() { return Until(*this, true); }
inline ServerState::Until ServerState::until_empty() { return Until(*this, false); }

}  // namespace asyncio::inline ASYNCIO_ABI
