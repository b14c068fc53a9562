// SPDX-License-Identifier: MIT
// `Aim::prediction`: what it reaches where one support without a ridge fails, for every estimator what an average of
// models promises, and what it refuses. The laws of laws.cpp hold for it there.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include <Eigen/Core>

#include <l0/random/rng.hpp>
#include <l0/regression/regression.hpp>

#include "support/catch.hpp"

namespace tests::regression::prediction {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Aim;
using l0::Index;
using l0::RegressionOptions;
using l0::Samples;
using Dense = l0::Matrix<double>;
using Column = l0::Vector<double>;

constexpr Index used = 5;

/// Normal columns, neighbours correlated by ρ.
Dense make_columns(l0::Rng& rng, Index n, Index p, double rho) {
  Dense X(n, p);
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < p; ++j) {
      const double e = l0::standard_normal<double>(rng, 1)(0);
      X(i, j) = j == 0 ? e : rho * X(i, j - 1) + std::sqrt(1 - rho * rho) * e;
    }
  }
  return X;
}

/// (b − β)ᵀ Σ (b − β) / βᵀ Σ β, Σ that of the columns: 1 for the empty model (Hastie, Tibshirani & Tibshirani 2020).
double relative_risk(const Column& found, const Column& truth, double rho) {
  Dense sigma(truth.size(), truth.size());
  for (Index i = 0; i < sigma.rows(); ++i) {
    for (Index j = 0; j < sigma.cols(); ++j) sigma(i, j) = std::pow(rho, std::abs(static_cast<double>(i - j)));
  }
  return (found - truth).dot(sigma * (found - truth)) / truth.dot(sigma * truth);
}

struct Risks {
  double support = 0, prediction = 0;
};

/// Mean relative risks of both aims over seeds 1, ..., 40: n 100, p 20, five coefficients of 1, ρ .35.
Risks mean_risks(double signal_to_noise) {
  const Index n = 100, p = 20, seeds = 40;
  Column truth = Column::Zero(p);
  for (Index k = 0; k < used; ++k) truth(4 * k) = 1;
  double signal = 0;
  for (Index k = 0; k < used; ++k) {
    for (Index l = 0; l < used; ++l) signal += std::pow(0.35, 4 * std::abs(static_cast<double>(k - l)));
  }
  Risks mean;
  for (Index seed = 1; seed <= seeds; ++seed) {
    l0::Rng rng(static_cast<std::uint64_t>(seed));
    const Dense X = make_columns(rng, n, p, 0.35);
    Column y = X * truth;
    for (Index i = 0; i < n; ++i) y(i) += std::sqrt(signal / signal_to_noise) * l0::standard_normal<double>(rng, 1)(0);
    l0::LinearRegression<double> support, prediction({.aim = Aim::prediction});
    mean.support += relative_risk(support.fit(X, y).coefficients(), truth, 0.35) / static_cast<double>(seeds);
    mean.prediction += relative_risk(prediction.fit(X, y).coefficients(), truth, 0.35) / static_cast<double>(seeds);
  }
  return mean;
}

/// Targets that every estimator takes.
struct Data {
  Dense X;
  Column y, label, classes, count, amount;
  Dense times, several;

  explicit Data(std::uint64_t seed, Index n = 90, Index p = 7) {
    l0::Rng rng(seed);
    X = make_columns(rng, n, p, 0.4);
    y = label = classes = count = amount = Column(n);
    times = several = Dense(n, 2);
    for (Index i = 0; i < n; ++i) {
      const double eta = 0.8 * X(i, 1) - 0.6 * X(i, p - 1);
      const double u = l0::standard_uniform<double>(rng, 1)(0), e = l0::standard_normal<double>(rng, 1)(0);
      y(i) = eta + e;
      label(i) = u < 1 / (1 + std::exp(-eta)) ? 1 : 0;
      classes(i) = eta + e > 0.6 ? 2 : label(i);
      count(i) = std::floor(std::exp(0.5 * eta) + 2 * u);
      amount(i) = std::exp(0.5 * eta + 0.4 * e);
      times.row(i) << std::exp(-0.5 * eta + 0.5 * e), (u < 0.8 ? 1 : 0);
      several.row(i) << eta + e, 0.5 * eta - e + 1;
    }
  }
};

template <class Check>
void for_every_estimator(const Data& d, Check check) {
  check(l0::LinearRegression<double>(), d.y);
  check(l0::MultiResponseRegression<double>(), d.several);
  check(l0::LogisticRegression<double>(), d.label);
  check(l0::MultinomialRegression<double>(), d.classes);
  check(l0::PoissonRegression<double>(), d.count);
  check(l0::QuasiPoissonRegression<double>(), d.count);
  check(l0::NegativeBinomialRegression<double>(), d.count);
  check(l0::GammaRegression<double>(), d.amount);
  check(l0::HuberRegression<double>(), d.y);
  check(l0::QuantileRegression<double>(), d.y);
  check(l0::CoxRegression<double>(), d.times);
}

