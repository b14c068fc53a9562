// SPDX-License-Identifier: MIT
// New rows and columns without a refit, the best columns by blocks, precision and recall, predictions on the scale.
#include <l0/factorization/matrix_factorization.hpp>
#include <l0/factorization/ranking.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "factorization/problems.hpp"
#include "support/catch.hpp"

namespace tests::factorization::folding {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::FactorGates;
using l0::FactorizationLoss;
using l0::FactorizationOptions;
using l0::Index;
using l0::test::LowRank;
using Model = l0::MatrixFactorization<double>;
using Sparse = Eigen::SparseMatrix<double>;

Sparse as(FactorizationLoss loss, const Sparse& r) {
  if (loss == FactorizationLoss::squared) return r;
  if (loss == FactorizationLoss::logistic) return r.unaryExpr([](double x) { return x > 0.2 ? 1.0 : 0.0; });
  return r.unaryExpr([](double x) { return std::max(std::round(x), 0.0); });
}

}  // namespace

TEST_CASE("What was fitted, folded in again, is what was fitted") {
  for (const auto loss : {FactorizationLoss::squared, FactorizationLoss::logistic, FactorizationLoss::implicit}) {
    CAPTURE(static_cast<int>(loss));
    const LowRank<double> problem(40, 35, 2, 0.6, 0.3, 31);
    const Sparse r = as(loss, problem.r);
    FactorizationOptions options{.max_rank = 4, .target_rank = 2, .lambda_l2 = 3e-3, .loss = loss};
    options.epochs = 20000;
    options.tolerance = 1e-14;
    options.confidence = 2;
    Model users(options);
    users.fit(r);
    const double mean = users.mean();
    CHECK(users.fold_in_users(r) == 40);
    CHECK(users.rows() == 80);
    CHECK(users.columns() == 35);
    CHECK(users.mean() == mean);
    CHECK(users.user_factors().topRows(40).isApprox(users.user_factors().bottomRows(40), 1e-4));
    for (Index i = 0; i < 40; ++i) {
      CHECK((users.predict_row(i) - users.predict_row(40 + i)).cwiseAbs().maxCoeff() < 1e-4);
      const auto a = users.top_k(i, 3), b = users.top_k(40 + i, 3);
      REQUIRE(a.size() == b.size());
      for (std::size_t k = 0; k < a.size(); ++k) CHECK(a[k].prediction == Approx(b[k].prediction).margin(1e-4));
    }
    Model items(options);
    items.fit(r);
    CHECK(items.fold_in_items(r) == 35);
    CHECK(items.columns() == 70);
    for (Index i = 0; i < 40; ++i) {
      const Eigen::VectorXd row = items.predict_row(i);
      CHECK((row.head(35) - row.tail(35)).cwiseAbs().maxCoeff() < 1e-4);
      // What was seen is left out in both halves.
      for (const auto& entry : items.top_k(i, 70)) CHECK(Eigen::MatrixXd(r)(i, entry.column % 35) == 0);
    }
  }
}

TEST_CASE("New users with a few ratings are predicted nearly as well as those that were fitted") {
  for (const auto gates : {FactorGates::per_factor, FactorGates::per_entry}) {
    const LowRank<float> problem(200, 80, 3, 0.5, 0.1, 32);
    Sparse r = problem.r.cast<double>();
    Model model({.max_rank = 6, .gates = gates});
    model.fit(Sparse(r.topRows(150)));
    REQUIRE(model.rank() == 3);
    const Index first = model.fold_in_users(Sparse(r.bottomRows(50)));
    REQUIRE(first == 150);
    double fitted = 0, folded = 0;
    for (Index i = 0; i < 200; ++i) {
      const double squares = (model.predict_row(i) - problem.truth.row(i).transpose()).squaredNorm() / 80;
      (i < first ? fitted : folded) += squares / (i < first ? 150 : 50);
    }
    CHECK(std::sqrt(fitted) < 0.05);
    CHECK(std::sqrt(folded) < 1.2 * std::sqrt(fitted));
  }
}

