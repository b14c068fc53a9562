// SPDX-License-Identifier: MIT
// Several responses that share their features.
#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include <Eigen/QR>

#include <l0/regression/linear_regression.hpp>
#include <l0/regression/regularization_path.hpp>

#include "support/catch.hpp"
#include "support/concurrently.hpp"

namespace tests::regression::multi_response {

namespace {

using Catch::Matchers::ContainsSubstring;
using Eigen::Index;

struct Problem {
  Eigen::MatrixXd X, Y;
  std::vector<Index> truth{2, 7};

  explicit Problem(std::uint64_t seed, Index n = 100, Index p = 10) {
    l0::Rng rng(seed);
    std::normal_distribution<double> normal;
    X = Eigen::MatrixXd::NullaryExpr(n, p, [&] { return normal(rng); });
    for (Index j = 1; j < p; ++j) X.col(j) += 0.9 * X.col(j - 1);
    Y = Eigen::MatrixXd::NullaryExpr(n, 3, [&] { return normal(rng); });
    Y.col(0) += 0.8 * X.col(2);
    Y.col(1) += -0.7 * X.col(2) + 0.6 * X.col(7);
    Y.col(2) += 0.9 * X.col(7);
    Y.rowwise() += Eigen::RowVector3d(1, -2, 3);
  }

  /// Least squares with intercepts on some columns: the coefficients, intercepts in the first row, and the mean loss.
  std::pair<Eigen::MatrixXd, double> least_squares(const std::vector<Index>& support) const {
    Eigen::MatrixXd design = Eigen::MatrixXd::Ones(X.rows(), static_cast<Index>(support.size()) + 1);
    for (std::size_t i = 0; i < support.size(); ++i) design.col(static_cast<Index>(i) + 1) = X.col(support[i]);
    const Eigen::MatrixXd w = design.colPivHouseholderQr().solve(Y);
    return {w, (Y - design * w).squaredNorm() / static_cast<double>(X.rows())};
  }
};

}  // namespace

TEST_CASE("Rows of coefficients: the best pair of all, refitted by least squares") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    const Problem problem(seed);
    double lowest = std::numeric_limits<double>::infinity();
    std::vector<Index> best;
    for (Index a = 0; a < 10; ++a) {
      for (Index b = a + 1; b < 10; ++b) {
        const double loss = problem.least_squares({a, b}).second;
        if (loss < lowest) lowest = loss, best = {a, b};
      }
    }
    l0::MultiResponseRegression<double> model({.max_features = 2});
    model.fit(problem.X, problem.Y);
    REQUIRE(model.selected_features() == best);
    const Eigen::MatrixXd expected = problem.least_squares(best).first;
    CHECK((model.intercept() - expected.row(0)).norm() < 1e-10);
    CHECK((model.coefficients().row(best[0]) - expected.row(1)).norm() < 1e-10);
    CHECK((model.coefficients().row(best[1]) - expected.row(2)).norm() < 1e-10);
    CHECK(model.report().loss == Catch::Approx(lowest).epsilon(1e-10));
    CHECK(model.loss(problem.X, problem.Y) == Catch::Approx(lowest).epsilon(1e-10));
    CHECK((model.predict(problem.X) + model.residuals(problem.X, problem.Y) - problem.Y).norm() < 1e-10);
    CHECK(l0::test::same_from_threads([&] { return model.predict(problem.X); }));
  }
}

TEST_CASE("The criterion finds the rows, on sparse and row-major X as well") {
  const Problem problem(1, 400);
  l0::MultiResponseRegression<double> model;
  model.fit(problem.X, problem.Y);
  CHECK(model.selected_features() == problem.truth);
  CHECK(model.importance()(2) > 0.99);
  CHECK(model.importance()(5) < 0.5);
  CHECK(model.r_squared(problem.X, problem.Y) > 0.3);
  CHECK_THAT(model.summary(), ContainsSubstring("length of row"));
  l0::MultiResponseRegression<double> sparse;
  sparse.fit(Eigen::SparseMatrix<double, Eigen::RowMajor>(problem.X.sparseView()), problem.Y);
  CHECK((sparse.coefficients() - model.coefficients()).norm() < 1e-9);
}

TEST_CASE("One response is LinearRegression; a response given twice changes nothing but the loss") {
  const Problem problem(2);
  l0::LinearRegression<double> single({.max_features = 3});
  l0::MultiResponseRegression<double> one({.max_features = 3});
  single.fit(problem.X, problem.Y.col(0));
  one.fit(problem.X, problem.Y.leftCols(1));
  CHECK(single.selected_features() == one.selected_features());
  CHECK((one.coefficients() - single.coefficients()).norm() < 1e-12);
  CHECK(one.report().criterion == Catch::Approx(single.report().criterion).epsilon(1e-12));
  l0::MultiResponseRegression<double> twice({.max_features = 3});
  Eigen::MatrixXd repeated(100, 2);
  repeated << problem.Y.col(0), problem.Y.col(0);
  twice.fit(problem.X, repeated);
  CHECK(twice.selected_features() == one.selected_features());
  CHECK(twice.report().loss == Catch::Approx(2 * one.report().loss).epsilon(1e-10));
}

TEST_CASE("Paths and groups of several responses") {
  const Problem problem(3, 300);
  l0::MultiResponseRegression<double> model({.groups = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4}});
  model.fit(problem.X, problem.Y);
  CHECK(model.selected_features() == std::vector<Index>{2, 3, 6, 7});
  const auto path =
      l0::regularization_path(l0::MultiResponseRegression<double>(), problem.X, problem.Y, {.folds = 5, .max_size = 4});
  REQUIRE(path.points.size() == 5);
  CHECK(path.chosen().support == problem.truth);
  CHECK(path.points[2].coefficients.cols() == 3);
}

TEST_CASE("Responses of the wrong shape are refused") {
  const Problem problem(1);
  l0::MultiResponseRegression<double> model;
  CHECK_THROWS_WITH(model.fit(problem.X, problem.Y.topRows(9)), ContainsSubstring("y is 9x3, expected 100x3"));
  CHECK_THROWS_WITH(model.fit(problem.X, Eigen::MatrixXd(100, 0)), ContainsSubstring("y is 100x0, expected 100x1"));
  model.fit(problem.X, problem.Y);
  CHECK_THROWS_WITH(model.residuals(problem.X, problem.Y.leftCols(2)), ContainsSubstring("y is 100x2, expected 100x3"));
  l0::MultiResponseRegression<double> positive({.non_negative = true});
  CHECK_THROWS_WITH(positive.fit(problem.X, problem.Y), ContainsSubstring("non_negative is true"));
}

}  // namespace tests::regression::multi_response
