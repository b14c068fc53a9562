// SPDX-License-Identifier: MIT
// Families beside the normal, logistic and Poisson: against R (tests/data/families.R), by their derivatives and by the
// laws of laws.cpp; a family of a user's own.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/SparseCore>

#include <l0/random/rng.hpp>
#include <l0/regression/regression.hpp>

#include "support/catch.hpp"

namespace tests::regression::families {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Index;
using l0::RegressionOptions;
using l0::Samples;
using Dense = l0::Matrix<double>;
using Column = l0::Vector<double>;
using Quasi = l0::QuasiPoissonRegression<double>;
using Negative = l0::NegativeBinomialRegression<double>;
using Amount = l0::GammaRegression<double>;
using Robust = l0::HuberRegression<double>;
using Level = l0::QuantileRegression<double>;
using Hazard = l0::CoxRegression<double>;

/// A family as a user may write it: P(y = 1) = 1 − exp(−e^η), whose link is not canonical; with expected curvature.
struct ComplementaryLogLog {
  static constexpr bool is_label = true;
  l0::FamilyPoint at(double y, double eta) const {
    const double rate = std::exp(std::clamp(eta, -30.0, 6.0)), p = -std::expm1(-rate);
    const double deviance = y > 0 ? -2 * std::log(p) : 2 * rate;
    return {deviance, (y - p) / p * rate, std::max(rate * rate * (1 - p) / p, 1e-10)};
  }
  double mean(double eta) const { return -std::expm1(-std::exp(std::clamp(eta, -30.0, 6.0))); }
  double link(double mu) const { return std::log(-std::log1p(-mu)); }
  bool allows(double y) const { return y == 0 || y == 1; }
  std::string_view wanted() const { return "0 or 1"; }
};

static_assert(l0::Family<ComplementaryLogLog> && !l0::AdaptiveFamily<ComplementaryLogLog>);
static_assert(l0::Family<l0::Bernoulli> && l0::Family<l0::Poisson> && !l0::AdaptiveFamily<l0::Poisson>);
static_assert(l0::AdaptiveFamily<l0::QuasiPoisson> && l0::AdaptiveFamily<l0::NegativeBinomial>);
static_assert(l0::AdaptiveFamily<l0::Gamma> && l0::AdaptiveFamily<l0::Huber> && l0::SmoothedFamily<l0::Quantile>);

/// The data of families.R.
struct Reference {
  Dense X = Dense(60, 3);
  Column count = Column(60), amount = count, wild = count, label = count, weight = count, offset = count;
  Dense survival = Dense(60, 2);

  Reference() {
    for (Index i = 0; i < 60; ++i) {
      const auto part = [&](Index value, Index by) { return static_cast<double>(value % by); };
      const double u = part(i * i * 7 + 13 * i + 5, 97) / 97;
      const double x1 = part(7 * i, 19) / 9 - 1, x2 = part(11 * i, 23) / 11 - 1, x3 = part(5 * i, 17) / 8 - 1;
      X.row(i) << x1, x2, x3;
      weight(i) = 1 + part(i, 3);
      offset(i) = part(3 * i, 7) / 10;
      count(i) = std::floor(std::exp(1.2 + 0.5 * x1 - 0.4 * x2) * 4 * u * u * u + 0.5);
      amount(i) = std::exp(1 + 0.5 * x1 - 0.3 * x3) * (0.2 + 1.6 * u);
      wild(i) = 2 + 1.5 * x1 - x2 + (u - 0.5) + (i % 10 == 3 ? 8 : 0);
      survival.row(i) << std::ceil(10 * std::exp(-0.7 * x1 + 0.4 * x2) * (0.1 + u)), (i % 4 == 1 ? 0 : 1);
      label(i) = 0.3 + x1 - x2 + 3 * (u - 0.5) > 0 ? 1 : 0;
    }
  }
};

const RegressionOptions everything{.gates = l0::GateMode::off};
const RegressionOptions counting{.weight_kind = l0::WeightKind::frequency, .gates = l0::GateMode::off};

template <class Model>
void check_coefficients(const Model& model, double intercept, double b1, double b2, double b3) {
  CHECK(model.intercept() == Catch::Approx(intercept).margin(1e-6));
  CHECK(model.coefficients()(0) == Catch::Approx(b1).margin(1e-6));
  CHECK(model.coefficients()(1) == Catch::Approx(b2).margin(1e-6));
  CHECK(model.coefficients()(2) == Catch::Approx(b3).margin(1e-6));
}

template <class Model>
constexpr bool is_hazard = std::is_same_v<Model, Hazard>;
template <class Model>
constexpr bool is_location = std::is_same_v<Model, Robust> || std::is_same_v<Model, Level>;

struct Data {
  Dense X;
  Dense y;
};

/// n × p columns with correlation .4 between neighbours, three of which matter.
template <class Model>
Data make_data(Index n, Index p, std::uint64_t seed, double effect = 1) {
  l0::Rng rng(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  Data data{Dense(n, p), Dense(n, is_hazard<Model> ? 2 : 1)};
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < p; ++j) data.X(i, j) = (j > 0 ? 0.4 * data.X(i, j - 1) : 0.0) + 0.9 * normal(rng);
    const double eta = effect * (1.1 * data.X(i, 1) - 0.9 * data.X(i, p / 2) + 0.8 * data.X(i, p - 1));
    if constexpr (is_hazard<Model>) {
      const double time = -std::log(1 - uniform(rng)) * std::exp(-eta);
      data.y.row(i) << std::ceil(20 * std::min(time, 3.0)) / 20, (time < 3 ? 1 : 0);
    } else if constexpr (is_location<Model>) {
      data.y(i) = eta + 0.5 * normal(rng) + (i % 11 == 0 ? 20 * uniform(rng) : 0);
    } else {
      const double rate = std::exp(1 + 0.6 * eta) * std::gamma_distribution<double>(1.5, 1 / 1.5)(rng);
      data.y(i) = std::is_same_v<Model, Amount> ? rate : std::poisson_distribution<int>(rate)(rng);
    }
  }
  return data;
}

