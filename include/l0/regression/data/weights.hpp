// SPDX-License-Identifier: MIT
#pragma once

#include <l0/core/types.hpp>

namespace l0 {

/// What sample weights say.
enum class WeightKind {
  sampling,   ///< of a survey, or of unequal precision: only their ratios count, and n is (Σw)²/Σw² (Kish 1965)
  frequency,  ///< a sample of weight 3 stands for three equal ones: n is Σw
};

namespace detail {

/// The number of samples that weights of this sum and sum of squares are worth. Weights are brought to this sum at the
/// door, so that a sum over samples is a sum over what they are worth, and n is the sum of the weights everywhere.
template <class Precise>
Precise worth_of(WeightKind kind, Precise sum, Precise squares) {
  return kind == WeightKind::frequency ? sum : sum * sum / squares;
}

}  // namespace detail
}  // namespace l0
