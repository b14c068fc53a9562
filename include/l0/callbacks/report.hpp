// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// callbacks/: how a run tells where it stands, and how it is stopped.
///
///     a loop     after each step fills in a StepReport: step, loss, open gates, price, temperature
///       ▼ FitRun (run.hpp)       of fits: the clock, one call at a time from whatever thread, none after a stop
///     AnyCallback                the user's functions, several by all_callbacks
///       │   └ ProgressBar (progress.hpp), a door of its own, as is the tracker in io/
///       ▼ Flow                   proceed, or stop
///     the loop   ends, and says why in a TrainingReport: StopReason, steps, loss, seconds
///
/// Estimators, `minimize` and `Trainer` report alike, so that one callback serves all.

#include <concepts>
#include <functional>
#include <iosfwd>
#include <limits>
#include <string>
#include <string_view>

#include <l0/core/types.hpp>

namespace l0 {

/// Where a training run stands after a step; what callbacks see.
struct StepReport {
  Index step = 0;          ///< steps done in this stage; `MatrixFactorization`: in all
  Index steps = 0;         ///< steps it takes, at most; 0: not known
  std::string_view stage;  ///< "gates", "refit", "epochs", ...
  double loss = 0;         ///< the loss alone
  double objective = 0;    ///< loss + penalty
  double expected_l0 = 0;  ///< expected number of open gates
  double lambda = 0;       ///< price of one open gate
  double temperature = 0;  ///< β; 0 in stages without gates
  double seconds = 0;      ///< since the run began
  double validation_loss = std::numeric_limits<double>::quiet_NaN();   ///< of a fit that has validation data
  double validation_error = std::numeric_limits<double>::quiet_NaN();  ///< its share of wrong labels
};

/// What a callback answers.
enum class Flow { proceed, stop };

/// A function called after every step: takes a `StepReport`, returns nothing or a `Flow`.
template <class C>
concept Callback = requires(C callback, const StepReport& report) {
  { callback(report) } -> std::same_as<void>;
}
|| requires(C callback, const StepReport& report) {
  { callback(report) } -> std::same_as<Flow>;
};

/// Any callback, as options hold it.
class AnyCallback {
 public:
  AnyCallback() = default;

  /// Takes a function of a `StepReport` that returns nothing or a `Flow`. (Any class or function pointer, so that the
  /// compiler can say in one sentence what is wrong with another.)
  template <class C>
    requires((std::is_class_v<C> || std::is_pointer_v<C>)&&!std::same_as<C, AnyCallback>)
  AnyCallback(C callback)  // NOLINT(google-explicit-constructor): options are filled with lambdas
      : callback_([callback = std::move(callback)](const StepReport& report) mutable {
          static_assert(Callback<C>,
                        "l0: a callback is a function of a const l0::StepReport& that returns nothing or an l0::Flow");
          if constexpr (requires {
                          { callback(report) } -> std::same_as<Flow>;
                        }) {
            return callback(report);
          } else if constexpr (Callback<C>) {
            callback(report);
            return Flow::proceed;
          } else {
            return Flow::proceed;
          }
        }) {}

  /// Calls it; without a callback the run goes on.
  Flow operator()(const StepReport& report) const { return callback_ ? callback_(report) : Flow::proceed; }

 private:
  std::function<Flow(const StepReport&)> callback_;
};

/// Several callbacks as one: each hears of every step, and the run stops if one of them asks for it.
///
///     .callback = l0::all_callbacks(std::ref(tracker), l0::ProgressBar{})
template <Callback... C>
AnyCallback all_callbacks(C... callbacks) {
  return [... any = AnyCallback(std::move(callbacks))](const StepReport& report) {
    Flow flow = Flow::proceed;
    ((flow = any(report) == Flow::stop ? Flow::stop : flow), ...);
    return flow;
  };
}

/// Why a run ended.
enum class StopReason {
  completed,   ///< all steps were taken
  converged,   ///< the convergence test was met
  callback,    ///< a callback asked to stop
  not_finite,  ///< the loss or its gradient was NaN or infinite; the result is the last finite state
};

/// The reason in words.
constexpr std::string_view to_string(StopReason reason) {
  switch (reason) {
    case StopReason::completed: return "completed";
    case StopReason::converged: return "converged";
    case StopReason::callback: return "stopped by a callback";
    case StopReason::not_finite: return "loss or gradient not finite";
  }
  return "unknown";
}

/// How a run went.
struct TrainingReport {
  StopReason stop = StopReason::completed;  ///< why the run ended
  Index steps = 0;                          ///< steps taken, all stages
  double loss = 0;                          ///< at the returned weights
  double expected_l0 = 0;                   ///< expected number of open gates when the gates were read off
  double lambda = 0;                        ///< price of one open gate at the end
  double seconds = 0;                       ///< by the clock

  /// Whether the run ended as planned.
  bool converged() const { return stop == StopReason::converged || stop == StopReason::completed; }
};

namespace detail {

template <class R>
concept PrintedReport = requires(const R& report) {
  { to_string(report) } -> std::same_as<std::string>;
};

}  // namespace detail

/// Reports are printed by <l0/io/report.hpp>, which `l0.hpp` does not include; without it the compiler says so.
template <class Report>
  requires std::same_as<std::remove_const_t<decltype(Report::stop)>, StopReason> &&
      (!detail::PrintedReport<Report>)std::ostream&
      operator<<(std::ostream& stream, const Report& /*report*/) {
    static_assert(!std::is_class_v<Report>, "l0: include <l0/io/report.hpp> to print a report");
    return stream;
  }

}  // namespace l0
