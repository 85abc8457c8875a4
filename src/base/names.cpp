// SPDX-License-Identifier: MIT
#include "base/names.h"

#include <asyncio/error.h>

#include <cxxabi.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <memory>

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

namespace {
// Inline namespaces are a library's own affair: ours, and those of the standard libraries.
#define ASYNCIO_QUOTE(name) ASYNCIO_QUOTE_EXPANDED(name)
#define ASYNCIO_QUOTE_EXPANDED(name) #name
constexpr std::string_view inline_namespace = ASYNCIO_QUOTE(ASYNCIO_ABI) "::";

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
}

std::string demangle(const char* name) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  std::string result = text != nullptr ? text.get() : name;
  replace_all(result, inline_namespace, "");
  replace_all(result, "std::__cxx11::", "std::");
  replace_all(result, "std::__1::", "std::");
  return result;
}

// The place behind the bracket that closes the one at `at`. Within round ones '<' may be less than.
std::size_t end_of_brackets(std::string_view text, std::size_t at) {
  const char open = text[at];
  const char close = open == '(' ? ')' : open == '[' ? ']' : '>';
  std::size_t i = at + 1;
  while (i < text.size() && text[i] != close) i = text[i] == open || text[i] == '(' ? end_of_brackets(text, i) : i + 1;
  return std::min(i + 1, text.size());
}

bool is_operator(std::string_view text, std::size_t at) {
  constexpr std::string_view word = "operator";
  const auto in_name = [text](std::size_t i) {
    return i < text.size() && (std::isalnum(static_cast<unsigned char>(text[i])) != 0 || text[i] == '_');
  };
  return text.substr(at).starts_with(word) && (at == 0 || !in_name(at - 1)) && !in_name(at + word.size());
}

// The place of its parameters: "operator<(", "operator Coro<void (*)()>(".
std::size_t end_of_operator(std::string_view text, std::size_t at) {
  std::size_t i = at + 8;
  const bool conversion = i < text.size() && text[i] == ' ';
  while (i < text.size() && text[i] != '(') i = conversion && text[i] == '<' ? end_of_brackets(text, i) : i + 1;
  return i;
}

// Behind parameters: "const", "&&", "[with T = int]". What else comes there ends the name.
std::size_t end_of_qualifiers(std::string_view text, std::size_t at) {
  while (at + 1 < text.size() && text[at] == ' ') {
    if (text[at + 1] == '[') {
      at = end_of_brackets(text, at + 1);
      continue;
    }
    const std::size_t end = std::min(text.find_first_of(" :", at + 1), text.size());
    const std::string_view word = text.substr(at + 1, end - at - 1);
    constexpr std::array<std::string_view, 6> qualifiers{"const", "volatile", "&", "&&", "mutable", "noexcept"};
    if (std::find(qualifiers.begin(), qualifiers.end(), word) == qualifiers.end()) return at;
    at = end;
  }
  return at;
}
}  // namespace

std::string detail::describe(const std::type_info& type) { return demangle(type.name()); }

std::string detail::what_of(const std::exception& error) {
  const char* const text = error.what();
  return text != nullptr ? text : "";
}

std::string detail::describe(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return demangle(typeid(e).name()) + ": " + what_of(e);
  } catch (const CancelledError& e) {
    return std::string("asyncio::CancelledError") + (*e.message() != '\0' ? ": " : "") + e.message();
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return type != nullptr ? demangle(type->name()) : "an exception";
  }
}

std::string detail::function_of(const std::source_location& place) {
  // clang: "Coro<int> shop::fetch(Url)", "auto shop::fetch(Url)::(anonymous class)::operator()(int) const [T = int]";
  // g++: "asyncio::Coro<int> shop::fetch(Url)", "shop::fetch(Url)::<lambda(int)>". Neither the result nor the
  // parameters say more than the name does.
  std::string name = place.function_name();
  replace_all(name, inline_namespace, "");
  replace_all(name, "(anonymous namespace)::", "");
  replace_all(name, "{anonymous}::", "");
  replace_all(name, "(anonymous class)::operator()", "<lambda>");
  replace_all(name, "::operator()(", "(");
  std::string text;
  for (std::size_t i = 0; i < name.size();) {
    const std::size_t begin = i;
    if (name[i] == ' ') {
      ++i;
      text.clear();  // that was the result
    } else if (is_operator(name, i)) {
      i = end_of_operator(name, i);
      text += name.substr(begin, i - begin);
    } else if (name.compare(i, 8, "<lambda(") == 0) {
      text += "<lambda>";
      i = end_of_qualifiers(name, end_of_brackets(name, i));
      if (name.compare(i, 2, "::") != 0) break;
    } else if (name[i] == '<') {
      i = end_of_brackets(name, i);
      text += name.substr(begin, i - begin);
    } else if (name[i] == '(') {
      i = end_of_brackets(name, i);
      if (text.empty() || text.ends_with("::")) {
        text += '<' + name.substr(begin + 1, i - begin - 2) + '>';  // "(anonymous struct)"
      } else if (text == "decltype") {
        text += name.substr(begin, i - begin);
      } else {
        i = end_of_qualifiers(name, i);
        if (name.compare(i, 2, "::") != 0) break;
      }
    } else {
      text += name[i++];
    }
  }
  return text;
}

bool detail::is_of_library(std::string_view function) { return function.starts_with("asyncio::"); }

std::string detail::describe(const std::source_location& place) {
  return function_of(place) + " (" + place.file_name() + ":" + std::to_string(place.line()) + ")";
}

std::string detail::describe_creation(const std::source_location& place, const char* prefix) {
  return is_of_library(function_of(place)) ? std::string() : prefix + describe(place);
}

}  // namespace asyncio::inline ASYNCIO_ABI
