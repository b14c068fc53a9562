// SPDX-License-Identifier: MIT
#pragma once

#include <l0/core/parameter.hpp>

#include <cmath>

namespace l0::test {

/// A weight, a bias and gates without a model around them.
template <class Scalar>
struct ThreeParameters {
  Parameter<Vector<Scalar>> weight{ParameterKind::weight, "weight", 70, 1};  // one block of a kernel and some
  Parameter<Vector<Scalar>> bias{ParameterKind::bias, "bias", 3, 1};
  Parameter<Vector<Scalar>> gate{ParameterKind::gate, "log_alpha", 5, 1, Scalar(20)};  // the bound that gates give

  ThreeParameters() {
    for (Index k = 0; k < 70; ++k) weight.value()(k) = static_cast<Scalar>(std::sin(static_cast<double>(k)));
    bias.value() << Scalar(-1), Scalar(0.5), Scalar(2);
    gate.value() << Scalar(-2), Scalar(-1), Scalar(0), Scalar(1), Scalar(2);
  }

  Parameters<Scalar> all() { return {weight.ref(), bias.ref(), gate.ref()}; }

  Vector<Scalar> values() const {
    Vector<Scalar> result(weight.size() + bias.size() + gate.size());
    result << weight.value(), bias.value(), gate.value();
    return result;
  }
};

/// A gradient that depends on the step, the entry and the value, of changing size and sign.
inline double gradient_at(int step, Index entry, double value) {
  const auto k = static_cast<double>(entry);
  return value - std::cos(0.3 * k + 0.7 * step) * std::pow(2.0, static_cast<double>(entry % 7) - 3);
}

template <class Scalar>
void set_gradients(const Parameters<Scalar>& parameters, int step) {
  Index entry = 0;
  for (const auto& parameter : parameters) {
    for (Index k = 0; k < parameter.size(); ++k, ++entry) {
      parameter.gradients()(k) =
          static_cast<Scalar>(gradient_at(step, entry, static_cast<double>(parameter.values()(k))));
    }
  }
}

}  // namespace l0::test
