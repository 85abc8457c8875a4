// SPDX-License-Identifier: MIT
#include "loop/loop_registry.h"

#include "base/brief_lock.h"
#include "base/fork.h"
#include "loop/loop_state.h"

#include <pthread.h>

#include <cstdint>
#include <exception>
#include <mutex>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

LoopPlace** LoopTree::way_to(const LoopCore* loop) noexcept {
  // The bits of an address are not spread evenly: the low ones are always 0, the high ones nearly always the same.
  std::uint64_t key = reinterpret_cast<std::uintptr_t>(loop) * std::uint64_t{0x9e3779b97f4a7c15};
  LoopPlace** place = &root_;
  while (*place != nullptr && (*place)->loop != loop) {
    place = &(*place)->below[key >> 63];
    key <<= 1;
  }
  return place;
}

LoopPlace** LoopTree::any_below(LoopPlace& place) noexcept {
  for (LoopPlace*& below : place.below)
    if (below != nullptr) return &below;
  return nullptr;
}

void LoopTree::remove(LoopPlace& place) noexcept {
  LoopPlace** const at = way_to(place.loop);
  LoopPlace** leaf = at;
  while (LoopPlace** next = any_below(**leaf)) leaf = next;
  LoopPlace* const successor = *leaf;
  *leaf = nullptr;
  if (successor == &place) return;
  for (int side : {0, 1}) successor->below[side] = std::exchange(place.below[side], nullptr);
  *at = successor;
}

namespace {
// None is ever destroyed: a handle in a global may ask at the very end.
constinit BriefLock loops_lock;
constinit LoopTree loop_tree;
constinit Link
    parents_loops;  // each the LoopPlace of one that was the parent's, and has been destroyed in this process

// The child of a fork() does not run the loops of its parent. But a coroutine that called fork() goes on in it, and may
// await others, up to where it has to wait: that throws. When it has returned to its loop the loop is left at once.
void become_child() noexcept {
  loops_lock.unlock();
  if (this_thread.loop == nullptr) return;
  EventLoop::of(*this_thread.loop).state().exit = std::make_exception_ptr(RuntimeError(parents_loop));
  this_thread.loop = nullptr;
  if (this_thread.task != nullptr) this_thread.task->refuse_to_wait();
}

// Another thread may hold the lock at the moment of a fork(), and is not there in the child to give it back.
[[maybe_unused]] const int registered =
    ::pthread_atfork([] { loops_lock.lock(); }, [] { loops_lock.unlock(); }, [] { become_child(); });
}  // namespace

constinit bool detail::debug_mode_used = false;

void detail::register_loop(LoopPlace& place) noexcept {
  std::lock_guard lock(loops_lock);
  loop_tree.insert(place);
}

void detail::unregister_loop(LoopPlace& place) noexcept {
  std::lock_guard lock(loops_lock);
  loop_tree.remove(place);
}

void detail::keep_parents_loop(LoopPlace& place) noexcept {
  std::lock_guard lock(loops_lock);
  parents_loops.push_back(place);
}

void detail::throw_no_running_loop(const std::string& operation) {
  if (this_thread.task != nullptr && this_thread.task->refuses_to_wait()) throw_parents_loop();
  throw RuntimeError(operation + ": no running event loop in this thread; call it in a coroutine, which run() runs");
}

void detail::refuse_other_thread(const LoopCore* loop, const char* operation) {
  if (loop == this_thread.loop) return;
  std::lock_guard lock(loops_lock);  // so that the loop stays while it is looked at
  if (!loop_tree.contains(loop)) return;
  EventLoop::of(const_cast<LoopCore&>(*loop)).state().check_caller(operation);
}

bool detail::is_alive(const LoopCore* loop) noexcept {
  std::lock_guard lock(loops_lock);
  return loop_tree.contains(loop);
}

}  // namespace asyncio::inline ASYNCIO_ABI
