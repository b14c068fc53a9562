// SPDX-License-Identifier: MIT
// The noise-free objective: its gradient, the expectation that it stands for, and that fits end where it is flat.
#include <l0/factorization/objective.hpp>

#include <l0/factorization/matrix_factorization.hpp>

#include <array>
#include <cmath>
#include <limits>

#include <Eigen/QR>

#include "factorization/problems.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::factorization::objective {

namespace {

using l0::FactorGates;
using l0::FactorizationLoss;
using l0::FactorizationOptions;
using l0::Index;
using l0::test::close;
using l0::test::normals;
using Point = l0::FactorizationPoint<double>;

/// 4 × 3, eight entries.
Eigen::SparseMatrix<double> small(bool binary) {
  Eigen::MatrixXd m(4, 3);
  m << 1.5, 0, -2, 0.5, 1, 0, 0, 3, 1, -1, 2, 0;
  Eigen::SparseMatrix<double> r = m.sparseView();
  if (binary) r = r.unaryExpr([](double x) { return x > 1 ? 1.0 : 0.0; });
  return r;
}

Point point_for(const Eigen::SparseMatrix<double>& r, Index rank, bool per_entry) {
  Point p;
  p.u = normals(5, 1, r.rows(), rank);
  p.v = normals(5, 2, r.cols(), rank);
  p.row_bias = normals(5, 3, r.rows(), 1);
  p.column_bias = normals(5, 4, r.cols(), 1);
  p.mean = 0.3;
  p.log_alpha = normals(5, 5, per_entry ? r.rows() : 1, rank);
  if (per_entry) p.log_alpha_of_v = normals(5, 6, r.cols(), rank);
  return p;
}

}  // namespace

TEST_CASE("The gradient of the objective is that of central differences") {
  for (const auto loss : {FactorizationLoss::squared, FactorizationLoss::logistic}) {
    for (const auto gates : {FactorGates::per_factor, FactorGates::per_entry}) {
      CAPTURE(static_cast<int>(loss), static_cast<int>(gates));
      const auto r = small(loss == FactorizationLoss::logistic);
      const FactorizationOptions options{.lambda_l0 = 0.02, .lambda_l2 = 0.01, .loss = loss, .gates = gates};
      const Point p = point_for(r, 2, gates == FactorGates::per_entry);
      Point gradient;
      l0::factorization_objective(r, p, options, &gradient);
      const auto check = [&](auto member) {
        const auto f = [&](const auto& x) {
          Point moved = p;
          moved.*member = x;
          return l0::factorization_objective(r, moved, options);
        };
        const auto numerical = l0::test::numerical_gradient(f, p.*member, l0::test::Stencil::five_point);
        CHECK(close(gradient.*member, numerical, l0::test::tolerance::gradient(numerical)));
      };
      check(&Point::u);
      check(&Point::v);
      check(&Point::row_bias);
      check(&Point::column_bias);
      check(&Point::log_alpha);
      if (gates == FactorGates::per_entry) check(&Point::log_alpha_of_v);
      const auto of_mean = [&](const Eigen::Matrix<double, 1, 1>& x) {
        Point moved = p;
        moved.mean = x(0);
        return l0::factorization_objective(r, moved, options);
      };
      const auto numerical = l0::test::numerical_gradient(of_mean, Eigen::Matrix<double, 1, 1>::Constant(p.mean),
                                                          l0::test::Stencil::five_point);
      CHECK(close(gradient.mean, numerical(0), l0::test::tolerance::gradient(numerical)));
    }
  }
}

