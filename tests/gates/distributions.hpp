// SPDX-License-Identifier: MIT
#pragma once

#include <l0/gates/gaussian.hpp>
#include <l0/gates/hard_concrete.hpp>

/// What tests of gates in general run over: a distribution of one's own that passes them works wherever gates do.
#define L0_TEST_DISTRIBUTIONS_IN_DOUBLE l0::HardConcrete<double>, l0::ClippedGaussian<double>
#define L0_TEST_DISTRIBUTIONS l0::HardConcrete<float>, l0::ClippedGaussian<float>, L0_TEST_DISTRIBUTIONS_IN_DOUBLE

namespace l0::test {

template <class D>
inline constexpr bool is_hard_concrete = false;
template <class Scalar>
inline constexpr bool is_hard_concrete<HardConcrete<Scalar>> = true;

/// The same distribution in double, at the parameters as rounded.
template <class Scalar>
HardConcrete<double> in_double(const HardConcrete<Scalar>& d) {
  return {static_cast<double>(d.temperature), static_cast<double>(d.gamma), static_cast<double>(d.zeta)};
}
template <class Scalar>
ClippedGaussian<double> in_double(const ClippedGaussian<Scalar>& d) {
  return {static_cast<double>(d.temperature)};
}

/// Where all gates of `gate` start by default.
template <class Gate>
bool is_at_start(const Gate& gate) {
  using Scalar = typename Gate::Scalar;
  return (gate.location().array() == gate.distribution().initial_location(Scalar(0.5))).all();
}

}  // namespace l0::test
