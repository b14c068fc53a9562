// SPDX-License-Identifier: MIT
// What -ffast-math defines, unless -fno-finite-math-only stands behind it.
#ifdef L0_MUST_NOT_COMPILE
#undef __FINITE_MATH_ONLY__
#define __FINITE_MATH_ONLY__ 1
#endif
#include <l0/core/error.hpp>
