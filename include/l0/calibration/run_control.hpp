// SPDX-License-Identifier: MIT
#pragma once

#include <l0/calibration/options.hpp>
#include <l0/callbacks/run.hpp>

namespace l0::detail {

/// The run of one call of `fit`, its reason to stop and its checkpoints.
class RunControl {
 public:
  explicit RunControl(const CalibrationTask& task) : task_(&task), run_(task.callback) {}

  double seconds() const { return run_.seconds(); }
  StopReason stop() const { return stop_; }
  bool running() const { return stop_ == StopReason::completed; }
  void stop_because(StopReason reason) { stop_ = reason; }

  void pass_on(const StepReport& report) {
    ++passes_;
    if (!run_.proceeds(report)) stop_ = StopReason::callback;
  }

  /// Hands out the state that `make()` builds where one is due; a run that has come to no number has none.
  template <class Make>
  void checkpoint(const Make& make) const {
    if (stop_ != StopReason::not_finite && task_->checkpoint_every > 0 && task_->checkpoint &&
        passes_ % task_->checkpoint_every == 0) {
      task_->checkpoint(make());
    }
  }

  Index passes() const { return passes_; }
  void set_passes(Index passes) { passes_ = passes; }

 private:
  const CalibrationTask* task_;
  FitRun run_;
  StopReason stop_ = StopReason::completed;
  Index passes_ = 0;
};

}  // namespace l0::detail
