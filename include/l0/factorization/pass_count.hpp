// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include <l0/callbacks/run.hpp>

namespace l0::detail {

/// The passes of a fit, told to the callback one by one. A stage may take them up to `limit`.
struct PassCount {
  FitRun& run;
  Index limit;

  Index taken() const { return run.reports(); }
  Index left() const { return run.stopped() ? 0 : std::max<Index>(limit - taken(), 0); }
  bool over() const { return left() == 0; }
};

}  // namespace l0::detail
