// SPDX-License-Identifier: MIT
#include <asyncio/exception_group.h>

#include <asyncio/error.h>

#include "core/report.h"

#include <atomic>
#include <string_view>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

struct ExceptionGroup::Content {
  Content(std::string text, std::vector<std::exception_ptr> members)
      : message(std::move(text)), exceptions(std::move(members)) {}
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;
  ~Content() { delete tree.load(std::memory_order_acquire); }

  const std::string message;
  const std::vector<std::exception_ptr> exceptions;
  // What what() shows: made when first asked for, because it takes rethrowing every member, and most groups are taken
  // apart unseen. Any thread may be the one that asks.
  std::atomic<const std::string*> tree{nullptr};
};

namespace {
std::optional<ExceptionGroup> as_group(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const ExceptionGroup& group) {
    return group;
  } catch (...) {
    return std::nullopt;
  }
}

// One member of a tree. Its own lines below the first, which a nested group has, stay within the branch.
void append_branch(std::string& tree, std::string_view text, bool last) {
  const char* indent = "\n  +- ";
  while (true) {
    const std::size_t end = text.find('\n');
    tree += indent;
    tree += text.substr(0, end);
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
    indent = last ? "\n     " : "\n  |  ";
  }
}

std::string draw(const ExceptionGroup& group) {
  const std::span<const std::exception_ptr> members = group.exceptions();
  std::string tree =
      group.message() + " (" + std::to_string(members.size()) + (members.size() == 1 ? " exception)" : " exceptions)");
  for (const std::exception_ptr& member : members) append_branch(tree, describe(member), &member == &members.back());
  return tree;
}
}  // namespace

ExceptionGroup::ExceptionGroup(std::string message, std::vector<std::exception_ptr> exceptions) {
  if (exceptions.empty()) throw ValueError("an ExceptionGroup needs at least one exception");
  for (const std::exception_ptr& member : exceptions)
    if (member == nullptr) throw ValueError("a member of an ExceptionGroup must not be null");
  content_ = std::make_shared<Content>(std::move(message), std::move(exceptions));
}

ExceptionGroup::~ExceptionGroup() = default;

const std::string& ExceptionGroup::message() const noexcept { return content_->message; }
std::span<const std::exception_ptr> ExceptionGroup::exceptions() const noexcept { return content_->exceptions; }

const char* ExceptionGroup::what() const noexcept {
  const std::string* known = content_->tree.load(std::memory_order_acquire);
  if (known == nullptr) {
    try {
      auto drawn = std::make_unique<const std::string>(draw(*this));
      if (content_->tree.compare_exchange_strong(known, drawn.get(), std::memory_order_acq_rel))
        known = drawn.release();
    } catch (...) {
      return content_->message.c_str();  // no memory for more
    }
  }
  return known->c_str();
}

ExceptionGroup::Split ExceptionGroup::split_leaves(Matches matches, void* argument) const {
  std::vector<std::exception_ptr> match;
  std::vector<std::exception_ptr> rest;
  for (const std::exception_ptr& member : content_->exceptions) {
    std::optional<ExceptionGroup> nested = as_group(member);
    if (!nested) {
      (matches(member, argument) ? match : rest).push_back(member);
      continue;
    }
    Split parts = nested->split_leaves(matches, argument);
    if (!parts.rest) {
      match.push_back(member);
    } else if (!parts.match) {
      rest.push_back(member);
    } else {
      match.push_back(std::make_exception_ptr(std::move(*parts.match)));
      rest.push_back(std::make_exception_ptr(std::move(*parts.rest)));
    }
  }
  if (rest.empty()) return {*this, std::nullopt};
  if (match.empty()) return {std::nullopt, *this};
  return {ExceptionGroup(content_->message, std::move(match)), ExceptionGroup(content_->message, std::move(rest))};
}

void ExceptionGroup::visit_leaves(void (*visit)(const std::exception_ptr& leaf, void* argument), void* argument) const {
  for (const std::exception_ptr& member : content_->exceptions) {
    if (std::optional<ExceptionGroup> nested = as_group(member)) {
      nested->visit_leaves(visit, argument);
    } else {
      visit(member, argument);
    }
  }
}

}  // namespace asyncio::inline ASYNCIO_ABI
