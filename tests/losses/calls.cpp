// SPDX-License-Identifier: MIT
// The two forms of a call, expressions, empty batches and wrong arguments.
#include <limits>

#include "losses/all_losses.hpp"
#include "support/catch.hpp"
#include "support/tolerances.hpp"

namespace tests::losses::calls {

namespace {

using Catch::Matchers::Message;
using l0::Matrix;

}  // namespace

#define L0_TEST_ALL_LOSSES \
  l0::test::MeanSquaredError, l0::test::BinaryCrossEntropy, l0::test::CrossEntropy, l0::test::Poisson

TEMPLATE_TEST_CASE("A loss returns its gradient or fills the caller's", "", L0_TEST_ALL_LOSSES) {
  const Matrix<double> y = l0::test::target_for<TestType>(5);
  const Matrix<double> f = l0::test::some_predictions(5);
  const auto result = TestType::call(f, y);
  Matrix<double> gradient = Matrix<double>::Constant(2, 9, 99);  // of any shape before
  const double value = TestType::call(f, y, gradient);
  CHECK(value == result.value);
  CHECK(gradient == result.gradient);
  const auto [same_value, same_gradient] = TestType::call(f, y);
  CHECK(same_value == value);
  CHECK(same_gradient == gradient);
  static_assert(l0::Loss<decltype(TestType::call), double>);
  static_assert(l0::Loss<decltype(TestType::call), float>);
}

TEMPLATE_TEST_CASE("A loss takes expressions and blocks", "", L0_TEST_ALL_LOSSES) {
  const Matrix<double> y = l0::test::target_for<TestType>(5);
  const Matrix<double> f = l0::test::some_predictions(5);
  const auto expected = TestType::call(f, y);
  const auto check = [&](const auto& prediction, const auto& target) {
    const auto actual = TestType::call(prediction, target);
    CHECK(l0::test::close(actual.value, expected.value, l0::test::tolerance::golden));
    CHECK(l0::test::close(actual.gradient, expected.gradient, l0::test::tolerance::golden));
  };
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  check(Rows(f), Rows(y));
  check(2 * (0.5 * f), y);
  check(f, 4 * (0.25 * y));
  Matrix<double> around(8, 7);
  around.block(1, 2, 5, 4) = f;
  check(around.block(1, 2, 5, 4), y);
  check(Eigen::ArrayXXd(f), Eigen::ArrayXXd(y));
  check(f, y.array() + 0.0);
  check(f, Matrix<double>(y.transpose()).transpose());
}

TEMPLATE_TEST_CASE("The loss of an empty batch is 0", "", L0_TEST_ALL_LOSSES) {
  const auto result = TestType::call(Matrix<double>(0, 4), Matrix<double>(0, 4));
  CHECK(result.value == 0);
  CHECK(result.gradient.rows() == 0);
  CHECK(result.gradient.cols() == 4);
}

TEST_CASE("The cross entropy of no labels is 0") {
  const auto result = l0::cross_entropy_loss(Matrix<double>(0, 4), Eigen::VectorXi(0));
  CHECK(result.value == 0);
  CHECK(result.gradient.cols() == 4);
}

TEMPLATE_TEST_CASE("A target of another shape is refused and the gradient left alone", "", L0_TEST_ALL_LOSSES) {
  const Matrix<double> f = l0::test::some_predictions(5);
  Matrix<double> gradient = Matrix<double>::Constant(1, 1, 7);
  CHECK_THROWS_MATCHES(TestType::call(f, l0::test::target_for<TestType>(4), gradient), l0::Error,
                       Message("l0: target is 4x4, expected 5x4"));
  CHECK_THROWS_MATCHES(TestType::call(f, l0::test::target_for<TestType>(5, 1), gradient), l0::Error,
                       Message("l0: target is 5x1, expected 5x4"));
  CHECK(gradient == Matrix<double>::Constant(1, 1, 7));
}

TEST_CASE("Targets outside their range are refused and the gradient left alone") {
  const Matrix<double> f = l0::test::some_predictions(2, 1);
  const auto y = [](double second) { return Eigen::Vector2d(0, second); };
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  Matrix<double> gradient = Matrix<double>::Constant(1, 1, 7);
  const auto refused = [&](const auto& loss, double second, const char* message) {
    CHECK_THROWS_MATCHES(loss(f, y(second), gradient), l0::Error, Message(message));
  };
  const auto& bce = l0::test::BinaryCrossEntropy::call;
  refused(bce, 1.5, "l0: target is 1.5, expected probabilities or labels in [0, 1]");
  refused(bce, -0.5, "l0: target is -0.5, expected probabilities or labels in [0, 1]");
  refused(bce, nan, "l0: target is nan, expected probabilities or labels in [0, 1]");
  const auto& poisson = l0::test::Poisson::call;
  refused(poisson, -1, "l0: target is -1, expected counts >= 0");
  refused(poisson, nan, "l0: target is nan, expected counts >= 0");
  CHECK(gradient == Matrix<double>::Constant(1, 1, 7));
}

TEST_CASE("Labels outside the classes are refused and the gradient left alone") {
  const Matrix<double> f = l0::test::some_predictions(3, 2);
  Matrix<double> gradient = Matrix<double>::Constant(1, 1, 7);
  CHECK_THROWS_MATCHES(l0::cross_entropy_loss(f, Eigen::Vector3i(0, 2, 1), gradient), l0::Error,
                       Message("l0: label is 2, expected a class in [0, 2)"));
  CHECK_THROWS_MATCHES(l0::cross_entropy_loss(f, Eigen::Vector3i(0, 1, -1), gradient), l0::Error,
                       Message("l0: label is -1, expected a class in [0, 2)"));
  CHECK_THROWS_MATCHES(l0::cross_entropy_loss(f, Eigen::Vector3i(5, 2, 1), gradient), l0::Error,
                       Message("l0: label is 5, expected a class in [0, 2)"));  // the first
  CHECK_THROWS_MATCHES(l0::cross_entropy_loss(f, Eigen::Vector2i(0, 1), gradient), l0::Error,
                       Message("l0: labels is 2x1, expected 3x1"));
  CHECK(gradient == Matrix<double>::Constant(1, 1, 7));
}

}  // namespace tests::losses::calls
