// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/error.h>
#include <asyncio/lowlevel/native_awaiter.h>

#include <bit>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

namespace detail {

template <std::size_t size>
using UnsignedOfSize = std::conditional_t<
    size == 1, std::uint8_t,
    std::conditional_t<size == 2, std::uint16_t, std::conditional_t<size == 4, std::uint32_t, std::uint64_t>>>;

template <std::size_t size>
constexpr std::size_t place_of(std::size_t significance, std::endian order) {
  return order == std::endian::little ? significance : size - 1 - significance;
}

template <BinaryNumber T>
T decode(std::string_view bytes, std::endian order) {
  using Bits = UnsignedOfSize<sizeof(T)>;
  std::uint64_t bits = 0;
  for (std::size_t i = sizeof(T); i-- > 0;)
    bits = bits << 8 | static_cast<unsigned char>(bytes[detail::place_of<sizeof(T)>(i, order)]);
  return std::bit_cast<T>(static_cast<Bits>(bits));
}

template <BinaryNumber T>
void write_number(StreamWriter& writer, T value, std::endian order) {
  std::uint64_t bits = std::bit_cast<UnsignedOfSize<sizeof(T)>>(value);
  char bytes[sizeof(T)];
  for (std::size_t i = 0; i < sizeof(T); ++i, bits >>= 8)
    bytes[detail::place_of<sizeof(T)>(i, order)] = static_cast<char>(bits & 0xff);
  writer.write(std::string_view(bytes, sizeof(T)));
}

// What read_be() and read_le() give to co_await. No coroutine frame, and no allocation: a few bytes fit into the
// string.
template <BinaryNumber T, std::endian order>
class [[nodiscard("nothing is waited for: write co_await")]] ReadNumber : public lowlevel::NativeAwaiter {
 public:
  explicit ReadNumber(StreamReader& reader) : read_(reader.readexactly(sizeof(T))) {}

  bool await_ready() { return read_.await_ready(); }
  template <class P>
  auto await_suspend(std::coroutine_handle<P> self) {
    return read_.await_suspend(self);
  }
  T await_resume() { return detail::decode<T>(read_.await_resume(), order); }

 private:
  decltype(std::declval<StreamReader&>().readexactly(1)) read_;
};

// What next_be() and next_le() give to co_await.
template <BinaryNumber T, std::endian order>
class [[nodiscard("nothing is waited for: write co_await")]] NextNumber : public ReadNumber<T, order> {
 public:
  using Base = ReadNumber<T, order>;
  using Base::Base;

  bool await_ready() {
    return unless_at_end([this] { return Base::await_ready(); }).value_or(true);
  }
  std::optional<T> await_resume() {
    if (at_end_) return std::nullopt;
    return unless_at_end([this] { return Base::await_resume(); });
  }

 private:
  template <class F>
  auto unless_at_end(F&& step) -> std::optional<decltype(step())> {
    try {
      return step();
    } catch (const IncompleteReadError& error) {
      if (!error.partial().empty()) throw;
      at_end_ = true;
      return std::nullopt;
    }
  }

  bool at_end_ = false;
};

}  // namespace detail

template <BinaryNumber T>
detail::ReadNumber<T, std::endian::big> read_be(StreamReader& reader) {
  return detail::ReadNumber<T, std::endian::big>(reader);
}
template <BinaryNumber T>
detail::ReadNumber<T, std::endian::little> read_le(StreamReader& reader) {
  return detail::ReadNumber<T, std::endian::little>(reader);
}
template <BinaryNumber T>
detail::NextNumber<T, std::endian::big> next_be(StreamReader& reader) {
  return detail::NextNumber<T, std::endian::big>(reader);
}
template <BinaryNumber T>
detail::NextNumber<T, std::endian::little> next_le(StreamReader& reader) {
  return detail::NextNumber<T, std::endian::little>(reader);
}
template <BinaryNumber T>
void write_be(StreamWriter& writer, T value) {
  detail::write_number(writer, value, std::endian::big);
}
template <BinaryNumber T>
void write_le(StreamWriter& writer, T value) {
  detail::write_number(writer, value, std::endian::little);
}

}  // namespace asyncio::inline ASYNCIO_ABI
