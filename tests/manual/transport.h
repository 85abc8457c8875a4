// SPDX-License-Identifier: MIT
#pragma once

// The carrier is not whole: no-build. examples/own_transport.cpp has one that is.
// no-build: 1

#include <asyncio/lowlevel/transport.h>

#include "tests/manual/world.h"

#include <span>

struct Cipher final : asyncio::lowlevel::Carrier {
  explicit Cipher(asyncio::lowlevel::Handover) {}
  asyncio::lowlevel::CarriedIn carry_in(std::span<std::byte>) override { return {}; }
  std::size_t carry_out(asyncio::lowlevel::Pieces) override { return 0; }
  void carry_eof() override {}
  void let_go() noexcept override {}
};
