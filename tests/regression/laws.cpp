// SPDX-License-Identifier: MIT
// Laws that hold for every estimator, layout, scalar and way to say how sparse, on generated data. Seeds are printed.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <Eigen/Core>
#include <Eigen/SparseCore>

#include <l0/random/rng.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>
#include <l0/regression/poisson_regression.hpp>
#include <l0/regression/regularization_path.hpp>

#include "support/catch.hpp"

namespace tests::regression::laws {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Index;
using l0::RegressionOptions;
using l0::Samples;
using l0::WeightKind;
using Dense = l0::Matrix<double>;
using Column = l0::Vector<double>;

enum class Model { linear, logistic, poisson, multinomial };
const std::vector<Model> models{Model::linear, Model::logistic, Model::poisson, Model::multinomial};

struct Data {
  Dense X;
  Column y;
};

/// n × p columns with correlation .4 between neighbours, three of which matter.
Data make_data(Model model, Index n, Index p, std::uint64_t seed) {
  l0::Rng rng(seed);
  const auto normal = [&] { return l0::standard_normal<double>(rng, 1)(0); };
  Data data{Dense(n, p), Column(n)};
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < p; ++j) data.X(i, j) = (j > 0 ? 0.4 * data.X(i, j - 1) : 0.0) + 0.9 * normal();
  }
  const Column eta = 1.1 * data.X.col(1) - 0.9 * data.X.col(p / 2) + 0.8 * data.X.col(p - 1);
  for (Index i = 0; i < n; ++i) {
    const double u = l0::standard_uniform<double>(rng, 1)(0);
    if (model == Model::linear) data.y(i) = eta(i) + 0.7 * normal();
    if (model == Model::logistic) data.y(i) = u < 1 / (1 + std::exp(-eta(i))) ? 1 : 0;
    if (model == Model::poisson) data.y(i) = std::floor(std::exp(0.4 * eta(i)) + 2 * u);
    if (model == Model::multinomial) data.y(i) = eta(i) + 0.6 * normal() > 0.5 ? 2 : (u < 0.5 ? 1 : 0);
  }
  return data;
}

/// The ways to say how sparse. Prices of least squares are on squares of y.
std::vector<RegressionOptions> ways(Model model) {
  std::vector<RegressionOptions> result{{.criterion = l0::Criterion::bic},
                                        {.max_features = 3},
                                        {.lambda_l0 = 0.03},
                                        {.max_features = 3, .lambda_l2 = 0.1},
                                        {.folds = 3},
                                        {.folds = 3, .aim = l0::Aim::prediction},
                                        {.lambda_l0 = 0.02, .gates = l0::GateMode::sampled, .epochs = 200}};
  if (model == Model::linear) result.push_back({.max_features = 2, .non_negative = true});
  if (model == Model::linear) result.push_back({.gates = l0::GateMode::off});
  return result;
}

struct Fit {
  std::vector<Index> support;
  Dense coefficients;
  Dense intercept;
  double loss = 0;
  double lambda = 0;
  Column importance;
  std::vector<std::string> notes;
};

template <class Estimator, class X, class Y>
Fit fit_with(Estimator model, const X& x, const Y& y, const Samples<typename Estimator::Scalar>& samples) {
  model.fit(x, y, samples);
  Fit fit{model.selected_features(),
          model.coefficients().template cast<double>(),
          {},
          model.report().loss,
          model.report().lambda,
          model.importance().template cast<double>(),
          model.report().notes};
  if constexpr (std::is_floating_point_v<typename Estimator::Intercept>) {
    fit.intercept = Dense::Constant(1, 1, static_cast<double>(model.intercept()));
  } else {
    fit.intercept = model.intercept().template cast<double>();
  }
  return fit;
}

