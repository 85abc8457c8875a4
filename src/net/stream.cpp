// SPDX-License-Identifier: MIT
#include <asyncio/stream.h>

#include "net/stream_transport.h"

#include <algorithm>
#include <limits>
#include <new>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

namespace {
constexpr std::size_t no_bound = std::numeric_limits<std::size_t>::max();

// The data that is buffered may be read, unless the connection was lost with an error.
void require_sound(StreamTransport& transport) {
  if (transport.error() != nullptr) std::rethrow_exception(transport.error());
}

std::string take_input(StreamTransport& transport, std::size_t count) {
  std::string data(transport.input().view().substr(0, count));
  transport.input().consume(data.size());
  return data;
}

// To the end of `text`.
void move_input(StreamTransport& transport, std::size_t count, std::string& text) {
  const std::string_view data = transport.input().view().substr(0, count);
  text += data;
  transport.input().consume(data.size());
}

// Adds what comes next to the buffer: false where nothing has come yet; at the end `ended()` is true.
bool receive_more(StreamTransport& transport) {
  std::string_view data;
  if (transport.receive_shared(no_bound, data) == StreamTransport::would_block) return false;
  transport.keep_received([&] { transport.input().append(data); });
  return true;
}

[[noreturn]] void throw_line_too_long(const StreamTransport& transport, const std::string& line, std::size_t dropped) {
  throw LimitOverrunError(
      "readline(): " + line + " is longer than the limit of " + std::to_string(transport.limit()) + ", and was dropped",
      dropped);
}
[[noreturn]] void throw_too_far(const StreamTransport& transport, const char* separator, std::size_t bytes) {
  throw LimitOverrunError("readuntil(): " + (separator + std::to_string(bytes)) + " bytes, beyond the limit of " +
                              std::to_string(transport.limit()),
                          bytes);
}

struct Match {
  std::size_t begin = no_bound;
  std::size_t end = no_bound;
};

// The separator that ends first; of those that end together the shortest. They are sorted by length.
Match find_first(std::string_view data, std::size_t from, const std::vector<std::string>& separators) {
  // Not each in all of the data: one that is rare would be looked for to the end again and again.
  std::size_t window = separators.size() == 1 ? no_bound : 256;
  for (;;) {
    const std::string_view part = data.substr(0, window < data.size() - from ? from + window : no_bound);
    Match first;
    for (const std::string& separator : separators) {
      const std::size_t at = part.find(separator, from);
      if (at != part.npos && at + separator.size() < first.end) first = {at, at + separator.size()};
    }
    if (first.end != no_bound || part.size() == data.size()) return first;
    window *= 4;
  }
}
}  // namespace

