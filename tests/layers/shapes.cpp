// SPDX-License-Identifier: MIT
#include <l0/layers/linear.hpp>
#include <l0/losses/losses.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/penalties/l0_penalty.hpp>

#include "support/catch.hpp"

namespace tests::layers::shapes {

namespace {

using Catch::Matchers::Message;
using l0::Index;
using l0::Matrix;

/// One full step, for shapes that have nothing in them.
template <class Layer, class X>
void step(Layer& layer, const X& x, Index samples) {
  using Scalar = typename Layer::Scalar;
  l0::Rng rng(1);
  l0::Adam<Scalar> optimizer(layer.parameters());
  optimizer.zero_grad();
  const auto& y = layer.forward(x, rng);
  CHECK(y.rows() == samples);
  CHECK(y.cols() == layer.outputs());
  const auto loss = l0::mse_loss(y, Matrix<Scalar>::Zero(samples, layer.outputs()));
  Matrix<Scalar> grad_X;
  layer.backward(loss.gradient, grad_X);
  CHECK(grad_X.rows() == samples);
  CHECK(grad_X.cols() == layer.inputs());
  l0::L0Penalty<Scalar>{}.accumulate(layer);
  optimizer.step();
  CHECK(layer.weight().allFinite());
  CHECK(layer.log_alpha().allFinite());
  CHECK(layer.predict(x).rows() == samples);
}

}  // namespace

TEMPLATE_TEST_CASE("Layers and batches of every size, down to none", "[shape]", l0::PerWeight, l0::PerInput) {
  for (const Index samples : {0, 1, 3}) {
    for (const Index inputs : {0, 1, 5}) {
      for (const Index outputs : {0, 1, 2}) {
        CAPTURE(samples, inputs, outputs);
        l0::Rng rng(0);
        l0::L0Linear<double, TestType> layer(inputs, outputs, rng);
        const Matrix<double> dense = Matrix<double>::Ones(samples, inputs);
        const Eigen::SparseMatrix<double> columns = dense.sparseView();
        const Eigen::SparseMatrix<double, Eigen::RowMajor> rows = dense.sparseView();
        step(layer, dense, samples);
        step(layer, columns, samples);
        step(layer, rows, samples);
      }
    }
  }
}

TEST_CASE("Vectors are batches of one sample or one input") {
  l0::Rng rng(0);
  const l0::GivenNoise<double> open(Matrix<double>::Constant(2, 1, 0.5));
  l0::L0Linear<double> of_one_input(1, 2, rng);
  of_one_input.log_alpha().setConstant(20);
  of_one_input.weight() << 2, 3;
  Eigen::VectorXd column(3);
  column << 1, 2, 3;
  Matrix<double> expected(3, 2);
  expected << 2, 3, 4, 6, 6, 9;
  CHECK(of_one_input.forward(column, open) == expected);

  const l0::GivenNoise<double> open3(Matrix<double>::Constant(1, 3, 0.5));
  l0::L0Linear<double> of_three_inputs(3, 1, rng);
  of_three_inputs.log_alpha().setConstant(20);
  of_three_inputs.weight() << 1, 10, 100;
  Eigen::RowVectorXd row(3);
  row << 1, 2, 3;
  CHECK(of_three_inputs.forward(row, open3)(0, 0) == 321);
  const Matrix<double> three = Eigen::MatrixXd::Ones(3, 1) * row;
  const auto middle = three.row(1);
  CHECK(of_three_inputs.forward(middle, open3)(0, 0) == 321);
}

TEST_CASE("The initial state of a layer") {
  l0::Rng rng(0);
  const l0::L0Linear<double> layer(400, 100, rng, {.init_sparsity = 0.9, .gate = {.temperature = 0.7}});
  CHECK(layer.inputs() == 400);
  CHECK(layer.outputs() == 100);
  CHECK(layer.temperature() == 0.7);
  const double bound = 1.0 / 20;
  CHECK(layer.weight().cwiseAbs().maxCoeff() <= bound);
  CHECK(layer.weight().cwiseAbs().maxCoeff() > 0.999 * bound);
  // Uniform in ±bound: variance bound²/3, and five standard errors of the mean of 40 000 numbers.
  CHECK(std::abs(layer.weight().mean()) < 5 * bound / std::sqrt(3.0 * 40000));
  CHECK(layer.weight().squaredNorm() / 40000 == Approx(bound * bound / 3).epsilon(0.02));
  CHECK(layer.bias().isZero(0));
  CHECK(layer.log_alpha().isApproxToConstant(std::log(0.1 / 0.9)));
  CHECK(layer.weight_gradient().isZero(0));

  l0::L0Linear<double> plain(3, 2, rng, {.bias = false});
  CHECK_FALSE(plain.has_bias());
  CHECK(plain.bias().size() == 0);
  REQUIRE(plain.parameters().size() == 2);
  CHECK(plain.parameters()[0].name() == "weight");
  CHECK(plain.parameters()[1].name() == "log_alpha");
  CHECK(plain.parameters()[1].kind() == l0::ParameterKind::gate);
}

TEST_CASE("Options and sizes outside their ranges are refused by name") {
  l0::Rng rng(0);
  using Layer = l0::L0Linear<double>;
  CHECK_THROWS_MATCHES(Layer(-1, 2, rng), l0::Error, Message("l0: inputs is -1, expected a size >= 0"));
  CHECK_THROWS_MATCHES(Layer(1, -2, rng), l0::Error, Message("l0: outputs is -2, expected a size >= 0"));
  CHECK_THROWS_MATCHES((Layer(1, 1, rng, {.gate = {.temperature = 0}})), l0::Error,
                       Message("l0: temperature is 0, expected a finite number > 0"));
  CHECK_THROWS_MATCHES((Layer(1, 1, rng, {.init_sparsity = 1})), l0::Error,
                       Message("l0: init_sparsity is 1, expected a probability in (0, 1)"));
  CHECK_THROWS_MATCHES((Layer(1, 1, rng, {.gate = {.gamma = 0}})), l0::Error,
                       Message("l0: gamma is 0, expected a finite number < 0"));
  CHECK_THROWS_MATCHES((Layer(1, 1, rng, {.gate = {.zeta = 1}})), l0::Error,
                       Message("l0: zeta is 1, expected a finite number > 1"));
  Layer layer(2, 2, rng);
  CHECK_THROWS_MATCHES(layer.set_temperature(-1), l0::Error,
                       Message("l0: temperature is -1, expected a finite number > 0"));
  CHECK(layer.temperature() == 0.5);
}

TEST_CASE("Groups that do not fit a layer are refused by name") {
  l0::Rng rng(0);
  using Layer = l0::L0Linear<double, l0::Groups>;
  CHECK_THROWS_MATCHES(
      Layer(3, 2, rng, l0::Groups({0, 1})), l0::Error,
      Message("l0: group index is of size 2, expected 3 entries (one per input) or 6 (one per weight)"));
  CHECK_THROWS_MATCHES(l0::Groups({0, 3, 1}, 3), l0::Error,
                       Message("l0: group index[1] is 3, expected a group in [0, 3)"));
  CHECK_THROWS_MATCHES(l0::Groups({0, -1}), l0::Error, Message("l0: group index[1] is -1, expected a group in [0, 1)"));
}

}  // namespace tests::layers::shapes
