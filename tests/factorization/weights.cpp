// SPDX-License-Identifier: MIT
// Weights of entries, and implicit feedback beside alternating least squares in numpy.
#include <l0/factorization/matrix_factorization.hpp>
#include <l0/factorization/ranking.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "factorization/problems.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"

namespace tests::factorization::weights {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::FactorGates;
using l0::FactorizationLoss;
using l0::FactorizationOptions;
using l0::Index;
using l0::test::LowRank;
using Model = l0::MatrixFactorization<double>;
using Sparse = Eigen::SparseMatrix<double>;

/// A weight for each entry: 0, 1, 2 or 3.
Sparse weights_for(const Sparse& r, std::uint64_t seed) {
  l0::Rng rng(seed);
  return r.unaryExpr([&](double) { return static_cast<double>(rng() % 4); });
}

FactorizationOptions told(FactorizationLoss loss = FactorizationLoss::squared) {
  FactorizationOptions options{.max_rank = 4, .target_rank = 2, .lambda_l2 = 1e-3, .loss = loss};
  options.epochs = 20000;
  options.tolerance = 1e-14;
  return options;
}

}  // namespace

TEST_CASE("With weights every row and column ends at its weighted ridge regression on the other side") {
  const LowRank<double> problem(30, 25, 2, 0.6, 0.3, 21);
  const Sparse weights = weights_for(problem.r, 4);
  Model model(told());
  model.fit(problem.r, weights);
  REQUIRE(model.rank() == 2);
  CHECK(model.report().weight == weights.sum());
  const Eigen::MatrixXd r = problem.r;
  const Eigen::MatrixXd w = weights;
  const auto check = [&](bool rows) {
    const Eigen::MatrixXd own = rows ? model.user_factors() : model.item_factors();
    const Eigen::MatrixXd other = rows ? model.item_factors() : model.user_factors();
    const auto& own_bias = rows ? model.user_biases() : model.item_biases();
    const auto& other_bias = rows ? model.item_biases() : model.user_biases();
    for (Index i = 0; i < own.rows(); ++i) {
      Eigen::Matrix3d gram = Eigen::Vector3d(1, 1e-3 * w.sum(), 1e-3 * w.sum()).asDiagonal();  // bias_prior is 1
      Eigen::Vector3d moment = Eigen::Vector3d::Zero();
      for (Index j = 0; j < other.rows(); ++j) {
        const Eigen::Vector3d x(1, other(j, 0), other(j, 1));
        const double weight = rows ? w(i, j) : w(j, i);
        const double target = (rows ? r(i, j) : r(j, i)) - model.mean() - other_bias[static_cast<std::size_t>(j)];
        gram += weight * x * x.transpose();
        moment += weight * target * x;
      }
      const Eigen::Vector3d solved = gram.ldlt().solve(moment);
      CHECK(own_bias[static_cast<std::size_t>(i)] == Approx(solved(0)).margin(1e-5));
      CHECK(own(i, 0) == Approx(solved(1)).margin(1e-5));
      CHECK(own(i, 1) == Approx(solved(2)).margin(1e-5));
    }
  };
  check(true);
  check(false);
  double loss = 0;
  for (Index i = 0; i < 30; ++i) {
    for (Index j = 0; j < 25; ++j) loss += w(i, j) * std::pow(r(i, j) - model.predict(i, j), 2);
  }
  CHECK(model.report().loss == Approx(loss / w.sum()).epsilon(1e-10));
}

