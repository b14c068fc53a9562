// SPDX-License-Identifier: MIT
// Standard errors: R's, and what holds for them.
#include <cmath>
#include <vector>

#include <Eigen/Core>
#include <Eigen/LU>
#include <Eigen/SparseCore>

#include <l0/random/rng.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>
#include <l0/regression/poisson_regression.hpp>

#include "support/catch.hpp"
#include "support/golden.hpp"

namespace tests::regression::standard_errors {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Covariance;
using l0::Index;
using l0::Samples;
using Dense = l0::Matrix<double>;
using Column = l0::Vector<double>;

/// The intercept's row, then the coefficients'.
template <class Model>
Dense estimates(const Model& model) {
  const Index k = model.coefficients().rows();
  Dense all(1 + k, model.coefficients().cols());
  all.row(0).setConstant(0);
  if constexpr (Model::Coefficients::ColsAtCompileTime == 1) {
    all(0, 0) = static_cast<double>(model.intercept());
  } else {
    all.row(0) = model.intercept().template cast<double>();
  }
  all.bottomRows(k) = model.coefficients().template cast<double>();
  return all;
}
template <class Model>
Dense errors(const Model& model, Covariance covariance = Covariance::by_weights) {
  const Index k = model.coefficients().rows();
  Dense all(1 + k, model.coefficients().cols());
  if constexpr (Model::Coefficients::ColsAtCompileTime == 1) {
    all(0, 0) = static_cast<double>(model.intercept_standard_error(covariance));
  } else {
    all.row(0) = model.intercept_standard_error(covariance).template cast<double>();
  }
  all.bottomRows(k) = model.standard_errors(covariance).template cast<double>();
  return all;
}

double distance(const Dense& a, const Dense& b) { return (a - b).cwiseQuotient(b).cwiseAbs().maxCoeff(); }

template <class Model>
void compare(const l0::test::Golden& expected) {
  const Index kind = static_cast<Index>(expected.scalar("kind"));
  Model model(
      {.weight_kind = kind == 2 ? l0::WeightKind::frequency : l0::WeightKind::sampling, .gates = l0::GateMode::off});
  const Dense y = expected.matrix("y");
  const Samples<double> samples{.weight = expected.vector("weight"), .offset = expected.vector("offset")};
  if constexpr (Model::target_columns == 1) {
    model.fit(expected.matrix("X"), y.col(0), samples);
  } else {
    model.fit(expected.matrix("X"), y, samples);
  }
  // Likelihoods are maximised until their deviance does not move, and stand on a ridge of 2e-6.
  const bool is_linear = expected.scalar("family") == 0;
  CHECK(distance(estimates(model), expected.matrix("estimate")) < (is_linear ? 1e-9 : 1e-4));
  CHECK(distance(errors(model, Covariance::model), expected.matrix("model")) < 1e-8);
  CHECK(distance(errors(model, Covariance::sandwich), expected.matrix("sandwich")) < 1e-8);
  CHECK(model.covariance() == (kind == 1 ? Covariance::sandwich : Covariance::model));
  CHECK(errors(model) == errors(model, model.covariance()));
  const double rows = kind == 2 ? samples.weight.sum() : static_cast<double>(y.rows());
  if (is_linear) CHECK(model.degrees_of_freedom() == Catch::Approx(rows - 4));
  if (!is_linear) CHECK(std::isinf(model.degrees_of_freedom()));
}

struct Data {
  Dense X;
  Column y;
  Column weight;
  Column label;  // far from separated
};

Data make_data(Index n, Index p, std::uint64_t seed) {
  l0::Rng rng(seed);
  Data data{l0::standard_normal<double>(rng, n, p), {}, {}, {}};
  data.y = 1 + 2 * data.X.col(0).array() - data.X.col(1).array() + l0::standard_normal<double>(rng, n).array();
  data.weight = 0.5 + 2 * l0::standard_uniform<double>(rng, n).array();
  data.label = (data.y.array() + 4 * l0::standard_normal<double>(rng, n).array() > 1).cast<double>();
  return data;
}

}  // namespace

