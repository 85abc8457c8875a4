// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/stream.h>

#include <bit>
#include <type_traits>

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

namespace detail {

// bool, or an enum of which each value is one.
template <class T>
inline constexpr bool is_bool = std::is_same_v<T, bool>;
template <class T>
  requires std::is_enum_v<T>
inline constexpr bool is_bool<T> = std::is_same_v<std::underlying_type_t<T>, bool>;

}  // namespace detail

template <class T>
concept BinaryNumber = (std::is_integral_v<T> || std::is_enum_v<T> || std::is_floating_point_v<T>) && sizeof(T) <= 8 &&
                       std::is_same_v<T, std::remove_cv_t<T>> && !detail::is_bool<T>;

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

}  // namespace asyncio::inline ASYNCIO_ABI

#include <asyncio/detail/binary.h>
