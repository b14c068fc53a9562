// SPDX-License-Identifier: MIT
#include "regression/instances.hpp"

namespace l0::detail {

L0_TEST_FITS()

}  // namespace l0::detail
