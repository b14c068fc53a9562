// SPDX-License-Identifier: MIT
// A draw of the gates for every sample of the batch: PerInput with gates_per_sample.
#include <l0/layers/linear.hpp>

#include "layers/gradient_check.hpp"
#include "support/catch.hpp"

namespace tests::layers::per_sample {

namespace {

using l0::Index;
using l0::Matrix;
using Layer = l0::L0Linear<double, l0::PerInput>;
namespace tolerance = l0::test::tolerance;

constexpr Index samples = 5;
constexpr Index inputs = 6;

Layer make_layer(Index outputs, bool bias) {
  l0::Rng rng(0);
  Layer layer(inputs, outputs, rng, {.bias = bias, .gates_per_sample = true});
  layer.log_alpha() = l0::test::fixed_numbers(inputs, 1, 1);
  layer.weight() = l0::test::fixed_numbers(outputs, inputs, 2);
  if (bias) layer.bias() = l0::test::fixed_numbers(outputs, 1, 3);
  return layer;
}

/// Noise under which a third of the gates is closed, the first sample's last gate is open, and no gate is near a clamp.
Matrix<double> make_noise(const Layer& layer) {
  Matrix<double> s = 0.5 + 0.3 * l0::test::fixed_numbers(samples, inputs, 4).array();
  for (Index k = 0; k < s.size(); k += 3) s(k) = 0.02;
  s(0, inputs - 1) = 0.98;
  const double beta = layer.temperature();
  const Matrix<double> a = layer.log_alpha().transpose().replicate(samples, 1);
  return 1 / (1 + (a.array() - beta * (s.array() / (1 - s.array())).log()).exp());
}

Matrix<double> make_batch() {
  Matrix<double> X = l0::test::fixed_numbers(samples, inputs, 5);
  for (Index k = 0; k < X.size(); k += 4) X(k) = 0;
  return X;
}

Matrix<double> plain_output(const Layer& layer, const Matrix<double>& X, const Matrix<double>& u) {
  Matrix<double> y(X.rows(), layer.outputs());
  for (Index i = 0; i < y.rows(); ++i) {
    for (Index o = 0; o < y.cols(); ++o) {
      y(i, o) = layer.has_bias() ? layer.bias()(o) : 0;
      for (Index j = 0; j < inputs; ++j) {
        y(i, o) += X(i, j) * layer.weight()(o, j) * layer.gate().distribution().sample(u(i, j), layer.log_alpha()(j));
      }
    }
  }
  return y;
}

}  // namespace

TEMPLATE_TEST_CASE("Gates per sample: values and gradients", "[gradient]", l0::test::DenseColumns<double>,
                   l0::test::DenseRows<double>, l0::test::Expression, (l0::test::Sparse<double, Eigen::ColMajor>),
                   (l0::test::Sparse<double, Eigen::RowMajor>)) {
  for (const Index outputs : {1, 3}) {
    for (const bool bias : {true, false}) {
      CAPTURE(outputs, bias);
      Layer layer = make_layer(outputs, bias);
      const Matrix<double> u = make_noise(layer);
      const l0::GivenNoise<double> noise(u);
      Matrix<double> X = make_batch();
      const Matrix<double> upstream = l0::test::fixed_numbers(samples, outputs, 6);
      TestType batch;
      CHECK(l0::test::close(batch.forward(layer, X, noise), plain_output(layer, X, u), tolerance::golden));
      Matrix<double> grad_X;
      layer.backward(upstream, grad_X);

      const auto value = [&] { return plain_output(layer, X, u).cwiseProduct(upstream).sum(); };
      const auto check = [&](auto& parameter, const Matrix<double>& analytic) {
        const Matrix<double> numerical = l0::test::gradient_by(parameter, value, l0::test::Stencil::five_point);
        CHECK(l0::test::close(analytic, numerical, tolerance::gradient(numerical)));
      };
      check(layer.weight(), layer.weight_gradient());
      check(layer.log_alpha(), layer.log_alpha_gradient());
      if (bias) check(layer.bias(), layer.bias_gradient());
      check(X, grad_X);
    }
  }
}

TEST_CASE("Gates per sample are drawn for every sample and for every batch anew") {
  l0::Rng rng(3);
  Layer layer(1, 1, rng, {.bias = false, .gates_per_sample = true});
  layer.weight().setOnes();
  const Matrix<double> X = Matrix<double>::Ones(200, 1);
  const Matrix<double> first = layer.forward(X, rng);
  const Matrix<double> second = layer.forward(X, rng);
  CHECK(first.maxCoeff() == 1);
  CHECK(first.minCoeff() == 0);
  CHECK((first.array() > 0.3 && first.array() < 0.7).any());
  CHECK((first - second).cwiseAbs().maxCoeff() > 0.5);
}

TEST_CASE("Gates per sample change in number with the batch") {
  l0::Rng rng(3);
  Layer layer = make_layer(2, true);
  for (const Index n : {4, 9, 0, 1}) {
    CAPTURE(n);
    const Matrix<double> X = Matrix<double>::Ones(n, inputs);
    CHECK(layer.forward(X, rng).rows() == n);
    Matrix<double> grad_X;
    layer.backward(Matrix<double>::Ones(n, 2), grad_X);
    CHECK(grad_X.rows() == n);
    CHECK(grad_X.cols() == inputs);
  }
  CHECK(layer.log_alpha_gradient().allFinite());
}

TEST_CASE("Gates per sample need one gate per input") {
  l0::Rng rng(0);
  CHECK_THROWS_MATCHES(
      (l0::L0Linear<double>(3, 2, rng, {.gates_per_sample = true})), l0::Error,
      Catch::Matchers::Message("l0: gates_per_sample is true, expected false, or one gate per input (PerInput)"));
}

TEST_CASE("Gates per sample that were frozen in forward stay without a gradient, thawed or not") {
  Layer layer = make_layer(3, true);
  const Matrix<double> X = make_batch();
  l0::Rng rng(3);
  layer.gate().freeze();
  layer.forward(X, rng);
  layer.gate().unfreeze();
  layer.backward(l0::test::fixed_numbers(samples, 3, 6));
  CHECK(layer.log_alpha_gradient().isZero(0));
  CHECK_FALSE(layer.weight_gradient().isZero(0));
}

}  // namespace tests::layers::per_sample
