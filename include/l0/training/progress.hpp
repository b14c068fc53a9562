// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

#include <l0/training/report.hpp>

namespace l0 {

/// A callback that draws a progress bar with loss, open gates and the time left on standard error; silent where that is
/// not a terminal. A door of its own: `l0.hpp` does not include it.
///
///     l0::minimize(f, w0, {.epochs = 5000, .callback = l0::ProgressBar{}});
class ProgressBar {
 public:
  void operator()(const StepReport& report) {
    static const bool is_terminal = terminal();
    const bool last = report.step == report.steps;
    if (!is_terminal || report.steps == 0 || (!last && report.seconds - drawn_at_ < 0.1)) return;
    drawn_at_ = report.seconds;
    constexpr int width = 30;
    const double share = static_cast<double>(report.step) / static_cast<double>(report.steps);
    const double left = report.step == 0 ? 0 : report.seconds * (1 - share) / share;
    std::string bar(static_cast<std::size_t>(share * width), '#');
    bar.resize(width, '.');
    std::fprintf(stderr, "\r%.*s [%s] %3.0f %%  loss %-11.5g open %-9.1f %.0f s left \033[K%s",
                 static_cast<int>(report.stage.size()), report.stage.data(), bar.c_str(), 100 * share, report.loss,
                 report.expected_l0, left, last ? "\n" : "");
    std::fflush(stderr);
  }

 private:
  static bool terminal() {
#if defined(__unix__) || defined(__APPLE__)
    return isatty(STDERR_FILENO) != 0;
#else
    return false;
#endif
  }

  double drawn_at_ = -1;
};

}  // namespace l0
