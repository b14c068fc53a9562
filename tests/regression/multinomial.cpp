// SPDX-License-Identifier: MIT
// Several classes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>

#include "support/catch.hpp"
#include "support/concurrently.hpp"

namespace tests::regression::multinomial {

namespace {

using Catch::Matchers::ContainsSubstring;
using Eigen::Index;
using LikelihoodPoint = l0::detail::LikelihoodPoint<double>;
using MultinomialLikelihood = l0::detail::MultinomialLikelihood<double>;

struct Problem {
  Eigen::MatrixXd X;
  Eigen::VectorXd y;
  std::vector<Index> truth{1, 4, 6};

  explicit Problem(std::uint64_t seed, Index n = 300, Index p = 9, double size = 1.5) {
    l0::Rng rng(seed);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    X = Eigen::MatrixXd::NullaryExpr(n, p, [&] { return normal(rng); });
    for (Index j = 1; j < p; ++j) X.col(j) += 0.5 * X.col(j - 1);
    Eigen::MatrixXd eta = Eigen::MatrixXd::Zero(n, 4);
    eta.col(0) += size * X.col(1);
    eta.col(1) += size * X.col(4) - 0.5 * size * X.col(1);
    eta.col(2) += size * X.col(6);
    y.resize(n);
    for (Index i = 0; i < n; ++i) {
      Eigen::RowVectorXd share = eta.row(i).array().exp();
      share /= share.sum();
      double u = uniform(rng);
      Index c = 0;
      while (c < 3 && u > share(c)) u -= share(c++);
      y(i) = static_cast<double>(c);
    }
  }
};

}  // namespace

TEST_CASE("Contrasts are orthonormal and sum to 0") {
  for (const Index classes : {2, 3, 10}) {
    const Eigen::MatrixXd q = MultinomialLikelihood::helmert(classes);
    CHECK((q.transpose() * q - Eigen::MatrixXd::Identity(classes - 1, classes - 1)).norm() < 1e-14);
    CHECK(q.colwise().sum().norm() < 1e-14);
  }
}

TEST_CASE("Residual and curvature of several classes are the derivatives of the deviance") {
  const Problem problem(1, 30, 9);
  Eigen::VectorXd weight = Eigen::VectorXd::LinSpaced(30, 0.5, 2);
  const MultinomialLikelihood likelihood(problem.y, weight, 4);
  Eigen::MatrixXd A = Eigen::MatrixXd::Ones(30, 3);
  A.rightCols(2) = problem.X.leftCols(2);
  const Eigen::MatrixXd start = 0.7 * Eigen::MatrixXd::Random(3, 3);
  const auto at = [&](const Eigen::MatrixXd& c) {
    LikelihoodPoint point;
    point.eta = A * c;
    likelihood.evaluate(point);
    return point;
  };
  // Central differences: the error is h² times a third derivative of order 100, plus rounding 1e-14/h.
  const double h = 1e-5;
  const LikelihoodPoint here = at(start);
  const Eigen::MatrixXd gradient = A.transpose() * here.residual;  // of −½ deviance
  Eigen::MatrixXd scratch, hessian;
  likelihood.hessian(A, here, scratch, hessian);
  const Eigen::MatrixXd symmetric = hessian.selfadjointView<Eigen::Lower>();
  for (Index c = 0; c < 9; ++c) {
    Eigen::MatrixXd above = start, below = start;
    above(c) += h;
    below(c) -= h;
    CHECK(gradient(c) ==
          Catch::Approx(-(at(above).deviance - at(below).deviance) / (4 * h)).epsilon(1e-7).margin(1e-7));
    const Eigen::MatrixXd column = -A.transpose() * (at(above).residual - at(below).residual) / (2 * h);
    CHECK((column.reshaped() - symmetric.col(c)).cwiseAbs().maxCoeff() < 1e-6);
  }
  const Eigen::MatrixXd direction = Eigen::MatrixXd::Random(3, 3);
  CHECK(likelihood.curvature_along(here, A * direction) ==
        Catch::Approx(direction.reshaped().dot(symmetric * direction.reshaped())).epsilon(1e-10));
  // The trace over the contrasts is the trace over the classes, Σ p(1−p).
  Eigen::VectorXd scalar;
  likelihood.scalar_curvature(here, scalar);
  const auto p = here.curvature.row(5);
  CHECK(scalar(5) == Catch::Approx(weight(5) * (p.array() * (1 - p.array())).sum() / 3).epsilon(1e-12));
}

TEST_CASE("A budget for several classes is the best of all choices, and its gradient vanishes") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const Problem problem(seed, 150, 8, 0.8);
    double lowest = std::numeric_limits<double>::infinity();
    for (Index a = 0; a < 8; ++a) {
      for (Index b = a + 1; b < 8; ++b) {
        l0::MultinomialRegression<double> pair({.max_features = 2, .must_keep = {a, b}});
        lowest = std::min(lowest, pair.fit(problem.X, problem.y).report().loss);
      }
    }
    l0::MultinomialRegression<double> model({.max_features = 2});
    model.fit(problem.X, problem.y);
    CHECK(model.report().loss == Catch::Approx(lowest).epsilon(1e-7));
    CHECK(model.loss(problem.X, problem.y) == Catch::Approx(model.report().loss).epsilon(1e-10));
    Eigen::MatrixXd error = -model.predict_probability(problem.X);
    for (Index i = 0; i < 150; ++i) error(i, static_cast<Index>(problem.y(i))) += 1;
    CHECK(error.colwise().mean().cwiseAbs().maxCoeff() < 1e-6);
    for (const Index j : model.selected_features()) {
      CHECK((problem.X.col(j).transpose() * error / 150).cwiseAbs().maxCoeff() < 1e-6);
      CHECK(std::abs(model.coefficients().row(j).sum()) < 1e-10);
    }
  }
}

