// SPDX-License-Identifier: MIT
// Weights and standard errors beside R's survey, on its api data (tests/data/survey.txt, which has the commands).
#include <l0/calibration/calibrate.hpp>
#include <l0/calibration/calibration.hpp>
#include <l0/calibration/variance.hpp>

#include <Eigen/Dense>

#include <random>
#include <string>

#include "support/catch.hpp"
#include "support/golden.hpp"

namespace tests::calibration::survey {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Index;

const l0::test::Golden& golden() {
  static const l0::test::Golden instance(l0::test::data_file("survey.txt"));
  return instance;
}

/// Whatever lies between: Hellinger's distance.
struct Hellinger {
  double cost(double r) const { return 2 * (std::sqrt(r) - 1) * (std::sqrt(r) - 1); }
  double slope(double r) const { return 2 - 2 / std::sqrt(r); }
  double curvature(double r) const { return 1 / (r * std::sqrt(r)); }
  double ratio(double u) const { return u < 2 ? 1 / ((1 - u / 2) * (1 - u / 2)) : 1e300; }
  double lowest() const { return 0; }
  double highest() const { return std::numeric_limits<double>::infinity(); }
};

template <class Check>
void for_all_distances(const Check& check) {
  check("linear", l0::LinearDistance{});
  check("raking", l0::RakingDistance{});
  check("logit", l0::LogitDistance{.lower = 0.4, .upper = 2.5});
}

// Weights to 1e-8, as asked; survey itself stops at 1e-12 of the targets.
constexpr double weight_tolerance = 1e-8;
constexpr double error_tolerance = 1e-6;

}  // namespace

TEST_CASE("Weights by linear, raking and logit distances are those of R's survey") {
  const Eigen::MatrixXd m = golden().matrix("M");
  const Eigen::VectorXd t = golden().vector("t"), d = golden().vector("d");
  for_all_distances([&](const std::string& name, const auto& distance) {
    CAPTURE(name);
    const Eigen::VectorXd expected = golden().vector(name + "_w");
    const auto dense = l0::calibrate(m, t, d, distance);
    const auto sparse = l0::calibrate(Eigen::SparseMatrix<double>(m.sparseView()), t, d, distance);
    CHECK(dense.met);
    CHECK((dense.weights - expected).cwiseAbs().maxCoeff() < weight_tolerance * expected.maxCoeff());
    CHECK((sparse.weights - expected).cwiseAbs().maxCoeff() < weight_tolerance * expected.maxCoeff());
    // w = d · ratio(mᵀλ).
    for (Index j = 0; j < d.size(); ++j) {
      CHECK(dense.weights(j) == Catch::Approx(d(j) * distance.ratio(m.col(j).dot(dense.multipliers))).epsilon(1e-9));
    }
  });
}

TEST_CASE("Standard errors of totals, means and ratios are those of R's survey") {
  const Eigen::MatrixXd m = golden().matrix("M");
  const Eigen::VectorXd t = golden().vector("t"), d = golden().vector("d"), y = golden().vector("y"),
                        x = golden().vector("x");
  const Eigen::VectorXd sizes = golden().vector("fpc");
  const l0::SurveyDesign design{.strata = golden().indices("stratum"),
                                .stratum_sizes = std::vector<double>(sizes.begin(), sizes.end())};
  for_all_distances([&](const std::string& name, const auto& distance) {
    CAPTURE(name);
    const l0::CalibratedSample<> sample(m, d, l0::calibrate(m, t, d, distance).weights, design);
    const auto near = [&](double value, const char* of) {
      return value == Catch::Approx(golden().scalar(name + of)).epsilon(error_tolerance);
    };
    CHECK(near(sample.total(y).value, "_total"));
    CHECK(near(sample.total(y).standard_error, "_se_total"));
    CHECK(near(sample.mean(y).standard_error, "_se_mean"));
    CHECK(near(sample.ratio(y, x).value, "_ratio"));
    CHECK(near(sample.ratio(y, x).standard_error, "_se_ratio"));
  });
  // Without targets: the design alone.
  const l0::CalibratedSample<> plain(Eigen::MatrixXd(0, d.size()), d, d, design);
  CHECK(plain.total(y).standard_error == Catch::Approx(golden().scalar("design_se_total")).epsilon(error_tolerance));
  CHECK(plain.mean(y).standard_error == Catch::Approx(golden().scalar("design_se_mean")).epsilon(error_tolerance));
  CHECK(plain.ratio(y, x).standard_error == Catch::Approx(golden().scalar("design_se_ratio")).epsilon(error_tolerance));
  // Targets are known: nothing of theirs is uncertain.
  const l0::CalibratedSample<> raked(m, d, l0::calibrate(m, t, d, l0::RakingDistance{}).weights, design);
  CHECK(raked.total(m.row(1).transpose()).standard_error < 1e-6);
}

