// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <l0/core/simd.hpp>

/// \file
/// exp, log and the logistic function as branch-free straight-line code, so that loops over them vectorise in every
/// copy that `detail::dispatch` makes. Errors stay below 4 units in the last place; elsewhere use those of std.

namespace l0::detail {

template <class Scalar>
struct FloatFormat;

template <>
struct FloatFormat<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa_bits = 23;
  static constexpr Bits exponent_bias = 127;
  static constexpr float round_shift = 12582912.0F;  // 1.5·2²³: adding it rounds to an integer in the low bits
  static constexpr Bits inverse_sqrt = 0x5F375A86U;  // first guess of 1/√x: this minus half the bits of x
  static constexpr float ln2_high = 0.693359375F;
  static constexpr float ln2_low = -2.12194440e-4F;
  static constexpr float exp_limit = 87.0F;
  static constexpr int exp_terms = 7;    // remainder (ln2/2)⁸/8! = 5e-9
  static constexpr int atanh_terms = 5;  // remainder 0.1716¹⁰/11 = 2e-9
};

template <>
struct FloatFormat<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa_bits = 52;
  static constexpr Bits exponent_bias = 1023;
  static constexpr double round_shift = 6755399441055744.0;
  static constexpr Bits inverse_sqrt = 0x5FE6EB50C7B537A9U;
  static constexpr double ln2_high = 6.93145751953125e-1;
  static constexpr double ln2_low = 1.42860682030941723212e-6;
  static constexpr double exp_limit = 708.0;
  static constexpr int exp_terms = 13;    // remainder (ln2/2)¹⁴/14! = 4e-18
  static constexpr int atanh_terms = 11;  // remainder 0.1716²²/23 = 6e-19
};

/// condition ? a : b by bit masks. Of a plain ?: on floating point g++ makes jumps past later comparisons, which (as
/// they may trap) it then cannot turn back into vector code.
template <class Scalar>
L0_ALWAYS_INLINE Scalar select(bool condition, Scalar a, Scalar b) {
  using Bits = typename FloatFormat<Scalar>::Bits;
  const Bits mask = Bits{0} - static_cast<Bits>(condition);
  return std::bit_cast<Scalar>((std::bit_cast<Bits>(a) & mask) | (std::bit_cast<Bits>(b) & ~mask));
}

/// x cut to [low, high]; NaN stays NaN.
template <class Scalar>
L0_ALWAYS_INLINE Scalar clamp(Scalar x, Scalar low, Scalar high) {
  x = select(x < low, low, x);
  return select(x > high, high, x);
}

constexpr double inverse_factorial(int k) { return k == 0 ? 1.0 : inverse_factorial(k - 1) / k; }

/// Σ xᵏ/k! for k = first..last, by Horner's rule. A recursion, since g++ unrolls inner loops only after vectorising.
template <int first, int last, class Scalar>
L0_ALWAYS_INLINE Scalar exp_series(Scalar x) {
  constexpr auto coefficient = static_cast<Scalar>(inverse_factorial(first));
  if constexpr (first == last) {
    return coefficient;
  } else {
    return coefficient + x * exp_series<first + 1, last>(x);
  }
}

/// Σ 2 xᵏ/(2k+1) for k = first..last: 2 atanh(f)/f at x = f².
template <int first, int last, class Scalar>
L0_ALWAYS_INLINE Scalar atanh_series(Scalar x) {
  constexpr auto coefficient = static_cast<Scalar>(2.0 / (2 * first + 1));
  if constexpr (first == last) {
    return coefficient;
  } else {
    return coefficient + x * atanh_series<first + 1, last>(x);
  }
}

/// exp(x), with x cut off at ±87 (float) or ±708 (double).
template <class Scalar>
L0_ALWAYS_INLINE Scalar fast_exp(Scalar x) {
  using Format = FloatFormat<Scalar>;
  using Bits = typename Format::Bits;
  x = clamp(x, -Format::exp_limit, Format::exp_limit);
  // x = n ln2 + r with |r| <= ln2/2. n is read from the bits: an algebraic (shifted - round_shift) would be simplified
  // away under -ffast-math.
  const Scalar shifted = x * Scalar(1.44269504088896340736) + Format::round_shift;
  const Bits n_bits = std::bit_cast<Bits>(shifted) - std::bit_cast<Bits>(Format::round_shift);
  const auto n = static_cast<Scalar>(static_cast<std::int32_t>(n_bits));
  const Scalar r = (x - n * Format::ln2_high) - n * Format::ln2_low;
  return exp_series<0, Format::exp_terms>(r) *
         std::bit_cast<Scalar>((n_bits + Format::exponent_bias) << Format::mantissa_bits);
}

/// log(x) for positive normal x: x = 2ⁿ m with m in [√½, √2), log m = 2 atanh((m−1)/(m+1)).
template <class Scalar>
L0_ALWAYS_INLINE Scalar fast_log(Scalar x) {
  using Format = FloatFormat<Scalar>;
  using Bits = typename Format::Bits;
  constexpr Bits one = Format::exponent_bias << Format::mantissa_bits;
  constexpr Bits sqrt_half = std::bit_cast<Bits>(Scalar(0.70710678118654752440));
  constexpr Bits mantissa_mask = (Bits{1} << Format::mantissa_bits) - 1;
  const Bits shifted = std::bit_cast<Bits>(x) + (one - sqrt_half);
  const auto n = static_cast<Scalar>(static_cast<std::int32_t>(shifted >> Format::mantissa_bits) -
                                     static_cast<std::int32_t>(Format::exponent_bias));
  const Scalar m = std::bit_cast<Scalar>((shifted & mantissa_mask) + sqrt_half);
  const Scalar f = (m - 1) / (m + 1);
  return n * Format::ln2_high + (n * Format::ln2_low + f * atanh_series<0, Format::atanh_terms - 1>(f * f));
}

/// 1/(1 + exp(−x)).
template <class Scalar>
L0_ALWAYS_INLINE Scalar fast_logistic(Scalar x) {
  return 1 / (1 + fast_exp(-x));
}

/// √x for x ≥ 4.7e-38 (float) or 8.9e-308 (double), below a number in [0, √x], by three (float) or four (double) Newton
/// steps on 1/√x. std::sqrt sets errno, which keeps g++ from vectorising loops that call it.
template <class Scalar>
L0_ALWAYS_INLINE Scalar fast_sqrt(Scalar x) {
  using Bits = typename FloatFormat<Scalar>::Bits;
  using Signed = std::make_signed_t<Bits>;
  // Below, y·y, which -ffast-math takes first, would be infinite and x/2 no normal number. Numbers ≥ 0 are ordered as
  // their bits are.
  constexpr auto least = std::bit_cast<Signed>(4 * std::numeric_limits<Scalar>::min());
  const auto bits = std::bit_cast<Bits>(std::max(std::bit_cast<Signed>(x), least));
  Scalar y = std::bit_cast<Scalar>(static_cast<Bits>(FloatFormat<Scalar>::inverse_sqrt - (bits >> 1)));
  const Scalar half = std::bit_cast<Scalar>(bits) / 2;
  y *= Scalar(1.5) - half * y * y;
  y *= Scalar(1.5) - half * y * y;
  y *= Scalar(1.5) - half * y * y;
  if constexpr (FloatFormat<Scalar>::mantissa_bits > 23) y *= Scalar(1.5) - half * y * y;
  return x * y;
}

}  // namespace l0::detail
