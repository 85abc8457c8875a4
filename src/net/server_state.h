// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/wait_queue.h>
#include <asyncio/server.h>

#include "loop/loop_resource.h"
#include "loop/loop_state.h"
#include "net/stream_transport.h"

#include <sys/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace asyncio::inline ASYNCIO_ABI::detail {

class Listener;

// What a Server, its listening sockets and its connections share: it lives as long as any of them.
class ServerState final : public lowlevel::LoopResource {
 public:
  ServerState(EventLoop& loop, ConnectionHandler handler, const ServerOptions& options);

  void retain() noexcept { references_.retain(); }
  void release() noexcept {
    if (references_.release()) delete this;
  }

  EventLoop& loop() const { return *loop_; }
  void add(UniqueFd socket);         // bound, and not listening yet
  void owns_path(std::string path);  // of a Unix socket that was just bound, to be removed by close()
  void listen();                     // throws RuntimeError where it is closed, and in the child of a fork()
  void close() noexcept;
  void end_clients(bool abort) noexcept;
  bool serving() const { return serving_; }
  std::vector<ListeningSocket> sockets() const;

  // A connection was accepted: runs the handler for it.
  void serve(UniqueFd socket) noexcept;
  Link& connections() { return served_; }  // where one puts itself
  void connection_made() noexcept { ++connections_; }
  void connection_gone() noexcept;
  void handler_started() noexcept { ++handlers_; }
  void handler_gone() noexcept;

  // Cancels each handler once; for what has called close(). False where the running task is a handler itself: it would
  // wait for its own end.
  bool cancel_handlers();
  bool cancelling_handlers() const { return cancelling_handlers_; }

  // Waits that end when close() was called, when no connection is left, and when no handler runs.
  class Until;
  class UntilClosed;
  UntilClosed until_closed_or_cancelled();
  Until until_closed();
  Until until_empty();
  Until until_handlers_end();
  Until until_cancelled_handlers_end();  // no cancel ends this one
  bool has_handlers() const { return handlers_ > 0; }

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
  friend Server;
  ~ServerState();
  void remove_file() noexcept;

  EventLoop* loop_;
  ConnectionHandler handler_;  // called and destroyed in
  Context context_;            // that of start_server(), or in copies of it
  ServerOptions options_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::string path_;
  dev_t device_ = 0;  // of the file at path_
  ino_t inode_ = 0;
  Link served_;  // each a ServedStream, until that is destroyed
  std::size_t connections_ = 0;
  lowlevel::WaitQueue closed_waiters_;
  lowlevel::WaitQueue empty_waiters_;
  std::size_t handlers_ = 0;  // whose task has not ended
  lowlevel::WaitQueue handlers_waiters_;
  RefCount references_{0};
  bool serving_ = false;
  bool serving_forever_ = false;
  bool closed_ = false;
  bool cancelling_handlers_ = false;
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

class ServerState::Until : public lowlevel::QueuedWaiter {
 public:
  Until(lowlevel::WaitQueue& queue, const lowlevel::WaitKind& kind, bool ready)
      : QueuedWaiter(queue, kind), ready_(ready) {}
  bool await_ready() const { return ready_; }

  static constexpr lowlevel::WaitKind serving = lowlevel::WaitQueue::kind("Server.serve_forever");
  static constexpr lowlevel::WaitKind closing = lowlevel::WaitQueue::kind("Server.wait_closed");
  static constexpr lowlevel::WaitKind ending = lowlevel::WaitQueue::kind("Server.exit");
  static constexpr lowlevel::WaitKind cancelling = lowlevel::WaitQueue::uncancellable_kind("the handlers of a Server");

 private:
  bool ready_;
};

// Of a close and a cancel that come together the cancel counts: the handlers are to end with it.
class ServerState::UntilClosed : public Until {
 public:
  using Until::Until;
  void await_resume() { check_all(); }
};

inline ServerState::UntilClosed ServerState::until_closed_or_cancelled() {
  return UntilClosed(closed_waiters_, Until::serving, closed_);
}
inline ServerState::Until ServerState::until_closed() { return Until(closed_waiters_, Until::closing, closed_); }
inline ServerState::Until ServerState::until_empty() {
  return Until(empty_waiters_, Until::closing, connections_ == 0);
}
inline ServerState::Until ServerState::until_handlers_end() {
  return Until(handlers_waiters_, Until::ending, !has_handlers());
}
inline ServerState::Until ServerState::until_cancelled_handlers_end() {
  return Until(handlers_waiters_, Until::cancelling, !has_handlers());
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
