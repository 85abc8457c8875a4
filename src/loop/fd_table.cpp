// SPDX-License-Identifier: MIT
#include "loop/fd_table.h"

#include <asyncio/event_loop.h>

#include "base/system_error.h"
#include "loop/loop_state.h"
#include "loop/report.h"
#include "loop/step_watch.h"

#include <fcntl.h>

#include <cerrno>
#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>

// Theory of operation
//
// The kernel is asked once for what the callbacks of a descriptor wait for. When it tells, those that can run are
// queued, and each asks again after it has run: what it left unread is told at the next poll. That is level-triggered
// on every backend, and one that is slow to be run is not queued twice.
//
// A callback can be removed while it stands in the ready queue, which has no way to take it out, or while it runs. It
// then only loses its watch, and is deleted by the run() that finds this. Deleting one may run the user's code, which
// may come back here: it is the last act of every function.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

namespace {
constexpr std::uint8_t bit_of[] = {WatchedFd::can_read, WatchedFd::can_write};  // by Direction

constexpr const char* closed_too_early = "a file descriptor was closed before remove_reader() or remove_writer()";

[[noreturn]] void rethrow(const std::exception_ptr& error, int fd) {
  try {
    std::rethrow_exception(error);
  } catch (const std::system_error& e) {
    if (e.code().value() != EBADF) throw;
    throw ValueError("not an open file descriptor: " + std::to_string(fd));
  }
}
}  // namespace

class FdCallback final : public Runnable {
 public:
  FdCallback(LoopCore& loop, FdWatch& watch, Callback<void()> callback, FdTable::User user)
      : loop_(loop), watch_(&watch), callback_(std::move(callback)), user_(user) {}

  void run() noexcept override;
  void drop() noexcept override { delete this; }

  bool queued() const { return queued_; }
  FdTable::User user() const { return user_; }
  const std::type_info& type() const { return callback_.type(); }
  void queue() noexcept {
    queued_ = true;
    loop_.ready.push(*this);
  }
  void remove() noexcept;
  // The same where nothing will be told any more: a task goes on, tries again, and meets the reason.
  void give_up() noexcept {
    if (user_ == FdTable::User::task) callback_();
    remove();
  }

 private:
  ~FdCallback() = default;

  LoopCore& loop_;
  FdWatch* watch_;  // null once removed
  BoundCallback<void()> callback_;
  const FdTable::User user_;
  bool queued_ = false;
  bool running_ = false;
};

class detail::FdWatch final : public WatchedFd {
 public:
  FdWatch(FdTable& table, int fd) : WatchedFd(fd), table_(table) {}
  ~FdWatch() {
    backend().unwatch(*this);
    for (FdCallback*& callback : callbacks_)
      if (callback != nullptr) std::exchange(callback, nullptr)->give_up();
  }

  void ready(std::uint8_t readiness) noexcept override;
  // Puts a callback, or none, where another one was.
  FdCallback* put(FdTable::Direction direction, FdCallback* callback) noexcept {
    return std::exchange(callbacks_[static_cast<int>(direction)], callback);
  }
  const FdCallback* callback(FdTable::Direction direction) const { return callbacks_[static_cast<int>(direction)]; }
  bool unused() const { return callbacks_[0] == nullptr && callbacks_[1] == nullptr; }
  // Asks for what the callbacks wait for that are not queued.
  void ask();
  // The same where nobody is left to throw to: reports, and *this is gone.
  void ask_again() noexcept;

 private:
  KernelBackend& backend() const { return *table_.loop_.state().backend; }
  std::uint8_t interest() const;

  FdTable& table_;
  FdCallback* callbacks_[2] = {};  // by Direction
  bool failed_ = false;            // the kernel has told of an error
};

void FdCallback::run() noexcept {
  queued_ = false;
  if (watch_ != nullptr) {
    running_ = true;
    run_timed(loop_, callback_, "Exception in a callback of a file descriptor");
    running_ = false;
  }
  if (watch_ == nullptr) {
    delete this;
  } else {
    watch_->ask_again();
  }
}

void FdCallback::remove() noexcept {
  watch_ = nullptr;
  if (running_) return;
  if (!queued_) {
    delete this;
    return;
  }
  callback_.reset();  // what it holds must not wait for the queue
}

std::uint8_t FdWatch::interest() const {
  std::uint8_t interest = 0;
  for (int i : {0, 1})
    if (callbacks_[i] != nullptr && !callbacks_[i]->queued()) interest |= bit_of[i];
  return interest;
}

void FdWatch::ready(std::uint8_t readiness) noexcept {
  if ((readiness & failed) != 0) failed_ = true;
  const auto queue = [this](std::uint8_t which) {
    for (int i : {0, 1})
      if ((which & bit_of[i]) != 0) callbacks_[i]->queue();
  };
  queue(readiness & interest());
  try {
    if (interest() != 0) ask();
  } catch (const std::exception&) {
    queue(interest());  // they meet the error when they ask again
  }
}

void FdWatch::ask() {
  // A request for a descriptor that is not open fails on io_uring later than on epoll: here, so that it does on both.
  if (failed_ && ::fcntl(fd(), F_GETFD) < 0) throw_errno("watching a file descriptor");
  failed_ = false;
  backend().watch_once(*this, interest());
}