TEST_CASE("The squared objective is the mean over drawn gates") {
  // With gates at temperature 0.5 and so on, 20 000 draws: the mean must lie within five of its standard errors, which
  // a right value misses once in two million times.
  const auto r = small(false);
  for (const auto gates : {FactorGates::per_factor, FactorGates::per_entry}) {
    const bool per_entry = gates == FactorGates::per_entry;
    CAPTURE(per_entry);
    const FactorizationOptions options{.lambda_l2 = 0.0, .gates = gates, .bias_prior = 0};
    const Point p = point_for(r, 2, per_entry);
    const l0::HardConcrete<double> gate{options.temperature, options.gamma, options.zeta};
    l0::Rng rng(9);
    double sum = 0;
    double squares = 0;
    constexpr int draws = 20000;
    for (int draw = 0; draw < draws; ++draw) {
      const auto sample = [&](const l0::Matrix<double>& log_alpha) {
        return l0::Matrix<double>(log_alpha.unaryExpr(
            [&](double a) { return gate.sample((static_cast<double>(rng() >> 11) + 0.5) * 0x1p-53, a); }));
      };
      const l0::Matrix<double> z = sample(p.log_alpha);
      const l0::Matrix<double> u = per_entry ? l0::Matrix<double>(p.u.cwiseProduct(z)) : p.u * z.row(0).asDiagonal();
      const l0::Matrix<double> v = per_entry ? l0::Matrix<double>(p.v.cwiseProduct(sample(p.log_alpha_of_v))) : p.v;
      double loss = 0;
      for (Index j = 0; j < r.outerSize(); ++j) {
        for (Eigen::SparseMatrix<double>::InnerIterator e(r, j); e; ++e) {
          const double fit = p.mean + p.row_bias(e.row()) + p.column_bias(j) + u.row(e.row()).dot(v.row(j));
          loss += (e.value() - fit) * (e.value() - fit) / static_cast<double>(r.nonZeros());
        }
      }
      sum += loss;
      squares += loss * loss;
    }
    const double mean = sum / draws;
    const double error = std::sqrt((squares / draws - mean * mean) / draws);
    CHECK(std::abs(l0::factorization_objective(r, p, options) - mean) < 5 * error);
  }
}

TEST_CASE("A fit ends where the objective is flat in factors, biases and mean") {
  // The gradient is compared with that of the same model with every factor a thousandth larger: a fit that converged
  // to 1e-13 of the objective is flat to about the root of that.
  for (const auto loss : {FactorizationLoss::squared, FactorizationLoss::logistic}) {
    CAPTURE(static_cast<int>(loss));
    l0::test::LowRank<double> problem(60, 50, 2, 0.5, 0.1, 3);
    if (loss == FactorizationLoss::logistic) {
      problem.r = problem.r.unaryExpr([](double x) { return x > 0.2 ? 1.0 : 0.0; });
    }
    FactorizationOptions options{.max_rank = 6, .target_rank = 2, .lambda_l2 = 1e-4, .loss = loss};
    options.epochs = 20000;
    options.tolerance = 1e-13;
    l0::MatrixFactorization<double> model(options);
    model.fit(problem.r);
    REQUIRE(model.rank() == 2);
    CHECK(model.report().converged());
    Point p;
    p.u = model.user_factors();
    p.v = model.item_factors();
    p.row_bias = Eigen::Map<const Eigen::VectorXd>(model.user_biases().data(), 60);
    p.column_bias = Eigen::Map<const Eigen::VectorXd>(model.item_biases().data(), 50);
    p.mean = model.mean();
    p.log_alpha = l0::Matrix<double>::Constant(1, 2, 20);
    Point gradient, beside;
    const double value = l0::factorization_objective(problem.r, p, options, &gradient);
    CHECK(value == Approx(model.report().objective - model.report().lambda * 2).epsilon(1e-6));
    p.u *= 1.001;
    l0::factorization_objective(problem.r, p, options, &beside);
    const double slope = beside.u.norm();
    CHECK(gradient.u.norm() < 1e-3 * slope);
    CHECK(gradient.v.norm() < 1e-3 * slope);
    CHECK(gradient.row_bias.norm() < 1e-3 * slope);
    CHECK(gradient.column_bias.norm() < 1e-3 * slope);
    CHECK(std::abs(gradient.mean) < 1e-3 * slope);
  }
}