struct Fit {
  std::vector<Index> support;
  Column coefficients;
  double intercept = 0;
  double loss = 0;
};

template <class Model>
Fit fit_of(const RegressionOptions& options, const Dense& X, const Dense& y, const Samples<double>& samples = {}) {
  Model model(options);
  model.fit(X, y, samples);
  return {model.selected_features(), model.coefficients(), model.intercept(), model.report().loss};
}

void check_same(const Fit& a, const Fit& b, double tolerance) {
  REQUIRE(a.support == b.support);
  CHECK((a.coefficients - b.coefficients).cwiseAbs().maxCoeff() <=
        tolerance * (1 + b.coefficients.cwiseAbs().maxCoeff()));
  CHECK(a.intercept == Catch::Approx(b.intercept).epsilon(tolerance).margin(tolerance));
  CHECK(a.loss == Catch::Approx(b.loss).epsilon(tolerance));
}

const std::vector<RegressionOptions> ways{{.criterion = l0::Criterion::bic},
                                          {.max_features = 3},
                                          {.lambda_l0 = 0.05},
                                          {.max_features = 3, .lambda_l2 = 0.1},
                                          {.folds = 3},
                                          {.lambda_l0 = 0.04, .gates = l0::GateMode::sampled, .epochs = 150}};

template <class Model, class Check>
void for_ways(Check check) {
  for (const RegressionOptions& options : ways) {
    INFO("way " << &options - ways.data());
    check(options, make_data<Model>(121, 8, 5));
  }
}

}  // namespace

TEST_CASE("Counts, amounts and labels as in R's glm and MASS's glm.nb") {
  const Reference data;
  Quasi quasi(everything);
  quasi.fit(data.X, data.count, Samples<double>{.offset = data.offset});
  check_coefficients(quasi, 0.78280460968863486, 1.00668358407685332, -0.70056946144427468, 0.13942856302399431);
  CHECK(quasi.family().dispersion == Catch::Approx(4.90385453964).epsilon(1e-6));

  Negative negative(everything);
  negative.fit(data.X, data.count, Samples<double>{.offset = data.offset});
  check_coefficients(negative, 0.852001209757442, 0.902672721252661, -0.583699187106735, 0.020569475596901);
  CHECK(negative.family().theta == Catch::Approx(0.623501112949).epsilon(1e-6));
  CHECK(2 * 60 * negative.report().loss == Catch::Approx(64.6304907175988).epsilon(1e-7));

  Amount amount(everything);
  amount.fit(data.X, data.amount);
  check_coefficients(amount, 0.965905310878856, 0.744656605501203, -0.024803149939036, -0.291997197068704);
  const double dispersion = amount.family().dispersion;
  CHECK(dispersion == Catch::Approx(0.257940758685602).epsilon(1e-6));
  CHECK(amount.deviance(data.X, data.amount) * dispersion == Catch::Approx(17.2884356791989).epsilon(1e-7));
  Amount weighted(counting);
  weighted.fit(data.X, data.amount, data.weight);
  check_coefficients(weighted, 0.991813139958719, 0.619244558698488, 0.023087489161862, -0.180009718908810);

  l0::GeneralizedLinearModel<double, ComplementaryLogLog> own(everything);
  own.fit(data.X, data.label);
  check_coefficients(own, 0.0023038880794216, 1.3851087117237146, -1.0433196245277381, 0.4355381696019661);
  CHECK(2 * 60 * own.report().loss == Catch::Approx(59.3467117690937).epsilon(1e-7));
  CHECK(own.predict(data.X)(7) == Catch::Approx(ComplementaryLogLog().mean(own.linear_predictor(data.X)(7))));
}

