// SPDX-License-Identifier: MIT
#include <l0/training/minimize.hpp>

l0::MinimizeOptions use() {
  return {.callback = [](const l0::StepReport& report) {
#ifdef L0_MUST_NOT_COMPILE
    return report.loss;
#else
    return report.loss < 1 ? l0::Flow::stop : l0::Flow::proceed;
#endif
  }};
}
