// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cmath>
#include <limits>
#include <type_traits>

namespace l0::test {

/// Central difference formulas. With the steps below and a function of order one whose derivatives are of order one,
/// the error of a derivative in double is about
///     three_point  (f(x+h) − f(x−h)) / 2h                          4e-11 rounding + 6e-12 truncation
///     five_point   (f(x−2h) − 8f(x−h) + 8f(x+h) − f(x+2h)) / 12h   4e-13 rounding + 1e-14 truncation
/// Five points reach further: keep the clamps of a gate at least 2h · max(1, |x|) away, or use three.
enum class Stencil { three_point, five_point };

/// The step, relative to max(1, |x|), that balances rounding against truncation: ε^(1/3) and ε^(1/5).
template <typename Scalar>
Scalar default_step(Stencil stencil) {
  const Scalar epsilon = std::numeric_limits<Scalar>::epsilon();
  return stencil == Stencil::three_point ? std::cbrt(epsilon) : std::pow(epsilon, Scalar(0.2));
}

/// The gradient of `f` at `x`, of the shape of x, from central differences with step h · max(1, |xᵢ|) in each entry.
///
/// `f` takes the plain type of x (a vector, matrix or array) and returns a number. Gates in it need the same noise at
/// every call, and x a distance from their clamps.
/// Costs two or four calls of f per entry of x.
template <typename Function, typename Derived>
typename Derived::PlainObject numerical_gradient(Function&& f, const Eigen::DenseBase<Derived>& x,
                                                 std::type_identity_t<typename Derived::Scalar> h,
                                                 Stencil stencil = Stencil::three_point) {
  using Scalar = typename Derived::Scalar;
  typename Derived::PlainObject point = x;
  typename Derived::PlainObject gradient = point;
  for (Eigen::Index column = 0; column < point.cols(); ++column) {
    for (Eigen::Index row = 0; row < point.rows(); ++row) {
      Scalar& entry = point(row, column);
      const Scalar centre = entry;
      const Scalar moved = centre + h * std::fmax(Scalar(1), std::abs(centre));
      const Scalar step = moved - centre;  // as represented, so that the division is by what was added
      const auto at = [&](int steps) -> Scalar {
        entry = centre + static_cast<Scalar>(steps) * step;
        const Scalar value = f(static_cast<const typename Derived::PlainObject&>(point));
        entry = centre;
        return value;
      };
      const Scalar inner = at(1) - at(-1);
      gradient(row, column) =
          stencil == Stencil::three_point ? inner / (2 * step) : (8 * inner - (at(2) - at(-2))) / (12 * step);
    }
  }
  return gradient;
}

template <typename Function, typename Derived>
typename Derived::PlainObject numerical_gradient(Function&& f, const Eigen::DenseBase<Derived>& x,
                                                 Stencil stencil = Stencil::three_point) {
  return numerical_gradient(f, x, default_step<typename Derived::Scalar>(stencil), stencil);
}

/// The gradient of `value()` by a parameter that it reads, which is moved for it and put back.
template <typename Parameter, typename Value>
Eigen::MatrixXd gradient_by(Parameter&& parameter, const Value& value, Stencil stencil = Stencil::three_point) {
  const Eigen::MatrixXd start = parameter;
  const Eigen::MatrixXd gradient = numerical_gradient(
      [&](const Eigen::MatrixXd& moved) {
        parameter = moved;
        return value();
      },
      start, stencil);
  parameter = start;
  return gradient;
}

}  // namespace l0::test
