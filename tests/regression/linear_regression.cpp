// SPDX-License-Identifier: MIT
#include <Eigen/QR>
#include <random>
#include <string>
#include <vector>

#include <l0/regression/linear_regression.hpp>
#include <l0/regression/regularization_path.hpp>

#include "support/catch.hpp"
#include "support/concurrently.hpp"

namespace tests::regression::linear_regression {

namespace {

using Catch::Matchers::ContainsSubstring;
using Eigen::Index;

struct Problem {
  Eigen::MatrixXd X;
  Eigen::VectorXd y;
  std::vector<Index> truth{3, 10, 17};

  explicit Problem(Index n = 120, Index p = 30, std::uint64_t seed = 1) {
    l0::Rng rng(seed);
    std::normal_distribution<double> normal;
    X = Eigen::MatrixXd::NullaryExpr(n, p, [&] { return normal(rng); });
    y = 2 * X.col(3) - X.col(10) + 0.8 * X.col(17) + 0.5 * Eigen::VectorXd::NullaryExpr(n, [&] { return normal(rng); });
    y.array() += 4;
  }
};

/// Least squares with an intercept on a support, by a QR decomposition of the whole design.
Eigen::VectorXd least_squares(const Problem& problem, const std::vector<Index>& support) {
  Eigen::MatrixXd design = Eigen::MatrixXd::Ones(problem.X.rows(), static_cast<Index>(support.size()) + 1);
  for (std::size_t i = 0; i < support.size(); ++i) design.col(static_cast<Index>(i) + 1) = problem.X.col(support[i]);
  return design.colPivHouseholderQr().solve(problem.y);
}

}  // namespace

TEST_CASE("The criterion finds the support and the refit is least squares on it") {
  const Problem problem;
  l0::LinearRegression<double> model;
  model.fit(problem.X, problem.y);
  REQUIRE(model.selected_features() == problem.truth);
  const Eigen::VectorXd expected = least_squares(problem, problem.truth);
  CHECK(model.intercept() == Catch::Approx(expected(0)).epsilon(1e-10));
  for (std::size_t i = 0; i < problem.truth.size(); ++i) {
    CHECK(model.coefficients()(problem.truth[i]) == Catch::Approx(expected(static_cast<Index>(i) + 1)).epsilon(1e-10));
  }
  CHECK((model.coefficients().array() != 0).count() == 3);
  const Eigen::VectorXd residuals = model.residuals(problem.X, problem.y);
  CHECK(model.loss(problem.X, problem.y) == Catch::Approx(residuals.squaredNorm() / 120).epsilon(1e-12));
  CHECK(model.report().loss == Catch::Approx(model.loss(problem.X, problem.y)).epsilon(1e-9));
  CHECK((model.predict(problem.X) + residuals - problem.y).norm() < 1e-10);
  CHECK(l0::test::same_from_threads([&] { return model.predict(problem.X); }));
  CHECK(model.r_squared(problem.X, problem.y) > 0.9);
  CHECK(model.importance()(3) > 0.99);
  CHECK(model.importance().maxCoeff() <= 1);
  CHECK(model.importance()(0) < 0.5);
  CHECK_THAT(model.summary(), ContainsSubstring("x10"));
}

TEST_CASE("A budget keeps exactly so many, a price those that pay") {
  const Problem problem;
  for (const Index k : {0, 1, 2, 5, 30}) {
    l0::LinearRegression<double> model({.max_features = k});
    model.fit(problem.X, problem.y);
    CHECK(static_cast<Index>(model.selected_features().size()) == k);
  }
  // Each true feature lowers the mean loss by about its squared coefficient: 4, 1 and 0.64.
  l0::LinearRegression<double> dear({.lambda_l0 = 0.8});
  CHECK(dear.fit(problem.X, problem.y).selected_features() == std::vector<Index>{3, 10});
  l0::LinearRegression<double> prohibitive({.lambda_l0 = 100});
  CHECK(prohibitive.fit(problem.X, problem.y).selected_features().empty());
  CHECK(prohibitive.intercept() == Catch::Approx(problem.y.mean()));
}

TEST_CASE("The best pair is the best of all pairs") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U}) {
    Problem problem(40, 18, seed);
    for (Index j = 1; j < 18; ++j) problem.X.col(j) += 2 * problem.X.col(j - 1);  // correlated neighbours
    problem.y = problem.X.col(4) - problem.X.col(6) + problem.y / 4;
    double lowest = 1e300;
    for (Index a = 0; a < 18; ++a) {
      for (Index b = a + 1; b < 18; ++b) {
        const Eigen::VectorXd w = least_squares(problem, {a, b});
        const Eigen::VectorXd r = (problem.y - w(1) * problem.X.col(a) - w(2) * problem.X.col(b)).array() - w(0);
        lowest = std::min(lowest, r.squaredNorm() / 40);
      }
    }
    l0::LinearRegression<double> model({.max_features = 2});
    CHECK(model.fit(problem.X, problem.y).report().loss == Catch::Approx(lowest).epsilon(1e-9));
  }
}

