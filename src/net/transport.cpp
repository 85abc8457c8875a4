// SPDX-License-Identifier: MIT
#include <asyncio/lowlevel/transport.h>

#include "net/stream_transport.h"

#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

Connection detail::connection_of(StreamTransport& transport) {
  EventLoop& loop = transport.loop();
  if (loop.get_debug()) [[unlikely]]
    LoopStreams::of(loop).unclosed.note(transport);
  return {StreamReader(transport), StreamWriter(transport)};
}

namespace lowlevel {

ExtraInfo Carrier::extra_info(std::string_view) const { return {}; }

Connection make_connection(std::unique_ptr<Carrier> carrier, const ConnectionOptions& options) {
  if (carrier == nullptr) throw ValueError("make_connection(): there is no carrier");
  return connection_of(
      *new StreamTransport(EventLoop::of(detail::running_loop("make_connection")), std::move(carrier), options));
}

void swap_carrier(StreamWriter& writer, Callback<std::unique_ptr<Carrier>(Handover)> make) {
  StreamTransport::of(writer).in_own_thread("swap_carrier").swap_carrier(make);
}

Carrier* top_carrier(const StreamWriter& writer) { return StreamTransport::of(writer).carrier(); }

}  // namespace lowlevel

}  // namespace asyncio::inline ASYNCIO_ABI
