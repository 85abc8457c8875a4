// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/lowlevel/transport.h>

#include "base/byte_buffer.h"

#include <exception>
#include <memory>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI::detail {

// A carrier behind what is still to be sent: which it takes first, whoever uses it. How the output that a connection
// has kept goes its way when another carrier takes over.
class CarrierBehind final : public lowlevel::Carrier, private lowlevel::CarrierSink {
 public:
  void begin(std::unique_ptr<lowlevel::Carrier> carrier, ByteBuffer first) noexcept {
    carrier_ = std::move(carrier);
    first_ = std::move(first);
    carrier_->attach(*this);
  }

  lowlevel::CarriedIn carry_in(std::span<std::byte> room) override { return carrier_->carry_in(room); }
  std::size_t carry_out(lowlevel::Pieces pieces) override { return send_first() ? carrier_->carry_out(pieces) : 0; }
  void carry_eof() override {
    if (send_first()) return carrier_->carry_eof();
    eof_wanted_ = true;
  }
  bool can_carry_eof() const override { return carrier_->can_carry_eof(); }
  bool carry_close() override {
    if (send_first()) return carrier_->carry_close();
    close_wanted_ = true;
    return false;
  }
  void let_go() noexcept override { carrier_->let_go(); }
  ExtraInfo extra_info(std::string_view name) const override { return carrier_->extra_info(name); }
  bool waits_for_kernel() const override { return carrier_->waits_for_kernel(); }
  lowlevel::Carrier* lower() const override { return carrier_.get(); }

 private:
  // Whether all of it has been taken.
  bool send_first() {
    while (!first_.empty()) {
      const std::span<const std::byte> piece = std::as_bytes(std::span(first_.view()));
      const std::size_t count = carrier_->carry_out({&piece, 1});
      if (count == 0) return false;
      first_.consume(count);
    }
    return true;
  }

  void can_carry_in() noexcept override { sink().can_carry_in(); }
  void can_carry_out() noexcept override {
    try {
      if (!send_first()) return;
      if (std::exchange(eof_wanted_, false)) carrier_->carry_eof();
      if (std::exchange(close_wanted_, false) && carrier_->carry_close()) return sink().lose(nullptr);
    } catch (...) {
      return sink().lose(std::current_exception());
    }
    sink().can_carry_out();
  }
  void peer_gone() noexcept override { sink().peer_gone(); }
  void lose(std::exception_ptr error) noexcept override { sink().lose(std::move(error)); }

  std::unique_ptr<lowlevel::Carrier> carrier_;
  ByteBuffer first_;  // nothing, once it has been sent
  bool eof_wanted_ = false;
  bool close_wanted_ = false;
};

}  // namespace asyncio::inline ASYNCIO_ABI::detail
