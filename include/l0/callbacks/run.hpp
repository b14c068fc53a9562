// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

#include <l0/callbacks/report.hpp>
#include <l0/core/stopwatch.hpp>

namespace l0::detail {

/// What the parts of one fit share: the clock, the callback, and whether it has asked to stop. The callback must
/// outlive the run.
class FitRun {
 public:
  explicit FitRun(const AnyCallback& callback) : callback_(&callback) {}

  double seconds() const { return watch_.seconds(); }
  bool stopped() const { return stopped_; }
  Index reports() const { return reports_; }

  /// Passes on a report with the time filled in; false where the run should end. After a stop, or an exception of the
  /// callback, it is not called again. Several threads may report: the callback hears of one after the other, and
  /// `counter`, where given, counts them as the steps.
  bool proceeds(StepReport report, Index* counter = nullptr) {
    const Turn turn(busy_);
    if (stopped_) return false;
    ++reports_;
    if (counter != nullptr) report.step = ++*counter;
    report.seconds = seconds();
    struct StopUnlessAnswered {
      std::atomic<bool>& stopped;
      Flow flow = Flow::stop;
      ~StopUnlessAnswered() { stopped = flow == Flow::stop; }
    } answer{stopped_};
    answer.flow = (*callback_)(report);
    return answer.flow != Flow::stop;
  }

 private:
  /// A lock. (<mutex> would bring <chrono> along.)
  class Turn {
   public:
    explicit Turn(std::atomic<bool>& busy) : busy_(busy) {
      while (busy_.exchange(true)) busy_.wait(true);
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      busy_ = false;
      busy_.notify_one();
    }

   private:
    std::atomic<bool>& busy_;
  };

  const AnyCallback* callback_;
  Stopwatch watch_;
  std::atomic<bool> busy_{false};
  std::atomic<bool> stopped_{false};
  Index reports_ = 0;
};

}  // namespace l0::detail
