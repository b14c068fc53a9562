// SPDX-License-Identifier: MIT
// Against all supports of ten columns, under every restriction.
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <l0/random/rng.hpp>
#include <l0/regression/linear_regression.hpp>

#include "support/catch.hpp"

namespace tests::regression::exhaustive {

namespace {

using l0::Index;

constexpr Index n = 60, p = 10;
enum class Rule { none, non_negative, one_per_group, kept, non_negative_one_per_group };

/// The least mean square of k columns (with signs, of at most k) that obey the rule: normal equations on centred data.
double best_of_all(const Eigen::MatrixXd& X, const Eigen::VectorXd& y, Index k, Rule rule) {
  const Eigen::MatrixXd Z = X.rowwise() - X.colwise().mean();
  const Eigen::VectorXd target = y.array() - y.mean();
  const Eigen::MatrixXd gram = Z.transpose() * Z;
  const Eigen::VectorXd correlation = Z.transpose() * target;
  const bool signs = rule == Rule::non_negative || rule == Rule::non_negative_one_per_group;
  const bool grouped = rule == Rule::one_per_group || rule == Rule::non_negative_one_per_group;
  double lowest = std::numeric_limits<double>::infinity();
  for (unsigned subset = 0; subset < 1U << p; ++subset) {
    const auto size = static_cast<Index>(std::popcount(subset));
    if (signs ? size > k : size != k) continue;
    if (rule == Rule::kept && !(subset >> 1 & 1U)) continue;
    std::vector<Index> support;
    bool allowed = true;
    for (Index j = 0; j < p; ++j) {
      if (!(subset >> j & 1U)) continue;
      if (grouped && !support.empty() && support.back() / 3 == j / 3) allowed = false;
      support.push_back(j);
    }
    if (!allowed) continue;
    Eigen::MatrixXd inner(size, size);
    Eigen::VectorXd right(size);
    for (Index a = 0; a < size; ++a) {
      right(a) = correlation(support[static_cast<std::size_t>(a)]);
      for (Index b = 0; b < size; ++b)
        inner(a, b) = gram(support[static_cast<std::size_t>(a)], support[static_cast<std::size_t>(b)]);
    }
    const Eigen::VectorXd w = size > 0 ? Eigen::VectorXd(inner.ldlt().solve(right)) : right;
    if (signs && size > 0 && w.minCoeff() < 0) continue;
    lowest = std::min(lowest, (target.squaredNorm() - (size > 0 ? w.dot(right) : 0.0)) / static_cast<double>(n));
  }
  return lowest;
}

}  // namespace

TEST_CASE("The best support of all is found under every restriction, but for one in 180") {
  int cases = 0, misses = 0;
  for (std::uint64_t seed = 1; seed <= 24; ++seed) {
    for (const double rho : {0.0, 0.9, 0.99}) {
      for (const Rule rule :
           {Rule::none, Rule::non_negative, Rule::one_per_group, Rule::kept, Rule::non_negative_one_per_group}) {
        l0::Rng rng(1000 * seed + static_cast<std::uint64_t>(100 * rho));
        const auto normal = [&] { return l0::standard_normal<double>(rng, 1)(0); };
        Eigen::MatrixXd X(n, p);
        Eigen::VectorXd y(n);
        for (Index i = 0; i < n; ++i) {
          const double common = normal();
          for (Index j = 0; j < p; ++j) X(i, j) = std::sqrt(rho) * common + std::sqrt(1 - rho) * normal();
          y(i) = 1.5 * normal();
          for (Index j = 0; j < p; j += 2) y(i) += (j % 4 == 0 ? 1 : -0.8) / std::sqrt(1 - 0.9 * rho) * X(i, j);
        }
        const auto k = static_cast<Index>(1 + seed % 4);
        l0::RegressionOptions options{.max_features = k};
        options.non_negative = rule == Rule::non_negative || rule == Rule::non_negative_one_per_group;
        if (rule == Rule::one_per_group || rule == Rule::non_negative_one_per_group) {
          for (Index j = 0; j < p; ++j) options.groups.push_back(j / 3);
          options.max_per_group = 1;
        }
        if (rule == Rule::kept) options.must_keep = {1};
        l0::LinearRegression<double> model(options);
        model.fit(X, y);
        INFO("seed " << seed << ", correlation " << rho << ", rule " << static_cast<int>(rule));
        if (options.non_negative) CHECK(model.coefficients().minCoeff() >= 0);
        if (!options.non_negative) CHECK(model.report().size == k);
        if (rule == Rule::kept) CHECK(model.coefficients()(1) != 0);
        const double best = best_of_all(X, y, k, rule);
        CHECK(model.loss(X, y) >= best * (1 - 1e-9));
        ++cases;
        misses += model.loss(X, y) > best * (1 + 1e-9) ? 1 : 0;
      }
    }
  }
  INFO(misses << " of " << cases);
  CHECK(180 * misses <= cases);
}

}  // namespace tests::regression::exhaustive