template <class Scalar, class X, class Y>
Fit fit_of(Model model, const RegressionOptions& options, const X& x, const Y& y, const Samples<Scalar>& samples = {}) {
  if (model == Model::logistic) return fit_with(l0::LogisticRegression<Scalar>(options), x, y, samples);
  if (model == Model::poisson) return fit_with(l0::PoissonRegression<Scalar>(options), x, y, samples);
  if (model == Model::multinomial) return fit_with(l0::MultinomialRegression<Scalar>(options), x, y, samples);
  return fit_with(l0::LinearRegression<Scalar>(options), x, y, samples);
}
template <class X, class Y>
Fit fit_of(Model model, const RegressionOptions& options, const X& x, const Y& y, const Samples<double>& samples = {}) {
  return fit_of<double>(model, options, x, y, samples);
}

/// Sampled gates add up rounding over their epochs; a support and its refit then still agree.
double tolerance(const RegressionOptions& options) { return options.gates == l0::GateMode::sampled ? 1e-6 : 1e-7; }

void check_same(const Fit& a, const Fit& b, double tolerance) {
  REQUIRE(a.support == b.support);
  CHECK((a.coefficients - b.coefficients).cwiseAbs().maxCoeff() <=
        tolerance * (1 + b.coefficients.cwiseAbs().maxCoeff()));
  CHECK((a.intercept - b.intercept).cwiseAbs().maxCoeff() <= tolerance * (1 + b.intercept.cwiseAbs().maxCoeff()));
  CHECK(a.loss == Catch::Approx(b.loss).epsilon(tolerance).margin(1e-300));
}

template <class Check>
void for_all(Check check) {
  for (const Model model : models) {
    for (const std::uint64_t seed : {11U, 12U}) {
      std::size_t way = 0;
      for (const RegressionOptions& options : ways(model)) {
        INFO("model " << static_cast<int>(model) << ", seed " << seed << ", way " << way++);
        check(model, options, make_data(model, 90, 9, seed));
      }
    }
  }
}

/// Columns by a factor each, coefficients by its inverse.
Column factors(Index p) {
  Column by(p);
  for (Index j = 0; j < p; ++j) by(j) = std::pow(10.0, j % 3 == 0 ? 12.0 : j % 3 == 1 ? -12.0 : 3.0);
  return by;
}

}  // namespace

TEST_CASE("Rows of weight 0 change nothing") {
  for_all([](Model model, const RegressionOptions& options, const Data& data) {
    if (options.folds > 0) return;  // folds are drawn from the rows that weigh something, which then lie elsewhere
    const Index n = data.X.rows(), zeros = 200;
    Dense X(n + zeros, data.X.cols());
    X << data.X.topRows(40), 1e3 * Dense::Random(zeros, data.X.cols()), data.X.bottomRows(n - 40);
    Column y(n + zeros), weight = Column::Ones(n + zeros);
    y << data.y.head(40), Column::Ones(zeros), data.y.tail(n - 40);
    weight.segment(40, zeros).setZero();
    check_same(fit_of(model, options, X, y, {.weight = weight}), fit_of(model, options, data.X, data.y), 1e-12);
  });
}

TEST_CASE("Sampling weights count by their ratios, frequencies as repeated rows") {
  for_all([](Model model, const RegressionOptions& options, const Data& data) {
    const Index n = data.X.rows();
    Column weight(n);
    for (Index i = 0; i < n; ++i) weight(i) = static_cast<double>(1 + (7 * i) % 3);
    const Fit fit = fit_of(model, options, data.X, data.y, {.weight = weight});
    for (const double by : {1e-9, 1e9}) {
      check_same(fit_of(model, options, data.X, data.y, {.weight = by * weight}), fit, tolerance(options));
    }
    if (options.folds > 0) return;  // copies of a row may fall into different folds
    const auto rows = static_cast<Index>(weight.sum());
    Dense X(rows, data.X.cols());
    Column y(rows);
    Index row = 0;
    for (Index i = 0; i < n; ++i) {
      for (double copy = 0; copy < weight(i); ++copy, ++row) X.row(row) = data.X.row(i), y(row) = data.y(i);
    }
    RegressionOptions frequency = options;
    frequency.weight_kind = WeightKind::frequency;
    check_same(fit_of(model, frequency, data.X, data.y, {.weight = weight}), fit_of(model, options, X, y),
               tolerance(options));
  });
}

