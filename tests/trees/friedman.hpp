// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <numbers>

#include <l0/random/rng.hpp>

namespace l0::test {

template <class Scalar>
struct TreeData {
  Matrix<Scalar> x;
  Vector<Scalar> y;
};

/// y = 10 sin(π x₀x₁) + 20 (x₂ − ½)² + 10 x₃ + 5 x₄ + N(0, 1), all of `features` ≥ 5 features uniform on [0, 1].
/// Source: Friedman 1991, Annals of Statistics 19, eq. 56.
template <class Scalar>
TreeData<Scalar> friedman(Index samples, Index features, std::uint64_t seed) {
  const Rng rng(seed);
  Matrix<double> x(samples, features);
  Vector<double> noise(samples);
  detail::fill_uniform(rng, 1, 0, x.data(), x.size());
  detail::fill_normal(rng, 2, 0, noise.data(), samples);
  const auto y = 10 * (std::numbers::pi * x.col(0).array() * x.col(1).array()).sin() +
                 20 * (x.col(2).array() - 0.5).square() + 10 * x.col(3).array() + 5 * x.col(4).array() + noise.array();
  return {x.cast<Scalar>(), y.matrix().template cast<Scalar>()};
}

}  // namespace l0::test
