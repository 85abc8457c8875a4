// SPDX-License-Identifier: MIT
#include "net/server_state.h"

#include "base/system_error.h"
#include "loop/report.h"
#include "net/socket.h"

#include <sys/stat.h>

#include <cerrno>
#include <utility>

// Theory of operation. Who refers to whom: the state is counted. The Server, each of its coroutines (ServerRef) and
// each connection hold a reference, so that it goes with the last of them, and a Server may be dropped while
// connections go on. A connection is held by its reader, its writer and the task of its handler, the first two of which
// are the handler's. The listeners are the state's own, and refer to it without counting.
//
// A listener is told of an edge by the kernel, puts itself into the ready queue, and accepts in its turn: a part of
// what is waiting, and then the rest in the next turn. While it stands in the queue it cannot be destroyed: close()
// takes its socket away, and the turn deletes it. Each accepted socket becomes a stream that stands in served_, and a
// task that runs the handler; a handler that has ended may leave its connection open, and the other way round, so that
// the two are counted apart, and each count has the waits that end when it reaches 0.
//
// close() stops listening and removes the file of a Unix socket, if that is still the one which was made; connections
// are let be. loop_closing() is the same for a loop that goes, with connections and all: nothing is used of it
// afterwards.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

namespace {
constexpr int most_accepts_per_turn = 64;
constexpr std::chrono::seconds accept_pause{1};
}  // namespace

// A listening socket. It accepts in its turn of the loop's queue, and so many at a time that others have theirs.
class detail::Listener final : public lowlevel::WatchedFd, public Runnable, public Timer {
 public:
  Listener(ServerState& server, UniqueFd socket)
      : WatchedFd(socket.get()), Timer(&resume), server_(server), socket_(std::move(socket)) {}

  void start(int backlog) {
    if (watched()) return;
    if (::listen(fd(), backlog) != 0) throw_errno("listen");
    watch(server_.loop());
  }

  ListeningSocket socket() const { return {fd(), address_of_socket(fd())}; }

  void run() noexcept override {
    bool more = false;
    {
      const ServerRef keep(
          server_);  // it may be closed by a handler that ends at once, and go with its last connection
      more = accept_some();
    }
    in_turn_ = false;
    if (!socket_) {
      delete this;
    } else if (more) {
      queue();
    }
  }
  void drop() noexcept override {
    in_turn_ = false;
    if (!socket_) delete this;
  }

  // Closes the socket, and destroys the listener as soon as nothing refers to it.
  static void dispose(std::unique_ptr<Listener> listener) noexcept {
    listener->stop();
    if (listener->in_turn_) listener.release();  // run() or drop() deletes it
  }

 private:
  void ready(std::uint8_t) noexcept override { queue(); }

  void queue() noexcept {
    if (in_turn_ || armed()) return;
    in_turn_ = true;
    core_of(server_.loop()).ready.push(*this);
  }

  void stop() noexcept {
    server_.loop().disarm(*this);
    unwatch();
    socket_.reset();
  }

