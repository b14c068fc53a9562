// SPDX-License-Identifier: MIT
#pragma once

namespace l0 {

/// How gates take part in a fit.
enum class GateMode {
  noise_free,  ///< by the expectation over the gates in closed form, and whatever searches further along it
  sampled,     ///< drawn at every step of training, the general method; slower and stochastic
  off,         ///< no gates: nothing is left out
};

}  // namespace l0
