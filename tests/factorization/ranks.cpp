// SPDX-License-Identifier: MIT
// The rank that is found, by held-out entries, price and budget; sparse factors; labels.
#include <l0/factorization/matrix_factorization.hpp>

#include <algorithm>
#include <cmath>

#include "factorization/problems.hpp"
#include "support/catch.hpp"
#include "support/concurrently.hpp"

namespace tests::factorization::ranks {

namespace {

using l0::FactorizationLoss;
using l0::Index;
using l0::test::LowRank;

}  // namespace

TEMPLATE_TEST_CASE("The true rank is found without a price, and with one", "", float, double) {
  for (const Index rank : {0, 1, 3}) {
    for (const std::uint64_t seed : {1U, 2U}) {
      CAPTURE(rank, seed);
      const LowRank<TestType> problem(120, 100, rank, 0.4, 0.1, seed);
      l0::MatrixFactorization<TestType> model({.max_rank = 8});
      model.fit(problem.r);
      CHECK(model.rank() == rank);
      // 220 numbers of variance 0.01 per factor and the biases are fitted to 4 800 entries.
      CHECK(problem.error(model) < 2 * 0.1 * std::sqrt(220.0 * static_cast<double>(rank + 1) / 4800));
      l0::MatrixFactorization<TestType> priced({.max_rank = 8, .lambda_l0 = 0.01});
      priced.fit(problem.r);
      CHECK(priced.rank() == rank);
      CHECK(priced.report().lambda == 0.01);
    }
  }
}

TEST_CASE("A budget is kept exactly, and the weakest factor's worth is reported") {
  const LowRank<double> problem(80, 70, 3, 0.5, 0.1, 4);
  double last = 1e300;
  for (const Index rank : {0, 1, 2, 3, 5}) {
    l0::MatrixFactorization<double> model({.max_rank = 5, .target_rank = rank});
    model.fit(problem.r);
    CHECK(model.rank() == rank);
    CHECK(model.report().loss < last);
    CHECK(model.report().lambda >= 0);
    last = model.report().loss;
  }
  // A price below what the third factor is worth keeps it, one above does not.
  l0::MatrixFactorization<double> three({.target_rank = 3});
  const double worth = three.fit(problem.r).report().lambda;
  CHECK(worth > 0.1);
  l0::MatrixFactorization<double> below({.lambda_l0 = worth / 2});
  CHECK(below.fit(problem.r).rank() == 3);
  l0::MatrixFactorization<double> above({.lambda_l0 = 2 * worth});
  CHECK(above.fit(problem.r).rank() < 3);
}

TEST_CASE("Factors are those of the singular value decomposition") {
  const LowRank<double> problem(60, 50, 3, 0.6, 0.1, 5);
  l0::MatrixFactorization<double> model({.max_rank = 6});
  model.fit(problem.r);
  REQUIRE(model.rank() == 3);
  const Eigen::MatrixXd u = model.user_factors();
  const Eigen::MatrixXd v = model.item_factors();
  const Eigen::VectorXd strength = model.importance();
  // Eigenvalues are exact to rounding relative to the largest; their vectors to that times the gaps between them.
  CHECK((u.transpose() * u - Eigen::MatrixXd(strength.asDiagonal())).norm() < 1e-9 * strength(0));
  CHECK((v.transpose() * v - Eigen::MatrixXd(strength.asDiagonal())).norm() < 1e-9 * strength(0));
  CHECK(strength(0) >= strength(1));
  CHECK(strength(1) >= strength(2));
  const double expected = model.mean() + model.user_biases()[7] + model.item_biases()[9] + u.row(7).dot(v.row(9));
  CHECK(model.predict(7, 9) == Approx(expected).epsilon(1e-12));
  CHECK(l0::test::same_from_threads([&] { return model.predict(7, 9); }));
  CHECK(l0::test::same_from_threads([&] { return model.predict_row(7); }));
  CHECK(l0::test::same_from_threads([&] { return model.top_k(7, 3).front().column; }));
  CHECK(l0::test::same_from_threads([&] { return model.importance(); }));
}

TEST_CASE("Gates per entry leave few entries, and a smaller error where the truth has few") {
  LowRank<double> problem(150, 120, 3, 0.4, 0.1, 6);
  const auto sparse = [](const Eigen::MatrixXd& m, std::uint64_t stream) {
    Eigen::MatrixXd uniform(m.rows(), m.cols());
    l0::detail::fill_uniform(l0::Rng(6), stream, 0, uniform.data(), uniform.size());
    return Eigen::MatrixXd((uniform.array() < 0.3).select(2 * m, 0));
  };
  const Eigen::MatrixXd before = problem.truth;
  problem.truth = sparse(problem.u, 8) * sparse(problem.v, 9).transpose();
  for (Index j = 0; j < problem.r.outerSize(); ++j) {
    for (Eigen::SparseMatrix<double>::InnerIterator e(problem.r, j); e; ++e) {
      e.valueRef() += problem.truth(e.row(), j) - before(e.row(), j);
    }
  }
  l0::MatrixFactorization<double> dense({.max_rank = 6});
  dense.fit(problem.r);
  l0::MatrixFactorization<double> model({.max_rank = 6, .gates = l0::FactorGates::per_entry});
  model.fit(problem.r);
  CHECK(dense.rank() == 3);
  CHECK(model.rank() == 3);
  CHECK(dense.sparsity() == 0);
  CHECK(model.sparsity() > 0.3);
  CHECK(problem.error(model) < problem.error(dense));
  const auto open = (model.user_factors().array() != 0).count() + (model.item_factors().array() != 0).count();
  CHECK(static_cast<double>(open) == model.report().expected_l0);
  // A higher price leaves fewer.
  l0::MatrixFactorization<double> dear(
      {.max_rank = 6, .lambda_l0 = 20 * model.report().lambda + 1e-4, .gates = l0::FactorGates::per_entry});
  CHECK(dear.fit(problem.r).report().expected_l0 < model.report().expected_l0);
}

TEMPLATE_TEST_CASE("Labels: the rank of the log odds, and probabilities", "", float, double) {
  LowRank<TestType> problem(200, 150, 2, 0.5, 0, 7);
  l0::Rng rng(3);
  problem.truth = (-2 * problem.truth.array()).exp().inverse();
  problem.truth = problem.truth.array() / (1 + problem.truth.array());  // σ(2 U Vᵀ)
  for (Index j = 0; j < problem.r.outerSize(); ++j) {
    for (typename Eigen::SparseMatrix<TestType>::InnerIterator e(problem.r, j); e; ++e) {
      e.valueRef() = static_cast<double>(rng() >> 11) * 0x1p-53 < problem.truth(e.row(), j) ? TestType(1) : TestType(0);
    }
  }
  l0::MatrixFactorization<TestType> model({.max_rank = 6, .loss = FactorizationLoss::logistic});
  model.fit(problem.r);
  CHECK(model.rank() == 2);
  CHECK(problem.error(model) < 0.15);  // 0.36 is the deviation of the probabilities themselves
  CHECK(model.predict(3, 4) == Approx(1 / (1 + std::exp(-model.score(3, 4)))).epsilon(1e-6));
  CHECK(l0::test::same_from_threads([&] { return model.predict_row(3); }));
}

TEST_CASE("One seed gives the same bits on any number of threads and from either storage order") {
  const LowRank<float> problem(90, 70, 3, 0.4, 0.1, 8);
  l0::MatrixFactorization<float> one({.max_rank = 6});
  one.fit(problem.r);
  l0::FactorizationOptions options{.max_rank = 6};
  options.threads = 3;
  l0::MatrixFactorization<float> three(options);
  Eigen::SparseMatrix<float, Eigen::RowMajor> loose = problem.r;
  loose.uncompress();
  three.fit(loose);
  CHECK(one.user_factors() == three.user_factors());
  CHECK(one.item_factors() == three.item_factors());
  CHECK(one.user_biases() == three.user_biases());
  options.seed = 1;
  l0::MatrixFactorization<float> other(options);
  other.fit(2 * loose / 2);
  CHECK(other.rank() == one.rank());
  CHECK(one.user_factors() != other.user_factors());
}

TEST_CASE("Ratings in other units give predictions and prices in those units") {
  // Noise from little to much, so that strong L2 prices are chosen too.
  bool was_chosen[4] = {};
  for (const double noise : {0.1, 1.0, 3.0}) {
    const LowRank<double> problem(60, 50, 2, 0.3, noise, 11);
    l0::MatrixFactorization<double> model({.max_rank = 4});
    model.fit(problem.r);
    const double error =
        l0::MatrixFactorization<double>({.max_rank = 0, .lambda_l2 = 0.0}).fit(problem.r).report().loss;
    const double strength = model.report().lambda_l2 * static_cast<double>(problem.r.nonZeros()) / std::sqrt(error);
    for (int k = 0; k < 4; ++k) {
      const double strengths[] = {0.01, 1, 3, 10};
      if (std::abs(strength / strengths[k] - 1) < 0.1) was_chosen[k] = true;
    }
    for (const double unit : {0x1p-30, 0x1p-8, 0x1p20}) {
      CAPTURE(noise, unit, strength);
      l0::MatrixFactorization<double> other({.max_rank = 4});
      other.fit(problem.r * unit);
      REQUIRE(other.rank() == model.rank());
      CHECK(other.report().lambda_l2 == Approx(unit * model.report().lambda_l2).epsilon(1e-9));
      CHECK(other.report().loss == Approx(unit * unit * model.report().loss).epsilon(1e-9));
      CHECK((other.predict_row(7) / unit - model.predict_row(7)).cwiseAbs().maxCoeff() < 1e-6);
    }
  }
  CHECK(std::count(was_chosen, was_chosen + 4, true) >= 2);
}

TEST_CASE("A rank's standard error is that of the difference to the best") {
  const LowRank<double> problem(80, 70, 2, 0.4, 0.3, 12);
  l0::MatrixFactorization<double> model({.max_rank = 5});
  const auto& ranks = model.fit(problem.r).report().ranks;
  REQUIRE(ranks.size() >= 3);
  const auto best = std::min_element(ranks.begin(), ranks.end(),
                                     [](const auto& a, const auto& b) { return a.held_out_loss < b.held_out_loss; });
  for (auto point = ranks.begin(); point != ranks.end(); ++point) {
    CAPTURE(point->rank, point->held_out_loss, point->standard_error);
    CHECK(point->rank == ranks.front().rank + (point - ranks.begin()));
    if (point == best) {
      CHECK(point->standard_error == 0);
    } else {
      CHECK(point->standard_error > 0);
    }
  }
  // Ranks far too low differ from the best by many standard errors.
  CHECK(ranks[0].held_out_loss > best->held_out_loss + 5 * ranks[0].standard_error);
}

TEST_CASE("No factor is kept without entries on both sides") {
  const LowRank<double> problem(60, 50, 3, 0.5, 0.1, 13);
  Index last = 4;
  for (const double price : {1e-5, 1e-2, 0.1, 1e3}) {
    CAPTURE(price);
    l0::MatrixFactorization<double> model(
        {.max_rank = 4, .lambda_l0 = price, .lambda_l2 = 1e-4, .gates = l0::FactorGates::per_entry});
    model.fit(problem.r);
    CHECK(model.rank() <= last);
    if (model.rank() > 0) CHECK(model.importance().minCoeff() > 0);
    last = model.rank();
  }
  CHECK(last == 0);
}

}  // namespace tests::factorization::ranks