namespace detail {

// --- one read

const ReadKind ReadString::some{{"StreamReader.read", &remove}, &attempt_some, nullptr};
const ReadKind ReadString::all{{"StreamReader.read", &remove}, &attempt_all, &put_back};
const ReadKind ReadString::exactly{{"StreamReader.readexactly", &remove}, &attempt_exactly, &put_back};
const ReadKind ReadString::line{{"StreamReader.readline", &remove}, &attempt_line, &forget_search};
const ReadKind ReadLine::bare_line{{"StreamReader.readline", &remove}, &attempt_line, &forget_search};
const ReadKind ReadUntil::until{{"StreamReader.readuntil", &remove}, &attempt_until, &forget_search};
const ReadKind ReadInto::into{{"StreamReader.read_into", &remove}, &attempt_into, nullptr};

StreamTransport& ReadOperation::transport() const { return StreamTransport::of(*stream_); }

bool ReadOperation::begin() {
  transport().in_own_thread(kind_->reason);
  if (transport().reader() != nullptr) {
    // What is buffered needs no wait, and may be taken by another task; only a second wait is refused.
    transport().restart_reader();
    if (transport().input().empty() && !transport().ended()) return false;
  } else if (transport().must_yield()) {
    transport().queue_turn();
    return false;
  }
  return read_kind().attempt(*this);
}

void ReadOperation::start_waiting() {
  try {
    if (transport().reader() != nullptr) {
      throw RuntimeError(std::string(kind_->reason) +
                         "() was called while another task waits for data of the same reader");
    }
    transport().begin_wait(kind_->reason);
  } catch (...) {
    if (read_kind().restart != nullptr) read_kind().restart(*this);
    throw;
  }
  transport().set_reader(this);
}

void ReadOperation::end_wait() noexcept { transport().end_wait(); }

void ReadOperation::remove(Waiter& waiter) noexcept {
  ReadOperation& operation = static_cast<ReadOperation&>(waiter);
  if (operation.read_kind().restart != nullptr) operation.read_kind().restart(operation);
  operation.transport().set_reader(nullptr);
}

void ReadOperation::finish() {
  check();
  if (task_ != nullptr) StreamTransport::throw_failure();
}

void ReadString::put_back(ReadOperation& operation) noexcept {
  ReadString& self = static_cast<ReadString&>(operation);
  try {
    self.transport().keep_received([&] { self.transport().input().prepend(self.result_); });
  } catch (const std::bad_alloc&) {  // every later read tells of it
  }
  self.result_.clear();
}

void ReadString::forget_search(ReadOperation& operation) noexcept { static_cast<ReadString&>(operation).count_ = 0; }

void ReadLine::remove_newline(std::string& text) noexcept {
  if (text.back() != '\n') return;
  text.pop_back();
  if (!text.empty() && text.back() == '\r') text.pop_back();
}

bool ReadString::attempt_some(ReadOperation& operation) {
  ReadString& self = static_cast<ReadString&>(operation);
  StreamTransport& transport = self.transport();
  if (self.count_ == 0) return true;
  require_sound(transport);
  if (!transport.input().empty()) {
    self.result_ = take_input(transport, self.count_);
    return true;
  }
  std::string_view data;
  if (transport.receive_shared(self.count_, data) == StreamTransport::would_block) return false;
  transport.keep_received([&] { self.result_ = data; });
  return true;
}

bool ReadString::attempt_all(ReadOperation& operation) {
  ReadString& self = static_cast<ReadString&>(operation);
  StreamTransport& transport = self.transport();
  require_sound(transport);
  move_input(transport, no_bound, self.result_);
  while (!transport.ended()) {
    std::string_view data;
    if (transport.receive_shared(no_bound, data) == StreamTransport::would_block) return false;
    transport.keep_received([&] { self.result_ += data; });
  }
  return true;
}

bool ReadString::attempt_exactly(ReadOperation& operation) {
  ReadString& self = static_cast<ReadString&>(operation);
  StreamTransport& transport = self.transport();
  if (self.count_ == 0) return true;
  require_sound(transport);
  move_input(transport, self.count_ - self.result_.size(), self.result_);
  while (self.result_.size() < self.count_) {
    std::string_view data;
    const std::ptrdiff_t count = transport.receive_shared(self.count_ - self.result_.size(), data);
    if (count == StreamTransport::would_block) return false;
    if (count == 0) throw IncompleteReadError(std::move(self.result_), self.count_);
    transport.keep_received([&] { self.result_ += data; });
  }
  return true;
}

bool ReadString::attempt_line(ReadOperation& operation) {
  ReadString& self = static_cast<ReadString&>(operation);
  StreamTransport& transport = self.transport();
  require_sound(transport);
  for (;;) {
    const std::string_view data = transport.input().view();
    const std::size_t end = data.find('\n', std::min(self.count_, data.size()));
    if (end != data.npos && end <= transport.limit()) {
      self.result_ = take_input(transport, end + 1);
      return true;
    }
    if (end != data.npos) {
      transport.input().consume(end + 1);
      throw_line_too_long(transport, "a line of " + std::to_string(end + 1) + " bytes", end + 1);
    }
    if (data.size() > transport.limit()) {
      const std::size_t dropped = data.size();
      transport.input().clear();
      throw_line_too_long(transport, "a line, of which " + std::to_string(dropped) + " bytes have come,", dropped);
    }
    if (transport.ended()) {
      self.result_ = take_input(transport, no_bound);
      return true;
    }
    self.count_ = data.size();
    if (!receive_more(transport)) return false;
  }
}

bool ReadUntil::attempt_until(ReadOperation& operation) {
  ReadUntil& self = static_cast<ReadUntil&>(operation);
  StreamTransport& transport = self.transport();
  require_sound(transport);
  for (;;) {
    const std::string_view data = transport.input().view();
    const Match match = find_first(data, self.count_, self.separators_);
    if (match.end != no_bound) {
      if (match.begin > transport.limit()) {
        throw_too_far(transport, "the separator comes after ", match.begin);
      }
      self.result_ = take_input(transport, match.end);
      return true;
    }
    // What can no longer be the beginning of a separator need not be looked at again.
    const std::size_t longest = self.separators_.back().size();
    self.count_ = data.size() + 1 > longest ? data.size() + 1 - longest : 0;
    if (self.count_ > transport.limit()) {
      throw_too_far(transport, "no separator is in the first ", self.count_);
    }
    if (transport.ended()) throw IncompleteReadError(take_input(transport, no_bound), std::nullopt);
    if (!receive_more(transport)) return false;
  }
}

bool ReadInto::attempt_into(ReadOperation& operation) {
  ReadInto& self = static_cast<ReadInto&>(operation);
  StreamTransport& transport = self.transport();
  if (self.buffer_.empty()) return true;
  require_sound(transport);
  if (!transport.input().empty()) {
    const std::string_view data = transport.input().view().substr(0, self.buffer_.size());
    std::copy(data.begin(), data.end(), reinterpret_cast<char*>(self.buffer_.data()));
    self.buffer_ = self.buffer_.first(data.size());
    transport.input().consume(data.size());
    return true;
  }
  const std::ptrdiff_t count = transport.receive(self.buffer_);
  if (count == StreamTransport::would_block) return false;
  self.buffer_ = self.buffer_.first(static_cast<std::size_t>(count));
  return true;
}

}  // namespace detail