TEST_CASE("Null data under weights of a survey stay null") {
  // Log-normal weights: n is what they are worth, some 2 % of the rows, not the number of rows.
  Index found = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    l0::Rng rng(seed + 1000);
    Column y(1000), weight(1000);
    Dense X(1000, 30);
    for (Index i = 0; i < 1000; ++i) {
      y(i) = l0::standard_normal<double>(rng, 1)(0);
      weight(i) = std::exp(2 * l0::standard_normal<double>(rng, 1)(0));
      for (Index j = 0; j < 30; ++j) X(i, j) = l0::standard_normal<double>(rng, 1)(0);
    }
    found += static_cast<Index>(fit_of(Model::linear, {}, X, y, {.weight = weight}).support.size());
  }
  CHECK(found <= 8);  // 40 sets; of a criterion that errs once in ten, with a margin of four deviations
}

TEST_CASE("Units of columns are nothing to a fit") {
  for_all([](Model model, const RegressionOptions& options, const Data& data) {
    const Column by = factors(data.X.cols());
    Fit fit = fit_of(model, options, Dense(data.X * by.asDiagonal()), data.y);
    fit.coefficients = by.asDiagonal() * fit.coefficients;
    check_same(fit, fit_of(model, options, data.X, data.y), tolerance(options));
  });
}

TEST_CASE("Least squares follows the unit of y, prices its square") {
  for (const std::uint64_t seed : {21U, 22U}) {
    const Data data = make_data(Model::linear, 90, 9, seed);
    for (const RegressionOptions& options : ways(Model::linear)) {
      const Fit fit = fit_of(Model::linear, options, data.X, data.y);
      for (const double by : {1e-8, 1e-4, 1e7}) {
        RegressionOptions priced = options;
        if (options.lambda_l0) priced.lambda_l0 = *options.lambda_l0 * by * by;
        Fit scaled = fit_of(Model::linear, priced, data.X, Column(by * data.y));
        CHECK(scaled.lambda / (by * by) == Catch::Approx(fit.lambda).epsilon(1e-4).margin(1e-9));
        scaled.coefficients /= by;
        scaled.intercept /= by;
        scaled.loss /= by * by;
        check_same(scaled, fit, tolerance(options));
      }
    }
  }
}

TEST_CASE("Columns and targets far from 0 are as good as centred ones, dense and sparse") {
  for_all([](Model model, const RegressionOptions& options, const Data& data) {
    // Rounded to 2⁻²⁰, so that sums with 2²⁷ lose nothing: 1e8 spreads away.
    const Dense near = (data.X * 0x1p20).array().round().matrix() * 0x1p-20;
    Dense far = near;
    for (Index j = 0; j < far.cols(); j += 2) far.col(j).array() += 0x1p27;
    const Fit expected = fit_of(model, options, near, data.y);
    const double allowed = options.gates == l0::GateMode::off ? 1e-6 : 10 * tolerance(options);
    const auto at_zero = [&](Fit fit) {
      for (Index j = 0; j < far.cols(); j += 2) fit.intercept += fit.coefficients.row(j) * 0x1p27;
      return fit;
    };
    // The intercept of a model so far away is known to 2²⁷ times the rounding of its coefficients.
    const auto compare = [&](const Fit& fit) {
      REQUIRE(fit.support == expected.support);
      CHECK((fit.coefficients - expected.coefficients).cwiseAbs().maxCoeff() < allowed);
      CHECK((at_zero(fit).intercept - expected.intercept).cwiseAbs().maxCoeff() < 1e-5);
      CHECK(fit.loss == Catch::Approx(expected.loss).epsilon(allowed));
    };
    compare(fit_of(model, options, far, data.y));
    compare(fit_of(model, options, Eigen::SparseMatrix<double>(far.sparseView()), data.y));
    compare(fit_of(model, options, Eigen::SparseMatrix<double, Eigen::RowMajor>(far.sparseView()), data.y));
    if (model == Model::linear) {
      Fit fit = fit_of(model, options, near, Column((data.y * 0x1p20).array().round() * 0x1p-20 + 0x1p27));
      CHECK(fit.support == expected.support);
    }
  });
}

