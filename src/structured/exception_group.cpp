// SPDX-License-Identifier: MIT
#include <asyncio/exception_group.h>

#include <asyncio/error.h>

#include "base/exception_abi.h"
#include "base/names.h"
#include "base/traceback.h"
#include "structured/task_errors.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <numeric>
#include <string_view>
#include <utility>

// A program that nests groups by mistake nests them deep: a task whose clean-up fails again and again, a recursion. So
// a tree is walked with a stack of our own, and taken apart with a list.

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;

using Tracebacks = std::vector<std::shared_ptr<const Traceback>>;

struct ExceptionGroup::Content : SharedObject {
  Content(std::string text, std::vector<std::exception_ptr> members, Tracebacks ways)
      : message(std::move(text)), exceptions(std::move(members)), tracebacks(std::move(ways)) {}
  ~Content() override { delete tree.load(std::memory_order_acquire); }

  // Throws ValueError where `members` is empty, or has a null pointer among them.
  static Ref<Content> make(std::string text, std::vector<std::exception_ptr> members, Tracebacks ways);
  void end() const noexcept override;
  std::shared_ptr<const Traceback> traceback(std::size_t member) const {
    return member < tracebacks.size() ? tracebacks[member] : nullptr;
  }

  const std::string message;
  const std::vector<std::exception_ptr> exceptions;
  const Tracebacks tracebacks;  // of each; or none at all
  // What what() shows: made when first asked for, because it takes rethrowing every member, and most groups are taken
  // apart unseen. Any thread may be the one that asks.
  std::atomic<const std::string*> tree{nullptr};
  mutable const Content* next_retired = nullptr;
};

Ref<ExceptionGroup::Content> ExceptionGroup::Content::make(std::string text, std::vector<std::exception_ptr> members,
                                                           Tracebacks ways) {
  if (members.empty()) throw ValueError("an ExceptionGroup needs at least one exception");
  for (const std::exception_ptr& member : members)
    if (member == nullptr) throw ValueError("a member of an ExceptionGroup must not be null");
  return Ref<Content>::adopt(*new Content(std::move(text), std::move(members), std::move(ways)));
}

// The groups among its members come here in turn, from inside of its destructor, and wait until that is through.
void ExceptionGroup::Content::end() const noexcept {
  static constinit thread_local const Content* retired = nullptr;
  static constinit thread_local bool busy = false;
  next_retired = std::exchange(retired, this);
  if (std::exchange(busy, true)) return;
  while (retired != nullptr) delete std::exchange(retired, retired->next_retired);
  busy = false;
}

namespace {
// The group that it holds, which lives as long as the exception; null for a leaf.
const ExceptionGroup* group_in(const std::exception_ptr& error) noexcept {
  if (is_a(error, typeid(ExceptionGroup))) return static_cast<const ExceptionGroup*>(address_of(error));
  try {
    std::rethrow_exception(error);
  } catch (const ExceptionGroup& group) {  // one that derives from it
    return &group;
  } catch (...) {
    return nullptr;
  }
}

void append_lines(std::string& text, std::string_view added, const std::string& indent) {
  for (std::size_t end = 0; (end = added.find('\n')) != std::string_view::npos; added.remove_prefix(end + 1))
    text.append(added.substr(0, end)).append(1, '\n').append(indent);
  text += added;
}

std::string title(const ExceptionGroup& group) {
  const std::size_t count = group.exceptions().size();
  return group.message() + " (" + std::to_string(count) + (count == 1 ? " exception)" : " exceptions)");
}
}  // namespace

// Draws the tree of a group, each member in a branch of its own.
class ExceptionGroup::Drawing {
 public:
  std::string draw(const ExceptionGroup& top) {
    text_ = title(top);
    enter(top, nullptr);
    while (!levels_.empty()) {
      Level& level = levels_.back();
      if (level.next < level.group->exceptions().size()) {
        draw_member(level.group->content(), level.next++);
      } else {
        const std::shared_ptr<const Traceback> traceback = std::move(level.traceback);
        levels_.pop_back();
        add_traceback(traceback.get());
        if (!levels_.empty()) indent_.resize(indent_.size() - branch_width);
      }
    }
    return std::move(text_);
  }

 private:
  struct Level {
    const ExceptionGroup* group;
    std::shared_ptr<const Traceback> traceback;  // of the group itself; its lines come below its members
    std::size_t next = 0;
  };
  static constexpr std::size_t most_levels = 32;
  static constexpr std::size_t branch_width = 5;

  void enter(const ExceptionGroup& group, std::shared_ptr<const Traceback> traceback) {
    levels_.push_back({&group, std::move(traceback)});
  }

  void draw_member(const Content& content, std::size_t place) {
    const std::exception_ptr& member = content.exceptions[place];
    text_.append(1, '\n').append(indent_).append("  +- ");
    indent_ += place + 1 == content.exceptions.size() ? "     " : "  |  ";
    const ExceptionGroup* nested = group_in(member);
    if (nested == nullptr) {
      append_lines(text_, describe(member), indent_);
      add_traceback(content.traceback(place).get());
      indent_.resize(indent_.size() - branch_width);
      return;
    }
    append_lines(text_, describe(typeid(*nested)) + ": " + title(*nested), indent_);
    if (levels_.size() < most_levels) return enter(*nested, content.traceback(place));
    text_ += ", nested too deep to be drawn. Its leaves:";
    nested->visit_leaves(
        [](const std::exception_ptr& leaf, void* drawing) { static_cast<Drawing*>(drawing)->draw_leaf(leaf); }, this);
    add_traceback(content.traceback(place).get());
    indent_.resize(indent_.size() - branch_width);
  }