TEST_CASE("Wild targets as in MASS's rlm and quantreg's rq") {
  const Reference data;
  Robust robust(everything);
  robust.fit(data.X, data.wild);
  check_coefficients(robust, 2.070104663131, 1.62720007502678, -1.05833561119444, 0.14429857650757);
  CHECK(robust.family().scale == Catch::Approx(0.42179803338704).epsilon(1e-6));
  Robust wide(everything, {.delta = 2});
  wide.fit(data.X, data.wild);
  check_coefficients(wide, 2.10175256378777, 1.63004053426593, -1.0816446848805, 0.19270983387651);
  CHECK(wide.family().scale == Catch::Approx(0.40125373655508).epsilon(1e-6));

  Level median(everything);
  median.fit(data.X, data.wild);
  check_coefficients(median, 2.06285932872281652, 1.69586113909572300, -1.09307134687199392, 0.12113591431406563);
  CHECK(median.report().loss * 60 * median.family().dispersion == Catch::Approx(29.8020557958445).epsilon(1e-6));
  Level high(everything, {.tau = 0.8});
  high.fit(data.X, data.wild);
  check_coefficients(high, 2.49098791561412014, 1.57127739468833250, -1.08486379463371252, 0.38997746978903658);
  CHECK(high.loss(data.X, data.wild) * 60 * high.family().dispersion == Catch::Approx(40.1686761794224).epsilon(1e-6));
}

TEST_CASE("Survival times as in survival's coxph with Breslow's ties") {
  const Reference data;
  Hazard hazard(everything);
  hazard.fit(data.X, data.survival);
  const Column mean = data.X.colwise().mean();
  check_coefficients(hazard, -mean.dot(hazard.coefficients()), 0.959899354874267, -0.675137581091435,
                     0.023073230099613);
  CHECK(2 * 60 * hazard.report().loss == Catch::Approx(2 * 141.555922858778).epsilon(1e-9));
  CHECK(hazard.deviance(data.X, data.survival) == Catch::Approx(2 * 141.555922858778).epsilon(1e-9));
  CHECK(hazard.predict_risk(data.X).array().log().mean() == Catch::Approx(0).margin(1e-12));
  CHECK(Hazard({.max_features = 0}).fit(data.X, data.survival).report().loss ==
        Catch::Approx(148.219611447211 / 60).epsilon(1e-12));
  Hazard weighted(counting);
  weighted.fit(data.X, data.survival, Samples<double>{.weight = data.weight, .offset = data.offset});
  CHECK((weighted.coefficients() - Eigen::Vector3d(1.08637230772324, -0.79932367293785, -0.12634293211563)).norm() <
        1e-6);
  CHECK(weighted.report().loss * data.weight.sum() == Catch::Approx(349.174994753337).epsilon(1e-9));
}

TEST_CASE("Residuals and weights of families are derivatives of their deviances") {
  const auto check = [](const auto& family, double y, double eta, bool exact) {
    constexpr double step = 1e-5;
    const l0::FamilyPoint at = family.at(y, eta), above = family.at(y, eta + step), below = family.at(y, eta - step);
    INFO("y " << y << ", eta " << eta);
    CHECK(at.deviance >= 0);
    CHECK(at.residual == Catch::Approx(-(above.deviance - below.deviance) / (4 * step)).epsilon(1e-6).margin(1e-9));
    const double curvature = -(above.residual - below.residual) / (2 * step);
    if (exact) {
      CHECK(at.weight == Catch::Approx(curvature).epsilon(1e-6).margin(1e-9));
    } else {
      CHECK(at.weight >= curvature - 1e-6);  // a bound
    }
  };
  for (const double eta : {-3.1, -0.4, 0.7, 2.3}) {
    for (const double y : {0.0, 1.0, 2.5, 40.0}) {
      check(l0::QuasiPoisson{.dispersion = 3}, y, eta, true);
      for (const double theta : {0.3, 5.0, 1e6}) check(l0::NegativeBinomial{.theta = theta}, y, eta, true);
      if (y > 0) check(l0::Gamma{.dispersion = 0.4}, y, eta, true);
      check(l0::Huber{.delta = 1.2, .scale = 0.8, .dispersion = 1.1}, y, eta, false);
      for (const double tau : {0.1, 0.5}) {
        const l0::Quantile quantile{.tau = tau, .width = 0.3, .dispersion = 2};
        check(quantile, y, eta, std::abs(y - eta) < 1);
      }
    }
    check(l0::Huber{.delta = 1.2, .scale = 8}, 1, eta, true);
  }
  // Far out all is finite, and close by digits stay.
  for (const double eta : {-1e4, 1e4}) {
    for (const double y : {0.5, 1e6}) {
      for (const l0::FamilyPoint& at : {l0::NegativeBinomial{}.at(y, eta), l0::Gamma{}.at(y, eta),
                                        l0::Huber{}.at(y, eta), l0::Quantile{}.at(y, eta)}) {
        CHECK(std::isfinite(at.deviance));
        CHECK(std::isfinite(at.residual));
        CHECK((at.weight > 0 && std::isfinite(at.weight)));
      }
    }
  }
  CHECK(l0::NegativeBinomial{.theta = 2}.at(1e9, std::log(1e9) + 1e-3).deviance == Catch::Approx(2e-6).epsilon(2e-3));
}

