// SPDX-License-Identifier: MIT
// Columns that are in or out together.
#include <algorithm>
#include <bit>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/QR>

#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>

#include "support/catch.hpp"

namespace tests::regression::groups {

namespace {

using Catch::Matchers::ContainsSubstring;
using Eigen::Index;

/// 8 groups of sizes 1 to 4 with interleaved columns, the columns correlated; groups 2 and 5 count.
struct Problem {
  std::vector<Index> group{0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 5, 5, 6, 6, 6, 7, 0, 4, 7};
  Eigen::MatrixXd X;
  Eigen::VectorXd y;

  explicit Problem(std::uint64_t seed, Index n = 90) {
    l0::Rng rng(seed);
    std::normal_distribution<double> normal;
    X = Eigen::MatrixXd::NullaryExpr(n, 20, [&] { return normal(rng); });
    for (Index j = 1; j < 20; ++j) X.col(j) += 0.8 * X.col(j - 1);
    y = 0.6 * X.col(3) - 0.9 * X.col(4) + 0.5 * X.col(5) + X.col(11) - 0.7 * X.col(12) +
        Eigen::VectorXd::NullaryExpr(n, [&] { return 1.5 * normal(rng); });
    y.array() += 2;
  }

  std::vector<Index> columns_of(unsigned groups) const {
    std::vector<Index> columns;
    for (std::size_t j = 0; j < group.size(); ++j) {
      if (groups >> group[j] & 1U) columns.push_back(static_cast<Index>(j));
    }
    return columns;
  }

  /// Mean squared error of least squares on some groups.
  double loss(unsigned groups) const {
    const std::vector<Index> columns = columns_of(groups);
    Eigen::MatrixXd design = Eigen::MatrixXd::Ones(X.rows(), static_cast<Index>(columns.size()) + 1);
    for (std::size_t i = 0; i < columns.size(); ++i) design.col(static_cast<Index>(i) + 1) = X.col(columns[i]);
    return (y - design * design.colPivHouseholderQr().solve(y)).squaredNorm() / static_cast<double>(X.rows());
  }
};

}  // namespace

TEST_CASE("A budget of groups is the best of all choices of groups") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U, 6U}) {
    const Problem problem(seed);
    for (const Index k : {1, 2, 3, 6, 8}) {
      double lowest = std::numeric_limits<double>::infinity();
      for (unsigned groups = 0; groups < 256; ++groups) {
        if (std::popcount(groups) == k) lowest = std::min(lowest, problem.loss(groups));
      }
      l0::LinearRegression<double> model({.max_features = k, .groups = problem.group});
      model.fit(problem.X, problem.y);
      CHECK(model.report().size == k);
      CHECK(model.report().loss == Catch::Approx(lowest).epsilon(1e-9));
    }
  }
}

TEST_CASE("A price per group is paid once for all its columns") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
    const Problem problem(seed);
    for (const double lambda : {0.02, 0.1, 0.5}) {
      double lowest = std::numeric_limits<double>::infinity();
      for (unsigned groups = 0; groups < 256; ++groups) {
        lowest = std::min(lowest, problem.loss(groups) + lambda * std::popcount(groups));
      }
      l0::LinearRegression<double> model({.lambda_l0 = lambda, .groups = problem.group});
      model.fit(problem.X, problem.y);
      CHECK(model.report().loss + lambda * static_cast<double>(model.report().size) ==
            Catch::Approx(lowest).epsilon(1e-9));
    }
  }
}

TEST_CASE("Groups are in or out as a whole, and share their importance") {
  const Problem problem(3, 400);
  l0::LinearRegression<double> model({.groups = problem.group});
  model.fit(problem.X, problem.y);
  CHECK(model.selected_features() == std::vector<Index>{3, 4, 5, 11, 12});
  CHECK(model.report().size == 2);
  CHECK(model.importance()(3) == model.importance()(5));
  CHECK(model.importance()(3) > 0.99);
  CHECK(model.importance()(6) == model.importance()(9));
  CHECK(model.importance()(6) < 0.5);
  l0::LinearRegression<double> keeping({.max_features = 2, .must_keep = {7}, .groups = problem.group});
  keeping.fit(problem.X, problem.y);
  CHECK(keeping.report().size == 2);
  CHECK(keeping.coefficients().segment(6, 4).cwiseAbs().minCoeff() > 0);
}

TEST_CASE("One column per group is no groups at all") {
  const Problem problem(4);
  std::vector<Index> alone(20);
  for (std::size_t j = 0; j < 20; ++j) alone[j] = static_cast<Index>(j);
  for (const Index k : {2, 5, 9}) {
    l0::LinearRegression<double> grouped({.max_features = k, .groups = alone});
    l0::LinearRegression<double> plain({.max_features = k});
    grouped.fit(problem.X, problem.y);
    plain.fit(problem.X, problem.y);
    CHECK(grouped.selected_features() == plain.selected_features());
    CHECK(grouped.report().criterion == Catch::Approx(plain.report().criterion).epsilon(1e-12));
    CHECK((grouped.importance() - plain.importance()).cwiseAbs().maxCoeff() < 1e-6);
  }
}

TEST_CASE("All dummies of a factor, one too many, do no harm") {
  Problem problem(5, 200);
  for (Index i = 0; i < 200; ++i) {
    for (Index level = 0; level < 4; ++level) problem.X(i, 6 + level) = i % 4 == level ? 1 : 0;
    problem.y(i) += 3 * static_cast<double>(i % 4 == 2);
  }
  l0::LinearRegression<double> model({.groups = problem.group});
  model.fit(problem.X, problem.y);
  CHECK(model.coefficients().allFinite());
  CHECK(model.report().size == 3);
  CHECK(model.importance()(7) > 0.99);
  const Eigen::VectorXd effect = model.coefficients().segment(6, 4);
  CHECK(effect(2) - effect(0) == Catch::Approx(3).margin(1));
}

TEST_CASE("Likelihoods choose groups as well as a look at all choices") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    Problem problem(seed, 200);
    problem.y = (problem.y.array() > 2).cast<double>();
    double lowest = std::numeric_limits<double>::infinity();
    for (unsigned groups = 0; groups < 256; ++groups) {
      if (std::popcount(groups) != 2) continue;
      l0::LogisticRegression<double> all(
          {.max_features = 2, .must_keep = problem.columns_of(groups), .groups = problem.group});
      lowest = std::min(lowest, all.fit(problem.X, problem.y).report().loss);
    }
    l0::LogisticRegression<double> model({.max_features = 2, .groups = problem.group});
    model.fit(problem.X, problem.y);
    CHECK(model.report().size == 2);
    CHECK(model.report().loss == Catch::Approx(lowest).epsilon(1e-6));
  }
}

TEST_CASE("Wrong groups are refused") {
  const Problem problem(1);
  const auto refused = [&](l0::RegressionOptions options, const std::string& text) {
    l0::LinearRegression<double> model(std::move(options));
    CHECK_THROWS_WITH(model.fit(problem.X, problem.y), ContainsSubstring(text));
    CHECK_FALSE(model.is_fitted());
  };
  refused({.groups = {0, 1}}, "groups is 2 entries, expected 20");
  std::vector<Index> negative = problem.group;
  negative[3] = -1;
  refused({.groups = negative}, "group is -1");
  refused({.max_features = 9, .groups = problem.group}, "max_features is 9, expected a number from 0 to the 8 groups");
  refused({.non_negative = true, .groups = problem.group}, "non_negative is true");
  refused({.max_per_group = 2}, "groups is empty");
}

}  // namespace tests::regression::groups
