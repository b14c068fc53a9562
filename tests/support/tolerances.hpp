// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cmath>
#include <ostream>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>

namespace l0::test {

/// How closely `actual` must agree with `expected`: |actual − expected| ≤ relative · max(|expected|, floor).
/// Below `floor` the comparison is absolute.
struct Tolerance {
  double relative;
  double floor;

  double bound(double expected) const { return relative * std::fmax(std::abs(expected), floor); }
};

/// The one place where tests take their tolerances from.
namespace tolerance {

/// Double against the reference values of tests/data.
inline constexpr Tolerance golden{1e-12, 1e-3};

/// Mean, second moment, variance and their derivatives against tests/data/moments.txt, in double.
inline constexpr Tolerance moments{1e-10, 1e-12};

/// Float against the result in double at the inputs rounded to float.
inline constexpr Tolerance single{1e-5, 1.0};

/// The rule for values computed in `Scalar`: `golden` for double, `single` for float.
template <typename Scalar>
inline constexpr Tolerance of = std::is_same_v<Scalar, float> ? single : golden;

/// Analytic against numerical gradient, in double: relative error below 1e-7. Entries under a hundredth of the largest
/// are compared with that scale, for the rounding of a difference quotient follows the function, not the entry.
template <typename Derived>
Tolerance gradient(const Eigen::DenseBase<Derived>& numerical) {
  const double largest =
      numerical.size() == 0 ? 0.0 : static_cast<double>(numerical.derived().array().abs().maxCoeff());
  return {1e-7, std::fmax(1e-2 * largest, 1e-300)};
}

}  // namespace tolerance

/// The outcome of `close`: true or false, and if false a message about the entry that is furthest off.
/// Test frameworks print it: `CHECK(close(actual, expected, tolerance::golden));`
class Agreement {
 public:
  Agreement() = default;
  explicit Agreement(std::string message) : message_(std::move(message)) {}

  explicit operator bool() const { return message_.empty(); }
  const std::string& message() const { return message_; }

  friend std::ostream& operator<<(std::ostream& stream, const Agreement& agreement) {
    return stream << (agreement ? "close" : agreement.message());
  }

 private:
  std::string message_;
};

/// Compares two dense expressions entry by entry. A difference in shape and any value that is not a number disagree.
template <typename Actual, typename Expected>
Agreement close(const Eigen::DenseBase<Actual>& actual, const Eigen::DenseBase<Expected>& expected, Tolerance rule) {
  std::ostringstream message;
  message.precision(17);
  if (actual.rows() != expected.rows() || actual.cols() != expected.cols()) {
    message << "shape " << actual.rows() << " x " << actual.cols() << " where " << expected.rows() << " x "
            << expected.cols() << " is expected";
    return Agreement(message.str());
  }

  const Eigen::ArrayXXd a = actual.derived().array().template cast<double>();
  const Eigen::ArrayXXd b = expected.derived().array().template cast<double>();
  Eigen::Index failures = 0;
  Eigen::Index worst_row = 0;
  Eigen::Index worst_column = 0;
  double worst = 0;  // error in units of its bound
  for (Eigen::Index column = 0; column < a.cols(); ++column) {
    for (Eigen::Index row = 0; row < a.rows(); ++row) {
      const double x = a(row, column);
      const double y = b(row, column);
      const double error = std::abs(x - y);
      if (x == y || error <= rule.bound(y)) continue;  // equality lets infinities agree
      ++failures;
      const double ratio = std::isnan(error) ? HUGE_VAL : error / rule.bound(y);
      if (ratio > worst) {
        worst = ratio;
        worst_row = row;
        worst_column = column;
      }
    }
  }
  if (failures == 0) return {};

  const double x = a(worst_row, worst_column);
  const double y = b(worst_row, worst_column);
  message << failures << " of " << a.size() << " entries disagree; worst at (" << worst_row << ", " << worst_column
          << "): " << x << " where " << y << " is expected, error " << std::abs(x - y) << ", allowed " << rule.bound(y);
  return Agreement(message.str());
}

inline Agreement close(double actual, double expected, Tolerance rule) {
  return close(Eigen::Array<double, 1, 1>::Constant(actual), Eigen::Array<double, 1, 1>::Constant(expected), rule);
}

}  // namespace l0::test