TEST_CASE("The jackknife, calibrated again for every draw, is that of R's survey") {
  const Eigen::MatrixXd m = golden().matrix("M");
  const Eigen::VectorXd t = golden().vector("t"), d = golden().vector("d"), y = golden().vector("y");
  const Eigen::VectorXd sizes = golden().vector("fpc");
  const l0::CalibratedSample<> sample(
      m, d, l0::calibrate(m, t, d, l0::RakingDistance{}).weights,
      {.strata = golden().indices("stratum"), .stratum_sizes = std::vector<double>(sizes.begin(), sizes.end())});
  const auto total = sample.jackknife(
      t, [&](const auto& w) { return w.dot(y); }, l0::RakingDistance{});
  const auto mean = sample.jackknife(
      t, [&](const auto& w) { return w.dot(y) / w.sum(); }, l0::RakingDistance{});
  CHECK(total.standard_error == Catch::Approx(golden().scalar("jk_se_total")).epsilon(error_tolerance));
  CHECK(mean.standard_error == Catch::Approx(golden().scalar("jk_se_mean")).epsilon(error_tolerance));
}

TEST_CASE("A distance is what its derivatives say, a user's own too") {
  const auto check = [](const auto& distance) {
    static_assert(l0::Distance<std::decay_t<decltype(distance)>>);
    constexpr double step = 1e-5;
    CHECK(distance.cost(1) == Catch::Approx(0).margin(1e-15));
    CHECK(distance.slope(1) == Catch::Approx(0).margin(1e-15));
    for (const double r : {0.5, 0.9, 1.1, 1.7, 2.4}) {
      CAPTURE(r);
      const double slope = (distance.cost(r + step) - distance.cost(r - step)) / (2 * step);
      const double curvature = (distance.slope(r + step) - distance.slope(r - step)) / (2 * step);
      CHECK(distance.slope(r) == Catch::Approx(slope).epsilon(1e-7));
      CHECK(distance.curvature(r) == Catch::Approx(curvature).epsilon(1e-7));
      CHECK(distance.ratio(distance.slope(r)) == Catch::Approx(r).epsilon(1e-12));
    }
  };
  check(l0::LinearDistance{});
  check(l0::RakingDistance{});
  check(l0::TruncatedDistance{.lower = 0.3, .upper = 3});
  check(l0::LogitDistance{.lower = 0.3, .upper = 3});
  check(Hellinger{});
  const Eigen::MatrixXd m = golden().matrix("M");
  const Eigen::VectorXd t = golden().vector("t"), d = golden().vector("d");
  const auto own = l0::calibrate(m, t, d, Hellinger{});
  CHECK(own.met);
  CHECK((own.weights.array() > 0).all());
  const auto held = l0::calibrate(m, t, d, l0::TruncatedDistance{.lower = 0.4, .upper = 2.2});
  CHECK(held.met);
  CHECK((held.weights.array() / d.array()).minCoeff() >= 0.4);
  CHECK((held.weights.array() / d.array()).maxCoeff() <= 2.2);
}

