// SPDX-License-Identifier: MIT
#include "base/traceback.h"

#include "base/names.h"

#include <string_view>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
void add_line(std::string& text, const std::string& indent, std::string_view line) {
  if (!text.empty()) text += '\n';
  text += indent;
  text += line;
}
}  // namespace

std::string detail::format(const Traceback& traceback, const std::string& indent, const char* before_first) {
  std::string text;
  for (const Traceback::Entry& entry : traceback.entries) {
    const std::string function = function_of(entry.definition);
    if (is_of_library(function)) continue;
    add_line(text, indent,
             "in " + function + " (" + (&entry == &traceback.entries.front() ? before_first : "") +
                 entry.place.file_name() + ":" + std::to_string(entry.place.line()) + ")");
  }
  if (traceback.left_out > 0) add_line(text, indent, "and " + std::to_string(traceback.left_out) + " more");
  return text;
}

}  // namespace asyncio::inline ASYNCIO_ABI
