// SPDX-License-Identifier: MIT
#include <l0/core/compiled.hpp>

template <int Alignment>
int l0::detail::compiled_for_alignment() {
  return Alignment;
}

template int l0::detail::compiled_for_alignment<EIGEN_MAX_ALIGN_BYTES>();
