// SPDX-License-Identifier: MIT
#include <l0/layers/linear.hpp>

#include "layers/gradient_check.hpp"
#include "support/catch.hpp"

namespace tests::layers::backward {

namespace {

using l0::Index;
using l0::Matrix;
using Layer = l0::L0Linear<double>;
using Catch::Matchers::Message;

struct Fixture {
  l0::Rng rng{5};
  Layer layer{4, 3, rng};
  Matrix<double> X = l0::test::fixed_numbers(6, 4, 1);
  Matrix<double> upstream = l0::test::fixed_numbers(6, 3, 2);
};

}  // namespace

TEST_CASE_METHOD(Fixture, "backward may be called twice and adds each time") {
  layer.forward(X, rng);
  Matrix<double> grad_X;
  layer.backward(upstream, grad_X);
  const Matrix<double> weight = layer.weight_gradient();
  const Matrix<double> log_alpha = layer.log_alpha_gradient();
  const Matrix<double> bias = layer.bias_gradient();
  const Matrix<double> first_grad_X = grad_X;
  REQUIRE_FALSE(log_alpha.isZero());
  layer.backward(upstream, grad_X);
  CHECK(layer.weight_gradient() == 2 * weight);
  CHECK(layer.log_alpha_gradient() == 2 * log_alpha);
  CHECK(layer.bias_gradient() == 2 * bias);
  CHECK(grad_X == first_grad_X);  // written, not added
}

TEST_CASE_METHOD(Fixture, "backward belongs to the last forward, whatever the temperature has become") {
  const Matrix<double> u = 0.5 + 0.4 * l0::test::fixed_numbers(3, 4, 3).array();
  const l0::GivenNoise<double> noise(u);
  layer.forward(X, noise);
  layer.backward(upstream);
  const Matrix<double> expected = layer.log_alpha_gradient();
  layer.log_alpha_gradient().setZero();
  layer.forward(X, noise);
  layer.set_temperature(0.1);
  layer.backward(upstream);
  CHECK(layer.log_alpha_gradient() == expected);
}

TEST_CASE_METHOD(Fixture, "backward takes any dense expression") {
  layer.forward(X, rng);
  layer.backward(upstream);
  const Matrix<double> expected = layer.weight_gradient();
  const auto check = [&](const auto& given) {
    layer.weight_gradient().setZero();
    layer.backward(given);
    CHECK(l0::test::close(layer.weight_gradient(), expected, l0::test::tolerance::golden));
  };
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = upstream;
  check(rows);
  check(2 * (0.5 * upstream));
  check(upstream.array());
  check(Eigen::ArrayXXd(upstream));
  const Matrix<double> transposed = upstream.transpose();
  check(transposed.transpose());
  Matrix<double> around = Matrix<double>::Constant(9, 8, 99);
  around.block(2, 1, 6, 3) = upstream;
  check(around.block(2, 1, 6, 3));
}

TEST_CASE_METHOD(Fixture, "backward before forward is refused and changes nothing") {
  CHECK_THROWS_MATCHES(layer.backward(upstream), l0::Error,
                       Message("l0: backward is called before forward, expected a call of forward first"));
  CHECK(layer.weight_gradient().isZero(0));
  CHECK(layer.bias_gradient().isZero(0));
  CHECK(layer.log_alpha_gradient().isZero(0));
}

TEST_CASE_METHOD(Fixture, "An upstream gradient of another shape is refused and changes nothing") {
  layer.forward(X, rng);
  Matrix<double> grad_X = Matrix<double>::Constant(1, 1, 7);
  CHECK_THROWS_MATCHES(layer.backward(upstream.topRows(5), grad_X), l0::Error,
                       Message("l0: upstream is 5x3, expected 6x3"));
  CHECK_THROWS_MATCHES(layer.backward(upstream.leftCols(2)), l0::Error, Message("l0: upstream is 6x2, expected 6x3"));
  CHECK(layer.weight_gradient().isZero(0));
  CHECK(layer.bias_gradient().isZero(0));
  CHECK(layer.log_alpha_gradient().isZero(0));
  CHECK(grad_X == Matrix<double>::Constant(1, 1, 7));
  layer.backward(upstream);
  CHECK_FALSE(layer.weight_gradient().isZero());
}

TEST_CASE_METHOD(Fixture, "A batch of another width is refused, nothing is drawn and backward still works") {
  layer.forward(X, rng);
  const Matrix<double> z = layer.gate().values();
  const Matrix<double> wide = Matrix<double>::Ones(6, 5);
  CHECK_THROWS_MATCHES(layer.forward(wide, rng), l0::Error, Message("l0: X is 6x5, expected 6x4"));
  CHECK_THROWS_MATCHES(layer.forward(wide.sparseView(), rng), l0::Error, Message("l0: X is 6x5, expected 6x4"));
  CHECK_THROWS_MATCHES(layer.predict(wide), l0::Error, Message("l0: X is 6x5, expected 6x4"));
  CHECK(layer.gate().draw() == 1);
  CHECK(layer.gate().values() == z);
  layer.backward(upstream);
  CHECK(l0::test::close(layer.weight_gradient(), (upstream.transpose() * X).cwiseProduct(z),
                        l0::test::tolerance::golden));
}

TEST_CASE_METHOD(Fixture, "Given noise of another shape is refused and nothing is drawn") {
  const l0::GivenNoise<double> noise(Matrix<double>::Constant(4, 3, 0.5));
  CHECK_THROWS_MATCHES(layer.forward(X, noise), l0::Error, Message("l0: the given noise is 4x3, expected 3x4"));
  CHECK(layer.gate().draw() == 0);
}

}  // namespace tests::layers::backward