TEST_CASE("Layouts and scalars give one model") {
  for_all([](Model model, const RegressionOptions& options, const Data& data) {
    const Eigen::MatrixXf narrow = data.X.cast<float>();
    const Dense wide = narrow.cast<double>();
    const Column target = data.y.cast<float>().cast<double>();
    const Fit fit = fit_of(model, options, wide, target);
    const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = wide;
    check_same(fit_of(model, options, rows, target), fit, 1e-12);
    Dense large(2 * wide.rows(), 3 * wide.cols());
    Eigen::Map<Dense, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>> map(
        large.data(), wide.rows(), wide.cols(), Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>(3 * large.rows(), 2));
    map = wide;
    check_same(fit_of(model, options, map, target), fit, 1e-12);
    check_same(fit_of(model, options, Eigen::SparseMatrix<double>(wide.sparseView()), target), fit, tolerance(options));
    const Eigen::VectorXf y = data.y.cast<float>();
    check_same(fit_of<float>(model, options, narrow, y), fit, 1e-5);  // coefficients are rounded to float
    check_same(fit_of<float>(model, options, Eigen::SparseMatrix<float, Eigen::RowMajor>(narrow.sparseView()), y), fit,
               1e-5);
  });
}

TEST_CASE("Orders of rows and columns are nothing to a fit") {
  for_all([](Model model, const RegressionOptions& options, const Data& data) {
    // Folds and draws of gates belong to places.
    if (options.folds > 0 || options.gates == l0::GateMode::sampled) return;
    const Index n = data.X.rows(), p = data.X.cols();
    Dense X(n, p);
    Column y(n);
    for (Index i = 0; i < n; ++i) {
      y(i) = data.y((7 * i) % n);
      for (Index j = 0; j < p; ++j) X(i, j) = data.X((7 * i) % n, (4 * j) % p);
    }
    Fit fit = fit_of(model, options, X, y);
    const Dense found = fit.coefficients;
    for (Index j = 0; j < p; ++j) fit.coefficients.row((4 * j) % p) = found.row(j);
    for (Index& j : fit.support) j = (4 * j) % p;
    std::sort(fit.support.begin(), fit.support.end());
    check_same(fit, fit_of(model, options, data.X, data.y), 1e-7);
  });
}

TEST_CASE("A change of the unit of exposure moves the intercept alone") {
  for (const std::uint64_t seed : {31U, 32U}) {
    const Data data = make_data(Model::poisson, 150, 8, seed);
    Column exposure(150);
    for (Index i = 0; i < 150; ++i) exposure(i) = 0.2 + static_cast<double>(i % 7);
    for (const RegressionOptions& options : ways(Model::poisson)) {
      const Fit years = fit_of(Model::poisson, options, data.X, data.y, {.offset = exposure.array().log()});
      Fit days = fit_of(Model::poisson, options, data.X, data.y, {.offset = (365 * exposure).array().log()});
      days.intercept.array() += std::log(365.0);
      check_same(days, years, tolerance(options));
    }
  }
}

