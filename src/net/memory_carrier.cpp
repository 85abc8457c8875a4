// SPDX-License-Identifier: MIT
#include "net/stream_transport.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

using lowlevel::CarriedIn;
using lowlevel::Pieces;
using lowlevel::Rest;

namespace {

class MemoryCarrier;

// What the two ends of a pair share. What one does is told to the other in a turn of the loop: neither is called while
// it is at work itself. It lives as long as one of the ends, or a turn.
class MemoryLine final : public Runnable {
 public:
  enum News : std::uint8_t { input = 1, room = 2, gone = 4 };

  explicit MemoryLine(EventLoop& loop) : loop_(loop) {}
  void retain() noexcept { references_.retain(); }
  void release() noexcept {
    if (references_.release()) delete this;
  }

  // The end that is not `one`; null once it has let go.
  MemoryCarrier* other_end(const MemoryCarrier* one) const { return ends_[ends_[0] == one ? 1 : 0]; }
  void set_ends(MemoryCarrier* first, MemoryCarrier* second) noexcept {
    ends_[0] = first;
    ends_[1] = second;
  }
  void end_gone(const MemoryCarrier* one) noexcept { ends_[ends_[0] == one ? 0 : 1] = nullptr; }

  void tell(const MemoryCarrier& end, News news) noexcept {
    news_[ends_[0] == &end ? 0 : 1] |= news;
    if (std::exchange(queued_, true)) return;
    retain();
    core_of(loop_).ready.push(*this);
  }
  void run() noexcept override;
  void drop() noexcept override { release(); }

 private:
  ~MemoryLine() override = default;

  EventLoop& loop_;
  MemoryCarrier* ends_[2] = {};
  std::uint8_t news_[2] = {};
  bool queued_ = false;
  RefCount references_{0};
};

// One end of a pair in memory. What the other end wrote, and this one has not read, is in inbox_.
class MemoryCarrier final : public lowlevel::Carrier {
 public:
  MemoryCarrier(MemoryLine& line, std::size_t capacity) : line_(line), capacity_(capacity) {}
  ~MemoryCarrier() override { MemoryCarrier::let_go(); }

  CarriedIn carry_in(std::span<std::byte> room) override {
    const std::string_view data = inbox_.view().substr(0, room.size());
    if (data.empty()) return {0, ended_by_peer_ ? Rest::end : Rest::empty};
    const std::size_t count = data.size();
    std::memcpy(room.data(), data.data(), count);
    inbox_.consume(count);
    if (MemoryCarrier* peer = line_->other_end(this)) line_->tell(*peer, MemoryLine::room);
    return {count, inbox_.empty() && !ended_by_peer_ ? Rest::empty : Rest::more};
  }

  std::size_t carry_out(Pieces pieces) override {
    MemoryCarrier* const peer = line_->other_end(this);
    if (peer == nullptr) {
      throw std::system_error(std::make_error_code(std::errc::broken_pipe), "write");
    }
    std::size_t taken = 0;
    for (const std::span<const std::byte> piece : pieces) {
      const std::size_t room = capacity_ - std::min(capacity_, peer->inbox_.size());
      const std::string_view part(reinterpret_cast<const char*>(piece.data()), std::min(piece.size(), room));
      peer->inbox_.append(part);
      taken += part.size();
    }
    if (taken > 0) line_->tell(*peer, MemoryLine::input);
    return taken;
  }

  void carry_eof() override { end_at_peer(); }

  void let_go() noexcept override {
    inbox_.clear();
    if (std::exchange(let_go_, true)) return;
    end_at_peer();
    line_->end_gone(this);
  }

  ExtraInfo extra_info(std::string_view) const override { return {}; }
  bool waits_for_kernel() const override { return false; }

 private:
  friend class MemoryLine;

  void end_at_peer() noexcept {
    MemoryCarrier* const peer = line_->other_end(this);
    if (peer == nullptr) return;
    peer->ended_by_peer_ = true;
    line_->tell(*peer, MemoryLine::gone);
  }

  void hear(std::uint8_t news) noexcept {
    if ((news & MemoryLine::gone) != 0) sink().peer_gone();
    if ((news & (MemoryLine::input | MemoryLine::gone)) != 0) sink().can_carry_in();
    // What is kept for a peer that is gone has nowhere to go, and that must be learnt.
    if ((news & (MemoryLine::room | MemoryLine::gone)) != 0) sink().can_carry_out();
  }

  Ref<MemoryLine> line_;
  std::size_t capacity_;
  ByteBuffer inbox_;
  bool ended_by_peer_ = false;
  bool let_go_ = false;
};

void MemoryLine::run() noexcept {
  queued_ = false;
  for (int i : {0, 1}) {
    const std::uint8_t news = std::exchange(news_[i], std::uint8_t{0});
    if (news != 0 && ends_[i] != nullptr) ends_[i]->hear(news);
  }
  release();
}

}  // namespace

StreamPair make_stream_pair(std::size_t capacity, const StreamOptions& options) {
  if (capacity == 0) throw ValueError("the capacity of a stream pair must not be 0");
  EventLoop& loop = EventLoop::of(running_loop("make_stream_pair"));
  const Ref<MemoryLine> line(*new MemoryLine(loop));
  auto first = std::make_unique<MemoryCarrier>(*line, capacity);
  auto second = std::make_unique<MemoryCarrier>(*line, capacity);
  line->set_ends(first.get(), second.get());
  const lowlevel::ConnectionOptions settings{options.limit, options.close_timeout};
  Connection one = lowlevel::make_connection(std::move(first), settings);
  Connection other = lowlevel::make_connection(std::move(second), settings);
  return {std::move(one), std::move(other)};
}

}  // namespace asyncio::inline ASYNCIO_ABI