TEST_CASE("Sparse, row-major and dense X give the same model") {
  Problem problem;
  problem.X = (problem.X.array().abs() > 0.7).select(problem.X, 0);
  problem.y = problem.X.col(3) - 2 * problem.X.col(10) + problem.y / 10;
  l0::LinearRegression<double> dense, rows, columns, sparse_rows, arrays;
  dense.fit(problem.X, problem.y);
  rows.fit(Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>(problem.X), problem.y);
  columns.fit(Eigen::SparseMatrix<double>(problem.X.sparseView()), problem.y);
  sparse_rows.fit(Eigen::SparseMatrix<double, Eigen::RowMajor>(problem.X.sparseView()), problem.y);
  const Eigen::ArrayXXd X = problem.X;
  const Eigen::ArrayXd y = problem.y;
  arrays.fit(X, y, 0 * y + 1);
  CHECK(arrays.coefficients() == dense.coefficients());
  CHECK(arrays.predict(X) == dense.predict(problem.X));
  CHECK(arrays.residuals(X, y) == dense.residuals(problem.X, problem.y));
  CHECK(arrays.loss(X, y) == dense.loss(problem.X, problem.y));
  CHECK(arrays.r_squared(X, y) == dense.r_squared(problem.X, problem.y));
  for (const auto* other : {&rows, &columns, &sparse_rows}) {
    CHECK(other->selected_features() == dense.selected_features());
    CHECK((other->coefficients() - dense.coefficients()).norm() < 1e-9);
  }
}

TEST_CASE("Integer weights count as repeated rows, zero as absent ones") {
  const Problem problem;
  Eigen::VectorXd weight = Eigen::VectorXd::Ones(120);
  weight.head(20).setConstant(2);
  weight.tail(10).setZero();
  Problem repeated;
  repeated.X.resize(130, 30);
  repeated.y.resize(130);
  repeated.X << problem.X.topRows(110), problem.X.topRows(20);
  repeated.y << problem.y.head(110), problem.y.head(20);
  l0::LinearRegression<double> weighted({.max_features = 3});
  l0::LinearRegression<double> plain({.max_features = 3});
  weighted.fit(problem.X, problem.y, weight);
  plain.fit(repeated.X, repeated.y);
  CHECK(weighted.selected_features() == plain.selected_features());
  CHECK((weighted.coefficients() - plain.coefficients()).norm() < 1e-10);
}

TEST_CASE("Rules hold: kept features, signs, groups, no intercept, L2") {
  const Problem problem;
  l0::LinearRegression<double> keeping({.max_features = 2, .must_keep = {5}});
  CHECK(keeping.fit(problem.X, problem.y).selected_features() == std::vector<Index>{3, 5});
  l0::LinearRegression<double> positive({.non_negative = true});
  CHECK(positive.fit(problem.X, problem.y).coefficients().minCoeff() >= 0);
  CHECK(positive.selected_features() == std::vector<Index>{3, 17});
  std::vector<Index> groups(30, 0);
  groups[17] = 1;
  l0::LinearRegression<double> grouped({.groups = groups, .max_per_group = 1});
  CHECK(grouped.fit(problem.X, problem.y).selected_features() == std::vector<Index>{3, 17});
  l0::LinearRegression<double> through_zero({.fit_intercept = false});
  CHECK(through_zero.fit(problem.X, problem.y).intercept() == 0);
  l0::LinearRegression<double> shrunk({.max_features = 3, .lambda_l2 = 1});
  shrunk.fit(problem.X, problem.y);
  // (Z'Z + n λ₂ diag(σ²)) w = Z'y on centred columns: the penalty is on columns of unit variance
  Eigen::MatrixXd z(120, 3);
  for (Index i = 0; i < 3; ++i) z.col(i) = problem.X.col(shrunk.selected_features()[static_cast<std::size_t>(i)]);
  z.rowwise() -= z.colwise().mean().eval();
  Eigen::MatrixXd gram = z.transpose() * z;
  gram.diagonal() += z.colwise().squaredNorm();
  const Eigen::VectorXd expected = gram.ldlt().solve(z.transpose() * problem.y);
  for (Index i = 0; i < 3; ++i) {
    CHECK(shrunk.coefficients()(shrunk.selected_features()[static_cast<std::size_t>(i)]) ==
          Catch::Approx(expected(i)).epsilon(1e-9));
  }
}

TEST_CASE("Without gates a model keeps every feature") {
  Problem problem;
  l0::LinearRegression<double> all({.gates = l0::GateMode::off});
  all.fit(problem.X, problem.y);
  std::vector<Index> every(30);
  for (std::size_t j = 0; j < 30; ++j) every[j] = static_cast<Index>(j);
  CHECK(all.selected_features() == every);
  const Eigen::VectorXd expected = least_squares(problem, every);
  CHECK((all.coefficients() - expected.tail(30)).norm() < 1e-10);
  l0::LinearRegression<double> both({.max_features = 3, .gates = l0::GateMode::off});
  CHECK_THROWS_WITH(both.fit(problem.X, problem.y), ContainsSubstring("gates is off"));
}