  // False where there is nothing to accept at the moment.
  bool accept_some() noexcept {
    int failures = 0;
    for (int i = 0; i < most_accepts_per_turn && socket_; ++i) {
      UniqueFd accepted(::accept4(fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (accepted) {
        server_.serve(std::move(accepted));
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
      // A whole turn of them: it is no single connection, and trying on would keep the processor busy for ever.
      if (is_of_one_connection(errno) && ++failures < most_accepts_per_turn) continue;
      pause(errno);
      return false;
    }
    return true;
  }

  // Whether accept() failed because of the connection that was next; it is gone then. The network's errors are those of
  // accept(2): Linux hands on what is pending on the new socket.
  static bool is_of_one_connection(int error) {
    switch (error) {
      case ECONNABORTED:
      case EINTR:
      case EPERM:
      case EPROTO:
      case EOPNOTSUPP:
      case ETIMEDOUT:
      case ECONNRESET:
      case ENOPROTOOPT:
      case ENETDOWN:
      case ENETUNREACH:
      case EHOSTDOWN:
      case EHOSTUNREACH:
      case ENONET:
        return true;
      default:
        return false;
    }
  }

  // Nothing can be accepted for the moment; what waits stays in the kernel's queue.
  void pause(int error) noexcept {
    EventLoop& loop = server_.loop();
    loop.arm(*this, loop.deadline_after(accept_pause));  // before the report: that may close the server
    report_made(&core_of(loop), "the server cannot accept connections, and pauses for a second",
                [&](ExceptionContext& context) { context.exception = system_exception(error, "accept"); });
  }
  static void resume(Timer& timer) noexcept { static_cast<Listener&>(timer).queue(); }

  ServerState& server_;
  UniqueFd socket_;
  bool in_turn_ = false;  // in the loop's queue, or in run()
};

namespace {

// Its place among the joiners of the task that runs for it.
struct TaskHook : LinkedWaiter {
  TaskHook() : LinkedWaiter(ended) {}
  static const WaitKind ended;

  // False where it has ended already.
  bool watch(TaskBase& task) {
    task_ = &task;
    if (task.done()) return false;
    task.joiners().push_back(*this);
    return true;
  }
};

// In a class of their own they fit into the last byte of a StreamTransport; as members beside a TaskHook they would
// cost each connection 16.
class ServedFlags : public StreamTransport {
 protected:
  using StreamTransport::StreamTransport;
  bool connected_ : 1 = false;
  bool handled_ : 1 = false;  // its task runs
  bool handler_cancelled_ : 1 = false;
};

// A connection that a server has accepted; told when its task has ended.
class ServedStream final : public ServedFlags, private TaskHook {
 public:
  ServedStream(ServerState& server, UniqueFd socket, const ServerOptions& options)
      : ServedFlags(server.loop(), server.connections(), options.limit, options.close_timeout),
        server_(server),
        socket_(server.loop(), std::move(socket)) {
    attach_inside(socket_);
    server_.retain();
    server_.connection_made();
    connected_ = true;
  }
  static void* operator new(std::size_t size) { return FramePool::get(size); }
  static void operator delete(void* memory, std::size_t size) noexcept { FramePool::put(memory, size); }

  // Calls f with each that the server has accepted, and that is still there. Any of them may go meanwhile.
  template <class F>
  static void for_each(Link& served, F f) {
    for (Link* link = served.next; link != &served;) {
      const Ref<ServedStream> stream(static_cast<ServedStream&>(at(*link)));
      f(*stream);
      link = link->next;
    }
  }

  bool connected() const { return connected_; }
  bool handled() const { return handled_; }

  // The task runs for this connection: both are kept until it ends. One that was started eagerly may have ended, or
  // have had the handlers cancelled in its first step.
  void served_by(TaskBase& task) {
    task.retain();
    retain();
    if (!watch(task)) return task_ended(*this);
    handled_ = true;
    server_.handler_started();
    if (server_.cancelling_handlers()) cancel_handler();
  }

  // False where that is the running task, which is left alone.
  bool cancel_handler() {
    TaskBase& handler = *TaskHook::task();
    if (&handler == this_thread.task) return false;
    if (handler_cancelled_) return true;  // a second one would end its cleaning up
    handler_cancelled_ = true;
    handler.cancel({});
    return true;
  }

 private:
  friend struct TaskHook;

  ~ServedStream() override {
    connection_lost();
    leave_place();
    server_.release();
  }

  void connection_lost() noexcept override {
    if (!connected_) return;
    connected_ = false;
    server_.connection_gone();
  }

  static void task_ended(Waiter& waiter) noexcept {
    ServedStream& self = static_cast<ServedStream&>(static_cast<TaskHook&>(waiter));
    const AnyTask task(self.TaskHook::task());
    task.state().release();
    if (const std::exception_ptr error = task.state().outcome_exception()) {
      if (!task.cancelled()) {
        report_made(&core_of(self.loop()), "Unhandled exception in the handler of a connection",
                    [&](ExceptionContext& context) {
                      context.exception = error;
                      context.task = task;
                    });
      }
      self.close();
    }
    if (self.handled_) {
      self.handled_ = false;
      self.server_.handler_gone();
    }
    self.release();
  }

  ServerState& server_;
  SocketCarrier socket_;
};
static_assert(sizeof(ServedStream) <= 208, "an idle connection takes more memory");

const WaitKind TaskHook::ended{
    .reason = "connection handler",
    .remove = nullptr,
    .interrupt = nullptr,
    .joined = &ServedStream::task_ended,
    .awaiter = [](const Waiter&) noexcept -> const TaskBase* { return nullptr; },
};

}  // namespace

ServerState::ServerState(EventLoop& loop, ConnectionHandler handler, const ServerOptions& options)
    : loop_(&loop), handler_(std::move(handler)), context_(Context::current()), options_(options) {
  if (!handler_) throw ValueError("a server needs a handler for its connections");
  require_limit(options.limit);
  loop.state().resources.push_back(*this);
}

ServerState::~ServerState() {
  context_.run([this] { handler_ = nullptr; });
}

ServerState& detail::server_state(Server& server) { return *server.state_; }

void ServerState::add(UniqueFd socket) { listeners_.push_back(std::make_unique<Listener>(*this, std::move(socket))); }

void ServerState::owns_path(std::string path) {
  struct stat status{};
  if (path.front() == '\0' || ::stat(path.c_str(), &status) != 0) return;
  path_ = std::move(path);
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

void ServerState::listen() {
  if (closed_) throw RuntimeError("the server is closed");
  if (loop_->state().forked()) throw RuntimeError("the server was made before a fork(): the child must leave it alone");
  for (const auto& listener : listeners_) listener->start(options_.backlog);
  serving_ = true;
}

void ServerState::close() noexcept {
  if (std::exchange(closed_, true)) return;
  serving_ = false;
  remove_file();
  for (auto& listener : listeners_) Listener::dispose(std::move(listener));
  listeners_.clear();
  closed_waiters_.wake_all();
}

// Of a Unix socket, unless it is another one's by now; in the child of a fork() it is the parent's.
void ServerState::remove_file() noexcept {
  struct stat status{};
  if (path_.empty() || loop_->state().forked() || ::stat(path_.c_str(), &status) != 0) return;
  if (status.st_ino == inode_ && status.st_dev == device_) ::unlink(path_.c_str());
}

void ServerState::loop_closing() noexcept {
  const ServerRef keep(*this);
  close();
  unlink();
  while (!served_.alone()) StreamTransport::at(*served_.next).loop_closing();
}

void ServerState::end_clients(bool abort) noexcept {
  ServedStream::for_each(served_, [abort](ServedStream& transport) {
    if (!transport.connected()) return;
    if (abort) {
      transport.abort();
    } else {
      transport.close();
    }
  });
}

std::vector<ListeningSocket> ServerState::sockets() const {
  std::vector<ListeningSocket> result;
  for (const auto& listener : listeners_) result.push_back(listener->socket());
  return result;
}

void ServerState::serve(UniqueFd socket) noexcept {
  Context context = context_.copy();  // of this connection: what its handler sets is not there in the next one
  Context::Entered entered(context);
  try {
    auto* transport = new ServedStream(*this, std::move(socket), options_);
    struct Keeper {
      explicit Keeper(ServedStream& kept) : transport(kept) { transport.retain(); }
      Keeper(const Keeper&) = delete;
      ~Keeper() { transport.release(); }
      ServedStream& transport;
    } keeper(*transport);  // a handler that starts eagerly may be at its end below
    Connection connection = connection_of(*transport);
    Coro<> handler = handler_(std::move(connection.reader), std::move(connection.writer));
    if (loop_->get_debug()) [[unlikely]]
      LoopStreams::of(*loop_).unclosed.note(*transport, handler.definition());
    Task<> task = start_task(core_of(*loop_), std::move(handler), {}, std::source_location::current());
    transport->served_by(task.AnyTask::state());
  } catch (...) {
    report_current(core_of(loop_), "a connection could not be served");
  }
}

void ServerState::connection_gone() noexcept {
  if (--connections_ == 0) empty_waiters_.wake_all();
}

void ServerState::handler_gone() noexcept {
  if (--handlers_ == 0) handlers_waiters_.wake_all();
}

bool ServerState::cancel_handlers() {
  cancelling_handlers_ = true;
  bool outside = true;
  ServedStream::for_each(served_, [&outside](ServedStream& transport) {
    if (transport.handled() && !transport.cancel_handler()) outside = false;
  });
  return outside;
}

ServerState::ServingForever::ServingForever(ServerState& state) : state_(state) {
  if (std::exchange(state.serving_forever_, true)) throw RuntimeError("serve_forever() runs already");
}

}  // namespace asyncio::inline ASYNCIO_ABI
