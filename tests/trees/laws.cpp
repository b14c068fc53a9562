// SPDX-License-Identifier: MIT
// What holds for every data set: units, order and weights of the samples, missing values, and how fine splits are.
#include <l0/trees/soft_tree_boosting.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/tolerances.hpp"
#include "trees/friedman.hpp"

namespace tests::trees::laws {

namespace {

using l0::Index;
using l0::Matrix;
using l0::SoftTreeBoosting;
using l0::TreeLoss;
using l0::Vector;
using l0::test::close;
using l0::test::friedman;
using Options = l0::SoftTreeBoostingOptions;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// With and without a choice of features, soft and hard.
std::vector<Options> kinds() {
  std::vector<Options> all;
  for (const bool soft : {true, false}) {
    for (const Index folds : {0, 3})
      all.push_back({.trees = 20, .depth = 3, .subsample = 1, .folds = folds, .soft = soft});
  }
  return all;
}
std::string name(const Options& options) {
  return std::string(options.soft ? "soft" : "hard") + (options.folds > 0 ? ", chosen features" : "");
}

Vector<double> uniform(Index n, std::uint64_t seed) {
  Vector<double> u(n);
  l0::detail::fill_uniform(l0::Rng(seed), 7, 0, u.data(), n);
  return u;
}
Vector<double> normal(Index n, std::uint64_t seed) {
  Vector<double> z(n);
  l0::detail::fill_normal(l0::Rng(seed), 8, 0, z.data(), n);
  return z;
}

/// Labels of Friedman's function, or the counts 0, 1, 2 of its size.
Vector<double> target_of(TreeLoss loss, const Vector<double>& y) {
  if (loss == TreeLoss::squared) return y;
  if (loss == TreeLoss::logistic) return (y.array() > 14).cast<double>();
  return (y.array() > 11).cast<double>() + (y.array() > 17).cast<double>();
}

std::vector<Index> permutation(Index n, std::uint64_t seed) {
  const Vector<double> u = uniform(n, seed);
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return u(a) < u(b); });
  return order;
}

}  // namespace

TEMPLATE_TEST_CASE("Targets in other units and from another origin", "[trees][laws]", float, double) {
  using Scalar = TestType;
  const double precision = std::is_same_v<Scalar, float> ? 1e-4 : 1e-6;
  for (const std::uint64_t seed : {1U, 2U}) {
    const auto data = friedman<double>(200, 7, seed);
    const Matrix<Scalar> x = data.x.template cast<Scalar>();
    for (const Options& options : kinds()) {
      SoftTreeBoosting<Scalar> model(options);
      model.fit(x, data.y);
      const double loss = model.loss(x, data.y);
      REQUIRE(loss < 12);  // of a variance of 25
      for (const double unit : {1e-30, 1e-8, 1e-6, 3.7, 1e12}) {
        for (const double origin : {0.0, -1e3, 1e7}) {
          if (unit < 1 && origin != 0) continue;  // y itself would lose its digits
          CAPTURE(seed, name(options), unit, origin);
          SoftTreeBoosting<Scalar> other(options);
          const Vector<double> y = (unit * data.y).array() + origin;
          other.fit(x, y);
          CHECK(other.selected_features() == model.selected_features());
          CHECK(other.loss(x, y) / (unit * unit) == Approx(loss).epsilon(precision));
          CHECK(other.report().loss / (unit * unit) == Approx(model.report().loss).epsilon(precision));
          if (options.folds > 0) {
            CHECK(other.report().out_of_fold_loss / (unit * unit) ==
                  Approx(model.report().out_of_fold_loss).epsilon(precision));
          }
        }
      }
    }
    // Prices are in the unit of the loss.
    for (const double unit : {1e-6, 1e6}) {
      SoftTreeBoosting<Scalar> priced({.trees = 20, .lambda_l0 = 3.0, .lambda_trees = 0.05});
      SoftTreeBoosting<Scalar> other({.trees = 20, .lambda_l0 = 3.0 * unit * unit, .lambda_trees = 0.05 * unit * unit});
      priced.fit(x, data.y);
      other.fit(x, unit * data.y);
      CHECK(priced.report().features < 5);
      CHECK(priced.report().trees < 20);
      CHECK(other.selected_features() == priced.selected_features());
      CHECK(other.report().trees == priced.report().trees);
      CHECK(other.loss(x, unit * data.y) / (unit * unit) == Approx(priced.loss(x, data.y)).epsilon(10 * precision));
    }
  }
}