TEST_CASE("Standard errors are those of R's lm, glm, sandwich and svyglm") {
  const l0::test::Golden golden(l0::test::data_file("standard_errors.txt"));
  for (Index i = 0; i < golden.num_cases(); ++i) {
    INFO("case " << i);
    const auto expected = golden.case_(i);
    const int family = static_cast<int>(expected.scalar("family"));
    if (family == 0 && expected.matrix("y").cols() > 1) compare<l0::MultiResponseRegression<double>>(expected);
    if (family == 0 && expected.matrix("y").cols() == 1) compare<l0::LinearRegression<double>>(expected);
    if (family == 1) compare<l0::LogisticRegression<double>>(expected);
    if (family == 2) compare<l0::PoissonRegression<double>>(expected);
    if (family == 3) compare<l0::MultinomialRegression<double>>(expected);
  }
}

TEST_CASE("Standard errors are of the selected support, in any storage and precision, and follow units") {
  const Data data = make_data(200, 12, 1);
  l0::LinearRegression<double> model({.max_features = 2});
  model.fit(data.X, data.y, data.weight);
  REQUIRE(model.selected_features() == std::vector<Index>{0, 1});
  l0::LinearRegression<double> pair({.gates = l0::GateMode::off});
  pair.fit(data.X.leftCols(2), data.y, data.weight);
  for (const auto covariance : {Covariance::model, Covariance::sandwich}) {
    const Dense all = errors(model, covariance);
    CHECK(distance(all.topRows(3), errors(pair, covariance)) < 1e-12);
    CHECK((all.bottomRows(10).array() == 0).all());
    l0::LinearRegression<double> sparse({.max_features = 2});
    sparse.fit(Eigen::SparseMatrix<double>(data.X.sparseView()), data.y, data.weight);
    CHECK(distance(errors(sparse, covariance).topRows(3), all.topRows(3)) < 1e-12);
    l0::LinearRegression<float> single({.max_features = 2});
    single.fit(data.X.cast<float>(), data.y.cast<float>(), l0::Vector<float>(data.weight.cast<float>()));
    CHECK(distance(errors(single, covariance).topRows(3), all.topRows(3)) < 1e-5);
    // Rows of weight 0, weights in another unit, y and columns in others.
    Data more = data;
    more.X.conservativeResize(250, 12);
    more.y.conservativeResize(250);
    more.weight.conservativeResize(250);
    more.X.bottomRows(50) = 3 * data.X.topRows(50);
    more.y.tail(50) = data.y.head(50).reverse();
    more.weight.tail(50).setZero();
    more.X.col(0) *= 1e6;
    more.y *= 1e-3;
    l0::LinearRegression<double> other({.max_features = 2});
    other.fit(more.X, more.y, Column(more.weight * 1e4));
    const Dense moved = errors(other, covariance) * 1e3;
    CHECK(moved(0, 0) == Catch::Approx(all(0, 0)).epsilon(1e-10));
    CHECK(moved(1, 0) * 1e6 == Catch::Approx(all(1, 0)).epsilon(1e-10));
    CHECK(moved(2, 0) == Catch::Approx(all(2, 0)).epsilon(1e-10));
  }
}

TEST_CASE("A ridge and a model without intercept have the errors of their formulas") {
  const Data data = make_data(60, 3, 2);
  for (const bool with_intercept : {true, false}) {
    l0::LinearRegression<double> model({.lambda_l2 = 0.2, .fit_intercept = with_intercept, .gates = l0::GateMode::off});
    model.fit(data.X, data.y);
    Dense A = data.X;
    if (with_intercept) A.rowwise() -= A.colwise().mean().eval();
    const Column variance = A.colwise().squaredNorm().transpose() / 60;
    const Dense gram = A.transpose() * A;
    const Dense inverse = (gram + Dense((60 * 0.2 * variance).asDiagonal())).inverse();
    const Column residual = model.residuals(data.X, data.y);
    const double freedom = with_intercept ? 56 : 57;
    const Dense expected = inverse * gram * inverse * (residual.squaredNorm() / freedom);
    const Dense meat = A.transpose() * residual.cwiseAbs2().asDiagonal() * A;
    const Dense robust = inverse * meat * inverse * (60 / freedom);
    CHECK(distance(model.standard_errors(), expected.diagonal().cwiseSqrt()) < 1e-10);
    CHECK(distance(model.standard_errors(Covariance::sandwich), robust.diagonal().cwiseSqrt()) < 1e-10);
    CHECK((model.intercept_standard_error() > 0) == with_intercept);
  }
}

