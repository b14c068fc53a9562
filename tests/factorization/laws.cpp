// SPDX-License-Identifier: MIT
// What must not matter: the zero of the ratings, the order of rows and columns, the type of the numbers.
#include <l0/factorization/matrix_factorization.hpp>

#include <cmath>
#include <vector>

#include "factorization/problems.hpp"
#include "support/catch.hpp"

namespace tests::factorization::laws {

namespace {

using l0::FactorGates;
using l0::FactorizationOptions;
using l0::Index;
using l0::test::LowRank;
using Model = l0::MatrixFactorization<double>;
using Sparse = Eigen::SparseMatrix<double>;

/// The start and the entries held out depend on the order, the end of a fit to convergence does not.
FactorizationOptions told() {
  FactorizationOptions options{.max_rank = 5, .target_rank = 2, .lambda_l2 = 1e-3};
  options.epochs = 20000;
  options.tolerance = 1e-14;
  return options;
}

}  // namespace

TEST_CASE("Ratings plus a constant give predictions plus that constant") {
  for (const auto gates : {FactorGates::per_factor, FactorGates::per_entry}) {
    const LowRank<double> problem(60, 50, 2, 0.4, 0.3, 41);
    Model model({.max_rank = 4, .gates = gates});
    model.fit(problem.r);
    for (const double shift : {-1000.0, 3.5, 1e6}) {
      CAPTURE(shift);
      Model other({.max_rank = 4, .gates = gates});
      other.fit(problem.r.unaryExpr([shift](double x) { return x + shift; }));
      REQUIRE(other.rank() == model.rank());
      CHECK(other.report().loss == Approx(model.report().loss).epsilon(1e-5));
      CHECK(other.report().lambda_l2 == Approx(model.report().lambda_l2).epsilon(1e-5));
      const double margin = 1e-9 * std::abs(shift) + 1e-4;
      for (Index i = 0; i < 60; i += 7) {
        CHECK((other.predict_row(i).array() - shift - model.predict_row(i).array()).abs().maxCoeff() < margin);
      }
    }
  }
}

TEST_CASE("Rows and columns in another order give the same predictions, in that order") {
  const LowRank<double> problem(50, 40, 2, 0.5, 0.3, 42);
  Eigen::PermutationMatrix<Eigen::Dynamic> rows(50), columns(40);
  rows.setIdentity();
  columns.setIdentity();
  for (int i = 0; i < 50; ++i) rows.indices()(i) = (i * 17 + 3) % 50;
  for (int j = 0; j < 40; ++j) columns.indices()(j) = (j * 7 + 5) % 40;
  Model model(told()), other(told()), turned(told());
  model.fit(problem.r);
  const Sparse by_rows = rows * problem.r;
  other.fit(Sparse(by_rows * columns));
  turned.fit(Sparse(problem.r.transpose()));
  CHECK(other.report().objective == Approx(model.report().objective).epsilon(1e-6));
  CHECK(turned.report().objective == Approx(model.report().objective).epsilon(1e-6));
  for (Index i = 0; i < 50; ++i) {
    const Eigen::VectorXd row = model.predict_row(i);
    const Eigen::VectorXd moved = other.predict_row(rows.indices()(i));
    for (Index j = 0; j < 40; ++j) {
      // (r P)(i, j) = r(i, P(j)) for Eigen's permutations.
      CHECK(moved(j) == Approx(row(columns.indices()(j))).margin(1e-4));
      CHECK(turned.predict(j, i) == Approx(row(j)).margin(1e-4));
    }
  }
}

TEST_CASE("Float and double agree to the rounding of float") {
  for (const auto gates : {FactorGates::per_factor, FactorGates::per_entry}) {
    const LowRank<double> problem(60, 50, 2, 0.4, 0.3, 43);
    FactorizationOptions options = told();
    options.tolerance = 1e-7;
    options.gates = gates;
    if (gates == FactorGates::per_entry) options.lambda_l0 = 1e-6;
    Model wide(options);
    l0::MatrixFactorization<float> narrow(options);
    wide.fit(problem.r);
    narrow.fit(Eigen::SparseMatrix<float>(problem.r.cast<float>()));
    REQUIRE(narrow.rank() == wide.rank());
    CHECK(narrow.report().objective == Approx(wide.report().objective).epsilon(1e-4));
    for (Index i = 0; i < 60; ++i) {
      CHECK((narrow.predict_row(i).cast<double>() - wide.predict_row(i)).cwiseAbs().maxCoeff() < 2e-2);
    }
  }
}

TEST_CASE("Entries in any order and in parts are the entries in order and whole") {
  const LowRank<double> problem(40, 30, 2, 0.5, 0.3, 44);
  // Column by column from the last row to the first, every value in two halves.
  std::vector<int> start{0}, rows;
  std::vector<double> values;
  for (Index j = 0; j < 30; ++j) {
    std::vector<std::pair<int, double>> column;
    for (Sparse::InnerIterator e(problem.r, j); e; ++e) column.emplace_back(static_cast<int>(e.row()), e.value());
    for (int half = 0; half < 2; ++half) {
      for (auto e = column.rbegin(); e != column.rend(); ++e) {
        rows.push_back(e->first);
        values.push_back(e->second / 2);
      }
    }
    start.push_back(static_cast<int>(rows.size()));
  }
  const Eigen::Map<const Sparse> parts(40, 30, static_cast<Index>(rows.size()), start.data(), rows.data(),
                                       values.data());
  Model whole({.max_rank = 4}), summed({.max_rank = 4});
  whole.fit(problem.r);
  summed.fit(parts);
  CHECK(summed.report().entries == whole.report().entries);
  CHECK(summed.user_factors() == whole.user_factors());
  CHECK(summed.item_biases() == whole.item_biases());
}

}  // namespace tests::factorization::laws
