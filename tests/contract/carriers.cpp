// SPDX-License-Identifier: MIT
#include "tests/contract/carriers.h"

#include <asyncio/lowlevel/watched_fd.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::testing {

using lowlevel::CarriedIn;
using lowlevel::Carrier;
using lowlevel::Pieces;
using lowlevel::Rest;

namespace {

[[noreturn]] void throw_system_error_of(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class PipeCarrier final : public lowlevel::Carrier {
 public:
  PipeCarrier(EventLoop& loop, int to_read, int to_write)
      : input_(*this, loop, to_read), output_(*this, loop, to_write) {}

  lowlevel::CarriedIn carry_in(std::span<std::byte> room) override {
    const ssize_t count = ::read(input_.fd(), room.data(), room.size());
    if (count > 0) return {static_cast<std::size_t>(count), lowlevel::Rest::more};
    if (count == 0) return {0, lowlevel::Rest::end};
    if (errno != EAGAIN) throw_system_error_of("read");
    return {0, lowlevel::Rest::empty};
  }

  std::size_t carry_out(lowlevel::Pieces pieces) override {
    const ssize_t count = ::write(output_.fd(), pieces.front().data(), pieces.front().size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EAGAIN) throw_system_error_of("write");
    return 0;
  }

  void carry_eof() override { output_.close(); }
  void let_go() noexcept override {
    input_.close();
    output_.close();
  }

 private:
  class End final : public lowlevel::WatchedFd {
   public:
    End(PipeCarrier& owner, EventLoop& loop, int fd) : lowlevel::WatchedFd(fd), owner_(owner) { watch(loop); }
    ~End() { close(); }
    void close() noexcept {
      if (fd() < 0) return;
      unwatch();
      ::close(fd());
      set_fd(-1);
    }

   private:
    void ready(std::uint8_t readiness) noexcept override {
      if ((readiness & hung_up) != 0) owner_.sink().peer_gone();
      if ((readiness & can_read) != 0) owner_.sink().can_carry_in();
      if ((readiness & can_write) != 0) owner_.sink().can_carry_out();
    }
    PipeCarrier& owner_;
  };

  End input_;
  End output_;
};

}  // namespace

StreamPair over_pipes(const StreamOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);  // a writer learns of it by EPIPE
  int there[2];
  int back[2];
  if (::pipe2(there, O_NONBLOCK | O_CLOEXEC) != 0) throw_system_error_of("pipe");
  if (::pipe2(back, O_NONBLOCK | O_CLOEXEC) != 0) throw_system_error_of("pipe");
  EventLoop& loop = get_running_loop();
  auto first = std::make_unique<PipeCarrier>(loop, back[0], there[1]);
  auto second = std::make_unique<PipeCarrier>(loop, there[0], back[1]);
  const lowlevel::ConnectionOptions settings{options.limit, options.close_timeout};
  Connection one = lowlevel::make_connection(std::move(first), settings);
  return {std::move(one), lowlevel::make_connection(std::move(second), settings)};
}

// --- a carrier that does what the contract allows

namespace {

class OddCarrier;

// What is on its way from one end to the other, and which ends are there.
struct Way {
  std::string bytes;
  bool ended = false;
  OddCarrier* reader = nullptr;
  OddCarrier* writer = nullptr;
};

class OddCarrier final : public lowlevel::Carrier {
 public:
  static constexpr std::size_t capacity = 50'000;

  OddCarrier(EventLoop& loop, std::shared_ptr<Way> in, std::shared_ptr<Way> out, unsigned seed)
      : loop_(loop), in_(std::move(in)), out_(std::move(out)), random_(seed) {
    in_->reader = this;
    out_->writer = this;
  }
  ~OddCarrier() override { OddCarrier::let_go(); }

  void break_down(Breakage breakage) { breakage_ = breakage; }

  lowlevel::CarriedIn carry_in(std::span<std::byte> room) override {
    count_call();
    if (chance(6)) tell_soon(&OddCarrier::tell_of_input);  // though perhaps there is none
    if (!in_->bytes.empty() && chance(6)) {
      tell_soon(&OddCarrier::tell_of_input);
      return {0, lowlevel::Rest::empty};
    }
    if (chance(6)) return {0, lowlevel::Rest::more};
    const std::size_t count = some_of(std::min(room.size(), in_->bytes.size()));
    std::memcpy(room.data(), in_->bytes.data(), count);
    in_->bytes.erase(0, count);
    if (in_->writer != nullptr) in_->writer->tell_soon(&OddCarrier::tell_of_room);
    if (!in_->bytes.empty()) return {count, lowlevel::Rest::more};
    if (in_->ended && (count == 0 || chance(2))) return {count, lowlevel::Rest::end};
    return {count, in_->ended || chance(4) ? lowlevel::Rest::more : lowlevel::Rest::empty};
  }

  std::size_t carry_out(lowlevel::Pieces pieces) override {
    count_call();
    if (out_->reader == nullptr) throw std::system_error(std::make_error_code(std::errc::broken_pipe), "write");
    if (chance(6)) tell_soon(&OddCarrier::tell_of_room);
    if (chance(6)) {
      tell_soon(&OddCarrier::tell_of_room);
      return 0;
    }
    const std::span<const std::byte> piece = pieces.front();
    const std::size_t room = capacity - std::min(capacity, out_->bytes.size());
    const std::size_t count = some_of(std::min(piece.size(), room));
    out_->bytes.append(reinterpret_cast<const char*>(piece.data()), count);
    if (count > 0) out_->reader->tell_soon(&OddCarrier::tell_of_input);
    return count;
  }