TEST_CASE("The partial likelihood's slope and Hessian are derivatives, with ties, weights and offsets") {
  const Reference data;
  const l0::detail::CoxLikelihood<double> likelihood(data.survival.col(0), data.survival.col(1), data.weight,
                                                     data.offset);
  const Dense A = data.X.rowwise() - data.weight.transpose() * data.X / data.weight.sum();
  l0::detail::LikelihoodPoint<double> at, moved;
  const auto evaluate = [&](const Column& b, l0::detail::LikelihoodPoint<double>& point) {
    point.eta = A * b;
    likelihood.evaluate(point);
  };
  for (const double size : {0.0, 1.0, 8.0}) {
    const Column b = size * Eigen::Vector3d(0.9, -0.7, 0.4);
    evaluate(b, at);
    CHECK(at.residual.sum() == Catch::Approx(0).margin(1e-10));
    Dense scratch, hessian;
    likelihood.hessian(A, at, scratch, hessian);
    const Column slope = A.transpose() * at.residual;
    constexpr double step = 1e-5;
    for (Index j = 0; j < 3; ++j) {
      evaluate(b + step * Column::Unit(3, j), moved);
      const double above = moved.deviance;
      const Column slope_above = A.transpose() * moved.residual;
      evaluate(b - step * Column::Unit(3, j), moved);
      CHECK(slope(j) == Catch::Approx(-(above - moved.deviance) / (4 * step)).epsilon(1e-6).margin(1e-6));
      const Column change = (A.transpose() * moved.residual - slope_above) / (2 * step);
      for (Index l = 0; l < 3; ++l) CHECK(hessian(l, j) == Catch::Approx(change(l)).epsilon(1e-5).margin(1e-5));
      const Dense along = A.col(j);
      CHECK(likelihood.curvature_along(at, along) == Catch::Approx(hessian(j, j)).epsilon(1e-9));
    }
    Column diagonal;
    likelihood.scalar_curvature(at, diagonal);
    CHECK(diagonal.minCoeff() > 0);
    CHECK((A.transpose() * diagonal.asDiagonal() * A - hessian).ldlt().isPositive());  // a bound, for the search
  }
}

TEST_CASE("Counts that vary more than Poisson's keep no feature without effect") {
  Index poisson = 0, quasi = 0, negative = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const Data null = make_data<Quasi>(150, 30, seed, 0);
    poisson += static_cast<Index>(fit_of<l0::PoissonRegression<double>>({}, null.X, null.y).support.size());
    quasi += static_cast<Index>(fit_of<Quasi>({}, null.X, null.y).support.size());
    negative += static_cast<Index>(fit_of<Negative>({}, null.X, null.y).support.size());
  }
  CHECK(poisson >= 60);
  CHECK(quasi <= 3);  // in 30 sets of 30 features; of a criterion that errs once in thirty, with two deviations
  CHECK(negative <= 3);
}

TEMPLATE_TEST_CASE("Features that matter are found, without and with wild samples", "", Quasi, Negative, Amount, Robust,
                   Level, Hazard) {
  Index found = 0, wrong = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Data data = make_data<TestType>(200, 20, seed);
    for (const Index j : fit_of<TestType>({}, data.X, data.y).support) ++(j == 1 || j == 10 || j == 19 ? found : wrong);
  }
  CHECK(found == 15);
  CHECK(wrong <= 2);
}