TEST_CASE("Nobody, and users without ratings, can be folded in; what does not fit is refused") {
  const LowRank<double> problem(30, 20, 1, 0.5, 0.1, 33);
  Model model({.max_rank = 3});
  CHECK_THROWS_WITH(model.fold_in_users(problem.r), ContainsSubstring("not fitted"));
  CHECK_THROWS_WITH(model.fold_in_items(problem.r), ContainsSubstring("not fitted"));
  model.fit(problem.r);
  CHECK_THROWS_WITH(model.fold_in_users(Sparse(4, 19)), ContainsSubstring("R is 4x19, expected 4x20"));
  CHECK_THROWS_WITH(model.fold_in_items(Sparse(31, 2)), ContainsSubstring("R is 31x2, expected 30x2"));
  Sparse broken(1, 20);
  broken.insert(0, 3) = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH(model.fold_in_users(broken), ContainsSubstring("R(0, 3)"));
  CHECK(model.rows() == 30);
  CHECK(model.fold_in_users(Sparse(0, 20)) == 30);
  CHECK(model.rows() == 30);
  CHECK(model.fold_in_users(Sparse(2, 20)) == 30);
  CHECK(model.rows() == 32);
  CHECK(model.user_factors().row(31).isZero(0));
  CHECK(model.predict(31, 4) == model.mean() + model.item_biases()[4]);
  CHECK(model.top_k(31, 50).size() == 20);
  CHECK(model.fold_in_items(Sparse(32, 1)) == 20);
  CHECK(model.predict(5, 20) == model.mean() + model.user_biases()[5]);
}

TEST_CASE("The best columns of many rows are those of each, found by looking at all") {
  // More columns than a block, more rows than a block.
  const LowRank<float> problem(150, 1100, 2, 0.1, 0.2, 34);
  l0::FactorizationOptions options{.max_rank = 3, .target_rank = 2, .lambda_l2 = 1e-5};
  options.threads = 3;
  l0::MatrixFactorization<float> model(options);
  model.fit(problem.r);
  std::vector<Index> rows(300);
  for (std::size_t k = 0; k < rows.size(); ++k) rows[k] = static_cast<Index>(k * 7 % 150);
  const Eigen::MatrixXf dense = problem.r;
  for (const bool exclude : {true, false}) {
    for (const Index k : {0, 1, 7, 600, 5000}) {
      CAPTURE(exclude, k);
      const auto best = model.top_k(rows, k, {.exclude_observed = exclude});
      REQUIRE(best.size() == rows.size());
      for (std::size_t r = 0; r < rows.size(); r += 13) {
        std::vector<float> all;
        for (Index j = 0; j < 1100; ++j) {
          if (!exclude || dense(rows[r], j) == 0) all.push_back(model.predict(rows[r], j));
        }
        std::sort(all.begin(), all.end(), std::greater<>());
        REQUIRE(best[r].size() == std::min(all.size(), static_cast<std::size_t>(k)));
        for (std::size_t e = 0; e < best[r].size(); ++e) {
          CHECK(best[r][e].prediction == Approx(all[e]).epsilon(1e-5));
          CHECK(best[r][e].prediction == model.predict(rows[r], best[r][e].column));
          if (e > 0) CHECK(best[r][e - 1].prediction >= best[r][e].prediction);
          if (exclude) CHECK(dense(rows[r], best[r][e].column) == 0);
        }
        const auto alone = model.top_k(rows[r], k, {.exclude_observed = exclude});
        for (std::size_t e = 0; e < alone.size(); ++e) CHECK(alone[e].column == best[r][e].column);
      }
    }
  }
  CHECK(model.top_k(std::vector<Index>{}, 3).empty());
  CHECK_THROWS_WITH(model.top_k(std::vector<Index>{0, 150}, 3), ContainsSubstring("row is 150"));
  // Equal predictions come by number.
  l0::MatrixFactorization<float> flat({.max_rank = 0, .biases = false});
  flat.fit(problem.r);
  const auto first = flat.top_k(Index{0}, 3, {.exclude_observed = false});
  for (std::size_t e = 0; e < 3; ++e) CHECK(first[e].column == static_cast<Index>(e));
}

