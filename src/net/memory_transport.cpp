// SPDX-License-Identifier: MIT
#include "net/socket_transport.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace asyncio::inline ASYNCIO_ABI {

namespace {

// One end of a pair in memory. What the other end wrote, and this one has not read, is in inbox_.
class MemoryTransport final : public StreamTransport {
 public:
  MemoryTransport(EventLoop& loop, std::size_t capacity, std::size_t limit)
      : StreamTransport(loop, limit), capacity_(capacity) {}

  static void join(MemoryTransport& a, MemoryTransport& b) {
    a.peer_ = &b;
    b.peer_ = &a;
  }

  ExtraInfo extra_info(std::string_view) const override { return {}; }

 private:
  ~MemoryTransport() override { MemoryTransport::let_go(); }

  bool waits_for_kernel() const override { return false; }

  Carried carry_in(std::span<std::byte> room) noexcept override {
    std::size_t taken = 0;
    while (taken < room.size() && !inbox_.empty()) {
      const std::string_view data = inbox_.view().substr(0, room.size() - taken);
      std::memcpy(room.data() + taken, data.data(), data.size());
      taken += data.size();
      inbox_.consume(data.size());
      if (peer_ != nullptr) peer_->can_carry_out();  // there is room again, which it may fill at once
    }
    if (taken > 0) return {static_cast<std::ptrdiff_t>(taken), !inbox_.empty() || ended_by_peer_};
    return {ended_by_peer_ ? 0 : would_block, false};
  }

  std::ptrdiff_t carry_out(std::string_view data) noexcept override {
    if (peer_ == nullptr) return -1 - EPIPE;
    const std::size_t room = capacity_ - std::min(capacity_, peer_->inbox_.size());
    if (room == 0) return would_block;
    const std::string_view part = data.substr(0, room);
    peer_->inbox_.append(part);
    peer_->can_carry_in();
    return static_cast<std::ptrdiff_t>(part.size());
  }

  void carry_eof() noexcept override {
    if (peer_ != nullptr) peer_->end();
  }

  void let_go() noexcept override {
    inbox_.clear();
    if (peer_ == nullptr) return;
    MemoryTransport& peer = *std::exchange(peer_, nullptr);
    peer.peer_ = nullptr;
    peer.end();
    peer.can_carry_out();  // what it keeps has nowhere to go, and it must learn that
  }

  void end() noexcept {
    ended_by_peer_ = true;
    can_carry_in();
  }

  std::size_t capacity_;
  MemoryTransport* peer_ = nullptr;  // null once either end is closed
  ByteBuffer inbox_;
  bool ended_by_peer_ = false;
};

}  // namespace

StreamPair make_stream_pair(std::size_t capacity, const StreamOptions& options) {
  if (capacity == 0) throw ValueError("the capacity of a stream pair must not be 0");
  EventLoop& loop = get_running_loop();
  auto* first = new MemoryTransport(loop, capacity, options.limit);
  Connection one = connection_of(*first);
  auto* second = new MemoryTransport(loop, capacity, options.limit);
  Connection other = connection_of(*second);
  MemoryTransport::join(*first, *second);
  return {std::move(one), std::move(other)};
}

}  // namespace asyncio::inline ASYNCIO_ABI
