// SPDX-License-Identifier: MIT
#include "losses/all_losses.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::losses::gradients {

namespace {

using l0::Matrix;
namespace tolerance = l0::test::tolerance;

}  // namespace

TEMPLATE_TEST_CASE("Gradients of losses against central differences", "[gradient]", l0::test::MeanSquaredError,
                   l0::test::BinaryCrossEntropy, l0::test::CrossEntropy, l0::test::Poisson) {
  for (const l0::Index rows : {1, 5}) {
    const Matrix<double> y = l0::test::target_for<TestType>(rows);
    const Matrix<double> f = l0::test::some_predictions(rows);
    Matrix<double> gradient;
    TestType::call(f, y, gradient);
    Matrix<double> ignored;
    const Matrix<double> numerical =
        l0::test::numerical_gradient([&](const Matrix<double>& moved) { return TestType::call(moved, y, ignored); }, f,
                                     l0::test::Stencil::five_point);
    CHECK(l0::test::close(gradient, numerical, tolerance::gradient(numerical)));
  }
}

TEST_CASE("Gradient of the cross entropy of labels against central differences", "[gradient]") {
  const Eigen::Vector4i labels(3, 0, 1, 1);
  const Matrix<double> f = l0::test::some_predictions(4);
  const auto result = l0::cross_entropy_loss(f, labels);
  const Matrix<double> numerical = l0::test::numerical_gradient(
      [&](const Matrix<double>& moved) { return l0::cross_entropy_loss(moved, labels).value; }, f,
      l0::test::Stencil::five_point);
  CHECK(l0::test::close(result.gradient, numerical, tolerance::gradient(numerical)));
}

}  // namespace tests::losses::gradients
