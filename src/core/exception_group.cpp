// SPDX-License-Identifier: MIT
#include <asyncio/exception_group.h>

#include <asyncio/error.h>

#include "core/report.h"
#include "core/traceback.h"

#include <algorithm>
#include <atomic>
#include <string_view>
#include <utility>

namespace asyncio::inline ASYNCIO_ABI {

struct ExceptionGroup::Content {
  Content(std::string text, std::vector<std::exception_ptr> members, std::vector<std::shared_ptr<const Traceback>> ways)
      : message(std::move(text)), exceptions(std::move(members)), tracebacks(std::move(ways)) {}
  Content(const Content&) = delete;
  Content& operator=(const Content&) = delete;
  std::string draw() const;
  ~Content() { delete tree.load(std::memory_order_acquire); }

  const std::string message;
  const std::vector<std::exception_ptr> exceptions;
  const std::vector<std::shared_ptr<const Traceback>> tracebacks;  // of each; or none at all
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

}  // namespace

std::string ExceptionGroup::Content::draw() const {
  std::string drawn =
      message + " (" + std::to_string(exceptions.size()) + (exceptions.size() == 1 ? " exception)" : " exceptions)");
  for (std::size_t i = 0; i < exceptions.size(); ++i) {
    std::string branch = describe(exceptions[i]);
    if (i < tracebacks.size() && tracebacks[i] != nullptr) branch += '\n' + format(*tracebacks[i], "  ");
    append_branch(drawn, branch, i + 1 == exceptions.size());
  }
  return drawn;
}

ExceptionGroup::ExceptionGroup(std::string message, std::vector<std::exception_ptr> exceptions) {
  if (exceptions.empty()) throw ValueError("an ExceptionGroup needs at least one exception");
  for (const std::exception_ptr& member : exceptions)
    if (member == nullptr) throw ValueError("a member of an ExceptionGroup must not be null");
  content_ = std::make_shared<Content>(std::move(message), std::move(exceptions),
                                       std::vector<std::shared_ptr<const Traceback>>());
}

ExceptionGroup ExceptionGroup::make(const std::string& message, std::vector<std::exception_ptr> exceptions,
                                    std::vector<std::shared_ptr<const Traceback>> tracebacks) {
  ExceptionGroup group(message, std::move(exceptions));
  group.content_ = std::make_shared<Content>(message, group.content_->exceptions, std::move(tracebacks));
  return group;
}

ExceptionGroup::~ExceptionGroup() = default;

const std::string& ExceptionGroup::message() const noexcept { return content_->message; }
std::span<const std::exception_ptr> ExceptionGroup::exceptions() const noexcept { return content_->exceptions; }

const char* ExceptionGroup::what() const noexcept {
  const std::string* known = content_->tree.load(std::memory_order_acquire);
  if (known == nullptr) {
    try {
      auto drawn = std::make_unique<const std::string>(content_->draw());
      if (content_->tree.compare_exchange_strong(known, drawn.get(), std::memory_order_acq_rel))
        known = drawn.release();
    } catch (...) {
      return content_->message.c_str();  // no memory for more
    }
  }
  return known->c_str();
}

ExceptionGroup::Split ExceptionGroup::split_leaves(Matches matches, void* argument) const {
  TaskErrors match;
  TaskErrors rest;
  const Content& content = *content_;
  for (std::size_t i = 0; i < content.exceptions.size(); ++i) {
    const std::exception_ptr& member = content.exceptions[i];
    const std::shared_ptr<const Traceback> traceback = content.tracebacks.empty() ? nullptr : content.tracebacks[i];
    std::optional<ExceptionGroup> nested = as_group(member);
    if (!nested) {
      (matches(member, argument) ? match : rest).append(member, traceback);
      continue;
    }
    Split parts = nested->split_leaves(matches, argument);
    if (!parts.rest) {
      match.append(member, traceback);
    } else if (!parts.match) {
      rest.append(member, traceback);
    } else {
      match.append(std::make_exception_ptr(std::move(*parts.match)), traceback);
      rest.append(std::make_exception_ptr(std::move(*parts.rest)), traceback);
    }
  }
  if (rest.empty()) return {*this, std::nullopt};
  if (match.empty()) return {std::nullopt, *this};
  return {std::move(match).to_group(content.message), std::move(rest).to_group(content.message)};
}

void TaskErrors::append(std::exception_ptr error, std::shared_ptr<const Traceback> traceback) {
  errors_.push_back(std::move(error));
  tracebacks_.push_back(std::move(traceback));
}

void TaskErrors::add(const std::exception_ptr& error, std::shared_ptr<const Traceback> traceback) {
  if (std::find(errors_.begin(), errors_.end(), error) == errors_.end()) append(error, std::move(traceback));
}

ExceptionGroup TaskErrors::to_group(const std::string& message) && {
  return ExceptionGroup::make(message, std::move(errors_), std::move(tracebacks_));
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
