// SPDX-License-Identifier: MIT
// Paths and folds take their coefficients from the search that found a support: what they report is what fits of each
// support alone would.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include <Eigen/Core>

#include <l0/random/rng.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>
#include <l0/regression/poisson_regression.hpp>
#include <l0/regression/regularization_path.hpp>

#include "support/catch.hpp"

namespace tests::regression::paths_and_folds {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Index;
using l0::RegressionOptions;
using Dense = l0::Matrix<double>;
using Column = l0::Vector<double>;

struct Data {
  Dense X;
  Column eta;
  std::vector<Index> fold;  ///< i mod 4
  l0::Rng rng;

  Data(std::uint64_t seed, Index n, Index p, double correlation) : X(n, p), eta(Column::Zero(n)), rng(seed) {
    for (Index i = 0; i < n; ++i) {
      double last = normal();
      for (Index j = 0; j < p; ++j) {
        if (j > 0) last = correlation * last + std::sqrt(1 - correlation * correlation) * normal();
        X(i, j) = last;
      }
      fold.push_back(i % 4);
    }
    for (Index j = 0; j < std::min<Index>(p, 4); ++j) eta += (j % 2 == 0 ? 0.8 : -0.6) * X.col(j * (p / 4));
  }

  double uniform() { return l0::standard_uniform<double>(rng, 1)(0); }
  double normal() { return l0::standard_normal<double>(rng, 1)(0); }

  Column gaussian() {
    Column y = eta;
    for (Index i = 0; i < y.size(); ++i) y(i) += normal();
    return y;
  }
  Column labels() {
    Column y(eta.size());
    for (Index i = 0; i < y.size(); ++i) y(i) = uniform() < 1 / (1 + std::exp(-eta(i))) ? 1 : 0;
    return y;
  }
  Column counts() {
    Column y(eta.size());
    for (Index i = 0; i < y.size(); ++i) {  // by products of uniforms (Knuth)
      const double stop = std::exp(-std::exp(0.5 * eta(i)));
      double product = uniform();
      double events = 0;
      while (product > stop) {
        product *= uniform();
        ++events;
      }
      y(i) = events;
    }
    return y;
  }
};

/// The held-out loss of all columns, by fits of each training part.
template <class Model, class Loss>
double held_out(const Data& data, const Column& y, double lambda_l2, Loss loss) {
  double sum = 0;
  for (Index f = 0; f < 4; ++f) {
    std::vector<Index> train, held;
    for (std::size_t i = 0; i < data.fold.size(); ++i)
      (data.fold[i] == f ? held : train).push_back(static_cast<Index>(i));
    RegressionOptions options;
    options.gates = l0::GateMode::off;
    options.lambda_l2 = lambda_l2;
    Model model(options);
    model.fit(Dense(data.X(train, Eigen::seqN(0, data.X.cols()))), Column(y(train)));
    const Dense rest = data.X(held, Eigen::seqN(0, data.X.cols()));
    const Column eta = (rest * model.coefficients()).array() + model.intercept();
    for (std::size_t i = 0; i < held.size(); ++i) sum += loss(y(held[i]), eta(static_cast<Index>(i)));
  }
  return sum / static_cast<double>(y.size());
}

double squared(double y, double eta) { return (y - eta) * (y - eta); }
double logistic(double y, double eta) { return std::log1p(std::exp(eta)) - y * eta; }

}  // namespace

TEST_CASE("The held-out loss of all columns is that of fits of each training part", "[models]") {
  Data data(11, 160, 6, 0.5);
  const l0::Samples<double> samples{.fold = data.fold};
  const Column y = data.gaussian();
  for (const double ridge : {0.0, 0.3}) {
    const auto path = l0::regularization_path(l0::LinearRegression<double>({.lambda_l2 = ridge}), data.X, y,
                                              {.max_size = 6}, samples);
    REQUIRE(path.points.back().size == 6);
    // The fold's fits weigh the ridge on columns of unit variance of all samples, the fits alone on their own.
    const double tolerance = ridge > 0 ? 0.02 : 1e-10;
    CHECK(path.points.back().cv_loss ==
          Approx(held_out<l0::LinearRegression<double>>(data, y, ridge, squared)).epsilon(tolerance));
  }
  const Column labels = data.labels();
  const auto path = l0::regularization_path(l0::LogisticRegression<double>(), data.X, labels, {.max_size = 6}, samples);
  REQUIRE(path.points.back().size == 6);
  // A search stops where a step gains less than 1e-8 of the deviance.
  CHECK(path.points.back().cv_loss ==
        Approx(held_out<l0::LogisticRegression<double>>(data, labels, 0, logistic)).epsilon(1e-5));
}

