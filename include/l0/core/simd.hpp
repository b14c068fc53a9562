// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Elementwise kernels that reach the processor's widest units from any build.
///
/// Most users compile for plain x86-64 (128-bit vectors). The loops over gates and parameters are dominated by log, exp
/// and divisions, where 512-bit units are several times faster, so they are compiled three times inside the user's own
/// program and chosen once at run time. A kernel is a struct with a static, always inlined `run(args...)` that consists
/// of plain loops; `dispatch<Kernel>(args...)` calls the copy for this processor. Results may differ between copies in
/// the last bits (fused multiply-add), never between runs on one machine.
///
/// `L0_NO_SIMD_DISPATCH` switches the mechanism off; other compilers and processors get the plain copy.

#include <utility>

#if defined(__GNUC__) && defined(__x86_64__) && !defined(__AVX512F__) && !defined(L0_NO_SIMD_DISPATCH)
/// 1 where kernels are compiled for several instruction sets and chosen at run time.
#define L0_SIMD_DISPATCH 1
#else
#define L0_SIMD_DISPATCH 0
#endif

#if defined(__GNUC__)
/// For functions that a kernel calls: they must end up inside the copy that calls them.
#define L0_ALWAYS_INLINE [[gnu::always_inline]] inline
#elif defined(_MSC_VER)
#define L0_ALWAYS_INLINE __forceinline
#else
#define L0_ALWAYS_INLINE inline
#endif

// g++ vectorises these loops only from -O3 on; clang++ does at -O2. Left alone in unoptimised builds.
#if defined(__GNUC__) && !defined(__clang__) && defined(__OPTIMIZE__)
/// On the copies of a kernel: vectorise loops at -O2 too.
#define L0_OPTIMIZE_LOOPS __attribute__((optimize("O3")))
#else
#define L0_OPTIMIZE_LOOPS
#endif

namespace l0::detail {

/// What a kernel returns. Written out, as functions with a deduced type are compiled wherever they are called.
template <class Kernel, class... Args>
using KernelResult = decltype(Kernel::run(std::declval<Args&>()...));

#if L0_SIMD_DISPATCH

template <class Kernel, class... Args>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))) L0_OPTIMIZE_LOOPS auto run_avx512(Args... args) {
  return Kernel::run(args...);
}

template <class Kernel, class... Args>
__attribute__((target("avx2,fma"))) L0_OPTIMIZE_LOOPS auto run_avx2(Args... args) {
  return Kernel::run(args...);
}

enum class SimdLevel { baseline, avx2, avx512 };

/// The widest copy this processor can run, found once.
inline SimdLevel simd_level() {
  static const SimdLevel level = [] {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      return SimdLevel::avx512;
    }
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? SimdLevel::avx2 : SimdLevel::baseline;
  }();
  return level;
}

#endif

template <class Kernel, class... Args>
L0_OPTIMIZE_LOOPS auto run_baseline(Args... args) {
  return Kernel::run(args...);
}

/// Calls `Kernel::run(args...)` in the widest copy this processor can run. Arguments are passed by value.
template <class Kernel, class... Args>
KernelResult<Kernel, Args...> dispatch(Args... args) {
#if L0_SIMD_DISPATCH
  switch (simd_level()) {
    case SimdLevel::avx512: return run_avx512<Kernel>(args...);
    case SimdLevel::avx2: return run_avx2<Kernel>(args...);
    case SimdLevel::baseline: break;
  }
#endif
  return run_baseline<Kernel>(args...);
}

}  // namespace l0::detail
