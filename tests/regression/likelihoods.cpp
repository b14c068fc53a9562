// SPDX-License-Identifier: MIT
// Logistic and Poisson regression as users call them.
#include <cmath>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/poisson_regression.hpp>
#include <l0/regression/regularization_path.hpp>

#include "support/catch.hpp"
#include "support/concurrently.hpp"

namespace tests::regression::likelihoods {

namespace {

using Catch::Matchers::ContainsSubstring;
using Eigen::Index;

template <class Model>
constexpr bool is_logistic = std::is_same_v<Model, l0::LogisticRegression<double>>;

struct Problem {
  Eigen::MatrixXd X;
  Eigen::VectorXd y;
  std::vector<Index> truth{3, 10};
};

template <class Model>
Problem make_problem(Index n = 500, std::uint64_t seed = 1) {
  l0::Rng rng(seed);
  std::normal_distribution<double> normal;
  Problem problem{Eigen::MatrixXd::NullaryExpr(n, 15, [&] { return normal(rng); }), Eigen::VectorXd(n), {3, 10}};
  for (Index i = 0; i < n; ++i) {
    const double eta = 0.4 + 0.9 * problem.X(i, 3) - 0.8 * problem.X(i, 10);
    if constexpr (is_logistic<Model>) {
      problem.y(i) = std::uniform_real_distribution<double>()(rng) < 1 / (1 + std::exp(-eta)) ? 1 : 0;
    } else {
      problem.y(i) = std::poisson_distribution<int>(std::exp(eta))(rng);
    }
  }
  return problem;
}

}  // namespace

TEMPLATE_TEST_CASE("The criterion finds the features, and diagnostics agree with their formulas", "",
                   l0::LogisticRegression<double>, l0::PoissonRegression<double>) {
  const auto [X, y, truth] = make_problem<TestType>();
  TestType model;
  model.fit(X, y);
  // A chance feature may beat the criterion's price, so the truth is asked for as a lower bound only.
  TestType exact({.max_features = 2});
  CHECK(exact.fit(X, y).selected_features() == truth);
  CHECK(model.report().criterion <= exact.report().criterion);
  for (const Index j : truth) CHECK(model.coefficients()(j) != 0);
  const Eigen::VectorXd eta = model.linear_predictor(X);
  const Eigen::VectorXd mean = model.predict_mean(X);
  CHECK(l0::test::same_from_threads([&, &X = X] { return model.predict_mean(X); }));
  double deviance = 0;
  for (Index i = 0; i < y.size(); ++i) {
    if constexpr (is_logistic<TestType>) {
      CHECK(mean(i) == Catch::Approx(1 / (1 + std::exp(-eta(i)))).epsilon(1e-12));
      deviance += -2 * std::log(y(i) == 1 ? mean(i) : 1 - mean(i));
    } else {
      CHECK(mean(i) == Catch::Approx(std::exp(eta(i))).epsilon(1e-12));
      deviance += 2 * ((y(i) > 0 ? y(i) * std::log(y(i) / mean(i)) : 0.0) - y(i) + mean(i));
    }
  }
  CHECK(model.deviance(X, y) == Catch::Approx(deviance).epsilon(1e-10));
  CHECK(model.loss(X, y) == Catch::Approx(deviance / 1000).epsilon(1e-10));
  CHECK(model.report().loss == Catch::Approx(deviance / 1000).epsilon(1e-8));
  CHECK((model.residuals(X, y) + mean - y).norm() < 1e-12);
  CHECK(std::abs(model.residuals(X, y).mean()) < 1e-6);  // the intercept's score equation
  CHECK(model.importance()(3) > 0.99);
  CHECK(model.importance()(0) < 0.5);
  if constexpr (is_logistic<TestType>) {
    CHECK(model.predict_probability(X) == mean);
    CHECK((model.predict(X).array() == (mean.array() > 0.5).template cast<double>()).all());
  } else {
    CHECK(model.predict(X) == mean);
  }
}

TEMPLATE_TEST_CASE("Budgets from none to all, prices, folds and paths", "", l0::LogisticRegression<double>,
                   l0::PoissonRegression<double>) {
  const auto [X, y, truth] = make_problem<TestType>(300, 2);
  for (const Index k : {0, 1, 7, 15}) {
    TestType model({.max_features = k});
    CHECK(static_cast<Index>(model.fit(X, y).selected_features().size()) == k);
  }
  TestType priced({.lambda_l0 = 0.02});
  CHECK(priced.fit(X, y).selected_features() == truth);
  TestType one({.folds = 5, .seed = 4, .l2_candidates = {0, 0.01}}),
      two({.folds = 5, .seed = 4, .threads = 2, .l2_candidates = {0, 0.01}});
  one.fit(X, y);
  two.fit(X, y);
  CHECK(one.coefficients() == two.coefficients());
  CHECK(one.report().lambda_l2 == two.report().lambda_l2);
  CHECK(one.coefficients()(3) != 0);
  CHECK(one.coefficients()(10) != 0);
  const auto path = l0::regularization_path(TestType(), X, y, {.max_size = 5});
  REQUIRE(path.points.size() == 6);
  CHECK(path.chosen().support == truth);
}

TEST_CASE("Columns that make each other up do not make labels separable, nor hide that they are") {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
    for (const bool separable : {false, true}) {
      CAPTURE(seed, separable);
      l0::Rng rng(seed);
      const Index n = 150;
      Eigen::MatrixXd full(n, 4);
      Eigen::VectorXd label(n);
      for (Index i = 0; i < n; ++i) {
        const double x = l0::standard_normal<double>(rng, 1)(0);
        const double noise = separable ? 0 : 0.3 * l0::standard_normal<double>(rng, 1)(0);
        full.row(i) << x, i % 3 == 0, i % 3 == 1, i % 3 == 2;
        label(i) = x + 0.2 * static_cast<double>(i % 3) + noise > 0 ? 1 : 0;
      }
      l0::LogisticRegression<double> every({.gates = l0::GateMode::off}), reference({.gates = l0::GateMode::off});
      every.fit(full, label);
      reference.fit(full.leftCols(3), label);
      REQUIRE(every.linear_predictor(full).cwiseAbs().maxCoeff() > 8);  // where separation is looked for
      const auto is_noted = [](const auto& model) {
        return model.summary().find("separate the data") != std::string::npos;
      };
      CHECK(is_noted(every) == separable);
      CHECK(is_noted(reference) == separable);
    }
  }
}

