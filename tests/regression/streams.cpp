// SPDX-License-Identifier: MIT
// Samples given in parts, and fits that start from earlier ones.
#include <cmath>
#include <random>
#include <type_traits>
#include <vector>

#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/poisson_regression.hpp>

#include "support/catch.hpp"

namespace tests::regression::streams {

namespace {

using Catch::Matchers::ContainsSubstring;
using Eigen::Index;

struct Problem {
  Eigen::MatrixXd X;
  Eigen::VectorXd y, eta;
  std::vector<Index> truth{3, 10, 17};

  explicit Problem(Index n, std::uint64_t seed, double noise = 0.5) {
    l0::Rng rng(seed);
    std::normal_distribution<double> normal;
    X = Eigen::MatrixXd::NullaryExpr(n, 25, [&] { return normal(rng); });
    eta = 0.9 * X.col(3) - 0.7 * X.col(10) + 0.6 * X.col(17);
    y = 4 + (eta + noise * Eigen::VectorXd::NullaryExpr(n, [&] { return normal(rng); })).array();
    X.rowwise() += Eigen::RowVectorXd::LinSpaced(25, 0, 1e4);  // means far from 0
  }
};

}  // namespace

TEST_CASE("Least squares in parts is least squares on all") {
  const Problem problem(500, 1);
  for (const bool intercept : {true, false}) {
    for (const double lambda_l2 : {0.0, 0.2}) {
      l0::RegressionOptions options{.lambda_l2 = lambda_l2, .fit_intercept = intercept};
      Eigen::MatrixXd X = problem.X;
      if (!intercept) X.rowwise() -= Eigen::RowVectorXd::LinSpaced(25, 0, 1e4);
      const Eigen::VectorXd y = intercept ? problem.y : Eigen::VectorXd(problem.y.array() - 4);
      const Eigen::VectorXd weight = Eigen::VectorXd::LinSpaced(500, 0.5, 1.5);
      l0::LinearRegression<double> whole(options), parts(options);
      whole.fit(X, y, weight);
      const std::vector<Index> ends{0, 40, 41, 300, 500};
      for (std::size_t k = 1; k < ends.size(); ++k) {
        const Index first = ends[k - 1], count = ends[k] - ends[k - 1];
        parts.partial_fit(X.middleRows(first, count), y.segment(first, count), weight.segment(first, count));
      }
      CHECK(parts.selected_features() == whole.selected_features());
      CHECK(whole.selected_features() == problem.truth);
      // Products of columns with means of 1e4 about the mean of the first part: 1e-10 leaves two digits to spare.
      CHECK((parts.coefficients() - whole.coefficients()).norm() < 1e-10);
      CHECK(parts.intercept() == Catch::Approx(whole.intercept()).epsilon(1e-8));
      CHECK(parts.report().loss == Catch::Approx(whole.report().loss).epsilon(1e-8));
      CHECK(parts.report().criterion == Catch::Approx(whole.report().criterion).epsilon(1e-6));
      CHECK((parts.importance() - whole.importance()).cwiseAbs().maxCoeff() < 1e-5);
    }
  }
}

TEST_CASE("Sparse parts, several responses and groups go in parts too") {
  Problem problem(300, 2);
  problem.X.rowwise() -= Eigen::RowVectorXd::LinSpaced(25, 0, 1e4);
  Eigen::MatrixXd Y(300, 2);
  Y << problem.y, -2 * problem.y;
  std::vector<Index> groups(25);
  for (std::size_t j = 0; j < 25; ++j) groups[j] = static_cast<Index>(j) / 2;
  l0::MultiResponseRegression<double> whole({.groups = groups}), parts({.groups = groups});
  const Eigen::SparseMatrix<double> X = problem.X.sparseView();
  whole.fit(X, Y);
  parts.partial_fit(Eigen::SparseMatrix<double>(X.topRows(100)), Y.topRows(100));
  parts.partial_fit(Eigen::SparseMatrix<double>(X.bottomRows(200)), Y.bottomRows(200));
  CHECK(whole.selected_features() == std::vector<Index>{2, 3, 10, 11, 16, 17});
  CHECK(parts.selected_features() == whole.selected_features());
  CHECK((parts.coefficients() - whole.coefficients()).norm() < 1e-9);
}

TEMPLATE_TEST_CASE("Likelihoods in parts come close to the fit on all", "", l0::LogisticRegression<double>,
                   l0::PoissonRegression<double>) {
  Problem problem(4000, 3);
  l0::Rng rng(7);
  for (Index i = 0; i < 4000; ++i) {
    if constexpr (std::is_same_v<TestType, l0::LogisticRegression<double>>) {
      problem.y(i) = std::uniform_real_distribution<double>()(rng) < 1 / (1 + std::exp(-problem.eta(i))) ? 1 : 0;
    } else {
      problem.y(i) = static_cast<double>(std::poisson_distribution<int>(std::exp(problem.eta(i)))(rng));
    }
  }
  TestType whole, parts, arrays;
  const Eigen::ArrayXd weight = Eigen::ArrayXd::Ones(500);
  whole.fit(problem.X, problem.y);
  for (Index first = 0; first < 4000; first += 500) {
    parts.partial_fit(problem.X.middleRows(first, 500), problem.y.segment(first, 500));
    arrays.partial_fit(problem.X.array().middleRows(first, 500), problem.y.array().segment(first, 500), weight);
  }
  CHECK(arrays.coefficients() == parts.coefficients());
  CHECK(arrays.predict(problem.X.array()) == parts.predict(problem.X));
  CHECK(arrays.residuals(problem.X.array(), problem.y.array()) == parts.residuals(problem.X, problem.y));
  CHECK(whole.selected_features() == problem.truth);
  CHECK(parts.selected_features() == problem.truth);
  // The standard error of a coefficient is about 0.04 and 0.01; parts must not add a quarter of that.
  const double close = std::is_same_v<TestType, l0::LogisticRegression<double>> ? 0.01 : 0.003;
  CHECK((parts.coefficients() - whole.coefficients()).cwiseAbs().maxCoeff() < close);
  CHECK(parts.loss(problem.X, problem.y) == Catch::Approx(whole.report().loss).epsilon(1e-4));
}

TEST_CASE("What cannot go in parts is refused, and the model stays") {
  const Problem problem(100, 4);
  l0::LinearRegression<double> model;
  model.partial_fit(problem.X, problem.y);
  const Eigen::VectorXd before = model.coefficients();
  CHECK_THROWS_WITH(model.partial_fit(problem.X.leftCols(5), problem.y),
                    ContainsSubstring("X is 5 features, expected 25, as in earlier calls"));
  CHECK_THROWS_WITH(model.partial_fit(problem.X, problem.y.head(3)), ContainsSubstring("y is 3x1, expected 100x1"));
  CHECK(model.coefficients() == before);
  l0::LinearRegression<double> folds({.folds = 5});
  CHECK_THROWS_WITH(folds.partial_fit(problem.X, problem.y), ContainsSubstring("folds is 5"));
  l0::LinearRegression<double> sampled({.gates = l0::GateMode::sampled});
  CHECK_THROWS_WITH(sampled.partial_fit(problem.X, problem.y), ContainsSubstring("gates is sampled or off"));
  // fit forgets the parts.
  model.fit(problem.X.leftCols(5), problem.y);
  model.partial_fit(problem.X.leftCols(5), problem.y);
  CHECK(model.coefficients().size() == 5);
}

TEST_CASE("A warm start is never worse than a cold one") {
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U, 6U}) {
    Problem problem(60, seed, 2.0);
    for (Index j = 1; j < 25; ++j) problem.X.col(j) += 3 * problem.X.col(j - 1);
    l0::LinearRegression<double> cold({.max_features = 4});
    l0::LinearRegression<double> warm({.max_features = 4, .warm_start = true});
    warm.fit(problem.X.topRows(50), problem.y.head(50));
    warm.fit(problem.X, problem.y);
    cold.fit(problem.X, problem.y);
    CHECK(warm.report().loss <= cold.report().loss * (1 + 1e-9));
    l0::LinearRegression<double> again = warm;
    again.fit(problem.X, problem.y);
    CHECK(again.coefficients() == warm.coefficients());
  }
}

