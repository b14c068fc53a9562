// SPDX-License-Identifier: MIT
// The boosted trees: what they find, that they are reproducible, and their gradients.
#include <l0/trees/soft_tree_boosting.hpp>

#include <cmath>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "support/catch.hpp"
#include "support/concurrently.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"
#include "trees/friedman.hpp"

namespace tests::trees::boosting {

namespace {

using l0::Index;
using l0::Matrix;
using l0::SoftTreeBoosting;
using l0::TreeLoss;
using l0::Vector;
using l0::test::close;
using l0::test::friedman;

const std::vector<Index> first_five{0, 1, 2, 3, 4};

template <class Scalar>
double rmse(const Vector<Scalar>& prediction, const Vector<Scalar>& y) {
  return std::sqrt(static_cast<double>((prediction - y).squaredNorm()) / static_cast<double>(y.size()));
}

/// A tree with splits of three widths, one of them hard.
l0::ObliviousTree<double> some_tree() {
  l0::ObliviousTree<double> tree;
  tree.features = {0, 1, 2};
  tree.thresholds = {0.4, 0.6, 0.5};
  tree.widths = {0.7, 0.0, 1.2};
  tree.missing = {1.0, 0.0, 1.0};
  return tree;
}

}  // namespace

TEST_CASE("The slopes of a fitted tree in its thresholds and widths", "[gradient]") {
  const Index n = 150;  // more than two blocks, the last one not full
  const Matrix<double> ranks = friedman<double>(n, 5, 1).x.leftCols(3);
  const Vector<double> slope = friedman<double>(n, 5, 1).y.array() - 14;
  const Vector<double> curvature = 1 + friedman<double>(n, 5, 2).x.col(0).array();
  l0::detail::TreeFit<double> fit(ranks, slope, curvature, 0.5);
  auto tree = some_tree();
  fit.solve(tree);
  double by_threshold[l0::detail::most_levels];
  double by_width[l0::detail::most_levels];
  fit.slopes(tree, by_threshold, by_width);
  for (const std::size_t l : {std::size_t{0}, std::size_t{2}}) {
    const Vector<double> actual = (Vector<double>(2) << by_threshold[l], by_width[l]).finished();
    const Vector<double> start = (Vector<double>(2) << tree.thresholds[l], tree.widths[l]).finished();
    const Vector<double> numerical = l0::test::numerical_gradient(
        [&](const Vector<double>& at) {
          auto moved = tree;
          moved.thresholds[l] = at(0);
          moved.widths[l] = at(1);
          return fit.solve(moved);
        },
        start);
    // The smooth step has a kink in its second derivative where samples enter the step: 1e-5 of the largest slope.
    CHECK(close(actual, numerical, {1e-5, numerical.cwiseAbs().maxCoeff()}));
  }
}

TEST_CASE("The leaves of a tree solve their linear system", "[trees]") {
  for (const Index n : {150, 4096 + 70}) {  // the sums are taken 4096 samples at a time
    CAPTURE(n);
    const Matrix<double> ranks = friedman<double>(n, 5, 1).x.leftCols(3);
    const Vector<double> slope = friedman<double>(n, 5, 1).y.array() - 14;
    const Vector<double> curvature = 1 + friedman<double>(n, 5, 2).x.col(0).array();
    auto tree = some_tree();
    const double value = l0::detail::TreeFit<double>(ranks, slope, curvature, 0.5).solve(tree);
    // Memberships by adding trees with a single leaf at 1.
    Matrix<double> membership = Matrix<double>::Zero(n, 8);
    for (Index k = 0; k < 8; ++k) {
      auto indicator = tree;
      indicator.leaves = Vector<double>::Unit(8, k);
      Vector<double> column = Vector<double>::Zero(n);
      l0::detail::add_tree(indicator, ranks, column);
      membership.col(k) = column;
    }
    CHECK(close(membership.rowwise().sum(), Vector<double>::Ones(n), l0::test::tolerance::golden));
    const Matrix<double> hessian =
        membership.transpose() * curvature.asDiagonal() * membership + 0.5 * Matrix<double>::Identity(8, 8);
    const Vector<double> leaves = -hessian.ldlt().solve(membership.transpose() * slope);
    // The fit adds 1e-9 of the largest diagonal entry, against leaves that nobody reaches.
    CHECK(close(tree.leaves, leaves, {1e-6, 1.0}));
    CHECK(close(value, leaves.dot(membership.transpose() * slope) / 2, {1e-6, 1.0}));
  }
}

TEST_CASE("A split is the one with the largest second-order gain, whatever lambda", "[trees]") {
  const Index n = 40;
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U, 6U, 7U, 8U}) {
    Matrix<double> x(n, 3), noise(n, 2);
    l0::detail::fill_uniform(l0::Rng(seed), 1, 0, x.data(), x.size());
    l0::detail::fill_normal(l0::Rng(seed), 2, 0, noise.data(), noise.size());
    x = (5 * x).array().floor();
    const Vector<double> slope = noise.col(0);
    const Vector<double> curvature = noise.col(1).array().square();
    const l0::detail::RankedSamples<double> data(x, noise.col(0), Vector<double>::Ones(n));
    std::vector<Index> rows(n);
    std::iota(rows.begin(), rows.end(), Index{0});
    for (const double lambda : {0.0, 0.3, 3.0, 30.0}) {
      CAPTURE(seed, lambda);
      const auto gain = [&](Index feature, double rank) {  // Σ G²/(H + λ) of both sides
        double g[2] = {0, 0}, h[2] = {lambda, lambda};
        for (Index i = 0; i < n; ++i) {
          const int side = data.rank(i, feature) >= rank ? 1 : 0;
          g[side] += slope(i);
          h[side] += curvature(i);
        }
        return g[0] * g[0] / h[0] + g[1] * g[1] / h[1];
      };
      double best = 0;
      for (const Index j : {0, 1, 2}) {
        for (Index i = 0; i < n; ++i) {
          if (data.rank(i, j) > data.rank.col(j).minCoeff()) best = std::max(best, gain(j, data.rank(i, j)));
        }
      }
      l0::detail::TreeGrowth<double> growth(data);
      const auto tree = growth.grow(rows, slope, curvature, {0, 1, 2}, 1, lambda);
      REQUIRE(tree.levels() == 1);
      CHECK(gain(tree.features[0], tree.thresholds[0]) == Approx(best).epsilon(1e-12));
    }
  }
}

