// SPDX-License-Identifier: MIT
// The expected distance to the nearest chosen sample: against the sum over all choices, its gradient, its shape.
#include <l0/io/csv.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/penalties/budget.hpp>
#include <l0/selection/coverage.hpp>
#include <l0/selection/hybrid_gate.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::selection::coverage {

namespace {

using l0::Coverage;
using l0::Index;
using l0::Matrix;
using l0::Vector;
using l0::test::close;
namespace tolerance = l0::test::tolerance;

/// Points in the plane without equal distances.
Matrix<double> points(Index n) {
  return Matrix<double>::NullaryExpr(
      n, 2, [](Index i, Index j) { return 3 * std::sin(1.7 * double(i * i) + 2.9 * double(j)) + 0.1 * double(i); });
}

Vector<double> probabilities(Index n) {
  return Vector<double>::NullaryExpr(n, [](Index i) { return 0.5 + 0.45 * std::sin(2.3 * double(i) + 1); });
}

/// The mean distance to the nearest of the points in the bit set, at most that to the `neighbours`-th nearest, in units
/// of the mean distance to the centre.
double plain_distance(const Matrix<double>& x, unsigned chosen, Index neighbours) {
  const Eigen::RowVectorXd centre = x.colwise().mean();
  const double unit = (x.rowwise() - centre).rowwise().norm().mean();
  double total = 0;
  for (Index i = 0; i < x.rows(); ++i) {
    Vector<double> distance = (x.rowwise() - x.row(i)).rowwise().norm();
    std::vector<double> sorted(distance.data(), distance.data() + distance.size());
    std::sort(sorted.begin(), sorted.end());
    double nearest = sorted[static_cast<std::size_t>(neighbours - 1)];
    for (Index j = 0; j < x.rows(); ++j) {
      if ((chosen >> j & 1U) != 0) nearest = std::min(nearest, distance(j));
    }
    total += nearest;
  }
  return total / static_cast<double>(x.rows()) / unit;
}

}  // namespace

TEST_CASE("Expected coverage is the sum over all choices", "[selection]") {
  const Index n = 9;
  const Matrix<double> x = points(n);
  const Vector<double> p = probabilities(n);
  for (const Index neighbours : {9, 4, 1}) {
    CAPTURE(neighbours);
    double expected = 0;
    for (unsigned chosen = 0; chosen < 1U << n; ++chosen) {
      double weight = 1;
      for (Index j = 0; j < n; ++j) weight *= (chosen >> j & 1U) != 0 ? p(j) : 1 - p(j);
      expected += weight * plain_distance(x, chosen, neighbours);
    }
    const Coverage<double> coverage(x, {.neighbours = neighbours});
    Vector<double> gradient;
    CHECK(close(coverage.expected(p, gradient), expected, tolerance::golden));
    const auto numerical = l0::test::numerical_gradient(
        [&](const auto& moved) {
          Vector<double> unused;
          return coverage.expected(moved, unused);
        },
        p, l0::test::Stencil::five_point);
    CHECK(close(gradient, numerical, tolerance::gradient(numerical)));
  }
  const Coverage<double> all(x);
  CHECK(close(all.distance({1, 6}), plain_distance(x, 0b1000010, n), tolerance::golden));
  CHECK(close(Coverage<double>(40 * x).distance({1, 6}), all.distance({1, 6}), tolerance::golden));
  CHECK(all.distance({0, 1, 2, 3, 4, 5, 6, 7, 8}) == 0);
  CHECK(Coverage<double>(Eigen::SparseMatrix<double>(x.sparseView())).distance({1, 6}) == all.distance({1, 6}));
  CHECK(close(Coverage<float>(x.cast<float>()).distance({1, 6}), all.distance({1, 6}), tolerance::single));
}

TEST_CASE("Expected coverage is concave where probability moves from one sample to another", "[selection]") {
  const Index n = 12;
  const Coverage<double> coverage(points(n));
  Vector<double> unused;
  for (Index a = 0; a < n; ++a) {
    for (Index b = 0; b < a; ++b) {
      const auto at = [&](double t) {
        Vector<double> p = probabilities(n);
        p(a) = 0.5 + t;
        p(b) = 0.5 - t;
        return coverage.expected(p, unused);
      };
      CHECK(at(0) >= 0.5 * (at(0.4) + at(-0.4)) - 1e-15);
    }
  }
}

TEST_CASE("Coverage moves log alpha by its gradient", "[selection]") {
  const Index n = 12;
  Coverage<double> coverage(points(n), {.neighbours = 7});
  l0::SampleGate<double> samples(n, {.temperature = 0.8});
  const Vector<double> start = Vector<double>::NullaryExpr(n, [](Index i) { return std::sin(double(i * i)); });
  const auto numerical = l0::test::numerical_gradient(
      [&](const auto& moved) {
        samples.log_alpha() = moved;
        Vector<double> unused;
        return coverage.expected(samples.importance(), unused);
      },
      start, l0::test::Stencil::five_point);
  samples.log_alpha() = start;
  Vector<double> unused;
  CHECK(coverage.accumulate(samples) == Approx(coverage.expected(samples.importance(), unused)).epsilon(1e-14));
  CHECK(close(samples.log_alpha_gradient(), numerical, tolerance::gradient(numerical)));

  l0::HybridGate<double> hybrid(n, {.temperature = 0.8});
  hybrid.log_alpha() = start;
  coverage.accumulate(hybrid);
  CHECK(close(hybrid.gate().log_alpha_gradient(), numerical, tolerance::gradient(numerical)));
}