TEST_CASE("Precision and recall at k, counted by hand") {
  // Without factors all rows have the order of the columns' means: 3, 2, 1, 0. Row 2 has seen column 3.
  Sparse r(3, 4);
  for (int j = 0; j < 4; ++j) {
    r.insert(0, j) = j;
    r.insert(1, j) = j;
  }
  r.insert(2, 3) = 3;
  Model model({.max_rank = 0});
  model.fit(r);
  const l0::TopOptions all{.exclude_observed = false};
  Sparse test(3, 4);
  test.insert(0, 3) = 1;                                              // first
  test.insert(0, 0) = 1;                                              // last
  test.insert(2, 2) = 1;                                              // second; first where what was seen is left out
  test.insert(1, 1) = -1;                                             // no like: row 1 does not count
  CHECK(l0::precision_at_k(model, test, 1, all) == Approx(0.5));      // 1/1, 0/1
  CHECK(l0::recall_at_k(model, test, 1, all) == Approx(0.25));        // 1/2, 0/1
  CHECK(l0::precision_at_k(model, test, 2, all) == Approx(0.5));      // 1/2, 1/2
  CHECK(l0::recall_at_k(model, test, 2, all) == Approx(0.75));        // 1/2, 1/1
  CHECK(l0::precision_at_k(model, test, 4, all) == Approx(3.0 / 8));  // 2/4, 1/4
  CHECK(l0::recall_at_k(model, test, 4, all) == Approx(1));
  CHECK(l0::precision_at_k(model, test, 1) == Approx(0.5));  // row 0 has seen all, row 2 hits
  CHECK(l0::recall_at_k(model, test, 1) == Approx(0.5));
  CHECK(l0::precision_at_k(model, Sparse(3, 4), 2) == 0);
  CHECK_THROWS_WITH(l0::precision_at_k(model, test, 0), ContainsSubstring("k is 0"));
  CHECK_THROWS_WITH(l0::recall_at_k(model, Sparse(3, 5), 1), ContainsSubstring("test is 3x5, expected 3x4"));
}

TEST_CASE("Predictions stay on the scale where that is asked for") {
  LowRank<double> problem(60, 50, 2, 0.4, 0.5, 35);
  problem.r = problem.r.unaryExpr([](double x) { return std::clamp(std::round(3 + x), 1.0, 5.0); });
  Model free({.max_rank = 4}), clamped({.max_rank = 4, .clamp = true});
  free.fit(problem.r);
  clamped.fit(problem.r);
  CHECK(clamped.user_factors() == free.user_factors());
  Index outside = 0;
  for (Index i = 0; i < 60; ++i) {
    const Eigen::VectorXd bounded = clamped.predict_row(i);
    for (Index j = 0; j < 50; ++j) {
      const double score = free.predict(i, j);
      outside += score < 1 || score > 5 ? 1 : 0;
      CHECK(bounded(j) == std::clamp(score, 1.0, 5.0));
      CHECK(clamped.predict(i, j) == bounded(j));
      CHECK(clamped.score(i, j) == score);
    }
    const auto a = free.top_k(i, 5), b = clamped.top_k(i, 5);
    for (std::size_t k = 0; k < 5; ++k) {
      CHECK(a[k].column == b[k].column);
      CHECK(b[k].prediction == std::clamp(a[k].prediction, 1.0, 5.0));
    }
  }
  CHECK(outside > 20);
}

}  // namespace tests::factorization::folding