TEST_CASE("Targets that cannot be met are said to be missed; what makes no sense is refused") {
  Eigen::MatrixXd m(2, 3);
  m << 1, 1, 1, 1, 1, 1;
  const Eigen::Vector3d d(1, 2, 3);
  const auto torn = l0::calibrate(m, Eigen::Vector2d(6, 12), d);
  CHECK_FALSE(torn.met);
  // The least sum of squares of relative misses: (s/6 − 1)² + (s/12 − 1)².
  CHECK(torn.weights.sum() == Catch::Approx(7.2).epsilon(1e-6));
  CHECK_FALSE(
      l0::calibrate(m.topRows(1), Eigen::VectorXd::Constant(1, 100), d, l0::LogitDistance{.lower = 0.5, .upper = 2})
          .met);
  CHECK_THROWS_WITH(l0::calibrate(m, Eigen::Vector3d(1, 2, 3), d), ContainsSubstring("targets is 3x1"));
  CHECK_THROWS_WITH(l0::calibrate(m, Eigen::Vector2d(1, 2), Eigen::Vector2d(1, 2)),
                    ContainsSubstring("design_weights is 2x1"));
  CHECK_THROWS_WITH(l0::calibrate(m, Eigen::Vector2d(1, 2), Eigen::Vector3d(1, -2, 3)),
                    ContainsSubstring("a design weight is -2"));
  CHECK_THROWS_WITH(l0::calibrate(m, Eigen::Vector2d(1, 2), d, l0::LogitDistance{.lower = 1.5}),
                    ContainsSubstring("bounds that enclose 1"));
  const l0::CalibratedSample<> sample(m, d, d);
  CHECK_THROWS_WITH(sample.total(Eigen::Vector2d(1, 2)), ContainsSubstring("y is 2x1"));
  CHECK_THROWS_WITH(sample.ratio(Eigen::Vector3d(1, 2, 3), Eigen::Vector3d::Zero()),
                    ContainsSubstring("x is a sum of 0"));
  CHECK_THROWS_WITH(l0::CalibratedSample<>(m, d, d, {.strata = {1, 2}}),
                    ContainsSubstring("strata is 2 entries, expected 3"));
  CHECK_THROWS_WITH(l0::CalibratedSample<>(m, d, d, {.stratum_sizes = {2, 2, 2}}),
                    ContainsSubstring("stratum_sizes is 2"));
}

TEST_CASE("Clusters are draws: records that go together count as one") {
  // 40 draws of 3 equal records each have the standard error of 40 records with thrice the weight.
  l0::Rng rng(4);
  std::normal_distribution<double> normal;
  Eigen::VectorXd y(120), one(40);
  std::vector<Index> cluster;
  for (Index j = 0; j < 120; ++j) {
    if (j % 3 == 0) one(j / 3) = normal(rng);
    y(j) = one(j / 3);
    cluster.push_back(j / 3);
  }
  const Eigen::MatrixXd m = Eigen::MatrixXd::Ones(1, 120);
  const l0::CalibratedSample<> three(m, Eigen::VectorXd::Ones(120), Eigen::VectorXd::Ones(120), {.clusters = cluster});
  const l0::CalibratedSample<> single(Eigen::MatrixXd::Ones(1, 40), Eigen::VectorXd::Constant(40, 3),
                                      Eigen::VectorXd::Constant(40, 3));
  CHECK(three.total(y).standard_error == Catch::Approx(single.total(one).standard_error).epsilon(1e-9));
  CHECK(three.total(y).design_effect > 2.5);
}

TEST_CASE("Linearised intervals cover what they should over many samples") {
  // 400 of 20 000, calibrated to two totals; 95 of 100 intervals at ±1.96 hold the truth.
  constexpr Index population = 20000, size = 400;
  l0::Rng rng(8);
  std::normal_distribution<double> normal;
  Eigen::MatrixXd all(2, population);
  Eigen::VectorXd y(population);
  for (Index j = 0; j < population; ++j) {
    all(0, j) = 1;
    all(1, j) = std::exp(0.5 * normal(rng));
    y(j) = 3 * all(1, j) + normal(rng);
  }
  const Eigen::VectorXd t = all.rowwise().sum();
  int covered = 0;
  double error = 0;
  for (int sample = 0; sample < 300; ++sample) {
    Eigen::MatrixXd m(2, size);
    Eigen::VectorXd values(size);
    for (Index k = 0; k < size; ++k) {
      const auto j = static_cast<Index>(rng() % static_cast<std::uint64_t>(population));
      m.col(k) = all.col(j);
      values(k) = y(j);
    }
    const Eigen::VectorXd d = Eigen::VectorXd::Constant(size, static_cast<double>(population) / size);
    const auto estimate = l0::CalibratedSample<>(m, d, l0::calibrate(m, t, d).weights).total(values);
    covered += std::abs(estimate.value - y.sum()) < 1.96 * estimate.standard_error;
    error += estimate.standard_error / 300;
  }
  CHECK(covered >= 273);  // 285 expected; 12 below is three standard deviations
  CHECK(error <
        0.5 * static_cast<double>(population) / std::sqrt(static_cast<double>(size)) * 2.5);  // the slope is taken out
}