void FdWatch::ask_again() noexcept {
  try {
    ask();
  } catch (const std::system_error&) {
    report_current(&core_of(table_.loop_), closed_too_early);
    table_.forget(*this);
  } catch (const std::bad_alloc&) {
    report_current(&core_of(table_.loop_), "a file descriptor is not watched any more");
    table_.forget(*this);
  } catch (const RuntimeError&) {
    // In the child of a fork(), or on io_uring in another thread, nobody will be told of anything.
  }
}

FdTable::FdTable(EventLoop& loop) : loop_(loop) {}
FdTable::~FdTable() = default;

std::vector<FdTable::Entry> FdTable::entries() const {
  std::vector<Entry> entries;
  for (const auto& [fd, watch] : watches_) {
    for (Direction direction : {Direction::read, Direction::write}) {
      if (const FdCallback* callback = watch->callback(direction))
        entries.push_back({fd, direction, &callback->type()});
    }
  }
  return entries;
}

bool FdTable::owned(int fd) const {
  return fd >= 0 && static_cast<std::size_t>(fd) < owned_.size() && owned_[static_cast<std::size_t>(fd)];
}

void FdTable::require_unowned(int fd) const {
  if (owned(fd)) throw RuntimeError("file descriptor " + std::to_string(fd) + " is in use by a stream");
}

void FdTable::own(WatchedFd& fd) {
  if (fd.fd() < 0) throw_system_error(EBADF, "watch");
  if (fd.watched()) throw RuntimeError("file descriptor " + std::to_string(fd.fd()) + " is watched already");
  require_unowned(fd.fd());
  const auto index = static_cast<std::size_t>(fd.fd());
  if (index >= owned_.size()) owned_.resize(index + 1);
  owned_[index] = true;  // before the user's code has its turn below
  try {
    // Left there, it would end the watch of this one as soon as somebody removes its callbacks.
    if (const auto stale = watches_.find(fd.fd()); stale != watches_.end()) {
      forget(*stale->second);
      report_made(&core_of(loop_), closed_too_early, [](ExceptionContext&) {});
    }
    loop_.state().backend->watch(fd);
  } catch (...) {
    owned_[index] = false;
    throw;
  }
}

void FdTable::disown(WatchedFd& fd) noexcept {
  if (!fd.watched()) return;
  loop_.state().backend->unwatch(fd);
  // It may have been watched by a loop that has gone, where this one now is.
  if (owned(fd.fd())) owned_[static_cast<std::size_t>(fd.fd())] = false;
}

void FdTable::forget(FdWatch& watch) noexcept {
  // Out of the table first: what callbacks hold may use the loop when it is destroyed.
  const auto node = watches_.extract(watch.fd());
}

void FdTable::add(int fd, Direction direction, Callback<void()> callback, User user) {
  if (fd < 0) throw ValueError("not a file descriptor: " + std::to_string(fd));
  require_unowned(fd);
  require_replaceable(fd, direction, user);
  auto found = watches_.find(fd);
  if (found == watches_.end()) found = watches_.emplace(fd, std::make_unique<FdWatch>(*this, fd)).first;
  FdWatch& watch = *found->second;
  FdCallback* fresh = nullptr;
  FdCallback* old = nullptr;
  std::exception_ptr error;
  try {
    fresh = new FdCallback(core_of(loop_), watch, std::move(callback), user);
    old = watch.put(direction, fresh);
    watch.ask();
  } catch (...) {
    error = std::current_exception();
    if (fresh != nullptr) watch.put(direction, nullptr);
    if (watch.unused()) forget(watch);
    if (fresh != nullptr) fresh->remove();
  }
  if (old != nullptr) old->remove();
  if (error != nullptr) rethrow(error, fd);
}

// Callbacks replace callbacks; a task replaces nothing, and is not replaced.
void FdTable::require_replaceable(int fd, Direction direction, User by) const {
  const auto found = watches_.find(fd);
  const FdCallback* const there = found != watches_.end() ? found->second->callback(direction) : nullptr;
  if (there == nullptr || (there->user() == User::callback && by == User::callback)) return;
  throw RuntimeError(
      (there->user() == User::task ? "a task waits for file descriptor " : "a callback waits for file descriptor ") +
      std::to_string(fd) + " already");
}

bool FdTable::remove(int fd, Direction direction, User user) {
  require_unowned(fd);
  if (user == User::callback) require_replaceable(fd, direction, user);
  const auto found = watches_.find(fd);
  if (found == watches_.end()) return false;
  FdWatch& watch = *found->second;
  FdCallback* const old = watch.put(direction, nullptr);
  if (old == nullptr) return false;
  if (watch.unused()) {
    forget(watch);
  } else {
    watch.ask_again();  // for less
  }
  old->remove();
  return true;
}

void FdTable::clear() noexcept {
  while (!watches_.empty()) forget(*watches_.begin()->second);
}

void EventLoop::watch(int fd, bool writing, Callback<void()> callback) {
  require_open();
  state_->check_caller(writing ? "add_writer" : "add_reader");
  state_->fds.add(fd, writing ? FdTable::Direction::write : FdTable::Direction::read, std::move(callback));
}

bool EventLoop::remove_reader(int fd) {
  state_->check_caller("remove_reader");
  return state_->fds.remove(fd, FdTable::Direction::read);
}

bool EventLoop::remove_writer(int fd) {
  state_->check_caller("remove_writer");
  return state_->fds.remove(fd, FdTable::Direction::write);
}

}  // namespace asyncio::inline ASYNCIO_ABI
