// SPDX-License-Identifier: MIT
// What is refused, the rules for odd but possible input, and what is asked of a fitted model.
#include <l0/factorization/matrix_factorization.hpp>

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include <l0/io/matrix_market.hpp>

#include "factorization/problems.hpp"
#include "support/catch.hpp"
#include "support/concurrently.hpp"

namespace tests::factorization::input {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::FactorizationOptions;
using l0::Index;
using Model = l0::MatrixFactorization<double>;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

void refuses(const FactorizationOptions& options, const char* message) {
  CHECK_THROWS_WITH(Model(options), ContainsSubstring(message));
}

Eigen::SparseMatrix<double> matrix(Index rows, Index columns, std::vector<Eigen::Triplet<double>> entries) {
  Eigen::SparseMatrix<double> r(rows, columns);
  r.setFromTriplets(entries.begin(), entries.end());
  return r;
}

}  // namespace

TEST_CASE("Options outside their ranges are refused by name") {
  refuses({.max_rank = -1}, "max_rank is -1");
  refuses({.lambda_l0 = -1.0}, "lambda_l0");
  refuses({.lambda_l0 = not_a_number}, "lambda_l0");
  refuses({.max_rank = 4, .target_rank = 5}, "target_rank is 5, expected a number from 0 to max_rank = 4");
  refuses({.target_rank = -1}, "target_rank");
  refuses({.lambda_l0 = 1.0, .target_rank = 2}, "one of the two");
  refuses({.lambda_l2 = -1.0}, "lambda_l2");
  refuses({.bias_prior = -1}, "bias_prior");
  refuses({.held_out = 0}, "held_out");
  refuses({.held_out = 1}, "held_out");
  refuses({.epochs = 0}, "epochs");
  refuses({.tolerance = not_a_number}, "tolerance");
  refuses({.temperature = 0}, "temperature");
  refuses({.gamma = 0.1}, "gamma");
  refuses({.zeta = 1}, "zeta");
  refuses({.threads = 0}, "threads");
}

TEST_CASE("Entries that are not finite, or no labels, are refused and the model stays") {
  const l0::test::LowRank<double> problem(30, 20, 1, 0.5, 0.1, 1);
  Model model({.max_rank = 3});
  model.fit(problem.r);
  const double before = model.predict(3, 4);
  Eigen::SparseMatrix<double> broken = problem.r;
  broken.coeffRef(5, 6) = not_a_number;
  CHECK_THROWS_WITH(model.fit(broken), ContainsSubstring("R(5, 6) is nan, expected a finite number"));
  broken.coeffRef(5, 6) = -std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH(model.fit(broken), ContainsSubstring("R(5, 6)"));
  CHECK(model.predict(3, 4) == before);
  CHECK(model.rows() == 30);
  Model labels({.loss = l0::FactorizationLoss::logistic});
  CHECK_THROWS_WITH(labels.fit(problem.r), ContainsSubstring("expected 0 or 1"));
  CHECK_FALSE(labels.is_fitted());
  // A double that float cannot hold is infinite there.
  l0::MatrixFactorization<float> narrow;
  CHECK_THROWS_WITH(narrow.fit(matrix(1, 1, {{0, 0, 1e300}})), ContainsSubstring("R(0, 0) is inf"));
}

TEST_CASE("Rows and columns that were not fitted are refused") {
  const l0::test::LowRank<double> problem(30, 20, 1, 0.5, 0.1, 1);
  Model model({.max_rank = 3});
  CHECK_THROWS_WITH(model.predict(0, 0), ContainsSubstring("row is 0"));
  CHECK_FALSE(model.is_fitted());
  model.fit(problem.r);
  CHECK(model.is_fitted());
  CHECK(model.report().seconds > 0);
  CHECK_THROWS_WITH(model.predict(30, 0), ContainsSubstring("row is 30"));
  CHECK_THROWS_WITH(model.predict(-1, 0), ContainsSubstring("row is -1"));
  CHECK_THROWS_WITH(model.predict(0, 20), ContainsSubstring("column is 20"));
  CHECK_THROWS_WITH(model.score(0, -1), ContainsSubstring("column is -1"));
  CHECK_THROWS_WITH(model.predict_row(30), ContainsSubstring("row is 30"));
  CHECK_THROWS_WITH(model.top_k(30, 1), ContainsSubstring("row is 30"));
  CHECK_THROWS_WITH(model.top_k(0, -1), ContainsSubstring("k is -1"));
  CHECK_THROWS_WITH(model.predict({0, 1}, {0, 1, 2}), ContainsSubstring("columns is 3 entries, expected 2"));
}

