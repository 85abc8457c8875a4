// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/stream.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

// Numbers on a stream, as their bytes: what binary protocols are made of.
//
//   while (auto size = co_await next_be<std::uint32_t>(reader)) {   // a message: its size, then itself
//     if (*size > most) throw ValueError("a message of " + std::to_string(*size) + " bytes");
//     handle(co_await reader.readexactly(*size));
//   }
//
//   write_be(writer, static_cast<std::uint32_t>(text.size()));
//   writer.write(text);
//   co_await writer.drain();
//
// _be is big-endian, the most significant byte first, which is the order of most protocols of the internet; _le is
// little-endian. Integers (signed ones in two's complement), enums, float and double (IEEE 754). bool is none of them:
// what a byte of 7 would mean is for the protocol to say.
// Cancelled, a read has taken nothing out of the stream. Nothing waits in a write: see StreamWriter::write(). Python:
// int.from_bytes(await reader.readexactly(4), "big"), writer.write(n.to_bytes(4, "big")), the struct module.

template <class T>
concept BinaryNumber = (std::is_integral_v<T> || std::is_enum_v<T> || std::is_floating_point_v<T>) && sizeof(T) <= 8 &&
                       std::is_same_v<T, std::remove_cv_t<T>> && !std::is_same_v<T, bool>;

namespace detail {

template <BinaryNumber T, std::endian order>
class ReadNumber;
template <BinaryNumber T, std::endian order>
class NextNumber;

}  // namespace detail

// Reads a T. Throws IncompleteReadError where the stream ends before it, or within.
template <BinaryNumber T>
detail::ReadNumber<T, std::endian::big> read_be(StreamReader& reader);
template <BinaryNumber T>
detail::ReadNumber<T, std::endian::little> read_le(StreamReader& reader);

// The same as a std::optional<T>, and nothing where the stream ends before the first byte of it.
template <BinaryNumber T>
detail::NextNumber<T, std::endian::big> next_be(StreamReader& reader);
template <BinaryNumber T>
detail::NextNumber<T, std::endian::little> next_le(StreamReader& reader);

// Writes a T. It is the type that says how many bytes: name it where the value has another one, as the size of a
// string.
//
//   write_be<std::uint16_t>(writer, 80);
template <BinaryNumber T>
void write_be(StreamWriter& writer, T value);
template <BinaryNumber T>
void write_le(StreamWriter& writer, T value);

// ---------------------------------------------------------------------------------------------------------------------

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
