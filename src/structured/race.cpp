// SPDX-License-Identifier: MIT
#include <asyncio/race.h>

#include "base/exception_abi.h"
#include "loop/cancels.h"
#include "loop/traceback_recorder.h"
#include "structured/task_errors.h"

namespace asyncio::inline ASYNCIO_ABI {

using namespace detail;
using namespace lowlevel;

const WaitKind Entrant::kind{
    .reason = "race",
    .remove = nullptr,
    .interrupt = nullptr,
    .joined =
        [](Waiter& waiter) noexcept {
          Entrant& entrant = static_cast<Entrant&>(waiter);
          entrant.race_->ended(entrant);
        },
};

const WaitKind Race::kind{
    .reason = "race",
    .remove = [](Waiter&) noexcept {},  // it stands in no list: the entrants do
    .interrupt = &Race::forward,
    .passed_on = [](const Waiter& waiter) noexcept { return static_cast<const Race&>(waiter).passed_.requested(); },
};

void Race::enter(const AnyTask& task) {
  Entrant& entrant = entrants_[entered_++];
  entrant.race_ = this;
  entrant.runner_ = task;
  entrant.task_ = this_thread.task;  // which is who waits, to those that look at the joiners
  if (task.done()) return;           // it was started eagerly
  task.state().joiners().push_back(entrant);
  ++running_;
}

bool Race::await_ready() {
  for (const Entrant& entrant : entrants_)
    if (entrant.runner_.done()) note_winner(entrant);
  return running_ == 0;
}

bool Race::decides(const AnyTask& ended) const noexcept {
  // What we have cancelled ourselves, for the caller, decides nothing by ending so.
  if (ended.cancelled()) return rule_ == RaceRule::first_end && !passed_.any();
  return rule_ == RaceRule::first_end || !ended.state().failed();
}

void Race::note_winner(const Entrant& ended) noexcept {
  if (winner_ != nobody || !decides(ended.runner_)) return;
  winner_ = static_cast<std::size_t>(&ended - entrants_.data());
  cancel_rest({});
}

void Race::ended(Entrant& entrant) noexcept {
  --running_;
  note_winner(entrant);
  if (running_ == 0) wake();
}

void Race::cancel_rest(std::string_view message) noexcept {
  Cancels::Batch together(*entrants_.front().runner_.state().loop());
  for (const Entrant& entrant : entrants_) entrant.runner_.cancel(message);
}

bool Race::forward(Waiter& waiter) noexcept {
  Race& race = static_cast<Race&>(waiter);
  const std::string message = race.passed_.take(*race.task_);
  // Once it is decided, the rest is on its way out already; a second cancel would only disturb its cleaning up.
  if (race.winner_ == nobody) race.cancel_rest(message);
  return false;
}

std::size_t Race::await_resume() {
  bool any_cancelled = false;
  TaskErrors errors;
  for (const Entrant& entrant : entrants_) {
    if (entrant.runner_.cancelled()) {
      any_cancelled = true;
    } else if (std::exception_ptr error = entrant.runner_.exception()) {
      if (is_exit(error)) std::rethrow_exception(error);
      errors.add(error, traceback_of(entrant.runner_.state()));
    }
  }
  if (any_cancelled && winner_ == nobody && passed_.any()) passed_.raise(*task_);
  if (passed_.any()) passed_.restore(*task_);  // else it may never have waited
  if (winner_ != nobody) return winner_;
  if (errors.empty()) throw CancelledError();
  throw std::move(errors).to_group("none of the entrants succeeded");
}

}  // namespace asyncio::inline ASYNCIO_ABI
