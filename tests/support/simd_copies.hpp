// SPDX-License-Identifier: MIT
#pragma once

#include <l0/core/simd.hpp>

namespace l0::test {

/// Calls use(name, run) for every copy of `Kernel` that this processor can execute; run(args...) is that copy.
template <class Kernel, class Use>
void for_each_copy(Use&& use) {
  use("baseline", [](auto... args) { return detail::run_baseline<Kernel>(args...); });
#if L0_SIMD_DISPATCH
  if (detail::simd_level() != detail::SimdLevel::baseline) {
    use("avx2", [](auto... args) { return detail::run_avx2<Kernel>(args...); });
  }
  if (detail::simd_level() == detail::SimdLevel::avx512) {
    use("avx512", [](auto... args) { return detail::run_avx512<Kernel>(args...); });
  }
#endif
}

}  // namespace l0::test