TEST_CASE("Columns that make each other up have no standard errors of their own, the others have theirs") {
  Data data = make_data(90, 5, 3);
  for (Index i = 0; i < 90; ++i)
    data.X.row(i).tail(3) << (i % 3 == 0 ? 1 : 0), (i % 3 == 1 ? 1 : 0), (i % 3 == 2 ? 1 : 0);
  const auto check = [&](auto full, auto reference, const Column& y) {
    full.fit(data.X, y);
    reference.fit(data.X.leftCols(4), y);
    for (const auto covariance : {Covariance::model, Covariance::sandwich}) {
      const Dense all = errors(full, covariance);
      CHECK(distance(all.middleRows(1, 2), errors(reference, covariance).middleRows(1, 2)) < 1e-7);
      CHECK(std::isnan(all(0, 0)));
      CHECK(all.bottomRows(3).array().isNaN().all());
    }
  };
  const l0::RegressionOptions options{.gates = l0::GateMode::off};
  check(l0::LinearRegression<double>(options), l0::LinearRegression<double>(options), data.y);
  check(l0::LogisticRegression<double>(options), l0::LogisticRegression<double>(options), data.label);
}

TEST_CASE("Nothing is told of separated labels, nor without degrees of freedom") {
  Data data = make_data(40, 2, 4);
  const Column label = (data.X.col(0).array() > 0).cast<double>();
  l0::LogisticRegression<double> separated({.gates = l0::GateMode::off});
  separated.fit(data.X, label);
  CHECK(errors(separated).array().isNaN().all());
  l0::LinearRegression<double> exact({.gates = l0::GateMode::off});
  exact.fit(data.X.topRows(3), data.y.head(3));
  CHECK(errors(exact).array().isNaN().all());
  CHECK(errors(exact, Covariance::sandwich).array().isNaN().all());
  CHECK(exact.degrees_of_freedom() == 0);
  CHECK_THROWS_WITH(l0::LinearRegression<double>().standard_errors(), ContainsSubstring("not fitted"));
}

TEST_CASE("Samples in parts have the model's standard errors of all of them, and no sandwich") {
  Data data = make_data(150, 4, 5);
  Dense Y(150, 2);
  Y << data.y, data.X.col(2) - 0.3 * data.y;
  const auto check = [&](auto whole, auto parts, const auto& y, double tolerance) {
    whole.fit(data.X, y, data.weight);
    for (const Index first : {0, 70})
      parts.partial_fit(data.X.middleRows(first, first == 0 ? 70 : 80), y.middleRows(first, first == 0 ? 70 : 80),
                        data.weight.segment(first, first == 0 ? 70 : 80));
    CHECK(whole.selected_features() == parts.selected_features());
    const auto told = (errors(whole).array() > 0).eval();
    CHECK(told.any());
    CHECK(((errors(whole, Covariance::model) - errors(parts)).array().abs() <=
           tolerance * errors(whole, Covariance::model).array())
              .all());
    CHECK((whole.degrees_of_freedom() == parts.degrees_of_freedom() ||
           whole.degrees_of_freedom() == Catch::Approx(parts.degrees_of_freedom())));
    CHECK_THROWS_WITH(parts.standard_errors(Covariance::sandwich), ContainsSubstring("partial_fit"));
  };
  for (const auto kind : {l0::WeightKind::sampling, l0::WeightKind::frequency}) {
    const l0::RegressionOptions options{.max_features = 2, .weight_kind = kind};
    check(l0::LinearRegression<double>(options), l0::LinearRegression<double>(options), Dense(data.y), 1e-9);
    check(l0::MultiResponseRegression<double>(options), l0::MultiResponseRegression<double>(options), Y, 1e-9);
    // The first part's likelihood stays expanded where its own fit led.
    check(l0::LogisticRegression<double>(options), l0::LogisticRegression<double>(options), Dense(data.label), 0.1);
  }
}

}  // namespace tests::regression::standard_errors