TEST_CASE("Strong effects are not taken for dispersion") {
  // Without its features the variance of y is a hundred times what the model leaves.
  Index found = 0, wrong = 0;
  const auto count = [&](const Fit& fit) {
    for (const Index j : fit.support) ++(j == 1 || j == 20 || j == 39 ? found : wrong);
  };
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Data amounts = make_data<Amount>(80, 40, seed, 3), counts = make_data<Negative>(80, 40, seed, 3);
    count(fit_of<Amount>({}, amounts.X, amounts.y));
    count(fit_of<Negative>({}, counts.X, counts.y));
  }
  CHECK(found == 60);
  CHECK(wrong <= 4);
}

TEMPLATE_TEST_CASE("Laws of weights hold for all families", "", Quasi, Negative, Amount, Robust, Level, Hazard) {
  for_ways<TestType>([](const RegressionOptions& options, const Data& data) {
    const double tolerance = options.gates == l0::GateMode::sampled ? 1e-5 : 1e-6;
    const Index n = data.X.rows(), zeros = 60;
    Column weight(n);
    for (Index i = 0; i < n; ++i) weight(i) = static_cast<double>(1 + (7 * i) % 3);
    const Fit fit = fit_of<TestType>(options, data.X, data.y, {.weight = weight});
    check_same(fit_of<TestType>(options, data.X, data.y, {.weight = 1e7 * weight}), fit, tolerance);
    if (options.folds > 0) return;  // copies of a row may fall into different folds
    Dense X(n + zeros, data.X.cols()), y(n + zeros, data.y.cols());
    X << data.X.topRows(40), 1e3 * Dense::Random(zeros, data.X.cols()), data.X.bottomRows(n - 40);
    y << data.y.topRows(40), Dense::Ones(zeros, data.y.cols()), data.y.bottomRows(n - 40);
    Column with_zeros = Column::Zero(n + zeros);
    with_zeros << weight.head(40), Column::Zero(zeros), weight.tail(n - 40);
    check_same(fit_of<TestType>(options, X, y, {.weight = with_zeros}), fit, 1e-12);
    const auto rows = static_cast<Index>(weight.sum());
    X.resize(rows, data.X.cols());
    y.resize(rows, data.y.cols());
    for (Index i = 0, row = 0; i < n; ++i) {
      for (double copy = 0; copy < weight(i); ++copy, ++row) X.row(row) = data.X.row(i), y.row(row) = data.y.row(i);
    }
    RegressionOptions frequency = options;
    frequency.weight_kind = l0::WeightKind::frequency;
    check_same(fit_of<TestType>(frequency, data.X, data.y, {.weight = weight}), fit_of<TestType>(options, X, y),
               tolerance);
  });
}

TEMPLATE_TEST_CASE("Units and orders are nothing to any family", "", Quasi, Negative, Amount, Robust, Level, Hazard) {
  for_ways<TestType>([](const RegressionOptions& options, const Data& data) {
    const double tolerance = options.gates == l0::GateMode::sampled ? 1e-5 : 1e-6;
    const Index n = data.X.rows(), p = data.X.cols();
    const Fit fit = fit_of<TestType>(options, data.X, data.y);
    Column by(p);
    for (Index j = 0; j < p; ++j) by(j) = std::pow(10.0, j % 3 == 0 ? 12.0 : j % 3 == 1 ? -12.0 : 3.0);
    Fit scaled = fit_of<TestType>(options, Dense(data.X * by.asDiagonal()), data.y);
    scaled.coefficients = by.asDiagonal() * scaled.coefficients;
    check_same(scaled, fit, tolerance);
    // y in another unit: times, amounts, and what is on the scale of η.
    if constexpr (!std::is_same_v<TestType, Quasi> && !std::is_same_v<TestType, Negative>) {
      for (const double unit : {1e-6, 1e7}) {
        Dense y = data.y;
        y.col(0) *= unit;
        Fit other = fit_of<TestType>(options, data.X, y);
        if (is_location<TestType>) other.coefficients /= unit, other.intercept /= unit;
        if (std::is_same_v<TestType, Amount>) other.intercept -= std::log(unit);
        check_same(other, fit, tolerance);
      }
    }
    // Columns, and targets on the scale of η, 10⁸ spreads from 0; rounded to 2⁻²⁰, so that sums with 2²⁷ lose nothing.
    const Dense near = (data.X * 0x1p20).array().round().matrix() * 0x1p-20;
    Dense far = near;
    for (Index j = 0; j < p; j += 2) far.col(j).array() += 0x1p27;
    const Fit expected = fit_of<TestType>(options, near, data.y);
    const Fit distant = fit_of<TestType>(options, far, data.y);
    REQUIRE(distant.support == expected.support);
    CHECK((distant.coefficients - expected.coefficients).cwiseAbs().maxCoeff() < 10 * tolerance);
    CHECK(distant.loss == Catch::Approx(expected.loss).epsilon(10 * tolerance));
    if constexpr (is_location<TestType>) {
      const Dense y = (data.y * 0x1p20).array().round().matrix() * 0x1p-20;
      const Fit low = fit_of<TestType>(options, near, y), high = fit_of<TestType>(options, near, y.array() + 0x1p27);
      REQUIRE(high.support == low.support);
      CHECK((high.coefficients - low.coefficients).cwiseAbs().maxCoeff() < 1e-5);
      CHECK(high.intercept - 0x1p27 == Catch::Approx(low.intercept).margin(1e-5));
    }
    if (options.folds > 0 || options.gates == l0::GateMode::sampled) return;  // these belong to places
    Dense X(n, p), y(n, data.y.cols());
    for (Index i = 0; i < n; ++i) {
      y.row(i) = data.y.row((7 * i) % n);
      for (Index j = 0; j < p; ++j) X(i, j) = data.X((7 * i) % n, (3 * j) % p);
    }
    Fit moved = fit_of<TestType>(options, X, y);
    const Column found = moved.coefficients;
    for (Index j = 0; j < p; ++j) moved.coefficients((3 * j) % p) = found(j);
    for (Index& j : moved.support) j = (3 * j) % p;
    std::sort(moved.support.begin(), moved.support.end());
    check_same(moved, fit, tolerance);
  });
}

