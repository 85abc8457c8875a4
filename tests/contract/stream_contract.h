// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/stream.h>
#include <asyncio/testing.h>

#include "tests/contract/carriers.h"
#include "tests/net/kernel.h"
#include "tests/net/sockets.h"

#include <cstddef>
#include <utility>

// What every byte stream must do: each test runs in memory, in virtual time, over TCP, over a pair of Unix sockets and
// over pipes; over carriers of the test's own that do everything which a carrier may do (carriers.h), alone and under a
// cipher; and over both kinds of sockets once more on a kernel that does everything which a kernel may do, and seldom
// does (kernel.h): calls are interrupted, move a few bytes, or find nothing at the moment; urgent bytes and descriptors
// are in the way. What a test says about the pieces in which bytes come is nothing for that: EVEN_STREAM_TEST.
//
//   STREAM_TEST(the_end_of_the_stream_is_an_empty_read) {
//     StreamPair pair = make({});    // what one writes the other reads
//     ...
//   }
//
// A new kind of stream gets a line in STREAM_TEST.
namespace asyncio::inline ASYNCIO_ABI::testing {

using MakePair = StreamPair (*)(const StreamOptions&);

inline StreamPair in_memory(const StreamOptions& options) { return make_stream_pair(64 * 1024, options); }

inline StreamPair over_tcp(const StreamOptions& options) {
  SocketPair sockets = tcp_sockets();
  Connection first = adopt(std::move(sockets.first), options.limit);
  return {std::move(first), adopt(std::move(sockets.second), options.limit)};
}

inline StreamPair over_unix_sockets(const StreamOptions& options) {
  SocketPair sockets = unix_sockets();
  Connection first = adopt(std::move(sockets.first), options.limit);
  return {std::move(first), adopt(std::move(sockets.second), options.limit)};
}

// What goes over another stream in a cipher, from the first byte on.
inline StreamPair over_ciphers(const StreamOptions& options) {
  StreamPair pair = over_odd_carriers(options);
  encipher(pair.first.writer);
  encipher(pair.second.writer);
  return pair;
}

}  // namespace asyncio::inline ASYNCIO_ABI::testing

#define EVEN_STREAM_TEST(name)                                                                   \
  static ::asyncio::Coro<> name##_on([[maybe_unused]] ::asyncio::testing::MakePair make);        \
  ASYNC_TEST(MemoryStream, name) { co_await name##_on(::asyncio::testing::in_memory); }          \
  ASYNC_IO_TEST(TcpStream, name) { co_await name##_on(::asyncio::testing::over_tcp); }           \
  ASYNC_IO_TEST(UnixStream, name) { co_await name##_on(::asyncio::testing::over_unix_sockets); } \
  ASYNC_IO_TEST(PipeStream, name) { co_await name##_on(::asyncio::testing::over_pipes); }        \
  static ::asyncio::Coro<> name##_on(::asyncio::testing::MakePair make)

#define STREAM_TEST(name)                                                                           \
  static ::asyncio::Coro<> name##_on([[maybe_unused]] ::asyncio::testing::MakePair make);           \
  ASYNC_IO_TEST(OddTcpStream, name) {                                                               \
    ::asyncio::testing::Kernel kernel;                                                              \
    kernel.be_odd();                                                                                \
    co_await name##_on(::asyncio::testing::over_tcp);                                               \
  }                                                                                                 \
  ASYNC_IO_TEST(OddUnixStream, name) {                                                              \
    ::asyncio::testing::Kernel kernel;                                                              \
    kernel.be_odd();                                                                                \
    co_await name##_on(::asyncio::testing::over_unix_sockets);                                      \
  }                                                                                                 \
  ASYNC_TEST(OddCarrierStream, name) { co_await name##_on(::asyncio::testing::over_odd_carriers); } \
  ASYNC_TEST(CipherStream, name) { co_await name##_on(::asyncio::testing::over_ciphers); }          \
  EVEN_STREAM_TEST(name)