TEST_CASE("Columns made up by others: finite coefficients, those of least norm, and a note") {
  for (const std::uint64_t seed : {41U, 42U, 43U}) {
    INFO("seed " << seed);
    const Data data = make_data(Model::linear, 60, 6, seed);
    Dense X(60, 9);
    X << data.X, Dense::Zero(60, 3);
    for (Index i = 0; i < 60; ++i) X(i, 6 + (i * i + i / 7) % 3) = 1;  // all three dummies of a factor
    const Column y = data.y + 2 * X.col(7);
    const RegressionOptions together{.must_keep = {6}, .groups = {0, 1, 2, 3, 4, 5, 6, 6, 6}};
    for (const double by : {1.0, 1e-3}) {
      Dense scaled = X;
      scaled.rightCols(3) *= by;
      const Fit fit = fit_of(Model::linear, together, scaled, y);
      REQUIRE(fit.coefficients.allFinite());
      CHECK(fit.coefficients.bottomRows(3).cwiseAbs().maxCoeff() * by < 10);
      CHECK(std::any_of(fit.notes.begin(), fit.notes.end(),
                        [](const std::string& note) { return note.find("least norm") != std::string::npos; }));
    }
    // Fitted values are those of the reference coding.
    const RegressionOptions everything{.gates = l0::GateMode::off};
    CHECK(fit_of(Model::linear, everything, X, y).loss ==
          Catch::Approx(fit_of(Model::linear, everything, X.leftCols(8).eval(), y).loss).epsilon(1e-9));
    const Eigen::MatrixXf narrow = X.cast<float>();
    const Fit fit = fit_of<float>(Model::linear, together, narrow, Eigen::VectorXf(y.cast<float>()));
    CHECK(fit.coefficients.bottomRows(3).cwiseAbs().maxCoeff() < 10);
    Dense twice(60, 12);
    twice << data.X, data.X;
    for (const Model model : {Model::linear, Model::logistic, Model::poisson}) {
      const Data other = make_data(model, 60, 6, seed);
      twice << other.X, other.X;
      const Fit all = fit_of(model, {.gates = l0::GateMode::off}, twice, other.y);
      const Fit half = fit_of(model, {.gates = l0::GateMode::off}, other.X, other.y);
      CHECK((2 * all.coefficients.topRows(6) - half.coefficients).cwiseAbs().maxCoeff() < 1e-4);
      CHECK((all.coefficients.topRows(6) - all.coefficients.bottomRows(6)).cwiseAbs().maxCoeff() < 1e-6);
    }
  }
}

TEST_CASE("Polynomials of years are told apart") {
  Dense X(31, 3);
  Column y(31);
  for (Index i = 0; i < 31; ++i) {
    const double year = 1990 + static_cast<double>(i), t = year - 2005;
    X.row(i) << year, year * year, year * year * year;
    y(i) = 1 + 0.3 * t - 0.02 * t * t + 0.002 * t * t * t;
  }
  const Fit fit = fit_of(Model::linear, {.max_features = 3}, X, y);
  CHECK(fit.support.size() == 3);
  CHECK(fit.notes.empty());
  CHECK(fit.loss < 1e-6 * (y.array() - y.mean()).square().mean());
}

TEST_CASE("Many rows of floats") {
  const Index n = 400000;
  Eigen::MatrixXf X(n, 1);
  Eigen::VectorXf y(n);
  for (Index i = 0; i < n; ++i) {
    X(i, 0) = static_cast<float>(1990 + i % 31);
    y(i) = 0.1F * (X(i, 0) - 2000);
  }
  l0::LinearRegression<float> model({.max_features = 1});
  model.fit(X, y);
  CHECK(model.coefficients()(0) == Catch::Approx(0.1).epsilon(1e-6));
  CHECK(model.r_squared(X, y) == Catch::Approx(1).epsilon(1e-6));
  const Eigen::VectorXf late = y.array() + 2000.F;
  CHECK(std::abs(l0::LinearRegression<float>({.max_features = 0}).fit(X, late).r_squared(X, late)) < 1e-6);
}

TEST_CASE("Constant columns are seen whatever their value") {
  for (const Model model : models) {
    Data data = make_data(model, 80, 6, 51);
    data.X.col(0).setConstant(0.1);
    data.X.col(2).setConstant(-1e9);
    for (const RegressionOptions& options : ways(model)) {
      const Fit fit = fit_of(model, options, data.X, data.y);
      CHECK(fit.coefficients.row(0).cwiseAbs().maxCoeff() == 0);
      CHECK(fit.coefficients.row(2).cwiseAbs().maxCoeff() == 0);
      CHECK(std::find(fit.notes.begin(), fit.notes.end(), "2 constant columns were left out") != fit.notes.end());
    }
  }
  Column six(6), y(6);
  six << 1.6e9, 1.6e9 + 1, 1.6e9 + 2, 1.6e9 + 3, 1.6e9 + 4, 1.6e9 + 5;
  y << 0, 1, 2, 3, 4, 5;
  const Eigen::SparseMatrix<double> sparse = Dense(six).sparseView();
  CHECK(fit_of(Model::linear, {.max_features = 1}, sparse, y).coefficients(0, 0) == Catch::Approx(1).epsilon(1e-9));
}