TEMPLATE_TEST_CASE("The best support of all is found for all families", "", Quasi, Negative, Amount, Robust, Level,
                   Hazard) {
  int cases = 0, misses = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (const double rho : {0.0, 0.9, 0.98}) {
      Data data = make_data<TestType>(60, 8, seed, 0.5);
      const Column common = data.X.col(3);
      for (Index j = 0; j < 8; ++j) data.X.col(j) = std::sqrt(rho) * common + std::sqrt(1 - rho) * data.X.col(j);
      const auto loss = [&](const RegressionOptions& options, const Dense& X) {
        if constexpr (is_hazard<TestType>) {
          return fit_of<TestType>(options, X, data.y).loss;
        } else {
          auto family = typename TestType::FamilyType();  // at the same parameters for all supports
          family.estimated = false;
          if constexpr (std::is_same_v<TestType, Level>) family.width = 0.13;  // .5 / 60^⅓, as it would be estimated
          TestType model(options, family);
          model.fit(X, data.y);
          return model.report().loss;
        }
      };
      const double found = loss({.max_features = 2}, data.X);
      double best = found;
      for (Index a = 0; a < 8; ++a) {
        for (Index b = 0; b < a; ++b) {
          Dense two(60, 2);
          two << data.X.col(a), data.X.col(b);
          best = std::min(best, loss(everything, two));
        }
      }
      ++cases;
      misses += found > best * (1 + 1e-7) ? 1 : 0;
    }
  }
  INFO(misses << " of " << cases);
  CHECK(misses <= (std::is_same_v<TestType, Level> ? 5 : 1));  // the median is searched on its smoothed loss
}

TEST_CASE("Sparse and dense, float and double give one model of any family") {
  const Data times = make_data<Hazard>(120, 8, 9), counts = make_data<Negative>(120, 8, 9);
  const Fit hazard = fit_of<Hazard>({}, times.X, times.y);
  Hazard sparse;
  sparse.fit(Eigen::SparseMatrix<double, Eigen::RowMajor>(times.X.sparseView()), times.y);
  CHECK(sparse.selected_features() == hazard.support);
  CHECK((sparse.coefficients() - hazard.coefficients).cwiseAbs().maxCoeff() < 1e-7);
  const Eigen::MatrixXf narrow = counts.X.cast<float>();
  const Fit wide = fit_of<Negative>({}, narrow.cast<double>(), counts.y);
  l0::NegativeBinomialRegression<float> model;
  model.fit(Eigen::SparseMatrix<float>(narrow.sparseView()), Eigen::VectorXf(counts.y.cast<float>()));
  CHECK(model.selected_features() == wide.support);
  CHECK((model.coefficients().cast<double>() - wide.coefficients).cwiseAbs().maxCoeff() < 1e-5);
}

TEST_CASE("A path is at the parameters that the criterion's model has") {
  const Data data = make_data<Negative>(150, 12, 3);
  Negative model;
  model.fit(data.X, data.y);
  const auto path = l0::regularization_path(model, data.X, data.y);
  CHECK(path.chosen().support == model.selected_features());
  CHECK(path.chosen().loss == Catch::Approx(model.report().loss).epsilon(1e-9));
  CHECK(path.points.size() >= 6);
  const Data times = make_data<Hazard>(150, 12, 3);
  const auto hazards = l0::regularization_path(Hazard(), times.X, times.y, {.folds = 4});
  CHECK(hazards.chosen().size >= 3);
  CHECK(std::isfinite(hazards.chosen().cv_loss));
}

