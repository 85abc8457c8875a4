// SPDX-License-Identifier: MIT
#include <asyncio/asyncio.h>
#include <asyncio/lowlevel/transport.h>
#include <asyncio/lowlevel/watched_fd.h>

#include <fcntl.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <exception>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

// Two transports of our own, with public and lowlevel headers alone: one over a terminal's two ends, as over any other
// descriptor that is read and written (a serial line, a tunnel); and one that changes what another one carries.

using namespace asyncio;
using lowlevel::CarriedIn;
using lowlevel::Rest;

// Bytes through a descriptor.
class DeviceCarrier final : public lowlevel::Carrier, private lowlevel::WatchedFd {
 public:
  // Takes the descriptor, which does not block.
  DeviceCarrier(EventLoop& loop, int device) : lowlevel::WatchedFd(device) { watch(loop); }
  ~DeviceCarrier() override { DeviceCarrier::let_go(); }

  lowlevel::CarriedIn carry_in(std::span<std::byte> room) override {
    const ssize_t count = ::read(fd(), room.data(), room.size());
    if (count > 0)
      return {static_cast<std::size_t>(count), lowlevel::Rest::more};  // a short read says nothing about a device
    if (count == 0 || errno == EIO) return {0, lowlevel::Rest::end};   // EIO: the other end of a terminal has gone
    if (errno == EAGAIN || errno == EINTR) return {0, errno == EINTR ? lowlevel::Rest::more : lowlevel::Rest::empty};
    throw std::system_error(errno, std::generic_category(), "read");
  }

  std::size_t carry_out(lowlevel::Pieces pieces) override {
    const ssize_t count = ::write(fd(), pieces.front().data(), pieces.front().size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno == EAGAIN) return 0;
    throw std::system_error(errno, std::generic_category(), "write");
  }

  // There is no such thing as the end of one direction.
  bool can_carry_eof() const override { return false; }
  void carry_eof() override {}

  void let_go() noexcept override {
    if (fd() < 0) return;
    unwatch();
    ::close(fd());
    set_fd(-1);
  }

 private:
  void ready(std::uint8_t readiness) noexcept override {
    if ((readiness & hung_up) != 0) sink().peer_gone();
    if ((readiness & can_read) != 0) sink().can_carry_in();
    if ((readiness & can_write) != 0) sink().can_carry_out();
  }
};

// Rotates letters by thirteen places, on their way in and on their way out; over any other carrier, whose sink it is.
class Rot13 final : public lowlevel::Carrier, private lowlevel::CarrierSink {
 public:
  explicit Rot13(lowlevel::Handover old) : lower_(std::move(old.carrier)), input_(std::move(old.input)) {
    lower_->attach(*this);
  }

  lowlevel::CarriedIn carry_in(std::span<std::byte> room) override {
    lowlevel::CarriedIn carried{std::min(room.size(), input_.size()), lowlevel::Rest::more};
    if (carried.count > 0) {
      std::memcpy(room.data(), input_.data(), carried.count);
      input_.erase(0, carried.count);
    } else {
      carried = lower_->carry_in(room);
    }
    rotate(room.first(carried.count));
    return carried;
  }

  std::size_t carry_out(lowlevel::Pieces pieces) override {
    std::byte changed[1024];
    const std::span<std::byte> text = std::span(changed).first(std::min(pieces.front().size(), sizeof changed));
    std::copy_n(pieces.front().begin(), text.size(), text.begin());
    rotate(text);
    const std::span<const std::byte> piece = text;
    return lower_->carry_out({&piece, 1});  // what is not taken now is given again, and rotated again
  }

  void carry_eof() override { lower_->carry_eof(); }
  bool can_carry_eof() const override { return lower_->can_carry_eof(); }
  bool carry_close() override { return lower_->carry_close(); }
  void let_go() noexcept override { lower_->let_go(); }
  ExtraInfo extra_info(std::string_view name) const override { return lower_->extra_info(name); }
  bool waits_for_kernel() const override { return lower_->waits_for_kernel(); }
  lowlevel::Carrier* lower() const override { return lower_.get(); }

 private:
  static void rotate(std::span<std::byte> text) {
    for (std::byte& byte : text) {
      const char c = static_cast<char>(byte);
      const char base = c >= 'a' ? 'a' : 'A';
      if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) byte = static_cast<std::byte>(base + (c - base + 13) % 26);
    }
  }

  void can_carry_in() noexcept override { sink().can_carry_in(); }
  void can_carry_out() noexcept override { sink().can_carry_out(); }
  void peer_gone() noexcept override { sink().peer_gone(); }
  void lose(std::exception_ptr error) noexcept override { sink().lose(std::move(error)); }

  std::unique_ptr<lowlevel::Carrier> lower_;
  std::string input_;
};

// What is spoken over it does not know what carries it.
Coro<> serve(Connection connection) {
  while (auto line = co_await connection.reader.next_line()) {
    std::cout << "server: got  " << *line;
    if (*line == "SECRET\n") {
      lowlevel::swap_carrier(connection.writer,
                             [](lowlevel::Handover old) { return std::make_unique<Rot13>(std::move(old)); });
    }
    connection.writer.write("you said " + *line);
    co_await connection.writer.drain();
  }
  connection.writer.close();
}

Coro<> ask(Connection& connection, std::string question) {
  connection.writer.write(question);
  const std::string answer = co_await connection.reader.readline();
  std::cout << "client: got  " << answer;
}

// Both ends of a pseudo-terminal, as raw bytes.
std::pair<int, int> open_terminal();

Coro<> async_main() {
  const auto [one, other] = open_terminal();
  EventLoop& loop = get_running_loop();
  Connection client = lowlevel::make_connection(std::make_unique<DeviceCarrier>(loop, one));
  auto server = create_task(serve(lowlevel::make_connection(std::make_unique<DeviceCarrier>(loop, other))));
  co_await ask(client, "hello\n");
  client.writer.write("SECRET\n");  // goes as it is: what is written from here on does not
  lowlevel::swap_carrier(client.writer, [](lowlevel::Handover old) { return std::make_unique<Rot13>(std::move(old)); });
  const std::string answer = co_await client.reader.readline();
  std::cout << "client: got  " << answer;
  co_await ask(client, "hello again\n");
  std::cout << "client: a cipher is " << (lowlevel::find_carrier<Rot13>(client.writer) != nullptr ? "" : "not ")
            << "in use\n";
  client.writer.close();
  co_await server;
}

std::pair<int, int> open_terminal() {
  const auto require = [](bool fine, const char* what) {
    if (!fine) throw std::system_error(errno, std::generic_category(), what);
  };
  const int one = ::posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  require(one >= 0 && ::grantpt(one) == 0 && ::unlockpt(one) == 0, "posix_openpt");
  const int other = ::open(::ptsname(one), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  require(other >= 0, "open");
  termios settings{};
  require(::tcgetattr(other, &settings) == 0, "tcgetattr");
  ::cfmakeraw(&settings);
  require(::tcsetattr(other, TCSANOW, &settings) == 0, "tcsetattr");
  return {one, other};
}

int main() { return run(async_main()); }