TEST_CASE("With its scale free, a factor gate is best fully open or closed") {
  // min over t of −2 m t C + E[z²] t² S is −(E[z]²/E[z²]) C²/S, and E[z]² ≤ E[z²] P(z ≠ 0): no log α between beats
  // both ends. Checked on the objective itself with one factor.
  const auto r = small(false);
  for (const double lambda : {0.001, 0.1, 0.5, 2.0}) {
    const FactorizationOptions options{.lambda_l0 = lambda, .lambda_l2 = 0.0, .bias_prior = 0};
    Point p = point_for(r, 1, false);
    const auto best = [&](double log_alpha) {
      p.log_alpha.setConstant(log_alpha);
      p.u = normals(5, 1, r.rows(), 1);
      // The objective is a parabola in the scale of u.
      const l0::Matrix<double> direction = p.u;
      const auto at = [&](double t) {
        p.u = t * direction;
        return l0::factorization_objective(r, p, options);
      };
      const double zero = at(0), one = at(1), two = at(2);
      const double a = (two - 2 * one + zero) / 2;
      const double b = one - zero - a;
      return zero - b * b / (4 * a);
    };
    const double ends = std::min(best(20), best(-20));
    for (double log_alpha = -10; log_alpha <= 10; log_alpha += 0.5) CHECK(best(log_alpha) >= ends - 1e-8);
  }
}

TEST_CASE("Eigenvectors of a small symmetric matrix do not depend on its unit") {
  for (const Index n : {1, 2, 3, 7}) {
    const l0::Matrix<double> root = normals(8, 1, n, n);
    const l0::Matrix<double> a = root * root.transpose();
    const auto [values, vectors] = l0::detail::symmetric_eigen(a);
    CHECK(close(a * vectors, l0::Matrix<double>(vectors * values.asDiagonal()), {1e-12, values(0)}));
    CHECK(close(vectors.transpose() * vectors, l0::Matrix<double>::Identity(n, n), {1e-12, 1}));
    for (const double unit : {0x1p-100, 0x1p-20, 0x1p60}) {
      CAPTURE(n, unit);
      const auto [scaled, same] = l0::detail::symmetric_eigen(l0::Matrix<double>(unit * a));
      CHECK(scaled == unit * values);
      CHECK(same == vectors);
    }
  }
}

TEST_CASE("A budget of factors keeps the strongest, in whatever order they stand") {
  // All of A = U diag(10, 9, 8) Vᵀ is observed: without its third factor what is left is 8² over all entries.
  const auto orthonormal = [](std::uint64_t stream, Index rows) {
    const l0::Matrix<double> m = normals(7, stream, rows, 3);
    return l0::Matrix<double>(Eigen::HouseholderQR<Eigen::MatrixXd>(m).householderQ() *
                              Eigen::MatrixXd::Identity(rows, 3));
  };
  const l0::Matrix<double> u = orthonormal(1, 12);
  const l0::Matrix<double> v = orthonormal(2, 10);
  const Eigen::Vector3d strength(10, 9, 8);
  const Eigen::SparseMatrix<double> r = l0::Matrix<double>(u * strength.asDiagonal() * v.transpose()).sparseView();
  const auto ratings = l0::detail::Ratings<double>::read(
      r, [](double) { return true; }, "");
  FactorizationOptions options{.max_rank = 3, .fit_mean = false, .biases = false};
  for (const auto& order : {std::array{0, 1, 2}, std::array{2, 1, 0}, std::array{1, 2, 0}}) {
    l0::detail::FitRun run(options.callback);
    l0::detail::PassCount passes{run, 100};
    l0::detail::Workers workers(1);
    l0::detail::FactorTrainer<double> trainer(ratings, options, 1e-9, passes, workers);
    auto& factors = trainer.factors();
    factors.rank = 3;
    for (Index f = 0; f < 3; ++f) {
      const Index from = order[static_cast<std::size_t>(f)];
      factors.factor(factors.row, f + 1) = u.col(from) * std::sqrt(strength(from));
      factors.factor(factors.column, f + 1) = v.col(from) * std::sqrt(strength(from));
    }
    trainer.open_all();
    trainer.settle("search", 1e-6, 1, 1);
    CHECK(trainer.loss() < 1e-12);
    trainer.keep(2);
    REQUIRE(factors.rank == 2);
    trainer.settle("search", 1e-12, 1, 30);
    CHECK(trainer.loss() == Approx(64.0 / 120).epsilon(1e-6));
  }
}

TEST_CASE("The objective refuses wrong shapes by name") {
  const auto r = small(false);
  Point p = point_for(r, 2, false);
  p.v.resize(2, 2);
  CHECK_THROWS_WITH(l0::factorization_objective(r, p, {}),
                    Catch::Matchers::ContainsSubstring("v is 2x2, expected 3x2"));
}

}  // namespace tests::factorization::objective
