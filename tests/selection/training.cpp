// SPDX-License-Identifier: MIT
// What selection gates do to a batch, and the gradients they pass on.
#include <l0/selection/feature_gate.hpp>
#include <l0/selection/sample_gate.hpp>

#include <cmath>

#include "layers/batches.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/fixed_numbers.hpp"
#include "support/tolerances.hpp"

namespace tests::selection::training {

namespace {

using l0::Index;
using l0::Matrix;
using l0::Vector;
using l0::test::close;
namespace tolerance = l0::test::tolerance;

/// Numbers in (−1, 1) that depend on nothing but `seed`; a third of them 0.
Matrix<double> fixed_batch(Index rows, Index columns, double seed) {
  Matrix<double> result(rows, columns);
  for (Index k = 0; k < result.size(); ++k) {
    const double x = std::sin(12.9898 * (static_cast<double>(k) + 1) + 78.233 * seed) * 43758.5453;
    result(k) = k % 3 == 2 ? 0 : 2 * (x - std::floor(x)) - 1;
  }
  return result;
}

/// log α, and noise at which gate 0 is closed, the last one is 1 and those between lie between, far from the clamps.
template <class Gates>
Matrix<double> spread(Gates& gates) {
  using Scalar = typename Gates::Scalar;
  const Index n = gates.size();
  const auto beta = static_cast<double>(gates.temperature());
  Matrix<double> u(n, 1);
  for (Index k = 0; k < n; ++k) {
    const double log_alpha = 0.5 * std::sin(static_cast<double>(3 * k + 1));
    const double s = k == 0 ? 0.02 : k == n - 1 ? 0.98 : 0.5 + 0.3 * std::sin(static_cast<double>(5 * k));
    gates.log_alpha()(k) = static_cast<Scalar>(log_alpha);
    u(k) = 1 / (1 + std::exp(log_alpha - beta * std::log(s / (1 - s))));
  }
  return u;
}

/// X with its columns or rows times z, spelled out.
Matrix<double> scaled(const l0::FeatureGate<double>&, const Matrix<double>& x, const Vector<double>& z) {
  return x * z.asDiagonal();
}
Matrix<double> scaled(const l0::SampleGate<double>&, const Matrix<double>& x, const Vector<double>& z) {
  return z.asDiagonal() * x;
}

template <class Gates>
constexpr bool gates_columns = std::is_same_v<Gates, l0::FeatureGate<typename Gates::Scalar>>;

/// Calls `apply` the way batches call `forward`.
template <class Gates>
struct AsLayer {
  using Scalar = typename Gates::Scalar;
  Gates& gates;
  template <class X, class Noise>
  const auto& forward(X&& x, Noise&& noise) {
    return gates.apply(std::forward<X>(x), noise);
  }
};

/// The value against the formula, the gradients of Σ upstream ∘ result against central differences.
template <class Gates, class Batch>
void check_gradients() {
  Gates gates(gates_columns<Gates> ? 5 : 7, {.temperature = 0.7});
  const l0::GivenNoise<double> noise(spread(gates));
  AsLayer<Gates> layer{gates};
  Batch batch;
  const Matrix<double> x = fixed_batch(7, 5, 1);
  const Matrix<double> upstream = fixed_batch(7, 5, 2).array() + 0.1;

  const Matrix<double> y = batch.forward(layer, x, noise);
  CHECK(close(y, scaled(gates, x, gates.gate().values()), tolerance::golden));
  CHECK(gates.gate().values()(0) == 0);

  Matrix<double> grad_x;
  gates.backward(upstream, grad_x);
  CHECK(close(grad_x, scaled(gates, upstream, gates.gate().values()), tolerance::golden));
  const Vector<double> gradient = gates.log_alpha_gradient();

  const Vector<double> start = gates.log_alpha();
  const auto numerical = l0::test::numerical_gradient(
      [&](const auto& moved) {
        gates.log_alpha() = moved;
        return Matrix<double>(batch.forward(layer, x, noise)).cwiseProduct(upstream).sum();
      },
      start, l0::test::Stencil::five_point);
  CHECK(numerical.cwiseAbs().maxCoeff() > 0.01);
  CHECK(close(gradient, numerical, tolerance::gradient(numerical)));
  CHECK(gradient(0) == 0);

  gates.log_alpha() = start;
  batch.forward(layer, x, noise);
  gates.backward(upstream.array() + Matrix<double>::Zero(7, 5).array());  // an expression of arrays; adds
  CHECK(close(gates.log_alpha_gradient(), 2 * numerical, tolerance::gradient(numerical)));
}

}  // namespace

TEMPLATE_TEST_CASE("Gates in front of a batch: value and gradients", "[selection]", l0::FeatureGate<double>,
                   l0::SampleGate<double>) {
  using namespace l0::test;
  check_gradients<TestType, DenseColumns<double>>();
  check_gradients<TestType, DenseRows<double>>();
  check_gradients<TestType, Expression>();
  check_gradients<TestType, Block<double, Eigen::RowMajor>>();
  check_gradients<TestType, StridedMap<double>>();
  check_gradients<TestType, Sparse<double, Eigen::ColMajor>>();
  check_gradients<TestType, Sparse<double, Eigen::RowMajor, long>>();
  check_gradients<TestType, SparseUncompressed<double, Eigen::ColMajor>>();
  check_gradients<TestType, SparseExpression<double, Eigen::RowMajor>>();
}

TEST_CASE("Gates in float agree with double", "[selection]") {
  l0::FeatureGate<float> single(5);
  l0::FeatureGate<double> twice(5);
  const Matrix<double> u = spread(twice);
  spread(single);
  const Matrix<float> x = fixed_batch(6, 5, 1).cast<float>();
  CHECK(close(single.apply(x, l0::GivenNoise<float>(u.cast<float>())),
              twice.apply(x.cast<double>(), l0::GivenNoise<double>(u)), tolerance::single));
  single.backward(x);
  twice.backward(x.cast<double>());
  CHECK(close(single.log_alpha_gradient(), twice.log_alpha_gradient(), tolerance::single));
}

TEST_CASE("Sparse data stay sparse, and what is closed is not stored", "[selection]") {
  l0::FeatureGate<double> features(4);
  features.log_alpha() << 20, -20, 20, -20;
  const Matrix<double> dense = fixed_batch(6, 4, 1);
  const Eigen::SparseMatrix<double, Eigen::RowMajor> x = dense.sparseView();
  const Eigen::SparseMatrix<double, Eigen::RowMajor>& gated = features.apply(x, l0::Rng(1));
  CHECK(gated.nonZeros() == (dense(Eigen::seqN(0, dense.rows()), {0, 2}).array() != 0).count());
}

TEST_CASE("What a closed gate covers is 0, whatever X holds there", "[selection]") {
  Matrix<double> x = fixed_batch(3, 3, 1);
  l0::FeatureGate<double> features(3, {.max_features = 2});
  features.log_alpha() << 20, -20, 20;
  x(1, 1) = std::numeric_limits<double>::infinity();
  CHECK(features.predict(x).col(1).isZero(0));
  l0::SampleGate<double> samples(3);
  samples.log_alpha() << 20, -20, 20;
  x.setConstant(1e300);
  CHECK((samples.apply(x, l0::Rng(1)).row(1).array() == 0).all());
}

TEST_CASE("Empty and single batches pass", "[selection]") {
  l0::Rng rng(1);
  l0::FeatureGate<float> none(0, {.max_features = 3});
  CHECK(none.apply(Matrix<float>(4, 0), rng).rows() == 4);
  none.backward(Matrix<float>(4, 0));
  l0::FeatureGate<float> one(1);
  CHECK(one.apply(Matrix<float>(0, 1), rng).cols() == 1);
  one.backward(Matrix<float>(0, 1));
  CHECK(one.log_alpha_gradient()(0) == 0);
  l0::SampleGate<float> sample(1);
  CHECK(sample.apply(Matrix<float>::Ones(1, 1), rng).size() == 1);
  CHECK(none.apply(Eigen::SparseMatrix<float>(4, 0), rng).rows() == 4);
}

TEST_CASE("Handles of a gate survive its move and assignment", "[selection]") {
  l0::FeatureGate<double> features(3);
  const auto handle = features.parameters().front();
  l0::FeatureGate<double> moved = std::move(features);
  moved.log_alpha() << 1, 2, 3;
  CHECK(handle.values()(2) == 3);
  const l0::FeatureGate<double> best = moved;
  moved.log_alpha().setZero();
  moved = best;
  CHECK(handle.values()(2) == 3);
  CHECK_THROWS_AS(moved = l0::FeatureGate<double>(4), l0::Error);
  CHECK(moved.size() == 3);
}

TEST_CASE("Gates of features drawn again after apply are refused by backward", "[selection]") {
  l0::FeatureGate<double> gate(3);
  const Matrix<double> X = l0::test::fixed_numbers(4, 3, 1);
  const l0::Rng rng(3);
  gate.apply(X, rng);
  gate.gate().sample(rng);
  CHECK_THROWS_MATCHES(
      gate.backward(X), l0::Error,
      Catch::Matchers::Message("l0: backward is called after the gates were drawn again, expected the draw of apply"));
  CHECK(gate.log_alpha_gradient().isZero(0));
  gate.gate().freeze();
  gate.apply(X, rng);
  gate.gate().unfreeze();
  gate.backward(X);
  CHECK(gate.log_alpha_gradient().isZero(0));
}

}  // namespace tests::selection::training