TEMPLATE_TEST_CASE("Columns in other units, from another origin and bent", "[trees][laws]", float, double) {
  using Scalar = TestType;
  const double precision = std::is_same_v<Scalar, float> ? 1e-3 : 1e-6;
  for (const std::uint64_t seed : {1U, 2U}) {
    const auto data = friedman<Scalar>(200, 7, seed);
    for (const TreeLoss loss : {TreeLoss::squared, TreeLoss::logistic, TreeLoss::poisson}) {
      const Vector<double> y = target_of(loss, data.y.template cast<double>());
      for (Options options : kinds()) {
        options.loss = loss;
        SoftTreeBoosting<Scalar> model(options);
        model.fit(data.x, y);
        CAPTURE(seed, name(options), static_cast<int>(loss));
        const auto same = [&](const Matrix<Scalar>& x) {
          SoftTreeBoosting<Scalar> other(options);
          other.fit(x, y);
          CHECK(other.selected_features() == model.selected_features());
          CHECK(other.loss(x, y) == Approx(model.loss(data.x, y)).epsilon(precision));
        };
        Matrix<Scalar> x = data.x;
        for (Index j = 0; j < x.cols(); ++j) x.col(j) *= static_cast<Scalar>(j % 2 == 0 ? 1e12 : 1e-12);
        same(x);
        same((data.x.array() * 4 - 8).matrix());
      }
    }
  }
}

TEMPLATE_TEST_CASE("The order of the samples changes no bit", "[trees][laws]", float, double) {
  using Scalar = TestType;
  for (const std::uint64_t seed : {1U, 2U}) {
    auto data = friedman<Scalar>(150, 7, seed);
    data.x.col(1) = (4 * data.x.col(1).array()).floor();  // ties
    for (Index i = 0; i < 150; i += 9) data.x(i, 3) = static_cast<Scalar>(nan);
    data.x.row(8) = data.x.row(9);
    const Vector<Scalar> weight = (1 + 3 * uniform(150, seed).array()).floor().matrix().template cast<Scalar>();
    for (const TreeLoss loss : {TreeLoss::squared, TreeLoss::logistic, TreeLoss::poisson}) {
      const Vector<double> y = target_of(loss, data.y.template cast<double>());
      for (Options options : kinds()) {
        options.loss = loss;
        options.subsample = 0.7;
        CAPTURE(seed, name(options), static_cast<int>(loss));
        const std::vector<Index> order = permutation(150, seed + 20);
        const Matrix<Scalar> shuffled = data.x(order, Eigen::seqN(0, 7));
        SoftTreeBoosting<Scalar> model(options);
        SoftTreeBoosting<Scalar> other(options);
        model.fit(data.x, y, l0::Samples<Scalar>{.weight = weight});
        other.fit(shuffled, Vector<double>(y(order)), l0::Samples<Scalar>{.weight = weight(order)});
        CHECK(model.predict_mean(data.x) == other.predict_mean(data.x));
        CHECK(model.feature_importances() == other.feature_importances());
        CHECK(model.report().loss == other.report().loss);
      }
    }
  }
}