TEST_CASE("The criterion finds the features of several classes; float, sparse and row-major X agree") {
  const Problem problem(2, 600, 30);
  l0::MultinomialRegression<double> model;
  model.fit(problem.X, problem.y);
  CHECK(model.selected_features() == problem.truth);
  CHECK(model.classes() == 4);
  CHECK(model.importance()(4) > 0.99);
  const Eigen::VectorXd label = model.predict(problem.X);
  CHECK((label.array() == problem.y.array()).cast<double>().mean() > 0.6);
  CHECK((model.predict_probability(problem.X).rowwise().sum().array() - 1).abs().maxCoeff() < 1e-12);
  CHECK(l0::test::same_from_threads([&] { return model.predict_probability(problem.X); }));
  CHECK(model.deviance(problem.X, problem.y) == Catch::Approx(1200 * model.report().loss).epsilon(1e-9));
  CHECK(model.loss(problem.X.array(), problem.y.array()) == model.loss(problem.X, problem.y));
  l0::MultinomialRegression<double> sparse;
  sparse.fit(Eigen::SparseMatrix<double, Eigen::RowMajor>(problem.X.sparseView()), problem.y);
  CHECK((sparse.coefficients() - model.coefficients()).norm() < 1e-7);
  l0::MultinomialRegression<float> single;
  single.fit(problem.X.cast<float>(), problem.y.cast<float>());
  CHECK(single.selected_features() == problem.truth);
  CHECK((single.coefficients().cast<double>() - model.coefficients()).norm() < 1e-4);
}

TEST_CASE("Two classes are logistic regression") {
  Problem problem(3);
  problem.y = (problem.y.array() > 0).cast<double>();
  l0::MultinomialRegression<double> two({.max_features = 2, .lambda_l2 = 0.01});
  // ‖w‖² over both classes is half of the difference's square.
  l0::LogisticRegression<double> binary({.max_features = 2, .lambda_l2 = 0.005});
  two.fit(problem.X, problem.y);
  binary.fit(problem.X, problem.y);
  REQUIRE(two.selected_features() == binary.selected_features());
  CHECK((two.coefficients().col(1) - two.coefficients().col(0) - binary.coefficients()).norm() < 1e-6);
  CHECK((two.predict_probability(problem.X).col(1) - binary.predict_probability(problem.X)).norm() < 1e-5);
}

TEST_CASE("Awkward labels end well or are refused") {
  Problem problem(4, 60);
  l0::MultinomialRegression<double> model;
  SECTION("a class without samples, and separable ones") {
    problem.y = (problem.X.col(1).array() > 0).select(2.0, Eigen::ArrayXd::Zero(60)).matrix();
    model.fit(problem.X, problem.y);
    CHECK(model.coefficients().allFinite());
    CHECK(model.classes() == 3);
    CHECK_THAT(model.summary(), ContainsSubstring("class 1 has no samples"));
    CHECK_THAT(model.summary(), ContainsSubstring("separate classes"));
  }
  SECTION("a single class") {
    model.fit(problem.X, Eigen::VectorXd::Zero(60));
    CHECK(model.selected_features().empty());
    CHECK(model.predict(problem.X).isZero());
  }
  SECTION("what is no label") {
    problem.y(7) = 1.5;
    CHECK_THROWS_WITH(model.fit(problem.X, problem.y), ContainsSubstring("y(7) is 1.5, expected a label 0, 1, ..."));
    problem.y(7) = -1;
    CHECK_THROWS_WITH(model.fit(problem.X, problem.y), ContainsSubstring("y(7) is -1"));
    problem.y(7) = 1e9;
    CHECK_THROWS_WITH(model.fit(problem.X, problem.y), ContainsSubstring("below the number of samples"));
    problem.y(7) = 1;
    model.fit(problem.X, problem.y);
    problem.y(7) = 4;
    CHECK_THROWS_WITH(model.loss(problem.X, problem.y), ContainsSubstring("y(7) is 4, expected a label from 0 to 3"));
  }
}

}  // namespace tests::regression::multinomial
