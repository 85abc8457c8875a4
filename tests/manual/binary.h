// SPDX-License-Identifier: MIT
#pragma once

#include <asyncio/asyncio.h>

#include <cstdint>
#include <string>

inline asyncio::StreamReader reader;
inline asyncio::StreamWriter writer;
inline const std::uint32_t most = 1000;
inline const std::string text = "text";
inline void handle(const std::string&) {}
