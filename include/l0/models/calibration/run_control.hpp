// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include <l0/core/stopwatch.hpp>
#include <l0/models/calibration/options.hpp>

namespace l0::detail {

/// The clock, the callback and the reason to stop of one call of `fit`.
class RunControl {
 public:
  explicit RunControl(const CalibrationTask& task) : task_(&task) {}

  double seconds() const { return watch_.seconds(); }
  StopReason stop() const { return stop_; }
  bool running() const { return stop_ == StopReason::completed; }
  void stop_because(StopReason reason) { stop_ = reason; }

  void pass_on(StepReport report) {
    ++passes_;
    report.seconds = seconds();
    if (task_->callback(report) == Flow::stop) stop_ = StopReason::callback;
  }

  /// Hands out the state that `make()` builds where one is due.
  template <class Make>
  void checkpoint(const Make& make) const {
    if (task_->checkpoint_every > 0 && task_->checkpoint && passes_ % task_->checkpoint_every == 0) {
      task_->checkpoint(make());
    }
  }

  Index passes() const { return passes_; }
  void set_passes(Index passes) { passes_ = passes; }

 private:
  const CalibrationTask* task_;
  Stopwatch watch_;
  StopReason stop_ = StopReason::completed;
  Index passes_ = 0;
};

}  // namespace l0::detail