// --- StreamReader

StreamReader::StreamReader(detail::StreamCore& stream) noexcept : stream_(&stream) { stream.retain(); }

void StreamReader::throw_negative(std::size_t count) {
  throw ValueError("readexactly(): a negative count, " + std::to_string(static_cast<std::ptrdiff_t>(count)));
}
void StreamReader::throw_moved() { throw RuntimeError("this StreamReader has no connection: it was moved from"); }

StreamReader::~StreamReader() {
  if (stream_ != nullptr) stream_->release();
}

StreamTransport& StreamReader::transport() const { return StreamTransport::of(stream()); }
bool StreamReader::at_eof() const { return transport().at_eof(); }
std::size_t StreamReader::limit() const { return transport().limit(); }

void StreamReader::unread(std::string_view data) { transport().in_own_thread("StreamReader.unread").unread(data); }

detail::ReadUntil StreamReader::until(std::vector<std::string> separators) {
  for (const std::string& separator : separators) {
    if (separator.empty()) throw ValueError("readuntil(): a separator must not be empty");
  }
  std::sort(separators.begin(), separators.end(),
            [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
  return {stream(), std::move(separators)};
}

// --- StreamWriter

StreamWriter::StreamWriter(detail::StreamCore& stream) noexcept : stream_(&stream) { stream.retain(); }

StreamWriter::~StreamWriter() {
  if (stream_ == nullptr) return;
  transport().writer_gone();
  stream_->release();
}
StreamTransport& StreamWriter::transport() const { return StreamTransport::of(stream()); }

void StreamWriter::throw_moved() { throw RuntimeError("this StreamWriter has no connection: it was moved from"); }

void StreamWriter::write(std::string_view data) { transport().in_own_thread("StreamWriter.write").write(data); }
void StreamWriter::write_pieces(std::span<const std::string_view> pieces) {
  transport().in_own_thread("StreamWriter.write").write(pieces);
}

StreamWriter::Cork::Cork(const StreamWriter& writer) {
  StreamTransport& transport = writer.transport().in_own_thread("StreamWriter.Cork");
  transport_ = transport.cork() ? &transport : nullptr;
  if (transport_ != nullptr) transport_->retain();
}

StreamWriter::Cork::~Cork() {
  if (transport_ == nullptr) return;
  transport_->uncork();
  transport_->release();
}

void StreamWriter::write_eof() { transport().in_own_thread("StreamWriter.write_eof").write_eof(); }
bool StreamWriter::can_write_eof() const { return transport().can_write_eof(); }
void StreamWriter::close() { transport().in_own_thread("StreamWriter.close").close(); }
bool StreamWriter::is_closing() const { return transport().closing(); }
void StreamWriter::abort() { transport().in_own_thread("StreamWriter.abort").abort(); }
ExtraInfo StreamWriter::get_extra_info(std::string_view name) const { return transport().extra_info(name); }
std::size_t StreamWriter::get_write_buffer_size() const { return transport().kept(); }

namespace {
Address address_of(const StreamWriter& writer, const char* name) {
  const ExtraInfo info = writer.get_extra_info(name);
  if (const Address* address = std::get_if<Address>(&info)) return *address;
  throw std::system_error(std::make_error_code(std::errc::not_connected), name);
}
}  // namespace

int StreamWriter::fileno() const {
  const ExtraInfo info = get_extra_info("socket");
  if (const int* fd = std::get_if<int>(&info)) return *fd;
  throw std::system_error(std::make_error_code(std::errc::not_connected), "fileno");
}
Address StreamWriter::peername() const { return address_of(*this, "peername"); }
Address StreamWriter::sockname() const { return address_of(*this, "sockname"); }

void StreamWriter::set_write_buffer_limits(std::size_t high, std::optional<std::size_t> low) {
  transport().in_own_thread("StreamWriter.set_write_buffer_limits").set_limits(high, low.value_or(high / 4));
}

// --- waits

namespace detail {

StreamTransport& StreamWait::transport() const { return StreamTransport::of(*stream_); }

void StreamWait::begin_wait() {
  transport().begin_wait(kind_->reason);
  if (kind_ != &Drain::yielding) transport().add_waiter(*this);
}

void StreamWait::end_wait() noexcept { transport().end_wait(); }

void StreamWait::remove(Waiter& waiter) noexcept {
  StreamWait& self = static_cast<StreamWait&>(waiter);
  self.transport().remove_waiter(self);
}

bool Drain::await_ready() {
  transport().in_own_thread(kind_->reason);
  require_sound(transport());
  if (transport().paused()) {
    kind_ = &for_room;
  } else if (transport().here() && (transport().closing() || transport().must_yield())) {
    kind_ = &yielding;
  }
  return kind_ == &draining;
}

void Drain::await_resume() {
  check();
  require_sound(transport());
  // One that waited until everything was sent has what it wanted, though the connection may be closed by now.
  if (transport().dropped() || (transport().closed() && kind_ != &for_room)) {
    throw std::system_error(std::make_error_code(std::errc::connection_reset), "drain: the connection is closed");
  }
}

bool WaitDisconnected::await_ready() const { return transport().in_own_thread(kind_->reason).gone(); }

bool WaitClosed::await_ready() const { return transport().in_own_thread(kind_->reason).closed(); }
void WaitClosed::await_resume() {
  check();
  require_sound(transport());
}

}  // namespace detail

}  // namespace asyncio::inline ASYNCIO_ABI