TEST_CASE("A path is no worse than a budget, whatever the size") {
  Index compared = 0, worse = 0;
  double most = 0;
  for (const std::uint64_t seed : {801, 802, 803, 804, 805, 806}) {
    const Index p = seed % 2 == 0 ? 30 : 150;
    const Data data = make_data(Model::linear, 80, p, seed);
    const auto path =
        l0::regularization_path(l0::LinearRegression<double>(), data.X, data.y, l0::PathOptions{.max_size = 20});
    REQUIRE(path.points.size() == 21);
    for (const auto& point : path.points) {
      l0::LinearRegression<double> budget({.max_features = point.size});
      budget.fit(data.X, data.y);
      const double excess = point.loss / budget.report().loss - 1;
      most = std::max(most, excess);
      worse += excess > 1e-9 ? 1 : 0;  // two refits of one support
      ++compared;
    }
    // What it chooses is what a fit chooses.
    l0::LinearRegression<double> fit;
    fit.fit(data.X, data.y);
    CHECK(path.chosen().support == fit.selected_features());
  }
  CAPTURE(compared, worse, most);
  CHECK(worse <= compared / 50);  // local searches, both of them
  CHECK(most < 0.05);
}

TEST_CASE("The samples' own folds are the folds") {
  for (const Model model : models) {
    const Data data = make_data(model, 90, 6, 61);
    Samples<double> samples;
    for (Index i = 0; i < 90; ++i) samples.fold.push_back(i / 30);
    Index heard = 0;
    RegressionOptions options;
    options.callback = [&](const l0::StepReport& step) { heard += step.stage == "folds" ? 1 : 0; };
    fit_of(model, options, data.X, data.y, samples);
    CHECK(heard == 3);
    options.folds = 4;
    CHECK_THROWS_WITH(fit_of(model, options, data.X, data.y, samples),
                      ContainsSubstring("folds is 4, expected 0 or the 3"));
    samples.fold[3] = -1;
    CHECK_THROWS_AS(fit_of(model, {}, data.X, data.y, samples), l0::Error);
  }
}

TEST_CASE("What a fit would have to ignore is refused") {
  const Data data = make_data(Model::linear, 30, 4, 71);
  Samples<double> folded;
  for (Index i = 0; i < 30; ++i) folded.fold.push_back(i % 3);
  for (const RegressionOptions& options : {RegressionOptions{.max_features = 2}, RegressionOptions{.lambda_l0 = 0.1}}) {
    CHECK_THROWS_WITH(fit_of(Model::linear, options, data.X, data.y, folded),
                      ContainsSubstring("fold is given, expected none where"));
    RegressionOptions with_folds = options;
    with_folds.folds = 3;
    CHECK_THROWS_WITH(fit_of(Model::linear, with_folds, data.X, data.y),
                      ContainsSubstring("folds is 3, expected 0 where"));
  }
  l0::LinearRegression<double> stream;
  CHECK_THROWS_WITH(stream.partial_fit(data.X, data.y, folded),
                    ContainsSubstring("fold is given, expected none in partial_fit"));
  CHECK_FALSE(stream.is_fitted());
  for (const double by : {1e200, 1e-200}) {
    CHECK_THROWS_WITH(fit_of(Model::linear, {}, Dense(by * data.X), data.y), ContainsSubstring("which have squares"));
  }
  CHECK_THROWS_AS(fit_of(Model::multinomial, {}, data.X, Column(Column::Ones(30)), {.offset = Column::Ones(30)}),
                  l0::Error);
}

}  // namespace tests::regression::laws