TEST_CASE("Weights in any unit give one model, a weight of 0 the model without the entry") {
  for (const auto loss : {FactorizationLoss::squared, FactorizationLoss::logistic}) {
    for (const auto gates : {FactorGates::per_factor, FactorGates::per_entry}) {
      CAPTURE(static_cast<int>(loss), static_cast<int>(gates));
      LowRank<double> problem(40, 30, 2, 0.6, 0.3, 22);
      if (loss == FactorizationLoss::logistic) {
        problem.r = problem.r.unaryExpr([](double x) { return x > 0.2 ? 1.0 : 0.0; });
      }
      FactorizationOptions options = told(loss);
      options.gates = gates;
      options.lambda_l2 = 1e-2;
      options.bias_prior = 0;  // a prior of so many entries is not free of the unit
      if (gates == FactorGates::per_entry) options.lambda_l0 = 1e-5;
      const Sparse ones = problem.r.unaryExpr([](double) { return 1.0; });
      Model plain(options), same(options);
      plain.fit(problem.r);
      same.fit(problem.r, 0.25 * ones);
      for (Index i = 0; i < 40; ++i) {
        CHECK((plain.predict_row(i) - same.predict_row(i)).cwiseAbs().maxCoeff() < 1e-5);
      }
      Sparse weights = weights_for(problem.r, 5);
      std::vector<Eigen::Triplet<double>> kept, their_weights;
      for (Index j = 0; j < 30; ++j) {
        Sparse::InnerIterator w(weights, j);
        for (Sparse::InnerIterator e(problem.r, j); e; ++e, ++w) {
          if (w.value() == 0) continue;
          kept.emplace_back(static_cast<int>(e.row()), static_cast<int>(j), e.value());
          their_weights.emplace_back(static_cast<int>(e.row()), static_cast<int>(j), w.value());
        }
      }
      Sparse fewer(40, 30), fewer_weights(40, 30);
      fewer.setFromTriplets(kept.begin(), kept.end());
      fewer_weights.setFromTriplets(their_weights.begin(), their_weights.end());
      Model with_zeros(options), without(options);
      with_zeros.fit(problem.r, weights);
      without.fit(fewer, fewer_weights);
      CHECK(with_zeros.report().entries > without.report().entries);
      CHECK(with_zeros.report().weight == without.report().weight);
      CHECK(with_zeros.report().objective == Approx(without.report().objective).epsilon(1e-6));
      for (Index i = 0; i < 40; ++i) {
        CHECK((with_zeros.predict_row(i) - without.predict_row(i)).cwiseAbs().maxCoeff() < 1e-4);
      }
    }
  }
}

TEST_CASE("Weights choose: entries that weigh nothing do not mislead the choice of a rank") {
  // A tenth of the entries is nonsense of deviation 30.
  LowRank<double> problem(120, 100, 2, 0.4, 0.1, 23);
  l0::Rng rng(8);
  Sparse weights = problem.r;
  for (Index j = 0; j < 100; ++j) {
    Sparse::InnerIterator w(weights, j);
    for (Sparse::InnerIterator e(problem.r, j); e; ++e, ++w) {
      w.valueRef() = rng() % 10 == 0 ? 0 : 1;
      if (w.value() == 0) e.valueRef() = rng() % 2 == 0 ? 30 : -30;
    }
  }
  Model model({.max_rank = 8});
  model.fit(problem.r, weights);
  CHECK(model.rank() == 2);
  CHECK(problem.error(model) < 0.1);
  Model misled({.max_rank = 8});
  misled.fit(problem.r);
  CHECK(problem.error(misled) > 1);
  // Nothing weighs anything.
  model.fit(problem.r, 0.0 * weights);
  CHECK(model.rank() == 0);
  CHECK(std::isfinite(model.predict(1, 1)));
}

TEST_CASE("Weights of other entries, negative ones and NaN are refused, and the model stays") {
  const LowRank<double> problem(30, 20, 1, 0.5, 0.1, 24);
  Model model({.max_rank = 2});
  model.fit(problem.r);
  const double before = model.predict(3, 4);
  Sparse weights = problem.r.unaryExpr([](double) { return 1.0; });
  Sparse more = weights;
  const Eigen::MatrixXd dense = problem.r;
  Index free = 0;
  while (dense(free, 0) != 0) ++free;
  more.coeffRef(free, 0) = 1;
  CHECK_THROWS_WITH(model.fit(problem.r, more), ContainsSubstring("weights is"));
  CHECK_THROWS_WITH(model.fit(problem.r, Sparse(30, 19)), ContainsSubstring("weights is 30x19, expected 30x20"));
  Sparse::InnerIterator first(weights, 3);
  const std::string place = "weights(" + std::to_string(first.row()) + ", 3)";
  first.valueRef() = -1;
  CHECK_THROWS_WITH(model.fit(problem.r, weights), ContainsSubstring(place + " is -1, expected a finite weight >= 0"));
  first.valueRef() = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(model.fit(problem.r, weights), ContainsSubstring(place));
  CHECK(model.predict(3, 4) == before);
  Model implicit({.loss = FactorizationLoss::implicit});
  first.valueRef() = 1;
  CHECK_THROWS_WITH(implicit.fit(weights, weights), ContainsSubstring("counts say"));
  CHECK_THROWS_WITH(implicit.fit(problem.r), ContainsSubstring("expected a finite count >= 0"));
  CHECK_THROWS_WITH(Model({.confidence = -1}), ContainsSubstring("confidence"));
}