TEST_CASE("100 digits chosen without their labels teach more than 100 at random", "[selection]") {
  const auto table = l0::CsvTable::read(std::string(L0_TEST_DATA_DIR) + "/../../examples/data/digits.csv");
  const Index n = 1797;
  Matrix<float> x(n, 64);  // 8 x 8 pixels of 0 to 16
  for (Index j = 0; j < 64; ++j) {
    const auto pixel = "pixel_" + std::to_string(j / 8) + "_" + std::to_string(j % 8);
    const std::vector<double> values = table.numbers(pixel);
    for (Index i = 0; i < n; ++i) x(i, j) = static_cast<float>(values[static_cast<std::size_t>(i)]) / 16;
  }
  const std::vector<double> labels = table.numbers(table.names().back());
  const auto label = [&](Index i) { return labels[static_cast<std::size_t>(i)]; };
  /// The share of the others whose nearest chosen digit has their label.
  const auto accuracy = [&](const std::vector<Index>& chosen) {
    const Matrix<float> centres = x(chosen, Eigen::seqN(0, x.cols())).transpose();
    double right = 0;
    for (Index i = 0; i < n; ++i) {
      if (std::find(chosen.begin(), chosen.end(), i) != chosen.end()) continue;
      Index nearest = 0;
      (centres.colwise() - x.row(i).transpose()).colwise().squaredNorm().minCoeff(&nearest);
      right += label(chosen[static_cast<std::size_t>(nearest)]) == label(i) ? 1 : 0;
    }
    return right / static_cast<double>(n - 100);
  };

  Coverage<float> coverage(x);
  l0::SampleGate<float> samples(n, {.target_samples = 100, .init_sparsity = 0.9F});
  samples.gate().jitter(l0::Rng(1), 0.1F);
  l0::Adam<float> optimizer(samples.parameters(), {.learning_rate = 0.1F});
  l0::Budget<float> budget({.max_cost = 100, .rate = 0.5, .restart = false});
  for (int epoch = 0; epoch < 600; ++epoch) {
    optimizer.zero_grad();
    coverage.accumulate(samples);
    budget.accumulate(samples);
    optimizer.step();
  }
  const std::vector<Index> chosen = samples.selected();
  REQUIRE(chosen.size() == 100);

  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  l0::Rng rng(1);
  double random = 0;
  double random_distance = 0;
  for (int k = 0; k < 10; ++k) {
    std::shuffle(order.begin(), order.end(), rng);
    const std::vector<Index> some(order.begin(), order.begin() + 100);
    random += accuracy(some) / 10;
    random_distance += coverage.distance(some) / 10.0;
  }
  CAPTURE(accuracy(chosen), random, coverage.distance(chosen), random_distance);
  CHECK(accuracy(chosen) >= random + 0.03);
  CHECK(coverage.distance(chosen) < 0.9 * random_distance);
}

TEST_CASE("Coverage of no, one and equal samples", "[selection]") {
  Vector<double> gradient;
  CHECK(Coverage<double>(Matrix<double>(0, 3)).expected(Vector<double>(0), gradient) == 0);
  CHECK(Coverage<double>(points(1)).expected(Vector<double>::Constant(1, 0.5), gradient) == 0);
  const Coverage<double> equal(Matrix<double>::Ones(4, 2));
  CHECK(equal.distance({3}) == 0);
  CHECK(equal.expected(Vector<double>::Zero(4), gradient) == 0);
  CHECK(gradient.isZero(0));
}

TEST_CASE("Wrong input of coverage is named", "[selection]") {
  using Catch::Matchers::Message;
  Matrix<double> x = points(3);
  CHECK_THROWS_MATCHES(Coverage<double>(x, {.neighbours = 0}), l0::Error,
                       Message("l0: neighbours is 0, expected a number >= 1"));
  Coverage<double> coverage(x);
  Vector<double> gradient;
  CHECK_THROWS_MATCHES(coverage.expected(Vector<double>::Zero(2), gradient), l0::Error,
                       Message("l0: p is 2x1, expected 3x1"));
  CHECK_THROWS_MATCHES(coverage.expected(Vector<double>::Constant(3, 1.5), gradient), l0::Error,
                       Message("l0: p is 1.5, expected probabilities"));
  CHECK_THROWS_MATCHES(coverage.distance({3}), l0::Error, Message("l0: chosen row is 3, expected a row in [0, 3)"));
  l0::SampleGate<double> samples(4);
  CHECK_THROWS_MATCHES(coverage.accumulate(samples), l0::Error, Message("l0: the gates is 4x1, expected 3x1"));
  CHECK(samples.log_alpha_gradient().isZero(0));
  x(1, 1) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_MATCHES(Coverage<double>(x), l0::Error, Message("l0: X(1, 1) is inf, expected a finite number"));
}

}  // namespace tests::selection::coverage