TEST_CASE("Soft splits move to where the data have theirs, and the tree is worth what is said", "[trees]") {
  const Index n = 400;
  Matrix<double> ranks(n, 1);
  ranks.col(0) = (Vector<double>::LinSpaced(n, 0, n - 1).array() + 0.5) / static_cast<double>(n);
  const Vector<double> curvature = Vector<double>::Ones(n);
  const auto split = [](double threshold, double width) {
    l0::ObliviousTree<double> tree;
    tree.features = {0};
    tree.thresholds = {threshold};
    tree.widths = {width};
    tree.missing = {0};
    return tree;
  };
  for (const double truth : {0.3, 0.5, 0.7}) {
    auto source = split(truth, 0.4);
    source.leaves = Eigen::Vector2d(-1, 1);
    Vector<double> slope = Vector<double>::Zero(n);
    l0::detail::add_tree(source, ranks, slope);
    slope = -slope;
    l0::detail::TreeFit<double> fit(ranks, slope, curvature, 1e-6);
    const double least = -slope.squaredNorm() / 2;  // reached where the tree is the source
    for (const double off : {-0.2, 0.2}) {
      CAPTURE(truth, off);
      auto tree = split(truth + off, 0.4);
      const double start = fit.solve(tree);
      for (const Index steps : {1, 3, 100}) {
        auto moved = tree;
        const double value = fit.descend(moved, start, steps);
        CHECK(value <= start);
        auto again = moved;
        CHECK(fit.solve(again) == value);
        if (steps == 100) {
          CHECK(moved.thresholds[0] == Approx(truth).margin(0.01));
          CHECK(value < start + 0.99 * (least - start));
        }
      }
    }
  }
}

