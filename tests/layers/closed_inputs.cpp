// SPDX-License-Identifier: MIT
// Inputs whose gates are all closed are not looked at, and that changes nothing.
#include <l0/layers/linear.hpp>

#include <limits>

#include "layers/gradient_check.hpp"
#include "support/catch.hpp"

namespace tests::layers::closed_inputs {

namespace {

using l0::Index;
using l0::Matrix;
using Layer = l0::L0Linear<double, l0::PerInput>;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr Index inputs = 8;

/// A layer whose gates 0, 1, ..., closed − 1 are closed for all noise.
Layer make_layer(Index outputs, Index closed) {
  l0::Rng rng(0);
  Layer layer(inputs, outputs, rng);
  layer.weight() = l0::test::fixed_numbers(outputs, inputs, 2);
  layer.log_alpha().setConstant(20);
  layer.log_alpha().head(closed).setConstant(-20);
  return layer;
}

/// Column-major with NaN in every entry of the columns 0, 1, ..., closed − 1.
Matrix<double> with_nan(Matrix<double> X, Index closed) {
  X.leftCols(closed).setConstant(not_a_number);
  return X;
}

struct Step {
  Matrix<double> y, grad_weight, grad_X;
};

template <class X>
Step step(Layer& layer, const X& x, const Matrix<double>& upstream) {
  l0::Rng rng(1);
  Step result;
  result.y = layer.forward(x, rng);
  layer.weight_gradient().setZero();
  layer.backward(upstream, result.grad_X);
  result.grad_weight = layer.weight_gradient();
  return result;
}

void check_same(const Step& actual, const Step& expected, Index closed) {
  CHECK(l0::test::close(actual.y, expected.y, l0::test::tolerance::golden));
  CHECK(l0::test::close(actual.grad_weight, expected.grad_weight, l0::test::tolerance::golden));
  CHECK(l0::test::close(actual.grad_X, expected.grad_X, l0::test::tolerance::golden));
  CHECK(actual.grad_weight.leftCols(closed).isZero(0));
  CHECK(actual.grad_X.leftCols(closed).isZero(0));
  CHECK_FALSE(actual.grad_weight.rightCols(inputs - closed).isZero(0.01));
}

}  // namespace

TEMPLATE_TEST_CASE("Closed inputs of a sparse batch are not read", "[closed]",
                   (Eigen::SparseMatrix<double, Eigen::ColMajor>), (Eigen::SparseMatrix<double, Eigen::RowMajor>)) {
  for (const Index outputs : {1, 3}) {
    for (const Index closed : {2, 4, 7}) {  // from a quarter on
      CAPTURE(outputs, closed);
      const Matrix<double> X = l0::test::fixed_numbers(5, inputs, 5);
      const Matrix<double> upstream = l0::test::fixed_numbers(5, outputs, 6);
      Layer layer = make_layer(outputs, closed);
      const TestType clean = X.sparseView();
      const TestType spoilt = with_nan(X, closed).sparseView();
      check_same(step(layer, spoilt, upstream), step(layer, clean, upstream), closed);
    }
  }
}

#ifdef NDEBUG  // other builds refuse NaN in dense batches, and read all of them for that
TEMPLATE_TEST_CASE("Closed inputs of a dense batch are not read", "[closed]", (Matrix<double>),
                   (Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>)) {
  for (const Index outputs : {1, 3}) {
    for (const Index closed : {2, 4, 7}) {
      CAPTURE(outputs, closed);
      const Matrix<double> X = l0::test::fixed_numbers(5, inputs, 5);
      const Matrix<double> upstream = l0::test::fixed_numbers(5, outputs, 6);
      Layer layer = make_layer(outputs, closed);
      const TestType clean = X;
      const TestType spoilt = with_nan(X, closed);
      check_same(step(layer, spoilt, upstream), step(layer, clean, upstream), closed);
    }
  }
}
#else
TEST_CASE("Builds with assertions refuse NaN and infinity in a dense batch") {
  l0::Rng rng(1);
  Layer layer = make_layer(2, 4);
  Matrix<double> X = Matrix<double>::Ones(3, inputs);
  X(2, 1) = not_a_number;
  const auto draws = layer.gate().draw();
  CHECK_THROWS_MATCHES(layer.forward(X, rng), l0::Error,
                       Catch::Matchers::Message("l0: X(2, 1) is nan, expected a finite number"));
  X(2, 1) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_MATCHES(layer.predict(X), l0::Error,
                       Catch::Matchers::Message("l0: X(2, 1) is inf, expected a finite number"));
  CHECK(layer.gate().draw() == draws);
}
#endif

TEST_CASE("Closed inputs are not read in backward", "[closed]") {
  for (const Index outputs : {1, 3}) {
    CAPTURE(outputs);
    Layer layer = make_layer(outputs, 4);
    Matrix<double> X = l0::test::fixed_numbers(5, inputs, 5);
    const Matrix<double> upstream = l0::test::fixed_numbers(5, outputs, 6);
    const Step expected = step(layer, X, upstream);
    layer.weight_gradient().setZero();
    l0::Rng rng(1);
    layer.forward(X, rng);
    const Matrix<double> spoilt = with_nan(X, 4);
    X = spoilt;  // in place: X is referenced until backward
    Matrix<double> grad_X;
    layer.backward(upstream, grad_X);
    check_same({expected.y, layer.weight_gradient(), grad_X}, expected, 4);
  }
}

TEST_CASE("All inputs may be closed", "[closed]") {
  Layer layer = make_layer(2, inputs);
  layer.bias() << 1, 2;
  const Matrix<double> X = Matrix<double>::Ones(3, inputs);
  l0::Rng rng(1);
  const Matrix<double> y = layer.forward(X, rng);
  CHECK(y == Eigen::RowVector2d(1, 2).replicate(3, 1));
  Matrix<double> grad_X;
  layer.backward(Matrix<double>::Ones(3, 2), grad_X);
  CHECK(grad_X.isZero(0));
  CHECK(layer.weight_gradient().isZero(0));
  CHECK(layer.log_alpha_gradient().isZero(0));
  CHECK(layer.bias_gradient() == Eigen::Vector2d(3, 3));
}

TEST_CASE("Which inputs are closed may change from step to step", "[closed]") {
  l0::Rng rng(7);
  Layer layer(inputs, 3, rng, {.init_sparsity = 0.6});
  const Matrix<double> X = l0::test::fixed_numbers(5, inputs, 5);
  const Matrix<double> upstream = l0::test::fixed_numbers(5, 3, 6);
  bool skipped = false;
  bool all = false;
  for (int k = 0; k < 50; ++k) {
    layer.weight_gradient().setZero();
    const Matrix<double> y = layer.forward(X, rng);
    const Eigen::VectorXd z = layer.gate().values();
    ((z.array() == 0).count() >= inputs / 4 ? skipped : all) = true;
    CHECK(l0::test::close(y, X * (layer.weight() * z.asDiagonal()).transpose(), l0::test::tolerance::golden));
    layer.backward(upstream);
    CHECK(l0::test::close(layer.weight_gradient(), upstream.transpose() * X * z.asDiagonal(),
                          l0::test::tolerance::golden));
  }
  CHECK(skipped);
  CHECK(all);
}

}  // namespace tests::layers::closed_inputs
