// SPDX-License-Identifier: MIT
#pragma once

#include "backend/backend.h"

#include <sys/epoll.h>

namespace asyncio::inline ASYNCIO_ABI::detail {

// epoll's bits, which poll requests on io_uring use too.
constexpr std::uint32_t edge_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI;

// What io_uring tells may be what could have happened, which nobody has looked at: then the bits for urgent data are
// there whenever anything has arrived, this one among them, which no stream of today ever has really.
constexpr std::uint32_t unverified_event = EPOLLRDBAND;

constexpr std::uint8_t readiness_of(std::uint32_t events) {
  std::uint8_t readiness = 0;
  if ((events & EPOLLIN) != 0) readiness |= can_read;
  if ((events & EPOLLOUT) != 0) readiness |= can_write;
  if ((events & ~std::uint32_t{EPOLLIN | EPOLLOUT}) == 0) return readiness;  // as good as always
  if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) readiness |= can_read | hung_up;
  if ((events & EPOLLHUP) != 0) readiness |= can_write;
  if ((events & EPOLLERR) != 0) readiness |= can_read | can_write | failed;
  if ((events & EPOLLPRI) != 0 && (events & unverified_event) == 0) readiness |= urgent;
  return readiness;
}

// What to poll for to learn of `interest`.
constexpr std::uint32_t events_of(std::uint8_t interest) {
  std::uint32_t events = 0;
  if ((interest & can_read) != 0) events |= EPOLLIN | EPOLLRDHUP;
  if ((interest & can_write) != 0) events |= EPOLLOUT;
  return events;
}

}  // namespace asyncio::inline ASYNCIO_ABI::detail
