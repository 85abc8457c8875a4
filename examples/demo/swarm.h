// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/asyncio.h>

#include <cstddef>
#include <cstdint>

namespace demo {

// How many TCP clients the demo holds at the same time, where the limit on open files allows it.
inline constexpr std::size_t swarm_size = 10'000;

// The clients, in a process of their own: connects `count` of them to `port`, has each send and receive a byte, rests
// until told to go on, and then has all of them talk for a while. What it finds goes, line by line, to `control_port`.
asyncio::Coro<> run_swarm(std::uint16_t port, std::uint16_t control_port, std::size_t count);

// The server's side: starts the second process, shows what it tells, and judges it. True if all was as promised.
asyncio::Coro<bool> show_swarm();

}  // namespace demo
