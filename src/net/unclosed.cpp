// SPDX-License-Identifier: MIT
#include "net/unclosed.h"

#include "base/names.h"
#include "loop/report.h"
#include "net/stream_transport.h"

#include <new>
#include <variant>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
// A carrier that is the user's may throw what it likes.
ExtraInfo peer_of(const StreamTransport& stream) noexcept {
  try {
    return stream.extra_info("peername");
  } catch (...) {
    return {};
  }
}
}  // namespace

void Unclosed::note(const StreamTransport& stream) noexcept {
  if (this_thread.task == nullptr) return;
  for (const Promise* coroutine = this_thread.task->innermost(); coroutine != nullptr;
       coroutine = coroutine->parent()) {
    if (!is_of_library(function_of(coroutine->definition()))) return note(stream, coroutine->definition());
  }
}

void Unclosed::note(const StreamTransport& stream, const std::source_location& definition) noexcept {
  try {
    places_.insert_or_assign(&stream, definition);
  } catch (const std::bad_alloc&) {  // it is told of without its place then
  }
}

void Unclosed::report(EventLoop& loop, const StreamTransport& stream) noexcept {
  const char* const message = "a StreamWriter was destroyed without close(); its connection is closed now";
  try {
    const auto found = places_.find(&stream);
    const std::string place = found != places_.end() ? describe(found->second) : "";
    if (!told_.insert(place).second) return;
    const ExtraInfo peer = peer_of(stream);
    report_made(&core_of(loop), message, [&](ExceptionContext& context) {
      if (const Address* address = std::get_if<Address>(&peer))
        context.message += "; the peer is " + to_string(*address);
      if (!place.empty()) context.message += "; this is told once of the connections of " + place;
    });
  } catch (const std::bad_alloc&) {
    report_short(message);
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