TEST_CASE("Pairs, rows and the best columns agree") {
  const l0::test::LowRank<double> problem(30, 20, 2, 0.5, 0.1, 2);
  Model model({.max_rank = 4});
  model.fit(problem.r);
  const Eigen::VectorXd row = model.predict_row(7);
  REQUIRE(row.size() == 20);
  const std::vector<Index> i{7, 7, 3};
  const Eigen::VectorXi j = Eigen::Vector3i(0, 19, 4);
  const Eigen::VectorXd pairs = model.predict(i, j);
  CHECK(pairs == Eigen::Vector3d(row(0), row(19), model.predict(3, 4)));

  const auto all = model.top_k(7, 100, {.exclude_observed = false});
  REQUIRE(all.size() == 20);
  for (std::size_t k = 0; k < all.size(); ++k) {
    CHECK(all[k].prediction == row(all[k].column));
    if (k > 0) CHECK(all[k - 1].prediction >= all[k].prediction);
  }
  const auto fresh = model.top_k(7, 3);
  REQUIRE(fresh.size() == 3);
  std::vector<Index> expected;
  const Eigen::MatrixXd dense = problem.r;
  for (const auto& entry : all) {
    if (dense(7, entry.column) == 0 && expected.size() < 3) expected.push_back(entry.column);
  }
  for (std::size_t k = 0; k < 3; ++k) CHECK(fresh[k].column == expected[k]);
  CHECK(model.top_k(7, 0).empty());
  CHECK(l0::test::same_from_threads([&] {
    std::vector<Index> best;
    for (const auto& entry : model.top_k(7, 5)) best.push_back(entry.column);
    return std::tuple(model.predict(i, j), model.predict_row(7), best, model.importance(), model.sparsity());
  }));
}

TEST_CASE("Nothing, one entry, one value") {
  for (const auto gates : {l0::FactorGates::per_factor, l0::FactorGates::per_entry}) {
    for (const auto loss : {l0::FactorizationLoss::squared, l0::FactorizationLoss::logistic}) {
      CAPTURE(static_cast<int>(gates), static_cast<int>(loss));
      const bool squared = loss == l0::FactorizationLoss::squared;
      Model model({.loss = loss, .gates = gates});
      model.fit(Eigen::SparseMatrix<double>(0, 0));
      CHECK(model.rank() == 0);
      CHECK(model.rows() == 0);
      CHECK(model.sparsity() == 0);
      model.fit(Eigen::SparseMatrix<double>(3, 2));
      CHECK(model.predict(2, 1) == (squared ? 0 : 0.5));
      CHECK(model.report().notes.size() == 1);
      model.fit(matrix(3, 2, {{1, 1, 1.0}}));
      CHECK(model.rank() == 0);
      CHECK(model.predict(1, 1) == Approx(1).margin(squared ? 1e-9 : 0.5));
      CHECK(std::isfinite(model.predict(0, 0)));
      // The same value everywhere: no factor is worth anything.
      std::vector<Eigen::Triplet<double>> entries;
      for (int i = 0; i < 20; ++i) {
        for (int j = 0; j < 15; ++j) entries.emplace_back(i, j, 1.0);
      }
      model.fit(matrix(20, 15, entries));
      CHECK(model.rank() == 0);
      CHECK(model.predict(4, 5) == Approx(1).margin(squared ? 1e-9 : 0.05));
      Model forced({.target_rank = 3, .loss = loss, .gates = gates});
      forced.fit(matrix(20, 15, entries));
      CHECK(std::isfinite(forced.predict(4, 5)));
      CHECK(forced.predict(4, 5) == Approx(1).margin(0.05));
    }
  }
  // A rank beyond the shape is cut to it.
  Model wide({.max_rank = 20, .target_rank = 20});
  wide.fit(l0::test::LowRank<double>(8, 5, 2, 1, 0.1, 1).r);
  CHECK(wide.rank() <= 5);
  CHECK(wide.user_factors().allFinite());
}

TEST_CASE("Rows and columns without entries have the other side's bias alone; stored zeros count") {
  l0::test::LowRank<double> problem(40, 30, 1, 0.6, 0.1, 3);
  Eigen::SparseMatrix<double> r(42, 31);
  std::vector<Eigen::Triplet<double>> entries;
  for (Index j = 0; j < 30; ++j) {
    for (Eigen::SparseMatrix<double>::InnerIterator e(problem.r, j); e; ++e) {
      entries.emplace_back(static_cast<int>(e.row()), static_cast<int>(j), e.value());
    }
  }
  r.setFromTriplets(entries.begin(), entries.end());
  Model model({.max_rank = 3});
  model.fit(r);
  CHECK(model.rank() == 1);
  CHECK(model.user_factors().row(41).isZero(0));
  CHECK(model.item_factors().row(30).isZero(0));
  CHECK(model.predict(41, 4) == model.mean() + model.item_biases()[4]);
  CHECK(model.predict(5, 30) == model.mean() + model.user_biases()[5]);
  CHECK(model.predict(41, 30) == model.mean());

  Eigen::SparseMatrix<double> zeros = matrix(2, 2, {{0, 0, 0.0}, {1, 1, 4.0}});
  REQUIRE(zeros.nonZeros() == 2);
  Model counted({.max_rank = 0, .biases = false});
  counted.fit(zeros);
  CHECK(counted.mean() == 2);
  CHECK(counted.report().entries == 2);
  Model without_mean({.max_rank = 0, .fit_mean = false, .biases = false});
  without_mean.fit(zeros);
  CHECK(without_mean.mean() == 0);
  CHECK(without_mean.predict(1, 1) == 0);
}

