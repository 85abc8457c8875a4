// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

// Values as Python prints them: the tutorials' output is compared with it.
namespace python {

inline std::string repr(const std::string& text) { return "'" + text + "'"; }

inline std::string repr(const std::vector<std::string>& list) {
  std::string text = "[";
  for (const std::string& item : list) text += (text.size() > 1 ? ", " : "") + repr(item);
  return text + "]";
}

inline std::string repr(const std::map<std::string, std::string>& dict) {
  std::string text = "{";
  for (const auto& [key, value] : dict) text += (text.size() > 1 ? ", " : "") + repr(key) + ": " + repr(value);
  return text + "}";
}

// "3.00"
inline std::string seconds(std::chrono::nanoseconds duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", std::chrono::duration<double>(duration).count());
  return text;
}

}  // namespace python