TEST_CASE("Implicit feedback ends where alternating least squares in numpy ends") {
  const l0::test::Golden golden(l0::test::data_file("implicit.txt"));
  const Eigen::MatrixXd counts = golden.matrix("counts");
  const Sparse r = counts.sparseView();
  const double alpha = golden.vector("alpha")(0);
  const double ridge = golden.vector("ridge")(0);
  const double weight = static_cast<double>(counts.size()) + alpha * counts.sum();
  const auto rank = static_cast<Index>(golden.vector("rank")(0));
  FactorizationOptions options{.max_rank = 6, .target_rank = rank, .lambda_l2 = ridge / weight};
  options.loss = FactorizationLoss::implicit;
  options.fit_mean = options.biases = false;
  options.confidence = alpha;
  options.epochs = 5000;
  options.tolerance = 1e-15;
  Model model(options);
  model.fit(r);
  CHECK(model.report().weight == weight);
  CHECK(model.report().entries == r.nonZeros());
  const double objective = (model.report().objective - model.report().lambda * static_cast<double>(rank)) * weight;
  CHECK(objective == Approx(golden.vector("objective")(0)).epsilon(1e-9));
  const Eigen::MatrixXd product = model.user_factors() * model.item_factors().transpose();
  CHECK((product - golden.matrix("product")).cwiseAbs().maxCoeff() < 1e-5);
  const Sparse held = golden.matrix("held").sparseView();
  CHECK(l0::precision_at_k(model, held, 5) == Approx(golden.vector("precision")(0)).epsilon(1e-12));
  CHECK(l0::recall_at_k(model, held, 5) == Approx(golden.vector("recall")(0)).epsilon(1e-12));
  // In float, from a row-major matrix, on three threads.
  options.threads = 3;
  options.tolerance = 1e-7;
  l0::MatrixFactorization<float> narrow(options);
  narrow.fit(Eigen::SparseMatrix<float, Eigen::RowMajor>(r.cast<float>()));
  const Eigen::MatrixXf close = narrow.user_factors() * narrow.item_factors().transpose();
  CHECK((close.cast<double>() - golden.matrix("product")).cwiseAbs().maxCoeff() < 1e-2);
}