TEST_CASE("A ridge that the folds choose keeps separable labels in bounds") {
  auto [X, y, truth] = make_problem<l0::LogisticRegression<double>>(200, 3);
  y = (X.col(3) - X.col(10)).unaryExpr([](double v) { return v > 0 ? 1.0 : 0.0; });
  l0::LogisticRegression<double> plain({.max_features = 2}), folds({.folds = 5, .l2_candidates = {1e-4, 1e-3, 1e-2}});
  plain.fit(X, y);
  folds.fit(X, y);
  CHECK(plain.selected_features() == truth);
  CHECK(plain.coefficients().allFinite());
  CHECK_THAT(plain.summary(), ContainsSubstring("separate the data"));
  CHECK(folds.selected_features() == truth);
  CHECK(folds.report().lambda_l2 == 1e-4);
  CHECK(folds.coefficients().norm() < plain.coefficients().norm());
}

TEMPLATE_TEST_CASE("Data that leave little to fit end finite", "", l0::LogisticRegression<double>,
                   l0::PoissonRegression<double>) {
  auto [X, y, truth] = make_problem<TestType>(60);
  TestType model;
  SECTION("one sample") {
    model.fit(X.topRows(1), y.head(1));
    CHECK(std::isfinite(model.intercept()));
  }
  SECTION("a single class, no counts at all") {
    y.setZero();
    model.fit(X, y);
    CHECK(model.selected_features().empty());
    CHECK(model.predict_mean(X).maxCoeff() < 0.02);
    CHECK_THAT(model.summary(), ContainsSubstring("all targets are equal"));
  }
  SECTION("constant X") {
    X.setConstant(3);
    model.fit(X, y);
    CHECK(model.selected_features().empty());
    CHECK(model.predict_mean(X).mean() == Catch::Approx(y.mean()).epsilon(1e-6));
  }
  SECTION("duplicated columns") {
    X.rightCols(7) = X.leftCols(7);
    TestType all({.max_features = 15});
    all.fit(X, y);
    CHECK(all.coefficients().allFinite());
    CHECK(all.selected_features().size() == 8);
    CHECK_THAT(all.report().notes.at(0), ContainsSubstring("8 features suffice"));
  }
}

TEMPLATE_TEST_CASE("Wrong targets and options are named, and the model stays", "", l0::LogisticRegression<double>,
                   l0::PoissonRegression<double>) {
  auto [X, y, truth] = make_problem<TestType>(60);
  TestType model;
  model.fit(X, y);
  const Eigen::VectorXd before = model.coefficients();
  y(5) = is_logistic<TestType> ? 2 : -1;
  CHECK_THROWS_WITH(model.fit(X, y), ContainsSubstring(is_logistic<TestType> ? "y(5) is 2, expected a label 0 or 1"
                                                                             : "y(5) is -1, expected a finite count"));
  y(5) = std::nan("");
  CHECK_THROWS_WITH(model.fit(X, y), ContainsSubstring("is nan, expected a finite number"));
  y(5) = 1;
  CHECK_THROWS_WITH(model.fit(X, y.head(7)), ContainsSubstring("y is 7x1, expected 60x1"));
  CHECK_THROWS_WITH(model.loss(X, y.head(7)), ContainsSubstring("y is 7x1, expected 60x1"));
  CHECK(model.coefficients() == before);
  const auto refused = [&, &X = X, &y = y](l0::RegressionOptions options, const std::string& text) {
    TestType wrong(std::move(options));
    CHECK_THROWS_WITH(wrong.fit(X, y), ContainsSubstring(text));
  };
  refused({.max_features = 16}, "max_features is 16");
  refused({.folds = 61}, "folds is 61, expected at most the 60 samples");
  refused({.l2_candidates = {0.1}}, "l2_candidates is given without a choice by folds");
  refused({.folds = 5, .l2_candidates = {-0.1}}, "l2_candidates is -0.1");
  refused({.epochs = 0}, "epochs is 0");
  refused({.learning_rate = 0}, "learning_rate is 0");
}

}  // namespace tests::regression::likelihoods
