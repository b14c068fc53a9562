// SPDX-License-Identifier: MIT
#include "models/instances.hpp"

namespace l0::detail {

template SparseFit<double, 1> fit_moments<double, 1>(const Moments&, const RegressionOptions&, bool,
                                                     const std::vector<Index>&);
L0_TEST_FITS()

}  // namespace l0::detail