  void draw_leaf(const std::exception_ptr& leaf) {
    text_.append(1, '\n').append(indent_).append("  +- ");
    append_lines(text_, describe(leaf), indent_ + "     ");
  }

  void add_traceback(const Traceback* traceback) {
    if (traceback == nullptr) return;
    text_.append(1, '\n').append(indent_);
    append_lines(text_, format(*traceback, "  "), indent_);
  }

  std::string text_;
  std::string indent_;
  std::vector<Level> levels_;
};

ExceptionGroup::ExceptionGroup(std::string message, std::vector<std::exception_ptr> exceptions)
    : ExceptionGroup(Content::make(std::move(message), std::move(exceptions), {})) {}

ExceptionGroup::ExceptionGroup(Ref<Content>&& content) noexcept : content_(*content) {}

ExceptionGroup::~ExceptionGroup() = default;

ExceptionGroup::Content& ExceptionGroup::content() const noexcept { return static_cast<Content&>(*content_); }

const std::string& ExceptionGroup::message() const noexcept { return content().message; }
std::span<const std::exception_ptr> ExceptionGroup::exceptions() const noexcept { return content().exceptions; }

const char* ExceptionGroup::what() const noexcept {
  const std::string* known = content().tree.load(std::memory_order_acquire);
  if (known == nullptr) {
    try {
      auto drawn = std::make_unique<const std::string>(Drawing().draw(*this));
      if (content().tree.compare_exchange_strong(known, drawn.get(), std::memory_order_acq_rel))
        known = drawn.release();
    } catch (...) {
      return content().message.c_str();  // no memory for more
    }
  }
  return known->c_str();
}

// The members of a group that fall on one side of a split.
struct ExceptionGroup::Part {
  void append(std::exception_ptr error, std::shared_ptr<const Traceback> traceback) {
    exceptions.push_back(std::move(error));
    tracebacks.push_back(std::move(traceback));
  }
  ExceptionGroup to_group(const std::string& message) {
    return ExceptionGroup(Content::make(message, std::move(exceptions), std::move(tracebacks)));
  }

  std::vector<std::exception_ptr> exceptions;
  Tracebacks tracebacks;
};

ExceptionGroup::Split ExceptionGroup::split_leaves(Matches matches, void* argument) const {
  struct Level {
    explicit Level(const ExceptionGroup& which) : group(which) {}
    Split parts() {
      if (rest.exceptions.empty()) return {group, std::nullopt};
      if (match.exceptions.empty()) return {std::nullopt, group};
      return {match.to_group(group.message()), rest.to_group(group.message())};
    }

    ExceptionGroup group;
    std::size_t next = 0;
    Part match = {};
    Part rest = {};
  };
  std::vector<Level> levels;
  levels.emplace_back(*this);
  for (;;) {
    Level& level = levels.back();
    if (level.next < level.group.exceptions().size()) {
      const std::exception_ptr& member = level.group.exceptions()[level.next];
      if (const ExceptionGroup* nested = group_in(member)) {
        levels.emplace_back(*nested);
      } else {
        Part& side = matches(member, argument) ? level.match : level.rest;
        side.append(member, level.group.content().traceback(level.next++));
      }
      continue;
    }
    Split parts = level.parts();
    levels.pop_back();
    if (levels.empty()) return parts;
    Level& outer = levels.back();
    const std::exception_ptr& member = outer.group.exceptions()[outer.next];
    const std::shared_ptr<const Traceback> traceback = outer.group.content().traceback(outer.next++);
    if (!parts.rest) {
      outer.match.append(member, traceback);
    } else if (!parts.match) {
      outer.rest.append(member, traceback);
    } else {
      outer.match.append(std::make_exception_ptr(std::move(*parts.match)), traceback);
      outer.rest.append(std::make_exception_ptr(std::move(*parts.rest)), traceback);
    }
  }
}

void ExceptionGroup::visit_leaves(void (*visit)(const std::exception_ptr& leaf, void* argument), void* argument) const {
  struct Level {
    ExceptionGroup group;
    std::size_t next;
  };
  std::vector<Level> levels{{*this, 0}};
  while (!levels.empty()) {
    Level& level = levels.back();
    if (level.next == level.group.exceptions().size()) {
      levels.pop_back();
      continue;
    }
    const std::exception_ptr member = level.group.exceptions()[level.next++];
    if (const ExceptionGroup* nested = group_in(member)) {
      levels.push_back({*nested, 0});
    } else {
      visit(member, argument);
    }
  }
}

void TaskErrors::add(std::exception_ptr error, std::shared_ptr<const Traceback> traceback) {
  errors_.push_back(std::move(error));
  tracebacks_.push_back(std::move(traceback));
}

// The first of each stays.
void TaskErrors::drop_repeated() {
  std::vector<std::size_t> places(errors_.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  const auto address = [this](std::size_t place) { return address_of(errors_[place]); };
  std::sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
    return address(a) != address(b) ? std::less<>()(address(a), address(b)) : a < b;
  });
  std::vector<bool> repeated(errors_.size());
  for (std::size_t i = 1; i < places.size(); ++i) repeated[places[i]] = address(places[i]) == address(places[i - 1]);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < errors_.size(); ++i) {
    if (repeated[i]) continue;
    std::swap(errors_[kept], errors_[i]);
    std::swap(tracebacks_[kept++], tracebacks_[i]);
  }
  errors_.resize(kept);
  tracebacks_.resize(kept);
}

ExceptionGroup TaskErrors::to_group(const std::string& message) && {
  drop_repeated();
  return ExceptionGroup(ExceptionGroup::Content::make(message, std::move(errors_), std::move(tracebacks_)));
}

}  // namespace asyncio::inline ASYNCIO_ABI
