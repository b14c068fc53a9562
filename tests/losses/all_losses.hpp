// SPDX-License-Identifier: MIT
#pragma once

#include <l0/losses/losses.hpp>

#include <cmath>

namespace l0::test {

/// The losses as types, for tests that hold for all of them: `call(prediction, target)` and `call(prediction, target,
/// gradient)`, and a target that fits.
struct MeanSquaredError {
  static constexpr auto call = [](const auto& f, const auto& y, auto&... gradient) {
    return mse_loss(f, y, gradient...);
  };
  static double target(Index i, Index j) { return static_cast<double>(i) - 0.7 * static_cast<double>(j); }
};

struct BinaryCrossEntropy {
  static constexpr auto call = [](const auto& f, const auto& y, auto&... gradient) {
    return binary_cross_entropy_loss(f, y, gradient...);
  };
  static double target(Index i, Index j) { return static_cast<double>((2 * i + j) % 5) / 4; }
};

struct CrossEntropy {
  static constexpr auto call = [](const auto& f, const auto& y, auto&... gradient) {
    return cross_entropy_loss(f, y, gradient...);
  };
  /// Rows of four columns sum to 1.
  static double target(Index i, Index j) { return static_cast<double>((i + j) % 4) / 6; }
};

struct Poisson {
  static constexpr auto call = [](const auto& f, const auto& y, auto&... gradient) {
    return poisson_loss(f, y, gradient...);
  };
  static double target(Index i, Index j) { return static_cast<double>((3 * i + j) % 4); }
};

template <class Loss>
Matrix<double> target_for(Index rows, Index columns = 4) {
  return Matrix<double>::NullaryExpr(rows, columns, [](Index i, Index j) { return Loss::target(i, j); });
}

inline Matrix<double> some_predictions(Index rows, Index columns = 4) {
  return Matrix<double>::NullaryExpr(rows, columns, [](Index i, Index j) {
    return 2 * std::sin(1.7 * static_cast<double>(i) + static_cast<double>(j));
  });
}

}  // namespace l0::test
