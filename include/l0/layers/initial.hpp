// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>

#include <l0/core/types.hpp>
#include <l0/random/rng.hpp>

namespace l0 {

/// How the weights of a layer start; n are the numbers that go into an output, m those that an input goes into.
enum class Initial {
  fan_in,          ///< uniform in ±1/√n, as PyTorch's layers
  he_normal,       ///< N(0, 2/n): He, Zhang, Ren & Sun, ICCV 2015, arXiv:1502.01852, eq. 10
  he_uniform,      ///< uniform with that variance
  glorot_normal,   ///< N(0, 2/(n + m)): Glorot & Bengio, AISTATS 2010, eq. 12
  glorot_uniform,  ///< uniform with that variance, eq. 16
};

namespace detail {

/// Fills weights from a stream of `rng`.
template <std::floating_point Scalar>
void fill_initial(Initial initial, Index fan_in, Index fan_out, const Rng& rng, std::uint64_t stream, Scalar* values,
                  Index size) {
  const auto in = static_cast<Scalar>(std::max<Index>(fan_in, 1));
  const auto both = static_cast<Scalar>(std::max<Index>(fan_in + fan_out, 1));
  Eigen::Map<Vector<Scalar>> weights(values, size);
  if (initial == Initial::he_normal || initial == Initial::glorot_normal) {
    fill_normal(rng, stream, initial_draw, values, size);
    weights *= std::sqrt(2 / (initial == Initial::he_normal ? in : both));
    return;
  }
  const Scalar bound = initial == Initial::fan_in       ? 1 / std::sqrt(in)
                       : initial == Initial::he_uniform ? std::sqrt(6 / in)
                                                        : std::sqrt(6 / both);
  fill_uniform(rng, stream, initial_draw, values, size);
  weights.array() = (2 * weights.array() - 1) * bound;
}

}  // namespace detail
}  // namespace l0