  void carry_eof() override { end(); }

  bool carry_close() override {
    count_call();
    end();
    patience_ = static_cast<int>(random_() % 5);
    if (patience_ == 0) return true;
    tell_soon(&OddCarrier::close_later);
    return false;
  }

  void let_go() noexcept override {
    if (std::exchange(let_go_, true)) return;
    *alive_ = false;
    end();
    if (in_->writer != nullptr) in_->writer->tell_soon(&OddCarrier::tell_of_room);  // which meets the error
    in_->bytes.clear();
    in_->reader = nullptr;
    out_->writer = nullptr;
  }

  bool waits_for_kernel() const override { return false; }

 private:
  bool chance(unsigned one_in) { return random_() % one_in == 0; }

  // At least one byte where there is any; often few, so that a separator is torn apart.
  std::size_t some_of(std::size_t size) {
    if (size == 0) return 0;
    return 1 + random_() % (chance(3) ? std::min<std::size_t>(size, 4) : size);
  }

  void count_call() {
    if (breakage_.after < 0 || breakage_.after-- > 0) return;
    if (breakage_.by_throwing) throw Broken();
    tell_soon(&OddCarrier::tell_of_loss);
  }

  // In a turn of the loop, unless this has gone by then.
  void tell_soon(void (OddCarrier::*what)()) {
    if (loop_.is_closed()) return;
    loop_.call_soon([this, what, alive = alive_] {
      if (*alive) (this->*what)();
    });
  }
  void tell_of_input() {
    if (in_->ended && in_->writer == nullptr) sink().peer_gone();
    sink().can_carry_in();
  }
  void tell_of_room() { sink().can_carry_out(); }
  void tell_of_loss() { sink().lose(std::make_exception_ptr(Broken())); }
  void close_later() {
    if (--patience_ == 0) return sink().lose(nullptr);
    tell_soon(&OddCarrier::close_later);
  }

  void end() {
    out_->ended = true;
    if (out_->reader != nullptr) out_->reader->tell_soon(&OddCarrier::tell_of_input);
  }

  EventLoop& loop_;
  std::shared_ptr<Way> in_;
  std::shared_ptr<Way> out_;
  std::minstd_rand random_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Breakage breakage_{-1, false};
  int patience_ = 0;
  bool let_go_ = false;
};

StreamPair odd_pair(const StreamOptions& options, unsigned seed, const Breakage* breakage) {
  EventLoop& loop = get_running_loop();
  const auto there = std::make_shared<Way>();
  const auto back = std::make_shared<Way>();
  auto first = std::make_unique<OddCarrier>(loop, back, there, 2 * seed + 1);
  auto second = std::make_unique<OddCarrier>(loop, there, back, 2 * seed + 2);
  if (breakage != nullptr) first->break_down(*breakage);
  const lowlevel::ConnectionOptions settings{options.limit, options.close_timeout};
  Connection one = lowlevel::make_connection(std::move(first), settings);
  return {std::move(one), lowlevel::make_connection(std::move(second), settings)};
}

}  // namespace

StreamPair over_odd_carriers(const StreamOptions& options) { return odd_pair(options, 1, nullptr); }
StreamPair over_odd_carriers(const StreamOptions& options, unsigned seed) { return odd_pair(options, seed, nullptr); }
StreamPair over_breaking_carriers(const StreamOptions& options, unsigned seed, Breakage breakage) {
  return odd_pair(options, seed, &breakage);
}

// --- a cipher

namespace {
// Gives the key of the byte behind them.
unsigned char cipher(const unsigned char* from, std::size_t count, unsigned char* to, unsigned char key) {
  for (std::size_t i = 0; i < count; ++i) to[i] = from[i] ^ key++;
  return key;
}
}  // namespace

lowlevel::CarriedIn Cipher::carry_in(std::span<std::byte> room) {
  lowlevel::CarriedIn carried{0, lowlevel::Rest::more};
  if (!input_.empty()) {
    carried.count = std::min(room.size(), input_.size());
    std::memcpy(room.data(), input_.data(), carried.count);
    input_.erase(0, carried.count);
  } else {
    carried = lower_->carry_in(room);
  }
  in_ = cipher(reinterpret_cast<const unsigned char*>(room.data()), carried.count,
               reinterpret_cast<unsigned char*>(room.data()), in_);
  return carried;
}

std::size_t Cipher::carry_out(lowlevel::Pieces pieces) {
  std::string text(std::min<std::size_t>(pieces.front().size(), 4096), '\0');
  cipher(reinterpret_cast<const unsigned char*>(pieces.front().data()), text.size(),
         reinterpret_cast<unsigned char*>(text.data()), out_);
  const std::span<const std::byte> piece = std::as_bytes(std::span(text));
  const std::size_t count = lower_->carry_out({&piece, 1});
  out_ = static_cast<unsigned char>(out_ + count);
  return count;
}

ExtraInfo Cipher::extra_info(std::string_view name) const {
  if (name == "cipher") return 1;
  return lower_->extra_info(name);
}

}  // namespace asyncio::inline ASYNCIO_ABI::testing