TEMPLATE_TEST_CASE("Weights: none, those of 0, and repeated samples", "[trees][laws]", float, double) {
  using Scalar = TestType;
  // In float other sums lead to other widths and thresholds now and then.
  const double precision = std::is_same_v<Scalar, float> ? 3e-3 : 1e-8;
  const Index n = 200;
  for (const std::uint64_t seed : {1U, 2U}) {
    const auto data = friedman<Scalar>(n, 7, seed);
    for (const TreeLoss loss : {TreeLoss::squared, TreeLoss::logistic, TreeLoss::poisson}) {
      const Vector<double> y = target_of(loss, data.y.template cast<double>());
      for (Options options : kinds()) {
        options.loss = loss;
        options.weight_kind = l0::WeightKind::frequency;
        CAPTURE(seed, name(options), static_cast<int>(loss));
        // 0 to 3 each.
        const Vector<Scalar> weight = (4 * uniform(n, seed + 5).array()).floor().matrix().template cast<Scalar>();
        std::vector<Index> present;
        std::vector<Index> repeated;
        std::vector<Index> fold_of_all(static_cast<std::size_t>(n));
        std::vector<Index> fold;
        for (Index i = 0; i < n; ++i) {
          fold_of_all[static_cast<std::size_t>(i)] = i % 3;
          if (weight(i) > 0) present.push_back(i);
          for (int k = 0; k < static_cast<int>(weight(i)); ++k) {
            repeated.push_back(i);
            fold.push_back(i % 3);
          }
        }
        SoftTreeBoosting<Scalar> weighted(options);
        weighted.fit(data.x, y, l0::Samples<Scalar>{.weight = weight, .fold = fold_of_all});
        SoftTreeBoosting<Scalar> longer(options);
        longer.fit(data.x(repeated, Eigen::seqN(0, 7)), y(repeated), l0::Samples<Scalar>{.fold = fold});
        CHECK(longer.selected_features() == weighted.selected_features());
        CHECK(longer.report().loss == Approx(weighted.report().loss).epsilon(precision));
        CHECK(longer.loss(data.x, y) == Approx(weighted.loss(data.x, y)).epsilon(precision));
        if (options.folds > 0) {
          CHECK(longer.report().out_of_fold_loss == Approx(weighted.report().out_of_fold_loss).epsilon(precision));
        }
        // Samples of weight 0 are as if they were not there, to the bit, and so are weights that are all 1.
        SoftTreeBoosting<Scalar> without(options);
        without.fit(data.x(present, Eigen::seqN(0, 7)), y(present), l0::Samples<Scalar>{.weight = weight(present)});
        weighted.fit(data.x, y, l0::Samples<Scalar>{.weight = weight});
        CHECK(without.predict_mean(data.x) == weighted.predict_mean(data.x));
        SoftTreeBoosting<Scalar> plain(options);
        plain.fit(data.x, y);
        weighted.fit(data.x, y, l0::Samples<Scalar>{.weight = Vector<Scalar>::Ones(n)});
        CHECK(plain.predict_mean(data.x) == weighted.predict_mean(data.x));
        // Of a survey only ratios of weights count.
        options.weight_kind = l0::WeightKind::sampling;
        SoftTreeBoosting<Scalar> survey(options);
        survey.fit(data.x, y, l0::Samples<Scalar>{.weight = weight});
        SoftTreeBoosting<Scalar> scaled(options);
        scaled.fit(data.x, y, l0::Samples<Scalar>{.weight = 1024 * weight});
        CHECK(survey.predict_mean(data.x) == scaled.predict_mean(data.x));
      }
    }
  }
}

TEST_CASE("An offset is what is known of eta", "[trees][laws]") {
  const auto data = friedman<double>(400, 6, 3);
  const Vector<double> known = 2 * data.x.col(5).array() - 1;
  // Squares: the same as fitting what is left.
  SoftTreeBoosting<double> model({.trees = 20, .subsample = 1, .folds = 0});
  model.fit(data.x, data.y, l0::Samples<double>{.offset = known});
  SoftTreeBoosting<double> left({.trees = 20, .subsample = 1, .folds = 0});
  left.fit(data.x, data.y - known);
  CHECK(close(model.predict(data.x), left.predict(data.x), {1e-6, 1.0}));
  // Counts: exposure. Twice as long under watch, twice the count: the rates are the same.
  Vector<double> exposure = 1 + 9 * uniform(400, 1).array();
  Vector<double> count(400);
  for (Index i = 0; i < 400; ++i) count(i) = exposure(i) * (data.x(i, 0) > 0.5 ? 5 : 2);
  SoftTreeBoosting<double> rates({.loss = TreeLoss::poisson});
  rates.fit(data.x, count, l0::Samples<double>{.offset = exposure.array().log()});
  CHECK(rates.selected_features() == std::vector<Index>{0});
  for (Index i = 0; i < 400; ++i) CHECK(rates.predict(data.x)(i) == Approx(data.x(i, 0) > 0.5 ? 5 : 2).epsilon(0.02));
  // A constant offset moves the base alone, whatever the loss.
  for (const TreeLoss loss : {TreeLoss::squared, TreeLoss::logistic, TreeLoss::poisson}) {
    CAPTURE(static_cast<int>(loss));
    const Vector<double> y = target_of(loss, data.y);
    SoftTreeBoosting<double> with({.trees = 20, .loss = loss, .folds = 0});
    with.fit(data.x, y, l0::Samples<double>{.offset = Vector<double>::Constant(400, 1.5)});
    SoftTreeBoosting<double> without({.trees = 20, .loss = loss, .folds = 0});
    without.fit(data.x, y);
    CHECK(
        close((with.decision_function(data.x).array() + 1.5).matrix(), without.decision_function(data.x), {1e-6, 1.0}));
  }
}