TEMPLATE_TEST_CASE("Boosted trees keep Friedman's five features", "[trees]", float, double) {
  const auto data = friedman<TestType>(2500, 20, 1);
  SoftTreeBoosting<TestType> model;
  model.fit(data.x.topRows(500), data.y.head(500));
  CHECK(model.selected_features() == first_five);
  const Vector<TestType> prediction = model.predict(data.x.bottomRows(2000));
  CHECK(rmse<TestType>(prediction, data.y.tail(2000)) < 1.35);  // noise alone: 1
  CHECK(close(model.loss(data.x.bottomRows(2000), data.y.tail(2000)),
              std::pow(rmse<TestType>(prediction, data.y.tail(2000)), 2), {1e-5, 1}));

  const Vector<TestType> importance = model.feature_importances();
  CHECK(importance.sum() == Approx(1));
  CHECK((importance.head(5).array() > 0).all());
  CHECK(importance.tail(15).isZero(0));
  // What is not selected has no influence at all.
  Matrix<TestType> other = data.x;
  other.rightCols(15).setConstant(7);
  CHECK(model.predict(other) == model.predict(data.x));
  CHECK(l0::test::same_from_threads([&] { return model.predict(data.x); }));
  CHECK(l0::test::same_from_threads([&] { return model.loss(data.x, data.y); }));
  CHECK(l0::test::same_from_threads([&] { return model.feature_importances(); }));
  CHECK(l0::test::same_from_threads([&] { return model.summary(); }));

  const auto& report = model.report();
  CHECK(report.features == 5);
  CHECK(report.trees == static_cast<Index>(model.trees().size()));
  CHECK(report.staged_loss.size() == static_cast<std::size_t>(report.trees) + 1);
  CHECK(report.staged_loss.back() < report.staged_loss.front());
  CHECK(model.summary().find("x3") != std::string::npos);
}

TEST_CASE("Fits of boosted trees are reproducible", "[trees]") {
  const auto data = friedman<float>(200, 8, 1);
  l0::SoftTreeBoostingOptions options{.trees = 20, .subsample = 0.6, .seed = 5};
  SoftTreeBoosting<float> first(options);
  options.threads = 3;
  SoftTreeBoosting<float> second(options);
  first.fit(data.x, data.y);
  second.fit(2 * (data.x / 2), data.y);  // an expression
  CHECK(first.selected_features() == second.selected_features());
  CHECK(first.predict(data.x) == second.predict(data.x));
  const Eigen::SparseMatrix<float, Eigen::RowMajor> sparse = data.x.sparseView();
  second.fit(sparse, data.y);
  CHECK(first.predict(data.x) == second.predict(Eigen::SparseMatrix<float>(sparse)));
  // Splits are on ranks: other units, increasing, change nothing but rounding.
  const Matrix<float> scaled = (data.x.array() * 1024 - 300).matrix();
  second.fit(scaled, data.y);
  CHECK(first.selected_features() == second.selected_features());
  CHECK(close(first.predict(data.x), second.predict(scaled), {1e-2, 1}));
}

TEST_CASE("A budget and a price say how many features stay", "[trees]") {
  const auto data = friedman<double>(300, 8, 1);
  for (const Index budget : {0, 1, 3, 5}) {
    SoftTreeBoosting<double> model({.trees = 30, .max_features = budget});
    model.fit(data.x, data.y);
    CHECK(static_cast<Index>(model.selected_features().size()) == budget);
    if (budget == 3) CHECK(model.selected_features() == std::vector<Index>{0, 1, 3});
  }
  const auto size_at = [&](double price) {
    SoftTreeBoosting<double> model({.trees = 30, .lambda_l0 = price});
    return model.fit(data.x, data.y).selected_features().size();
  };
  CHECK(size_at(0.05) == 5);
  CHECK(size_at(3.0) == 3);     // x2 explains 2.2 of the variance, x4 2.1; x3 8.3, x0 and x1 together 11
  CHECK(size_at(1000.0) == 0);  // the variance of y is 25
}

TEST_CASE("Trees stop early on samples held back", "[trees]") {
  const auto data = friedman<double>(150, 5, 1);
  SoftTreeBoosting<double> model(
      {.trees = 400, .learning_rate = 0.5, .folds = 0, .validation_share = 0.3, .patience = 5});
  model.fit(data.x, data.y);
  const auto& staged = model.report().staged_validation_loss;
  CHECK(model.report().stop == l0::StopReason::converged);
  CHECK(model.report().trees < 400);
  CHECK(staged[static_cast<std::size_t>(model.report().trees)] == *std::min_element(staged.begin(), staged.end()));
  CHECK(model.report().path.empty());
}

