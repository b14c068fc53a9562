// SPDX-License-Identifier: MIT
// An option that does not exist is one error with its name, where the type of the options is named before the braces.
#include <l0/regression/options.hpp>

l0::RegressionOptions options() {
#ifdef L0_MUST_NOT_COMPILE
  return l0::RegressionOptions{.lamda_l0 = 0.1, .folds = 5};
#else
  return l0::RegressionOptions{.lambda_l0 = 0.1, .folds = 5};
#endif
}