TEMPLATE_TEST_CASE("Splits are as fine as the samples", "[trees]", float, double) {
  using Scalar = TestType;
  const Index n = 20000;
  for (const std::uint64_t seed : {std::is_same_v<Scalar, float> ? 1U : 2U}) {
    for (const bool soft : {true, false}) {
      for (const Index folds : {0, 5}) {
        CAPTURE(seed, soft, folds);
        const auto excess = [&](const Vector<double>& x, const Vector<double>& mean, double share) {
          const Vector<double> fresh_noise = normal(n, seed + 50);
          const double noise = std::sqrt(share * (mean.array() - mean.mean()).square().mean());
          SoftTreeBoosting<Scalar> model({.trees = 50, .folds = folds, .soft = soft});
          model.fit(x.template cast<Scalar>(), mean + noise * normal(n, seed));
          const Vector<double> y = mean + noise * fresh_noise;
          return model.loss(x.template cast<Scalar>(), y) / (noise * noise);
        };
        const Vector<double> u = uniform(n, seed);
        // Four values, 97 % of them 0; the third tells.
        const Vector<double> few =
            (u.array() > 0.97).cast<double>() + (u.array() > 0.98).cast<double>() + (u.array() > 0.99).cast<double>();
        CHECK(excess(few, (few.array() == 2).cast<double>(), 0.01) < 1.1);
        // The top half percent.
        CHECK(excess(u, (u.array() > 0.995).cast<double>(), 0.01) < 1.1);
        // A value that 3 % share, within many others.
        Vector<double> shared = u;
        for (Index i = 0; i < n; ++i) {
          if (u(i) > 0.5 && u(i) < 0.53) shared(i) = 0.515;
        }
        CHECK(excess(shared, (shared.array() == 0.515).cast<double>(), 0.01) < 1.1);
      }
    }
  }
}

TEMPLATE_TEST_CASE("Missing values go where the loss is least", "[trees]", float, double) {
  using Scalar = TestType;
  const Index n = 600;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const auto data = friedman<double>(2 * n, 6, seed);
    for (const bool soft : {true, false}) {
      CAPTURE(seed, soft);
      // A third of x3 is missing, and y says so in each of three ways: as a large value, as a small one, as neither.
      for (const double meant : {1.0, 0.0, 0.5}) {
        Matrix<double> x = data.x;
        Vector<double> y = data.y;
        for (Index i = 0; i < 2 * n; i += 3) {
          y(i) += 10 * (meant - x(i, 3));
          x(i, 3) = nan;
        }
        const Matrix<Scalar> given = x.template cast<Scalar>();
        SoftTreeBoosting<Scalar> model({.folds = 3, .soft = soft});
        model.fit(given.topRows(n), y.head(n));
        CHECK(model.predict(given.bottomRows(n)).allFinite());
        const double loss = model.loss(given.bottomRows(n), y.tail(n));
        SoftTreeBoosting<Scalar> whole({.folds = 3, .soft = soft});
        for (Index i = 0; i < 2 * n; i += 3) x(i, 3) = meant;
        const Matrix<Scalar> told = x.template cast<Scalar>();
        whole.fit(told.topRows(n), y.head(n));
        CHECK(loss < 1.25 * whole.loss(told.bottomRows(n), y.tail(n)));
      }
      // Nothing but whether a value is there tells.
      Matrix<Scalar> x = data.x.template cast<Scalar>();
      Vector<double> y = 0.1 * normal(2 * n, seed);
      for (Index i = 0; i < 2 * n; i += 4) {
        x(i, 2) = static_cast<Scalar>(nan);
        y(i) += 1;
      }
      SoftTreeBoosting<Scalar> model({.soft = soft});
      model.fit(x.topRows(n), y.head(n));
      CHECK(model.selected_features() == std::vector<Index>{2});
      CHECK(model.loss(x.bottomRows(n), y.tail(n)) < 0.012);
    }
  }
  // Missing where training had none: with the larger part of the samples, and finite.
  const auto data = friedman<Scalar>(n, 6, 1);
  Matrix<Scalar> x(n, 1);
  x.col(0) = data.x.col(0);
  const Vector<double> y = (x.col(0).array() > Scalar(0.3)).template cast<double>();
  SoftTreeBoosting<Scalar> model({.depth = 1, .folds = 0, .soft = false});
  model.fit(x, y);
  CHECK(model.predict(Matrix<Scalar>::Constant(1, 1, static_cast<Scalar>(nan)))(0) == Approx(1).margin(0.01));
  // Nothing is there at all.
  const Matrix<Scalar> nothing = Matrix<Scalar>::Constant(n, 2, static_cast<Scalar>(nan));
  model.fit(nothing, y);
  CHECK(model.selected_features().empty());
  CHECK(model.predict(x.replicate(1, 2))(0) == Approx(y.mean()));
}

}  // namespace tests::trees::laws
