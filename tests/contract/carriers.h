// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/event_loop.h>
#include <asyncio/lowlevel/transport.h>

#include <cstddef>
#include <exception>
#include <memory>
#include <random>
#include <string>

// Carriers as a user would write them: with public and lowlevel headers alone.
namespace asyncio::inline ASYNCIO_ABI::testing {

// Two pipes: what one end writes the other reads.
StreamPair over_pipes(const StreamOptions& options);

// A pair in memory that does whatever the contract of carriers allows: it moves a few bytes at a time, or none at the
// moment; tells of what it has not got; gives the end with the last bytes or behind them; and takes its time to close.
StreamPair over_odd_carriers(const StreamOptions& options);
StreamPair over_odd_carriers(const StreamOptions& options, unsigned seed);

// How one end of such a pair goes wrong, after so many calls of its carry_ functions: what it throws in the next one,
// or tells at another time.
struct Breakage {
  int after;
  bool by_throwing;
};
StreamPair over_breaking_carriers(const StreamOptions& options, unsigned seed, Breakage breakage);
struct Broken {};  // what it throws or tells

// A cipher over another carrier: each byte is changed by its place in the stream, so that one which is lost, or comes
// twice, spoils all that follow.
class Cipher final : public lowlevel::Carrier, private lowlevel::CarrierSink {
 public:
  explicit Cipher(lowlevel::Handover old) : lower_(std::move(old.carrier)), input_(std::move(old.input)) {
    lower_->attach(*this);
  }

  lowlevel::CarriedIn carry_in(std::span<std::byte> room) override;
  std::size_t carry_out(lowlevel::Pieces pieces) override;
  void carry_eof() override { lower_->carry_eof(); }
  bool can_carry_eof() const override { return lower_->can_carry_eof(); }
  bool carry_close() override { return lower_->carry_close(); }
  void let_go() noexcept override { lower_->let_go(); }
  ExtraInfo extra_info(std::string_view name) const override;
  bool waits_for_kernel() const override { return lower_->waits_for_kernel(); }
  lowlevel::Carrier* lower() const override { return lower_.get(); }

 private:
  void can_carry_in() noexcept override { sink().can_carry_in(); }
  void can_carry_out() noexcept override { sink().can_carry_out(); }
  void peer_gone() noexcept override { sink().peer_gone(); }
  void lose(std::exception_ptr error) noexcept override { sink().lose(std::move(error)); }

  std::unique_ptr<lowlevel::Carrier> lower_;
  std::string input_;  // what the handover brought, as far as it has not been carried in
  unsigned char in_ = 1;
  unsigned char out_ = 1;
};

inline void encipher(StreamWriter& writer) {
  lowlevel::swap_carrier(writer, [](lowlevel::Handover old) { return std::make_unique<Cipher>(std::move(old)); });
}

}  // namespace asyncio::inline ASYNCIO_ABI::testing
