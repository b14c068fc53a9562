// SPDX-License-Identifier: MIT
#define L0_EXTERN  // what the next header names is compiled here

#include <l0/regression/compiled.hpp>

template <int Alignment>
int l0::detail::compiled_for_alignment() {
  return Alignment;
}

template int l0::detail::compiled_for_alignment<EIGEN_MAX_ALIGN_BYTES>();
