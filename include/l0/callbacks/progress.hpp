// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdio>
#include <memory>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#include <l0/callbacks/report.hpp>
#include <l0/core/error.hpp>

namespace l0 {

/// How much a `ProgressBar` says.
enum class Verbosity {
  silent,  ///< nothing
  bar,     ///< a bar on a terminal, nothing elsewhere
  lines,   ///< a line every `seconds_per_line`, at the first and at the last step, terminal or not: for log files
  steps,   ///< a line per step
};

/// Options of `ProgressBar`.
struct ProgressOptions {
  Verbosity verbosity = Verbosity::bar;  ///< how much is said
  double seconds_per_line = 10;          ///< of `Verbosity::lines`, ≥ 0
  double delay = 0.5;                    ///< seconds of a run before its bar appears: short ones pass without; ≥ 0
  std::FILE* stream = stderr;            ///< where it is written
};

/// A callback that draws a progress bar with loss, open gates, rate and the time left; silent where standard error is
/// not a terminal. A door of its own: `l0.hpp` does not include it.
///
///     l0::minimize(f, w0, {.epochs = 5000, .callback = l0::ProgressBar{}});
///     l0::minimize(f, w0, {.epochs = 5000, .callback = l0::ProgressBar({.verbosity = l0::Verbosity::lines})});
///
/// The bar is rewritten in place with one write at most ten times a second. Copies share it.
class ProgressBar {
 public:
  ProgressBar() : ProgressBar(ProgressOptions{}) {}
  /// Throws `Error` for options outside their ranges.
  explicit ProgressBar(const ProgressOptions& options) : state_(std::make_shared<State>(options)) {
    detail::require_non_negative("seconds_per_line", options.seconds_per_line);
    detail::require_non_negative("delay", options.delay);
    if (options.stream == nullptr) detail::fail("stream", "null", "an open file");
  }

  /// Shows a step; what `callback` calls.
  void operator()(const StepReport& report) const { state_->show(report); }

 private:
  class State {
   public:
    explicit State(const ProgressOptions& options)
        : options_(options), shows_bar_(options.verbosity == Verbosity::bar && is_terminal(options.stream)) {}
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { end_line(); }

    void show(const StepReport& report) {
      if (options_.verbosity == Verbosity::silent || (options_.verbosity == Verbosity::bar && !shows_bar_)) return;
      const bool begins = stage_ != report.stage || report.step <= last_step_;
      if (begins) {
        end_line();
        stage_ = report.stage;
        first_step_ = report.step;
        began_at_ = report.seconds;
      }
      last_step_ = report.step;
      const bool last = report.step == report.steps;
      if (!is_due(report, begins, last)) return;
      shown_at_ = report.seconds;
      std::string text = shows_bar_ ? "\r" : "";
      text += line(report);
      if (shows_bar_) text += "\033[K";
      is_line_open_ = shows_bar_ && !last;
      if (!is_line_open_) text += '\n';
      std::fwrite(text.data(), 1, text.size(), options_.stream);
      std::fflush(options_.stream);
    }

   private:
    static bool is_terminal([[maybe_unused]] std::FILE* stream) {
#if defined(__unix__) || defined(__APPLE__)
      return stream != nullptr && isatty(fileno(stream)) != 0;
#else
      return false;
#endif
    }

    bool is_due(const StepReport& report, bool begins, bool last) const {
      if (options_.verbosity == Verbosity::steps) return true;
      const double since = report.seconds - shown_at_;
      if (options_.verbosity == Verbosity::lines) return begins || last || since >= options_.seconds_per_line;
      if (last) return is_line_open_;  // a bar that never appeared needs no end
      return report.seconds >= options_.delay && (begins || since >= 0.1 || since < 0);
    }

    /// "gates    [#########...........]  45 %  loss 0.01234    open 20.3    812/s, 3 s left"
    std::string line(const StepReport& report) const {
      constexpr std::size_t width = 20;
      const double share =
          report.steps > 0 ? static_cast<double>(report.step) / static_cast<double>(report.steps) : 0.0;
      const auto taken = static_cast<double>(report.step - first_step_);
      const double elapsed = report.seconds - began_at_;
      const double rate = taken > 0 && elapsed > 0 ? taken / elapsed : 0.0;
      std::string bar(static_cast<std::size_t>(share * static_cast<double>(width)), '#');
      bar.resize(width, '.');
      char text[160];
      std::snprintf(text, sizeof text, "%-8.10s [%s] %3.0f %%", std::string(stage_).c_str(), bar.c_str(), 100 * share);
      std::string result = text;
      if (!(std::isnan(report.loss) && std::isnan(report.expected_l0))) {  // both: a file is read
        std::snprintf(text, sizeof text, "  loss %-10.4g open %-7.5g", report.loss, report.expected_l0);
        result += text;
      }
      if (rate > 0) {
        std::snprintf(text, sizeof text, " %.3g/s", rate);
        result += text;
        if (report.step < report.steps)
          result += ", " + duration(static_cast<double>(report.steps - report.step) / rate) + " left";
      }
      return result;
    }

    /// "12 s", "3:05 min", "2:30 h".
    static std::string duration(double seconds) {
      char text[40];
      if (seconds < 60) {
        std::snprintf(text, sizeof text, "%.0f s", seconds);
      } else {
        const bool hours = seconds >= 3600;
        const double whole = hours ? seconds / 60 : seconds;
        const auto large = static_cast<long long>(whole / 60);
        std::snprintf(text, sizeof text, "%lld:%02d %s", large,
                      static_cast<int>(whole - 60 * static_cast<double>(large)), hours ? "h" : "min");
      }
      return text;
    }

    void end_line() {
      if (is_line_open_) std::fputc('\n', options_.stream);
      is_line_open_ = false;
    }

    ProgressOptions options_;
    bool shows_bar_;
    bool is_line_open_ = false;
    std::string stage_;
    Index first_step_ = 0;
    Index last_step_ = 0;
    double began_at_ = 0;
    double shown_at_ = -1;
  };

  std::shared_ptr<State> state_;
};

}  // namespace l0