TEST_CASE("Samples in parts keep the parameters of the first") {
  const Data data = make_data<Negative>(900, 8, 7);
  Negative whole, parts;
  whole.fit(data.X, data.y);
  parts.partial_fit(data.X.topRows(400), data.y.topRows(400));
  const double theta = parts.family().theta;
  parts.partial_fit(data.X.middleRows(400, 250), data.y.middleRows(400, 250));
  parts.partial_fit(data.X.bottomRows(250), data.y.bottomRows(250));
  CHECK(parts.family().theta == theta);
  CHECK(theta == Catch::Approx(1.5).epsilon(0.25));
  CHECK(parts.selected_features() == whole.selected_features());
  CHECK((parts.coefficients() - whole.coefficients()).cwiseAbs().maxCoeff() < 0.03);
  const Data wild = make_data<Robust>(900, 8, 7);
  Robust robust, streamed;
  robust.fit(wild.X, 1e5 * wild.y);
  streamed.partial_fit(wild.X.topRows(400), 1e5 * wild.y.topRows(400));
  streamed.partial_fit(wild.X.bottomRows(500), 1e5 * wild.y.bottomRows(500));
  CHECK(streamed.selected_features() == robust.selected_features());
  CHECK((streamed.coefficients() - robust.coefficients()).cwiseAbs().maxCoeff() < 0.03 * 1e5);
}

TEST_CASE("Parameters that are given stay") {
  const Reference data;
  const Negative fixed = Negative({}, {.theta = 3, .estimated = false}).fit(data.X, data.count);
  CHECK(fixed.family().theta == 3);
  Robust robust({}, {.scale = 2, .estimated = false});
  robust.fit(data.X, data.wild);
  CHECK(robust.family().scale == 2);
  CHECK(robust.family().dispersion == 1);
  Robust again({}, {.scale = 100});  // a start is no more than that
  CHECK(again.fit(data.X, data.wild).coefficients() == again.fit(data.X, data.wild).coefficients());
  CHECK(again.family().scale < 1);
  // Poisson's counts have no θ: it ends at its bound, and coefficients are Poisson's.
  Column regular(60);
  for (Index i = 0; i < 60; ++i) regular(i) = std::round(std::exp(1 + data.X(i, 0)));
  Negative none(everything);
  none.fit(data.X, regular);
  CHECK(none.family().theta == Catch::Approx(1e7));
  CHECK((none.coefficients() - l0::PoissonRegression<double>(everything).fit(data.X, regular).coefficients()).norm() <
        1e-5);
}

TEST_CASE("Times that a feature puts in order have no finite hazard, and a note") {
  Dense X = Dense::Random(50, 3), y(50, 2);
  for (Index i = 0; i < 50; ++i) y.row(i) << std::exp(-X(i, 1)), 1;
  Hazard model({.max_features = 1});
  model.fit(X, y);
  CHECK(model.selected_features() == std::vector<Index>{1});
  CHECK(std::isfinite(model.coefficients()(1)));
  REQUIRE(model.report().notes.size() == 1);
  CHECK_THAT(model.report().notes[0], ContainsSubstring("rises without end"));
  const Reference data;
  CHECK(Hazard().fit(data.X, data.survival).report().notes.empty());
}

TEST_CASE("Targets that models meet, and targets that are all alike, end finite") {
  const Reference data;
  const Column line = (data.X.col(0) - 2 * data.X.col(1)).array() + 3;
  for (const Fit& fit : {fit_of<Robust>({}, data.X, line), fit_of<Level>({}, data.X, line)}) {
    CHECK((fit.coefficients - Eigen::Vector3d(1, -2, 0)).cwiseAbs().maxCoeff() < 1e-5);
    CHECK(std::isfinite(fit.loss));
  }
  CHECK(fit_of<Amount>({}, data.X, 1e9 + 100 * line.array()).support == std::vector<Index>{0, 1});
  const Column same = Column::Constant(60, 4);
  for (const Fit& fit : {fit_of<Robust>({}, data.X, same), fit_of<Level>({}, data.X, same)})
    CHECK(fit.intercept == Catch::Approx(4).epsilon(1e-6));
  for (const Fit& fit :
       {fit_of<Amount>({}, data.X, same), fit_of<Quasi>({}, data.X, same), fit_of<Negative>({}, data.X, same)}) {
    CHECK(fit.support.empty());
    CHECK(fit.intercept == Catch::Approx(std::log(4.0)).epsilon(1e-6));
  }
  for (const Fit& fit : {fit_of<Quasi>({}, data.X, Column::Zero(60)), fit_of<Negative>({}, data.X, Column::Zero(60))})
    CHECK((std::isfinite(fit.intercept) && fit.intercept < -3 && std::isfinite(fit.loss)));
}

