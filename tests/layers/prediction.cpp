// SPDX-License-Identifier: MIT
#include <l0/layers/linear.hpp>

#include <cmath>
#include <thread>
#include <vector>

#include "layers/gradient_check.hpp"
#include "support/catch.hpp"

namespace {

using l0::Index;
using l0::Matrix;

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

TEST_CASE("Several threads may predict at once") {
  const auto layer = make_layer();
  const Matrix<double> X = l0::test::fixed_numbers(50, 6, 4);
  const Matrix<double> expected = layer.predict(X);
  std::vector<Matrix<double>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      for (int k = 0; k < 100; ++k) result = layer.predict(X);
    });
  }
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) CHECK(result == expected);
}

TEST_CASE("A layer counts its gates as its gate does") {
  auto layer = make_layer();
  CHECK(layer.l0_penalty() == layer.gate().expected_l0());
  CHECK(layer.get_l0_penalty() == layer.l0_penalty());
  layer.set_temperature(0.25);
  CHECK(layer.temperature() == 0.25);
  CHECK(layer.gate().temperature() == 0.25);
}