TEST_CASE("The standard error of a total that was no target is the size of its errors") {
  // 300 of 6 000 kept, 40 targets, three of them sums of others; totals of variables that share something with them.
  constexpr Index records = 6000, rows = 43;
  double square = 0;
  int count = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    l0::Rng rng(seed);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform;
    Eigen::MatrixXd m = Eigen::MatrixXd::Zero(rows, records);
    Eigen::MatrixXd y(records, 3);
    for (Index j = 0; j < records; ++j) {
      const auto a = static_cast<Index>(20 * uniform(rng)), b = static_cast<Index>(20 * uniform(rng));
      m(a, j) = m(20 + b, j) = m(40, j) = 1;
      m(41 + a % 2, j) = 1;
      for (Index v = 0; v < 3; ++v) y(j, v) = std::exp(0.5 * normal(rng) + 0.05 * static_cast<double>(a + v * b));
    }
    l0::SparseCalibrationWeights<double> cal(records, {.max_records = 300, .seed = seed});
    cal.fit(m, m.rowwise().sum());
    for (Index v = 0; v < 3; ++v) {
      const double z = (cal.total(y.col(v)) - y.col(v).sum()) / cal.standard_error(y.col(v));
      square += z * z;
      ++count;
    }
  }
  // 120 squares of mean 1 less the share that is kept: within three standard deviations, about 0.4.
  CHECK(square / count > 0.6);
  CHECK(square / count < 1.4);
}

TEST_CASE("A calibration of all records has the weights of R's survey too") {
  const Eigen::MatrixXd m = golden().matrix("M");
  const Eigen::VectorXd t = golden().vector("t"), d = golden().vector("d"), y = golden().vector("y");
  const auto check = [&](const char* name, l0::CalibrationDistance distance, double lower, double upper) {
    CAPTURE(name);
    l0::SparseCalibrationWeights<double> cal(200, {.initial_weights = std::vector<double>(d.begin(), d.end()),
                                                   .gates = l0::GateMode::off,
                                                   .distance = distance,
                                                   .distance_lower = lower,
                                                   .distance_upper = upper});
    for (const auto loss : {l0::CalibrationLoss::squared, l0::CalibrationLoss::relative, l0::CalibrationLoss::capped}) {
      CHECK(cal.fit(m, t, {.loss = loss}).stop == l0::StopReason::converged);
      const Eigen::VectorXd expected = golden().vector(std::string(name) + "_w");
      CHECK((cal.weights() - expected).cwiseAbs().maxCoeff() < weight_tolerance * expected.maxCoeff());
    }
    CHECK(cal.total(y) == Catch::Approx(golden().scalar(std::string(name) + "_total")).epsilon(error_tolerance));
    const l0::CalibratedSample<> sample(m, d, cal.weights());
    CHECK(sample.independent_targets() == 9);
    CHECK(cal.standard_error(y) ==
          Catch::Approx(sample.total(y).standard_error * std::sqrt(200.0 / (200 - 9))).epsilon(1e-9));
  };
  check("linear", l0::CalibrationDistance::linear, 0, 3);
  check("raking", l0::CalibrationDistance::raking, 0, 3);
  check("logit", l0::CalibrationDistance::logit, 0.4, 2.5);
  l0::SparseCalibrationWeights<double> cal(200, {.initial_weights = std::vector<double>(d.begin(), d.end()),
                                                 .gates = l0::GateMode::off,
                                                 .distance = l0::CalibrationDistance::truncated,
                                                 .distance_lower = 0.4,
                                                 .distance_upper = 2.2});
  cal.fit(m, t);
  const auto held = l0::calibrate(m, t, d, l0::TruncatedDistance{.lower = 0.4, .upper = 2.2});
  CHECK((cal.weights() - held.weights).cwiseAbs().maxCoeff() < weight_tolerance * held.weights.maxCoeff());
  l0::SparseCalibrationWeights<double> fresh(200);
  CHECK_THROWS_WITH(fresh.standard_error(y), ContainsSubstring("a fit first"));
  CHECK_THROWS_WITH(cal.total(Eigen::Vector2d(1, 2)), ContainsSubstring("y is 2x1"));
  CHECK_THROWS_WITH(l0::SparseCalibrationWeights<double>(2, {.distance_lower = 1}),
                    ContainsSubstring("distance_lower is 1"));
  CHECK_THROWS_WITH(l0::SparseCalibrationWeights<double>(2, {.distance_upper = 1}),
                    ContainsSubstring("distance_upper is 1"));
}

}  // namespace tests::calibration::survey
