// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

// The value behind `--name` on the command line, else `fallback`.
inline std::string argument(int argc, char** argv, std::string_view name, std::string fallback) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == "--" + std::string(name)) return argv[i + 1];
  }
  return fallback;
}

inline int port_argument(int argc, char** argv, const char* fallback) {
  return std::atoi(argument(argc, argv, "port", fallback).c_str());
}
