// SPDX-License-Identifier: MIT
#define L0_EXTERN  // what the next header names is compiled here

#include <l0/calibration/calibration.hpp>