TEMPLATE_TEST_CASE("Sampled gates find the truth as well, the same for the same seed", "", l0::LinearRegression<double>,
                   l0::LogisticRegression<double>) {
  Problem problem(400, 5);
  if constexpr (std::is_same_v<TestType, l0::LogisticRegression<double>>) {
    problem.y = (2 * (problem.y.array() - 4) > 0.3).cast<double>();
  }
  for (l0::RegressionOptions options : {l0::RegressionOptions{}, {.lambda_l0 = 0.03}, {.max_features = 3}}) {
    TestType searched(options);
    searched.fit(problem.X, problem.y);
    options.gates = l0::GateMode::sampled;
    options.epochs = 400;
    TestType model(options), again(options);
    model.fit(problem.X, problem.y);
    CHECK(model.selected_features() == searched.selected_features());
    again.fit(problem.X, problem.y);
    CHECK(again.coefficients() == model.coefficients());
    CHECK(again.intercept() == model.intercept());
  }
  // Rules hold: a kept feature, at most one of the group of the truth, and exactly so many.
  l0::RegressionOptions options{.max_features = 3, .must_keep = {0}, .gates = l0::GateMode::sampled, .epochs = 200};
  TestType kept(options);
  kept.fit(problem.X, problem.y);
  CHECK(kept.selected_features().size() == 3);
  CHECK(kept.selected_features().front() == 0);
  options.groups.assign(25, 0);
  options.groups[17] = 1;
  options.max_per_group = 1;
  options.must_keep.clear();
  options.max_features = 2;
  TestType grouped(options);
  CHECK(grouped.fit(problem.X, problem.y).selected_features() == std::vector<Index>{3, 17});
}

TEST_CASE("Samples in parts are reported as well, and a stop holds") {
  const Problem problem(120, 3);
  Index heard = 0;
  bool stopped = false;
  const auto stop_once = [&](const l0::StepReport& report) {
    ++heard;
    const bool stop = !stopped && report.stage == "forward" && report.step == 2;
    stopped = stopped || stop;
    return stop ? l0::Flow::stop : l0::Flow::proceed;
  };
  l0::LinearRegression<double> model({.callback = stop_once});
  model.partial_fit(problem.X, problem.y);
  CHECK(heard == 2);
  CHECK(model.report().stop == l0::StopReason::callback);
  CHECK(model.selected_features().size() == 2);

  heard = 0;
  stopped = false;
  l0::LogisticRegression<double> logistic({.callback = stop_once});
  const Eigen::VectorXd labels = (problem.y.array() > 4).cast<double>();
  logistic.partial_fit(problem.X, labels);
  CHECK(heard == 2);
  CHECK(logistic.report().stop == l0::StopReason::callback);
  CHECK(logistic.selected_features().size() == 2);
}

}  // namespace tests::regression::streams