std::vector<Index> dealt(Index n, Index count) {
  std::vector<Index> fold;
  for (Index i = 0; i < n; ++i) fold.push_back(i % count);
  return fold;
}

template <class Model>
void check_same(const Model& a, const Model& b, double tolerance) {
  CHECK(a.selected_features() == b.selected_features());
  CHECK((a.coefficients() - b.coefficients()).cwiseAbs().maxCoeff() < tolerance);
  CHECK((a.importance() - b.importance()).cwiseAbs().maxCoeff() < tolerance);
}

}  // namespace

TEST_CASE("Where the signal is weak an average has half of the risk of a support, where it is strong it loses little") {
  const Risks weak = mean_risks(0.25), strong = mean_risks(6);
  CAPTURE(weak.support, weak.prediction, strong.support, strong.prediction);
  // cv.glmnet's lasso (lambda.min) has about .51 and .024 on such data.
  CHECK(weak.prediction < 0.55);
  CHECK(weak.prediction < 0.7 * weak.support);
  CHECK(strong.prediction < 0.024);
}

TEST_CASE("Labels that are separated have probabilities as sane as those of a ridge") {
  // 60 labels, separated by two of 15 columns in half of the sets, noisy in the others; the ridge is the best of six,
  // chosen by the new samples themselves.
  double average = 0, ridge = 0, support = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    l0::Rng rng(seed + 300);
    const Dense X = make_columns(rng, 460, 15, 0.3);
    Column y(460);
    for (Index i = 0; i < 460; ++i) {
      const double noise = seed % 2 == 0 ? 0.0 : 0.5 * l0::standard_normal<double>(rng, 1)(0);
      y(i) = X(i, 2) - X(i, 9) + noise > 0 ? 1 : 0;
    }
    const auto loss_of = [&](const RegressionOptions& options) {
      l0::LogisticRegression<double> model(options);
      model.fit(X.topRows(60), y.head(60));
      CHECK(model.coefficients().allFinite());
      return model.loss(X.bottomRows(400), y.tail(400)) / 20;
    };
    average += loss_of({.aim = Aim::prediction});
    support += loss_of({});
    double best = std::numeric_limits<double>::infinity();
    for (const double lambda : {1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1})
      best = std::min(best, loss_of({.lambda_l2 = lambda, .gates = l0::GateMode::off}));
    ridge += best;
  }
  CAPTURE(average, ridge, support);
  CHECK(average <= 1.05 * ridge);
  CHECK(average < support);
}

TEST_CASE("Every estimator averages: finite, without standard errors, the same on any number of threads") {
  const Data data(5);
  for_every_estimator(data, [&](auto model, const auto& y) {
    using Model = decltype(model);
    model.set_options({.folds = 4, .must_keep = {3}, .aim = Aim::prediction});
    model.fit(data.X, y);
    REQUIRE(model.coefficients().allFinite());
    CHECK(std::isfinite(model.report().loss));
    CHECK(model.report().size == static_cast<Index>(model.selected_features().size()));
    CHECK(model.report().lambda_l2 > 0);
    const Column& importance = model.importance();
    CHECK(importance.minCoeff() >= 0);
    CHECK(importance.maxCoeff() <= 1 + 1e-12);
    CHECK(importance(3) == Catch::Approx(1));
    CHECK(importance(1) > 0.9);  // matters
    for (Index j = 0; j < importance.size(); ++j) {
      const auto& kept = model.selected_features();
      CHECK((importance(j) > 0) == (std::find(kept.begin(), kept.end(), j) != kept.end()));
    }
    const auto errors = model.standard_errors();
    CHECK(errors.row(3).array().isNaN().all());
    Model again({.folds = 4, .must_keep = {3}, .threads = 3, .aim = Aim::prediction});
    CHECK(again.fit(data.X, y).coefficients() == model.coefficients());
    CHECK_THROWS_WITH(model.standard_errors(l0::Covariance::sandwich), ContainsSubstring("averages"));
  });
}