TEST_CASE("Targets in other units give predictions in those units", "[trees]") {
  const auto data = friedman<double>(150, 8, 2);
  SoftTreeBoosting<double> model({.trees = 15});
  model.fit(data.x, data.y);
  REQUIRE(model.report().trees > 5);
  for (const double unit : {0x1p-40, 0x1p-10, 0x1p30}) {
    CAPTURE(unit);
    SoftTreeBoosting<double> other({.trees = 15});
    other.fit(data.x, unit * data.y);
    CHECK(other.selected_features() == model.selected_features());
    CHECK(close(other.predict(data.x) / unit, model.predict(data.x), l0::test::tolerance::golden));
    CHECK(close(other.report().loss / (unit * unit), model.report().loss, l0::test::tolerance::golden));
  }
}

TEST_CASE("Of equal losses on samples held back the first counts", "[trees]") {
  // Trees so small that adding them changes no number of type float.
  const auto data = friedman<float>(150, 5, 1);
  SoftTreeBoosting<float> model(
      {.trees = 40, .learning_rate = 1e-30, .folds = 0, .validation_share = 0.3, .patience = 5});
  model.fit(data.x, data.y);
  CHECK(model.report().stop == l0::StopReason::converged);
  CHECK(model.report().trees == 0);
  CHECK(model.report().staged_validation_loss.size() == 6);  // without a tree, and `patience` of them
}

TEST_CASE("Trees report the sets of features tried and every tree", "[trees]") {
  const auto data = friedman<double>(200, 8, 3);
  std::vector<l0::StepReport> heard;
  std::string stop_stage;
  Index stop_step = -1;
  const auto listen = [&](const l0::StepReport& report) {
    heard.push_back(report);
    return report.stage == stop_stage && report.step == stop_step ? l0::Flow::stop : l0::Flow::proceed;
  };
  SoftTreeBoosting<double> model({.trees = 20, .depth = 3, .callback = listen});
  model.fit(data.x, data.y);
  const auto of_trees = static_cast<std::size_t>(model.report().grown);
  const auto of_features = model.report().path.size();
  REQUIRE(heard.size() == of_features + of_trees);
  for (std::size_t k = 0; k < of_features; ++k) {
    CHECK(heard[k].stage == "features");
    CHECK(heard[k].loss == model.report().path[k].out_of_fold_loss);
    CHECK(heard[k].step == 8 - static_cast<Index>(model.report().path[k].features.size()));
  }
  CHECK(heard[of_features - 1].step == heard[of_features - 1].steps);
  for (std::size_t k = 0; k < of_trees; ++k) {
    CHECK(heard[of_features + k].stage == "trees");
    CHECK(heard[of_features + k].step == static_cast<Index>(k) + 1);
    CHECK(heard[of_features + k].loss == model.report().staged_loss[k + 1]);
  }
  SoftTreeBoosting<double> alone({.trees = 20, .depth = 3});
  alone.fit(data.x, data.y);
  CHECK(model.predict(data.x) == alone.predict(data.x));

  stop_stage = "trees", stop_step = 4;
  model.fit(data.x, data.y);
  CHECK(model.report().stop == l0::StopReason::callback);
  CHECK(model.trees().size() == 4);

  stop_stage = "features", stop_step = 0;
  heard.clear();
  model.fit(data.x, data.y);
  CHECK(model.report().stop == l0::StopReason::callback);
  CHECK(heard.size() == 1);
  CHECK(model.report().path.size() == 1);
  CHECK(model.trees().size() > 4);

  SoftTreeBoosting<double> budget({.trees = 20, .depth = 3, .max_features = 2, .callback = listen});
  budget.fit(data.x, data.y);
  CHECK(budget.report().stop == l0::StopReason::callback);
  CHECK(budget.report().path.size() == 2);
  CHECK(budget.selected_features().size() == 2);
}

TEST_CASE("Gates prune trees of the finished ensemble", "[trees]") {
  const auto data = friedman<double>(800, 5, 1);
  SoftTreeBoosting<double> whole({.trees = 60, .folds = 0});
  whole.fit(data.x.topRows(400), data.y.head(400));
  double previous = 0;
  for (const Index keep : {30, 10, 0}) {
    SoftTreeBoosting<double> pruned({.trees = 60, .folds = 0, .max_trees = keep});
    pruned.fit(data.x.topRows(400), data.y.head(400));
    CAPTURE(keep, pruned.report().trees);
    CHECK(pruned.report().grown == 60);
    CHECK(pruned.report().trees <= keep);
    CHECK(pruned.report().trees >= keep - 3);
    CHECK(pruned.report().loss > previous);
    previous = pruned.report().loss;
    if (keep == 30) {
      CHECK(pruned.loss(data.x.bottomRows(400), data.y.tail(400)) <
            1.15 * whole.loss(data.x.bottomRows(400), data.y.tail(400)));
    }
  }
  CHECK(previous == Approx((data.y.head(400).array() - data.y.head(400).mean()).square().mean()));
  SoftTreeBoosting<double> priced({.trees = 60, .folds = 0, .lambda_trees = 0.01});
  priced.fit(data.x.topRows(400), data.y.head(400));
  CHECK(priced.report().trees < 60);
  CHECK(priced.report().trees > 3);
}

