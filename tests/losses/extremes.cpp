// SPDX-License-Identifier: MIT
// Logits far out give finite values, and the right ones.
#include "losses/all_losses.hpp"
#include "support/catch.hpp"
#include "support/tolerances.hpp"

namespace tests::losses::extremes {

namespace {

using l0::Matrix;

template <class Scalar>
Matrix<Scalar> row(Scalar a, Scalar b) {
  Matrix<Scalar> result(1, 2);
  result << a, b;
  return result;
}

}  // namespace

TEMPLATE_TEST_CASE("Binary cross entropy at logits of ±1e4", "", float, double) {
  using l0::binary_cross_entropy_loss;
  const auto f = row<TestType>(1e4, -1e4);
  const auto right = binary_cross_entropy_loss(f, row<TestType>(1, 0));
  CHECK(right.value == 0);
  CHECK(right.gradient == row<TestType>(0, 0));
  const auto wrong = binary_cross_entropy_loss(f, row<TestType>(0, 1));
  CHECK(wrong.value == 1e4F);
  CHECK(wrong.gradient == row<TestType>(0.5, -0.5));
  const auto unsure = binary_cross_entropy_loss(f, row<TestType>(0.5, 0.5));
  CHECK(unsure.value == 5e3F);
  CHECK(unsure.gradient == row<TestType>(0.25, -0.25));
}

TEMPLATE_TEST_CASE("Binary cross entropy keeps its small values", "", float, double) {
  const auto one = Matrix<TestType>::Ones(1, 1);
  const auto f = Matrix<TestType>::Constant(1, 1, 40);
  const auto result = l0::binary_cross_entropy_loss(f, one);
  CHECK(static_cast<double>(result.value) == Approx(4.248354255291589e-18).epsilon(1e-6));
}

TEMPLATE_TEST_CASE("Cross entropy at logits of ±1e4", "", float, double) {
  using l0::cross_entropy_loss;
  const auto f = row<TestType>(1e4, -1e4);
  const Eigen::Matrix<int, 1, 1> first(0);
  const Eigen::Matrix<int, 1, 1> second(1);
  CHECK(cross_entropy_loss(f, first).value == 0);
  CHECK(cross_entropy_loss(f, first).gradient == row<TestType>(0, 0));
  CHECK(cross_entropy_loss(f, second).value == 2e4F);
  CHECK(cross_entropy_loss(f, second).gradient == row<TestType>(1, -1));
  CHECK(cross_entropy_loss(f, row<TestType>(1, 0)).value == 0);
  CHECK(cross_entropy_loss(f, row<TestType>(0, 1)).value == 2e4F);
  CHECK(cross_entropy_loss(f, row<TestType>(0.5, 0.5)).value == 1e4F);
  // The same logits, all far out.
  const auto shifted = cross_entropy_loss(row<TestType>(1e4 + 1, 1e4), first);
  CHECK(static_cast<double>(shifted.value) == Approx(std::log1p(std::exp(-1.0))).epsilon(1e-6));
}

TEMPLATE_TEST_CASE("The Poisson loss at a log rate of −1e4", "", float, double) {
  const auto f = Matrix<TestType>::Constant(1, 1, TestType(-1e4));
  CHECK(l0::poisson_loss(f, Matrix<TestType>::Zero(1, 1)).value == 0);
  CHECK(l0::poisson_loss(f, Matrix<TestType>::Constant(1, 1, 2)).value == 2e4F);
  CHECK(l0::poisson_loss(f, Matrix<TestType>::Constant(1, 1, 2)).gradient(0, 0) == -2);
}

}  // namespace tests::losses::extremes