TEST_CASE("With mean and biases implicit feedback ends where its objective over all cells is flat") {
  const l0::test::Golden golden(l0::test::data_file("implicit.txt"));
  const Eigen::MatrixXd counts = golden.matrix("counts");
  FactorizationOptions options = told(FactorizationLoss::implicit);
  options.confidence = 3;
  Model model(options);
  model.fit(Sparse(counts.sparseView()));
  const double weight = static_cast<double>(counts.size()) + 3 * counts.sum();
  Eigen::MatrixXd u = model.user_factors(), v = model.item_factors();
  Eigen::VectorXd b = Eigen::Map<const Eigen::VectorXd>(model.user_biases().data(), counts.rows());
  Eigen::VectorXd c = Eigen::Map<const Eigen::VectorXd>(model.item_biases().data(), counts.cols());
  double mean = model.mean();
  const auto objective = [&] {
    const Eigen::MatrixXd fit = ((u * v.transpose()).colwise() + b).rowwise() + c.transpose();
    const Eigen::ArrayXXd p = (counts.array() > 0).cast<double>();
    const double loss = ((1 + 3 * counts.array()) * (p - mean - fit.array()).square()).sum();
    return (loss + b.squaredNorm() + c.squaredNorm()) / weight + 1e-3 * (u.squaredNorm() + v.squaredNorm());
  };
  const double least = objective();
  CHECK(model.report().objective - 2 * model.report().lambda == Approx(least).epsilon(1e-10));
  // Flat to 1e-6 of a step of 1e-3, and no step lowers it.
  for (double* number : {&u(3, 0), &u(7, 1), &v(2, 0), &v(5, 1), &b(4), &c(6), &mean}) {
    const double at = *number;
    *number = at + 1e-3;
    const double above = objective();
    *number = at - 1e-3;
    const double below = objective();
    *number = at;
    CHECK(above >= least - 1e-12);
    CHECK(below >= least - 1e-12);
    CHECK(std::abs(above - below) < 1e-6 * 2e-3 + 0.05 * std::abs(above + below - 2 * least));
  }
}

TEST_CASE("Implicit feedback chooses by itself and beats what is liked by most") {
  // Likes are drawn where two tastes agree: 150 users, 120 items; a fifth of them is kept for judging.
  const LowRank<double> problem(150, 120, 2, 0.5, 0.3, 25);
  l0::Rng rng(2);
  std::vector<Eigen::Triplet<double>> train, test;
  for (Index j = 0; j < 120; ++j) {
    for (Sparse::InnerIterator e(problem.r, j); e; ++e) {
      if (e.value() < 1) continue;
      (rng() % 5 == 0 ? test : train).emplace_back(static_cast<int>(e.row()), static_cast<int>(j), 1.0);
    }
  }
  Sparse likes(150, 120), judge(150, 120);
  likes.setFromTriplets(train.begin(), train.end());
  judge.setFromTriplets(test.begin(), test.end());
  FactorizationOptions options{.max_rank = 8, .loss = FactorizationLoss::implicit};
  options.confidence = 2;
  Model model(options);
  model.fit(likes);
  CHECK(model.rank() >= 2);
  CHECK(model.rank() <= 4);
  CHECK(model.report().epochs <= options.epochs);
  options.max_rank = 0;
  Model popular(options);
  popular.fit(likes);
  CHECK(l0::recall_at_k(model, judge, 10) > 2 * l0::recall_at_k(popular, judge, 10));
  CHECK(l0::precision_at_k(model, judge, 10) > 2 * l0::precision_at_k(popular, judge, 10));
}

TEST_CASE("A stored zero is an entry, whatever the loss") {
  const LowRank<double> problem(30, 25, 1, 0.6, 0.2, 26);
  Sparse zeros = problem.r.unaryExpr([](double x) { return x > 0 ? x : 0.0; });
  Sparse tiny = zeros.unaryExpr([](double x) { return x > 0 ? x : 1e-30; });
  REQUIRE(zeros.nonZeros() == problem.r.nonZeros());
  Model a({.max_rank = 3}), b({.max_rank = 3}), without({.max_rank = 3});
  a.fit(zeros);
  b.fit(tiny);
  CHECK(a.report().entries == problem.r.nonZeros());
  CHECK(a.rank() == b.rank());
  for (Index i = 0; i < 30; ++i) CHECK(a.predict_row(i).isApprox(b.predict_row(i), 1e-9));
  without.fit(Sparse(zeros.pruned()));
  CHECK((a.predict_row(3) - without.predict_row(3)).cwiseAbs().maxCoeff() > 0.1);
  // Implicit feedback: a count of 0 says what no entry says.
  FactorizationOptions options = told(FactorizationLoss::implicit);
  Model stored(options), pruned(options);
  stored.fit(zeros);
  pruned.fit(Sparse(zeros.pruned()));
  for (Index i = 0; i < 30; ++i) {
    CHECK((stored.predict_row(i) - pruned.predict_row(i)).cwiseAbs().maxCoeff() < 1e-6);
  }
}

}  // namespace tests::factorization::weights
