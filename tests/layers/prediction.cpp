// SPDX-License-Identifier: MIT
#include <l0/layers/linear.hpp>

#include <cmath>

#include <l0/gates/gaussian.hpp>
#include <l0/layers/conv2d.hpp>
#include <l0/layers/depthwise_conv2d.hpp>
#include <l0/layers/soft_tree.hpp>

#include "layers/gradient_check.hpp"
#include "support/catch.hpp"
#include "support/concurrently.hpp"

namespace tests::layers::prediction {

namespace {

using l0::Index;
using l0::Matrix;
using l0::test::same_from_threads;

/// Negative weights, closed gates among them, and gates of all kinds.
l0::L0Linear<double> make_layer() {
  l0::Rng rng(0);
  l0::L0Linear<double> layer(6, 4, rng);
  layer.weight() = -l0::test::fixed_numbers(4, 6, 1).cwiseAbs();
  layer.bias() = l0::test::fixed_numbers(4, 1, 2);
  layer.log_alpha() = 3 * l0::test::fixed_numbers(4, 6, 3);
  layer.log_alpha().leftCols(2).setConstant(-5);
  return layer;
}

}  // namespace

TEST_CASE("The effective weight is the weight times the deterministic gates, with exact zeros") {
  const auto layer = make_layer();
  const Matrix<double> effective = layer.effective_weight();
  Index zeros = 0;
  for (Index k = 0; k < effective.size(); ++k) {
    const double z = std::min(1.0, std::max(0.0, 1.2 / (1 + std::exp(-layer.log_alpha()(k) / 0.5)) - 0.1));
    CHECK(l0::test::close(effective(k), layer.weight()(k) * z, l0::test::tolerance::golden));
    if (z == 0) {
      ++zeros;
      CHECK(effective(k) == 0);
      CHECK_FALSE(std::signbit(effective(k)));
    }
  }
  CHECK(zeros >= 8);
  CHECK(layer.sparsity() == Approx(static_cast<double>(zeros) / 24));

  const Eigen::SparseMatrix<double> sparse = layer.effective_weight_sparse();
  CHECK(sparse.nonZeros() == 24 - zeros);
  CHECK(sparse.isCompressed());
  CHECK(Matrix<double>(sparse) == effective);
}

TEST_CASE("The sparse effective weight keeps weights however small") {
  l0::Rng rng(0);
  l0::L0Linear<double> layer(2, 1, rng);
  layer.weight() << 1e-300, 1e300;
  layer.log_alpha().setConstant(20);
  CHECK(layer.effective_weight_sparse().nonZeros() == 2);
}

TEST_CASE("Prediction is X times the effective weight plus bias, and changes nothing") {
  const auto layer = make_layer();
  const Matrix<double> X = l0::test::fixed_numbers(7, 6, 4);
  const Matrix<double> expected =
      (X * layer.effective_weight().transpose()).rowwise() + Eigen::RowVectorXd(layer.bias().transpose());
  const Matrix<double> y = layer.predict(X);
  CHECK(l0::test::close(y, expected, l0::test::tolerance::golden));
  CHECK(layer.predict(X) == y);
  CHECK(layer.gate().draw() == 0);
  CHECK(l0::test::close(layer.predict(2 * (0.5 * X)), expected, l0::test::tolerance::golden));
  CHECK(l0::test::close(layer.predict(X.sparseView()), expected, l0::test::tolerance::golden));
  const Eigen::SparseMatrix<double, Eigen::RowMajor> sparse = X.sparseView();
  CHECK(l0::test::close(layer.predict(sparse), expected, l0::test::tolerance::golden));
}

TEST_CASE("Several threads may ask a layer at once") {
  const auto linear = make_layer();
  const Matrix<double> X = l0::test::fixed_numbers(50, 6, 4);
  const Eigen::SparseMatrix<double> sparse = X.sparseView();
  CHECK(same_from_threads([&] { return linear.predict(X); }));
  CHECK(same_from_threads([&] { return linear.predict(sparse); }));
  CHECK(same_from_threads([&] { return linear.effective_weight(); }));
  CHECK(same_from_threads([&] { return linear.gate().deterministic(); }));
  CHECK(same_from_threads([&] { return linear.gate().active_probability(); }));
  CHECK(same_from_threads([&] { return linear.l0_penalty(); }));

  l0::Rng rng(3);
  const Matrix<double> images = l0::test::fixed_numbers(9, 2 * 6 * 5, 5);
  const l0::L0Conv2d<double> convolution({2, 6, 5}, 3, 3, rng, {.padding = 1});
  const l0::L0DepthwiseConv2d<double> depthwise({2, 6, 5}, 2, rng);
  const l0::SoftTree<double> trees(6, 2, rng, {.trees = 3, .depth = 3});
  const l0::L0Linear<double, l0::PerWeight, l0::ClippedGaussian<double>> gaussian(6, 3, rng);
  CHECK(same_from_threads([&] { return convolution.predict(images); }));
  CHECK(same_from_threads([&] { return depthwise.predict(images); }));
  CHECK(same_from_threads([&] { return trees.predict(X); }));
  CHECK(same_from_threads([&] { return gaussian.predict(X); }));
}

TEST_CASE("A layer counts its gates as its gate does") {
  auto layer = make_layer();
  CHECK(layer.l0_penalty() == layer.gate().expected_l0());
  CHECK(layer.get_l0_penalty() == layer.l0_penalty());
  layer.set_temperature(0.25);
  CHECK(layer.temperature() == 0.25);
  CHECK(layer.gate().temperature() == 0.25);
}

}  // namespace tests::layers::prediction