TEST_CASE("Cross validation and paths do not depend on threads; two fits are the same bits") {
  const Problem problem;
  l0::LinearRegression<double> one({.folds = 5, .seed = 3, .threads = 1});
  l0::LinearRegression<double> two({.folds = 5, .seed = 3, .threads = 2});
  one.fit(problem.X, problem.y);
  two.fit(problem.X, problem.y);
  CHECK(one.selected_features() == problem.truth);
  CHECK(one.coefficients() == two.coefficients());
  CHECK(one.intercept() == two.intercept());
  const auto path = l0::regularization_path(one, problem.X, problem.y, {.folds = 5, .max_size = 6});
  REQUIRE(path.points.size() == 7);
  for (std::size_t k = 1; k < path.points.size(); ++k) {
    CHECK(path.points[k].size == static_cast<Index>(k));
    CHECK(path.points[k].loss < path.points[k - 1].loss);
    CHECK(path.points[k].lambda == Catch::Approx(path.points[k - 1].loss - path.points[k].loss));
  }
  CHECK(path.chosen().support == problem.truth);
  CHECK_THAT(path.table(), ContainsSubstring("*    3"));
}

TEST_CASE("Data that leave little to fit end well") {
  Problem problem;
  SECTION("one sample") {
    l0::LinearRegression<double> model;
    model.fit(problem.X.topRows(1), problem.y.head(1));
    CHECK(model.selected_features().empty());
    CHECK(model.intercept() == problem.y(0));
  }
  SECTION("constant columns") {
    problem.X.setConstant(7);
    l0::LinearRegression<double> model;
    model.fit(problem.X, problem.y);
    CHECK(model.selected_features().empty());
    CHECK_THAT(model.report().notes.at(0), ContainsSubstring("30 constant columns"));
  }
  SECTION("duplicated columns") {
    problem.X.rightCols(15) = problem.X.leftCols(15);
    problem.X.col(17) = problem.X.col(2);
    l0::LinearRegression<double> model({.max_features = 30});
    model.fit(problem.X, problem.y);
    CHECK(model.coefficients().allFinite());
    CHECK(model.selected_features().size() == 15);
    CHECK_THAT(model.report().notes.at(0), ContainsSubstring("15 features suffice"));
  }
  SECTION("no columns") {
    l0::LinearRegression<double> model;
    model.fit(Eigen::MatrixXd(120, 0), problem.y);
    CHECK(model.intercept() == Catch::Approx(problem.y.mean()));
  }
}

TEST_CASE("Wrong input is named and leaves the model as it was") {
  const Problem problem;
  l0::LinearRegression<double> model;
  CHECK_THROWS_WITH(model.coefficients(), ContainsSubstring("not fitted"));
  model.fit(problem.X, problem.y);
  const Eigen::VectorXd before = model.coefficients();
  CHECK_THROWS_WITH(model.fit(problem.X, problem.y.head(100)), ContainsSubstring("y is 100x1, expected 120x1"));
  Eigen::MatrixXd hole = problem.X;
  hole(4, 2) = std::nan("");
  CHECK_THROWS_WITH(model.fit(hole, problem.y), ContainsSubstring("X(4, 2) is nan, expected a finite number"));
  CHECK_THROWS_WITH(model.fit(problem.X, problem.y, Eigen::VectorXd::Constant(120, -1)),
                    ContainsSubstring("sample_weight is -1"));
  CHECK_THROWS_WITH(model.fit(Eigen::MatrixXd(0, 30), Eigen::VectorXd(0)), ContainsSubstring("at least one sample"));
  CHECK_THROWS_WITH(model.predict(problem.X.leftCols(3)), ContainsSubstring("X is 120x3, expected 120x30"));
  CHECK(model.coefficients() == before);
  const auto refused = [&](l0::RegressionOptions options, const std::string& text) {
    l0::LinearRegression<double> wrong(std::move(options));
    CHECK_THROWS_WITH(wrong.fit(problem.X, problem.y), ContainsSubstring(text));
  };
  refused({.max_features = 31}, "max_features is 31, expected a number from 0 to the 30 features of X");
  refused({.max_features = -1}, "max_features is -1");
  refused({.lambda_l0 = -0.5}, "lambda_l0 is -0.5, expected");
  refused({.lambda_l0 = 1, .max_features = 3}, "one of the two");
  refused({.folds = 1}, "folds is 1");
  refused({.folds = 500}, "folds is 500");
  refused({.must_keep = {30}}, "must_keep is 30, expected a feature in [0, 30)");
  refused({.feature_names = {"a"}}, "feature_names is 1 names, expected 30");
}

}  // namespace tests::regression::linear_regression