TEST_CASE("Classes weigh what they are told to") {
  const Reference data;
  const double ones = data.label.sum(), zeros = 60 - ones;
  Column weight(60), twice(60);
  for (Index i = 0; i < 60; ++i) {
    weight(i) = data.label(i) > 0 ? 1 / ones : 1 / zeros;
    twice(i) = data.label(i) > 0 ? 2 : 0.5;
  }
  using Logistic = l0::LogisticRegression<double>;
  const Fit balanced = fit_of<Logistic>({.max_features = 2, .balance_classes = true}, data.X, data.label);
  check_same(balanced, fit_of<Logistic>({.max_features = 2}, data.X, data.label, {.weight = weight}), 1e-9);
  check_same(fit_of<Logistic>({.max_features = 2, .class_weight = {0.5, 2}}, data.X, data.label),
             fit_of<Logistic>({.max_features = 2}, data.X, data.label, {.weight = twice}), 1e-9);
  check_same(fit_of<Logistic>({.max_features = 2, .balance_classes = true}, data.X, data.label, {.weight = twice}),
             balanced, 1e-9);
  l0::MultinomialRegression<double> classes({.balance_classes = true, .gates = l0::GateMode::off});
  classes.fit(data.X, data.label);
  Logistic two({.balance_classes = true, .gates = l0::GateMode::off});
  two.fit(data.X, data.label);
  CHECK((classes.predict_probability(data.X).col(1) - two.predict_probability(data.X)).cwiseAbs().maxCoeff() < 1e-4);
  CHECK_THROWS_WITH(fit_of<Logistic>({.class_weight = {1}}, data.X, data.label),
                    ContainsSubstring("class_weight is 1 entries, expected one per class"));
  CHECK_THROWS_WITH(fit_of<Logistic>({.class_weight = {1, 0}}, data.X, data.label), ContainsSubstring("class_weight"));
  CHECK_THROWS_WITH(fit_of<Quasi>({.class_weight = {1, 1}}, data.X, data.count), ContainsSubstring("class_weight"));
  CHECK_THROWS_WITH(fit_of<Hazard>({.balance_classes = true}, data.X, data.survival),
                    ContainsSubstring("balance_classes is given"));
  CHECK_THROWS_WITH(l0::LinearRegression<double>({.balance_classes = true}).partial_fit(data.X, data.wild),
                    ContainsSubstring("balance_classes is given"));
}

TEST_CASE("What a family does not know is refused") {
  const Reference data;
  CHECK_THROWS_WITH(Level({}, {.tau = 1}).fit(data.X, data.wild), ContainsSubstring("tau is 1, expected a number in"));
  CHECK_THROWS_WITH(Robust({}, {.delta = 0}).fit(data.X, data.wild), ContainsSubstring("delta is 0"));
  CHECK_THROWS_WITH(Negative({}, {.theta = -1}).fit(data.X, data.count), ContainsSubstring("theta is -1"));
  CHECK_THROWS_WITH(Quasi({}, {.dispersion = 0}).fit(data.X, data.count), ContainsSubstring("dispersion is 0"));
  CHECK_THROWS_WITH(Amount().fit(data.X, data.count), ContainsSubstring("y(0) is 0, expected a finite number > 0"));
  Dense y = data.survival;
  y(3, 1) = 2;
  CHECK_THROWS_WITH(Hazard().fit(data.X, y), ContainsSubstring("y(3, 1) is 2, expected 1 for an event"));
  y = data.survival;
  y(4, 0) = -1;
  CHECK_THROWS_WITH(Hazard().fit(data.X, y), ContainsSubstring("y(4, 0) is -1, expected a finite time >= 0"));
  y.col(1).setZero();
  y(4, 0) = 1;
  CHECK_THROWS_WITH(Hazard().fit(data.X, y), ContainsSubstring("without an event"));
  CHECK_THROWS_WITH(Hazard({.fit_intercept = false}).fit(data.X, data.survival), ContainsSubstring("fit_intercept"));
  CHECK_THROWS_WITH(Hazard().fit(data.X, data.wild), ContainsSubstring("y is 60x1, expected 60x2"));
}

}  // namespace tests::regression::families
