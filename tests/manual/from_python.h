// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/asyncio.h>

#include <string>
#include <system_error>

// What docs/from_python.md takes for granted.

inline asyncio::Coro<> greet(const std::string&) { co_return; }
inline asyncio::Coro<> hello(std::string) { co_return; }

struct Room {};
inline asyncio::Coro<> serve(Room&, asyncio::StreamReader, asyncio::StreamWriter) { co_return; }
inline asyncio::Coro<> announce(int) { co_return; }

struct Order {};
inline Order order;
inline asyncio::Coro<> send(Order) { co_return; }
inline asyncio::Coro<> send_by_mail(Order) { co_return; }

inline asyncio::Coro<std::string> user(int) { co_return "Ada"; }
inline asyncio::Coro<int> orders(int) { co_return 3; }