TEMPLATE_TEST_CASE("Labels and counts", "[trees]", float, double) {
  using Scalar = TestType;
  auto data = friedman<Scalar>(3000, 6, 3);
  const Vector<double> u = Vector<double>::NullaryExpr(3000, [](Index i) {
    const double x = std::sin(12.9898 * static_cast<double>(i + 1)) * 43758.5453;
    return x - std::floor(x);
  });
  const Vector<double> eta = (data.y.template cast<double>().array() - 14) / 2.5;

  Vector<Scalar> labels(3000);
  for (Index i = 0; i < 3000; ++i) labels(i) = u(i) < 1 / (1 + std::exp(-eta(i))) ? Scalar(1) : Scalar(0);
  SoftTreeBoosting<Scalar> classifier({.loss = TreeLoss::logistic});
  classifier.fit(data.x.topRows(600), labels.head(600));
  const Vector<Scalar> p = classifier.predict_probability(data.x.bottomRows(2400));
  CHECK((p.array() > 0 && p.array() < 1).all());
  const Vector<Scalar> predicted = classifier.predict(data.x.bottomRows(2400));
  // Nobody who knows the probabilities is right more often than the likelier label is.
  const double right = static_cast<double>((predicted.array() == labels.tail(2400).array()).count()) / 2400;
  CHECK(right > (1 / (1 + (-eta.tail(2400).array().abs()).exp())).mean() - 0.05);
  CHECK((predicted.array() == (p.array() > Scalar(0.5)).template cast<Scalar>()).all());
  CHECK(l0::test::same_from_threads([&] {
    return std::tuple(classifier.predict(data.x), classifier.predict_probability(data.x),
                      classifier.decision_function(data.x), classifier.loss(data.x, labels));
  }));
  CHECK(classifier.loss(data.x.bottomRows(2400), labels.tail(2400)) < 0.55);  // log 2 = 0.69 without a model

  Vector<Scalar> counts(3000);
  for (Index i = 0; i < 3000; ++i) {  // by inversion
    double left = u(i);
    double term = std::exp(-std::exp(eta(i) / 2));
    Index k = 0;
    for (; left > term && k < 200; ++k) {
      left -= term;
      term *= std::exp(eta(i) / 2) / static_cast<double>(k + 1);
    }
    counts(i) = static_cast<Scalar>(k);
  }
  SoftTreeBoosting<Scalar> counter({.trees = 100, .loss = TreeLoss::poisson, .subsample = 1, .folds = 0});
  counter.fit(data.x.topRows(600), counts.head(600));
  const Vector<Scalar> rate = counter.predict(data.x.bottomRows(2400));
  CHECK((rate.array() > 0).all());
  const Vector<Scalar> truth = (eta.tail(2400).array() / 2).exp().matrix().template cast<Scalar>();
  // More than half of the variance of the true rates is explained.
  CHECK((rate - truth).squaredNorm() < (truth.array() - truth.mean()).square().sum() / 2);
  const auto staged = counter.staged_loss(data.x.topRows(600), counts.head(600));
  CHECK(std::is_sorted(staged.rbegin(), staged.rend()));  // no step goes too far
}

TEST_CASE("Hard splits answer at once what steep steps do", "[trees]") {
  const Matrix<double> ranks = friedman<double>(150, 5, 1).x.leftCols(3);
  auto tree = some_tree();
  tree.leaves = friedman<double>(8, 5, 2).y;
  const auto evaluate = [&](double width) {
    tree.widths.assign(3, width);
    Vector<double> output = Vector<double>::Zero(150);
    l0::detail::add_tree(tree, ranks, output);
    return output;
  };
  CHECK(tree.is_hard() == false);
  CHECK(close(evaluate(0), evaluate(1e-9), l0::test::tolerance::golden));
}