TEST_CASE("Orders of rows do not matter to an average on the samples' own folds, and frequencies are repeated rows") {
  const Data data(6);
  const Index n = data.X.rows();
  for_every_estimator(data, [&](auto model, const auto& y) {
    using Model = decltype(model);
    // The pinball loss ends at a vertex, whose neighbours are as good to 1e-6.
    const double tolerance = std::is_same_v<Model, l0::QuantileRegression<double>> ? 1e-3 : 1e-6;
    const std::vector<Index> fold = dealt(n, 3);
    Model plain({.aim = Aim::prediction}), moved = plain;
    plain.fit(data.X, y, Samples<double>{.fold = fold});
    Dense X(n, data.X.cols()), target(n, y.cols());
    std::vector<Index> moved_fold;
    for (Index i = 0; i < n; ++i) {
      X.row(i) = data.X.row((7 * i) % n);
      target.row(i) = y.row((7 * i) % n);
      moved_fold.push_back(fold[static_cast<std::size_t>((7 * i) % n)]);
    }
    if constexpr (Model::target_columns == 1) {
      moved.fit(X, target.col(0), Samples<double>{.fold = moved_fold});
    } else {
      moved.fit(X, target, Samples<double>{.fold = moved_fold});
    }
    check_same(moved, plain, tolerance);

    Samples<double> weighted{.weight = Column(n), .fold = fold};
    for (Index i = 0; i < n; ++i) weighted.weight(i) = static_cast<double>(1 + (5 * i) % 3);
    const auto rows = static_cast<Index>(weighted.weight.sum());
    Dense repeated(rows, X.cols()), repeated_y(rows, y.cols());
    Samples<double> copies;
    for (Index i = 0, row = 0; i < n; ++i) {
      for (double copy = 0; copy < weighted.weight(i); ++copy, ++row) {
        repeated.row(row) = data.X.row(i);
        repeated_y.row(row) = y.row(i);
        copies.fold.push_back(fold[static_cast<std::size_t>(i)]);
      }
    }
    Model counted({.weight_kind = l0::WeightKind::frequency, .aim = Aim::prediction}), listed = plain;
    counted.fit(data.X, y, weighted);
    if constexpr (Model::target_columns == 1) {
      listed.fit(repeated, repeated_y.col(0), copies);
    } else {
      listed.fit(repeated, repeated_y, copies);
    }
    check_same(counted, listed, tolerance);
  });
}

TEST_CASE("An average keeps to signs, groups and sizes, and gives way to a stop") {
  const Data data(7);
  l0::LinearRegression<double> model({.non_negative = true, .aim = Aim::prediction});
  model.fit(data.X, data.y);
  CHECK(model.coefficients().minCoeff() >= 0);
  CHECK(model.coefficients()(1) > 0.3);

  model.set_options({.groups = {0, 0, 1, 1, 2, 2, 2}, .aim = Aim::prediction});
  const Column& importance = model.fit(data.X, data.y).importance();
  CHECK(importance(0) == importance(1));
  CHECK(importance(4) == importance(6));

  // Two features at most in each model, and so not the model of all.
  model.set_options({.max_size = 2, .aim = Aim::prediction});
  CHECK(model.fit(data.X, data.y).importance().sum() <= 2 + 1e-12);

  Index heard = 0;
  RegressionOptions stopped{.aim = Aim::prediction};
  stopped.callback = [&](const l0::StepReport& step) {
    heard += step.stage == "folds" ? 1 : 0;
    return heard < 2 ? l0::Flow::proceed : l0::Flow::stop;
  };
  model.set_options(stopped);
  model.fit(data.X, data.y);
  CHECK(model.report().stop == l0::StopReason::callback);
  CHECK(heard == 2);
  CHECK_FALSE(model.standard_errors().hasNaN());
}

TEST_CASE("Beside prediction nothing else says what to choose") {
  const Data data(8);
  const auto refused = [&](RegressionOptions options, const std::string& message) {
    options.aim = Aim::prediction;
    l0::LinearRegression<double> model(options);
    CHECK_THROWS_WITH(model.fit(data.X, data.y), ContainsSubstring(message));
    CHECK_FALSE(model.is_fitted());
  };
  refused({.lambda_l0 = 0.1}, "lambda_l0 is given together with aim = prediction");
  refused({.max_features = 2}, "max_features is given together with aim = prediction");
  refused({.criterion = l0::Criterion::bic}, "criterion is given together with aim = prediction");
  refused({.lambda_l2 = 0.1}, "lambda_l2 is given together with aim = prediction");
  refused({.folds = 3, .l2_candidates = {0.1}}, "l2_candidates is given together with aim = prediction");
  refused({.folds = 3, .fold_rule = l0::FoldRule::one_standard_error}, "fold_rule is given together with aim");
  refused({.gates = l0::GateMode::off}, "gates is given together with aim = prediction");
  refused({.groups = {0, 0, 1, 1, 2, 2, 2}, .max_per_group = 1}, "max_per_group is 1, expected 0 with aim");
  l0::LinearRegression<double> stream({.aim = Aim::prediction});
  CHECK_THROWS_WITH(stream.partial_fit(data.X, data.y), ContainsSubstring("aim is prediction, expected support"));
  // A path has a way of its own to choose.
  const auto path = l0::regularization_path(stream, data.X, data.y);
  CHECK(path.points.size() == 8);
}

}  // namespace tests::regression::prediction
