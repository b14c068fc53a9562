// SPDX-License-Identifier: MIT
#pragma once

#include <bit>
#include <cstddef>
#include <utility>

#include <l0/core/math.hpp>

/// \file
/// The standard normal distribution as branch-free straight-line code, as core/math.hpp has it for exp and log.
/// Coefficients: interpolation at Chebyshev nodes in 60 digits, then written as a polynomial on [−1, 1].

namespace l0::detail {

template <class Scalar>
struct NormalTables;

template <>
struct NormalTables<float> {
  /// Φ⁻¹(u)/(2u−1) as a polynomial in w/6.25 − 1, w = −log(4u(1−u)) in [0, 12.5], highest power first; error 2e-9.
  static constexpr float quantile[] = {
      -7.968137906e-4F, 9.700243614e-4F, 3.091829141e-3F,  -5.597393792e-3F, -9.832957935e-4F, 9.003610394e-3F,
      -1.106041281e-2F, 8.449435212e-3F, 2.989915247e-3F,  -2.685752277e-2F, 5.231885477e-2F,  -5.729804615e-2F,
      1.777718292e-2F,  9.210175685e-2F, -3.563469614e-1F, 1.736429913F,     3.303525614F};
  /// (x+4) Φ(−x)/exp(−x²/2) as a polynomial in shift − scale/(x+4), 0 ≤ x ≤ limit; error 3e-9.
  static constexpr float tail[] = {-4.355584439e-6F, -1.230230887e-5F, 7.005723287e-5F, 1.718433301e-4F,
                                   -1.245514215e-3F, -3.860831362e-4F, 2.400947864e-2F, -1.143498405e-1F,
                                   3.206553189e-1F,  -6.302496734e-1F, 9.116889594e-1F};
  static constexpr float limit = 14;
};

template <>
struct NormalTables<double> {
  static constexpr double quantile[] = {
      7.5161066423054533e-7,   6.19263641798583577e-7,  -9.01806011507214399e-6, -6.7975036437308527e-7,
      4.33686194553332276e-5,  -2.02631573924822664e-5, -1.01431678469327104e-4, 9.84351765899048546e-5,
      9.0110838498086714e-5,   -1.61249478948636579e-4, 5.60962084167912577e-5,  -2.24126750416522647e-5,
      -5.46664924921054618e-6, 2.50908064364954888e-4,  -5.42330994662310042e-4, 4.73901595590629983e-4,
      1.89244547528108464e-4,  -1.3497023135620312e-3,  2.38175053087035239e-3,  -2.06364378621929301e-3,
      -8.175086603487597e-4,   6.12560850111007916e-3,  -1.09967125816584877e-2, 9.82170214370841954e-3,
      2.94300393972208938e-3,  -2.72386184515067636e-2, 5.2329042950448974e-2,   -5.7240610924746017e-2,
      1.7776343695905023e-2,   9.20977896670438976e-2,  -3.56346942978532397e-1, 1.73642999461248063,
      3.30352561446377558};  // error 3e-16
  static constexpr double tail[] = {
      -1.1266701221127189e-10, 2.63577628112410424e-10, 1.68162189256375098e-9, -1.56397873239544601e-9,
      -1.37742219444871058e-8, -3.30230595954278985e-9, 8.38960262979316841e-8, 1.152902906648431e-7,
      -4.35397198810328657e-7, -1.21397945599765333e-6, 2.18401872737998771e-6, 1.04639338018827044e-5,
      -1.36222930558618211e-5, -8.84701791926671002e-5, 1.4720806298855065e-4,  7.3742089195659481e-4,
      -2.50145905673954085e-3, -3.25884619004613755e-3, 4.29063267769419946e-2, -1.56369955467943494e-1,
      3.63906736827038546e-1,  -6.21244102224725365e-1, 8.15338396842516908e-1};  // error 4e-17
  static constexpr double limit = 39;
};

/// Σ table[k] x^(n−1−k), by Horner's rule.
template <class Scalar, std::size_t n, std::size_t... k>
L0_ALWAYS_INLINE Scalar polynomial(const Scalar (&table)[n], Scalar x, std::index_sequence<k...>) {
  Scalar sum = 0;
  ((sum = sum * x + table[k]), ...);
  return sum;
}
template <class Scalar, std::size_t n>
L0_ALWAYS_INLINE Scalar polynomial(const Scalar (&table)[n], Scalar x) {
  return polynomial(table, x, std::make_index_sequence<n>{});
}

/// Φ⁻¹(u) for 1e−6 ≤ u ≤ 1 − 1e−6, to 8 units in the last place of max(|Φ⁻¹(u)|, 1).
template <class Scalar>
L0_ALWAYS_INLINE Scalar fast_normal_quantile(Scalar u) {
  const Scalar w = -fast_log(4 * u * (1 - u));
  return (2 * u - 1) * polynomial(NormalTables<Scalar>::quantile, w * Scalar(0.16) - 1);
}

/// exp(−x²/2) for |x| ≤ limit. x² is split so that its rounding does not grow into an error of x² units.
template <class Scalar>
L0_ALWAYS_INLINE Scalar fast_bell(Scalar x) {
  using Bits = typename FloatFormat<Scalar>::Bits;
  constexpr Bits low_half = (Bits{1} << (FloatFormat<Scalar>::mantissa_bits / 2 + 1)) - 1;
  const Scalar head = std::bit_cast<Scalar>(static_cast<Bits>(std::bit_cast<Bits>(x) & ~low_half));
  const Scalar rest = (x - head) * (x + head) / -2;  // above −0.1 (float), −3e-5 (double)
  return fast_exp(head * head / -2) * exp_series<0, 5>(rest);
}

/// x cut off to where `fast_bell` and `fast_normal_cdf` hold.
template <class Scalar>
L0_ALWAYS_INLINE Scalar within_normal_limit(Scalar x) {
  return clamp(x, -NormalTables<Scalar>::limit, NormalTables<Scalar>::limit);
}

/// Φ(x), to 8 units in the last place where it is a normal number; |x| ≤ limit.
template <class Scalar>
L0_ALWAYS_INLINE Scalar fast_normal_cdf(Scalar x) {
  constexpr Scalar limit = NormalTables<Scalar>::limit;
  // [0, limit] to [−1, 1]
  constexpr Scalar scale = 8 * (limit + 4) / limit;
  constexpr Scalar shift = 1 + 8 / limit;
  const Scalar inverse = 1 / (select(x < 0, -x, x) + 4);
  const Scalar tail = fast_bell(x) * inverse * polynomial(NormalTables<Scalar>::tail, shift - scale * inverse);
  return select(x < 0, tail, 1 - tail);
}

}  // namespace l0::detail