TEST_CASE("Quantile scales", "[trees]") {
  const auto ones = [](Index n) { return Vector<double>(Vector<double>::Ones(n)); };
  const Vector<double> ties = (Vector<double>(6) << 2, 1, 1, 5, 2, 2).finished();
  const l0::detail::QuantileScale<double> scale(ties, ones(6));
  CHECK(scale.to_rank(1) == Approx(1.0 / 6));
  CHECK(scale.to_rank(2) == Approx(3.5 / 6));
  CHECK(scale.to_rank(5) == Approx(5.5 / 6));
  CHECK(scale.to_rank(3.5) == Approx(4.5 / 6));
  CHECK(scale.to_rank(-100) == scale.to_rank(1));
  CHECK(scale.to_rank(100) == scale.to_rank(5));
  CHECK(scale.to_rank(std::nan("")) == l0::detail::missing_rank);
  // A sample of weight 3 is three.
  const l0::detail::QuantileScale<double> weighted((Vector<double>(3) << 1, 2, 5).finished(),
                                                   (Vector<double>(3) << 2, 3, 1).finished());
  for (const double x : {0.0, 1.0, 1.7, 2.0, 3.5, 9.0}) CHECK(weighted.to_rank(x) == scale.to_rank(x));
  const Vector<double> many = Vector<double>::LinSpaced(5000, -3, 7);
  const l0::detail::QuantileScale<double> fine(many, ones(5000));
  for (const double x : {-2.9, 0.0, 4.4, 6.99}) CHECK(fine.to_rank(x) == Approx((x + 3) / 10).margin(0.0002));
  CHECK(l0::detail::QuantileScale<double>(Vector<double>::Constant(3, 4.0), ones(3)).is_constant());
  // Missing values can be told from others, if there are others.
  const double nan = std::nan("");
  CHECK_FALSE(l0::detail::QuantileScale<double>((Vector<double>(3) << 4, nan, 4).finished(), ones(3)).is_constant());
  CHECK(l0::detail::QuantileScale<double>(Vector<double>::Constant(3, nan), ones(3)).is_constant());
}

TEST_CASE("Bins hold a value each up to 255, else even counts, and what many share stands alone", "[trees]") {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    for (const Index values : {2, 100, 255, 256, 700, 20000}) {
      for (const double heavy : {0.0, 0.03, 0.97}) {
        CAPTURE(seed, values, heavy);
        const Index n = 20000;
        Vector<double> u(n), v(n);
        l0::detail::fill_uniform(l0::Rng(seed), 1, 0, u.data(), n);
        l0::detail::fill_uniform(l0::Rng(seed), 2, 0, v.data(), n);
        Vector<double> x = (u * static_cast<double>(values)).array().floor();
        for (Index i = 0; i < n; ++i) {
          if (v(i) < heavy) x(i) = 1;
        }
        const l0::detail::QuantileScale<double> scale(x, Vector<double>::Ones(n));
        std::vector<double> sorted(x.data(), x.data() + n);
        std::sort(sorted.begin(), sorted.end());
        const auto distinct = std::unique(sorted.begin(), sorted.end()) - sorted.begin();
        REQUIRE(scale.bins() <= 255);
        std::vector<Index> count(255, 0);
        for (Index i = 0; i < n; ++i) ++count[static_cast<std::size_t>(scale.bin_of(x(i)))];
        for (Index b = 0; b < scale.bins(); ++b) CHECK(count[static_cast<std::size_t>(b)] > 0);
        if (distinct <= 255) {
          CHECK(scale.bins() == distinct);
        } else {
          CHECK(scale.bins() > 100);
          if (heavy > 0) CHECK(scale.is_single(scale.bin_of(1)));
        }
        // Ranks and bins agree: a border lies above all ranks of the bins below it, and not above those of its own.
        for (Index i = 0; i < n; i += 7) {
          const Index b = scale.bin_of(x(i));
          if (b > 0) CHECK(scale.to_rank(x(i)) >= scale.border(b));
          if (b + 1 < scale.bins()) CHECK(scale.to_rank(x(i)) < scale.border(b + 1));
          // No bin but those of one value holds more than a share and a half of an even cut, or what ties add to it.
          if (!scale.is_single(b)) CHECK(count[static_cast<std::size_t>(b)] <= 3 * n / 255 + n / values * 2);
        }
      }
    }
  }
}

}  // namespace tests::trees::boosting