TEST_CASE("A point of a path is the fit of its support", "[models]") {
  for (const double correlation : {0.0, 0.9}) {
    Data data(12, 120, 40, correlation);
    data.X.col(7) = data.X.col(3) + data.X.col(5);  // dependent columns may meet in a support
    const auto check = [&](const auto& model, const Column& y, double tolerance) {
      using Model = std::decay_t<decltype(model)>;
      const auto path = l0::regularization_path(model, data.X, y, {.max_size = 25});
      REQUIRE(path.points.size() > 20);
      for (const auto& point : path.points) {
        RegressionOptions options = model.options();
        options.gates = l0::GateMode::off;
        Model alone(options);
        alone.fit(Dense(data.X(Eigen::seqN(0, data.X.rows()), point.support)), y);
        CAPTURE(point.size, correlation);
        CHECK(point.loss == Approx(alone.report().loss).epsilon(tolerance));
        CHECK((point.coefficients - alone.coefficients()).norm() <= tolerance * (1 + alone.coefficients().norm()));
        CHECK(static_cast<double>(point.intercept) == Approx(alone.intercept()).margin(tolerance).epsilon(tolerance));
      }
    };
    const Column y = data.gaussian();
    // Both solve to rounding times the condition of the columns, some 100.
    check(l0::LinearRegression<double>(), y, 1e-11);
    check(l0::LinearRegression<double>({.lambda_l2 = 0.2}), y, 1e-11);
    check(l0::LinearRegression<double>({.fit_intercept = false}), y, 1e-11);
    // Newton's last step gains less than 1e-12 of the deviance; its square root is what coefficients may miss.
    check(l0::LogisticRegression<double>({.lambda_l2 = 0.01}), data.labels(), 2e-6);
    check(l0::PoissonRegression<double>(), data.counts(), 2e-6);
  }
}

TEST_CASE("The support of a size that folds choose is that of a budget of this size", "[models]") {
  for (const std::uint64_t seed : {21, 22, 23, 24, 25, 26}) {
    Data data(seed, 80, 50, 0.8);
    const Column y = data.gaussian();
    l0::LinearRegression<double> folds({.folds = 5});
    folds.fit(data.X, y);
    l0::LinearRegression<double> budget({.max_features = folds.report().size});
    budget.fit(data.X, y);
    CAPTURE(seed, folds.report().size);
    CHECK(folds.selected_features() == budget.selected_features());
    CHECK(folds.report().loss == Approx(budget.report().loss).epsilon(1e-12));
  }
}

TEST_CASE("Folds that look no further than they must choose what a whole path chooses", "[models]") {
  Index same = 0, sets = 0;
  for (std::uint64_t seed = 31; seed < 51; ++seed) {
    Data data(seed, 100, 60, 0.5);
    const Column y = data.gaussian();
    l0::LinearRegression<double> folds({.folds = 5, .max_size = 40});
    folds.fit(data.X, y);
    const auto path = l0::regularization_path(l0::LinearRegression<double>(), data.X, y, {.folds = 5, .max_size = 40});
    CAPTURE(seed, folds.report().size, path.chosen().size);
    ++sets;
    if (folds.report().size == path.chosen().size) ++same;
    // Where they differ the path found better supports of some sizes, or a second valley far away.
    CHECK(std::abs(folds.report().size - path.chosen().size) <= 6);
  }
  CHECK(same >= sets - 3);
}

TEST_CASE("Folds choose no features where there is nothing to find, and keep what must be kept", "[models]") {
  Data data(61, 60, 20, 0.0);
  Column noise(60);
  for (Index i = 0; i < 60; ++i) noise(i) = data.normal();
  l0::LinearRegression<double> folds({.folds = 6, .fold_rule = l0::FoldRule::one_standard_error});
  folds.fit(data.X, noise);
  CHECK(folds.report().size == 0);
  CHECK(folds.predict(data.X).isApproxToConstant(noise.mean(), 1e-9));

  l0::LinearRegression<double> kept({.folds = 6, .must_keep = {3, 11}, .fold_rule = l0::FoldRule::one_standard_error});
  kept.fit(data.X, noise);
  CHECK(kept.selected_features() == std::vector<Index>{3, 11});

  // All features leave nothing to choose.
  l0::LinearRegression<double> open({.gates = l0::GateMode::off});
  CHECK_THROWS_WITH(open.fit(data.X, noise, l0::Samples<double>{.fold = data.fold}), ContainsSubstring("fold"));
}

}  // namespace tests::regression::paths_and_folds
