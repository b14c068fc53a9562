// SPDX-License-Identifier: MIT
// Losses against their formulas, written out.
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "losses/all_losses.hpp"
#include "support/catch.hpp"
#include "support/tolerances.hpp"

namespace tests::losses::values {

namespace {

using l0::Index;
using l0::Matrix;
namespace tolerance = l0::test::tolerance;

/// Predictions and targets rounded to Scalar, in double and in Scalar; means of `value(f, y)`.
template <class Loss, class Scalar>
void check_mean(double (*value)(double f, double y)) {
  const Matrix<Scalar> f = l0::test::some_predictions(6).cast<Scalar>();
  const Matrix<Scalar> y = l0::test::target_for<Loss>(6).template cast<Scalar>();
  double sum = 0;
  for (Index k = 0; k < f.size(); ++k) sum += value(static_cast<double>(f(k)), static_cast<double>(y(k)));
  const auto result = Loss::call(f, y);
  static_assert(std::is_same_v<decltype(result.value), const Scalar> || std::is_same_v<decltype(result.value), Scalar>);
  CHECK(l0::test::close(static_cast<double>(result.value), sum / 24, tolerance::of<Scalar>));
}

}  // namespace

TEMPLATE_TEST_CASE("Mean squared error is the mean of squares", "", float, double) {
  check_mean<l0::test::MeanSquaredError, TestType>([](double f, double y) { return (f - y) * (f - y); });
}

TEMPLATE_TEST_CASE("Binary cross entropy is the mean negative log likelihood", "", float, double) {
  check_mean<l0::test::BinaryCrossEntropy, TestType>([](double f, double y) {
    const double p = 1 / (1 + std::exp(-f));
    return -y * std::log(p) - (1 - y) * std::log(1 - p);
  });
}

TEMPLATE_TEST_CASE("The Poisson loss is the mean negative log likelihood without log y!", "", float, double) {
  check_mean<l0::test::Poisson, TestType>([](double f, double y) { return std::exp(f) - y * f; });
}

TEMPLATE_TEST_CASE("Cross entropy is the mean over rows, for probabilities and labels alike", "", float, double) {
  const Matrix<TestType> f = l0::test::some_predictions(5, 3).cast<TestType>();
  Eigen::Matrix<int, Eigen::Dynamic, 1> labels(5);
  labels << 2, 0, 1, 1, 2;
  Matrix<TestType> one_hot = Matrix<TestType>::Zero(5, 3);
  double sum = 0;
  Matrix<double> gradient(5, 3);
  for (Index i = 0; i < 5; ++i) {
    one_hot(i, labels(i)) = 1;
    const Eigen::RowVectorXd e = f.row(i).template cast<double>().array().exp();
    sum -= std::log(e(labels(i)) / e.sum());
    gradient.row(i) = (e / e.sum() - one_hot.row(i).template cast<double>()) / 5;
  }
  for (const auto& result : {l0::cross_entropy_loss(f, labels), l0::cross_entropy_loss(f, one_hot)}) {
    CHECK(l0::test::close(static_cast<double>(result.value), sum / 5, tolerance::of<TestType>));
    CHECK(l0::test::close(result.gradient, gradient, tolerance::of<TestType>));
  }
  const Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1> long_labels = labels.cast<std::int64_t>();
  CHECK(l0::cross_entropy_loss(f, long_labels).value == l0::cross_entropy_loss(f, labels).value);
}

TEST_CASE("Cross entropy of uncertain classes") {
  Matrix<double> f(1, 3);
  f << 1, 2, 4;
  Matrix<double> y(1, 3);
  y << 0.2, 0.3, 0.5;
  const double log_sum = std::log(std::exp(1.0) + std::exp(2.0) + std::exp(4.0));
  CHECK(l0::cross_entropy_loss(f, y).value == Approx(log_sum - 0.2 - 0.6 - 2));
}

TEST_CASE("Gradients of losses in closed form") {
  Matrix<double> f(1, 2);
  f << 0.3, -1.2;
  Matrix<double> y(1, 2);
  y << 1, 0;
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  Matrix<double> expected(1, 2);
  expected << 0.3 - 1, -1.2;  // 2 (f − y) / 2
  CHECK(l0::test::close(l0::mse_loss(f, y).gradient, expected, tolerance::golden));
  expected << (logistic(0.3) - 1) / 2, logistic(-1.2) / 2;
  CHECK(l0::test::close(l0::binary_cross_entropy_loss(f, y).gradient, expected, tolerance::golden));
  expected << (std::exp(0.3) - 1) / 2, std::exp(-1.2) / 2;
  CHECK(l0::test::close(l0::poisson_loss(f, y).gradient, expected, tolerance::golden));
}

}  // namespace tests::losses::values