TEST_CASE("With too few entries to hold some out nothing is priced, and a rank that is asked for is kept") {
  const l0::test::LowRank<double> problem(8, 6, 1, 0.7, 0.1, 4);
  for (const auto gates : {l0::FactorGates::per_factor, l0::FactorGates::per_entry}) {
    CAPTURE(static_cast<int>(gates));
    Model model({.max_rank = 3, .target_rank = 1, .gates = gates});
    model.fit(problem.r);
    REQUIRE(model.report().notes.size() == 1);
    CHECK_THAT(model.report().notes[0], ContainsSubstring("too few entries"));
    CHECK(model.rank() == 1);
    CHECK(model.report().loss < 0.1);
    if (gates == l0::FactorGates::per_entry) CHECK(model.report().lambda == 0);
  }
}

TEST_CASE("Duplicate entries are summed") {
  const int start[] = {0, 2, 4};
  const int rows[] = {1, 1, 0, 1};
  const double values[] = {1, 2, 5, 4};
  const Eigen::Map<const Eigen::SparseMatrix<double>> parts(2, 2, 4, start, rows, values);
  Model model({.max_rank = 0, .biases = false});
  model.fit(parts);
  CHECK(model.report().entries == 3);
  CHECK(model.mean() == Approx(4));
}

TEST_CASE("A callback sees every pass, and what it stops is still a model") {
  const l0::test::LowRank<double> problem(60, 50, 2, 0.5, 0.1, 2);
  Index calls = 0;
  FactorizationOptions options{.max_rank = 4};
  options.callback = [&](const l0::StepReport& report) {
    ++calls;
    CHECK(report.step == calls);
    return calls == 30 ? l0::Flow::stop : l0::Flow::proceed;
  };
  Model model(options);
  model.fit(problem.r);
  CHECK(calls == 30);
  CHECK(model.report().stop == l0::StopReason::callback);
  CHECK(model.report().epochs == 30);
  CHECK(model.rank() > 0);
  CHECK(std::isfinite(model.predict(1, 1)));
}

TEST_CASE("epochs bounds the passes of the whole run, which the report counts, and the last one tells the loss") {
  const l0::test::LowRank<double> problem(40, 30, 2, 0.6, 0.1, 5);
  const std::vector<FactorizationOptions> asked{
      {.max_rank = 3, .target_rank = 2, .lambda_l2 = 1e-4, .fit_mean = false},
      {.max_rank = 3, .target_rank = 2, .fit_mean = false},
      {.max_rank = 3, .lambda_l0 = 0.01, .lambda_l2 = 1e-4, .fit_mean = false},
      {.max_rank = 3, .fit_mean = false},
      {.max_rank = 3, .gates = l0::FactorGates::per_entry, .fit_mean = false},
      {.max_rank = 3, .lambda_l0 = 1e-3, .gates = l0::FactorGates::per_entry, .fit_mean = false}};
  for (std::size_t k = 0; k < asked.size(); ++k) {
    for (const Index epochs : {1, 2, 3, 7, 12, 50, 300}) {
      CAPTURE(k, epochs);
      FactorizationOptions options = asked[k];
      options.epochs = epochs;
      options.tolerance = 0;
      Index passes = 0;
      double last = 0;
      options.callback = [&](const l0::StepReport& report) {
        ++passes;
        CHECK(report.step == passes);
        CHECK(report.steps == epochs);
        last = report.loss;
      };
      Model model(options);
      model.fit(problem.r);
      CHECK(passes <= epochs);
      CHECK(model.report().epochs == passes);
      CHECK(model.report().loss == Approx(last).epsilon(1e-9));
      if (options.target_rank) CHECK(model.rank() == (epochs > 0 ? 2 : 0));
      if (epochs == 300 && k < 4) CHECK(model.rank() == 2);
    }
  }
}

TEST_CASE("Likes and dislikes of a Matrix Market file: a stored 0 is a dislike") {
  // 40 users, 6 items; item 6 is disliked by all who saw it, item 5 liked by all, the others by half.
  std::string entries;
  int count = 0;
  for (int user = 1; user <= 40; ++user) {
    for (int item = 1; item <= 6; ++item) {
      if ((user + item) % 4 == 0) continue;  // not seen
      const bool likes = item == 5 || (item < 5 && (user + item) % 2 == 0);
      entries += std::to_string(user) + " " + std::to_string(item) + (likes ? " 1\n" : " 0\n");
      ++count;
    }
  }
  const auto r = l0::parse_matrix_market<double>("%%MatrixMarket matrix coordinate integer general\n40 6 " +
                                                 std::to_string(count) + "\n" + entries);
  REQUIRE(r.nonZeros() == count);
  Model model({.max_rank = 1, .loss = l0::FactorizationLoss::logistic});
  model.fit(r);
  CHECK(model.report().entries == count);
  double disliked = 0;
  double liked = 0;
  for (Index user = 0; user < 40; ++user) {
    disliked = std::max(disliked, model.predict(user, 5));
    liked = std::max(liked, 1 - model.predict(user, 4));
  }
  CHECK(disliked < 0.2);
  CHECK(liked < 0.2);
}

}  // namespace tests::factorization::input
