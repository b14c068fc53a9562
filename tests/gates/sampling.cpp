// SPDX-License-Identifier: MIT
// A million sampled gates against the cdf and its point masses. Noise is cut off at 1e-6 from 0 and 1, which moves
// probabilities by as much at most.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <l0/gates/gate.hpp>
#include "gates/distributions.hpp"
#include "support/catch.hpp"
#include "support/statistics.hpp"

namespace tests::gates::sampling {

namespace {

using l0::Index;

constexpr double noise_cut = 1e-6;

template <class Distribution>
void check_distribution(const std::vector<double>& z, const Distribution& distribution, double log_alpha) {
  const auto d = l0::test::in_double(distribution);
  const double n = static_cast<double>(z.size());
  const auto cdf = [&](double t) { return d.cdf(t, log_alpha); };
  const auto below = [&](double t) {
    return t <= 0 ? 0.0 : t < 1 ? d.cdf(t, log_alpha) : 1 - d.one_probability(log_alpha);
  };
  CHECK(l0::test::kolmogorov_distance(z, cdf, below) <= l0::test::kolmogorov_bound(z.size()) + noise_cut);

  const auto check_share = [&](double value, double p) {
    const double share = static_cast<double>(std::count(z.begin(), z.end(), value)) / n;
    CAPTURE(value, share, p);
    CHECK(std::abs(share - p) <= l0::test::allowed_deviations * std::sqrt(p * (1 - p) / n) + noise_cut);
  };
  check_share(0, d.zero_probability(log_alpha));
  check_share(1, d.one_probability(log_alpha));

  double mean = 0;
  for (const double value : z) mean += value / n;
  CHECK(std::abs(mean - d.mean(log_alpha)) <=
        l0::test::allowed_deviations * std::sqrt(d.variance(log_alpha) / n) + noise_cut);
}

template <class Scalar>
struct Setting {
  Scalar location;
  l0::GateOptions<Scalar> options;
};

template <class Scalar>
std::vector<Setting<Scalar>> settings(const l0::HardConcrete<Scalar>& /*kind*/) {
  return {{0, {}},
          {Scalar(1.5), {.temperature = Scalar(2.0 / 3)}},
          {-3, {}},
          {Scalar(-0.7), {.temperature = 2, .gamma = Scalar(-0.05), .zeta = Scalar(1.3)}},
          {Scalar(0.4), {.temperature = Scalar(0.1), .gamma = Scalar(-0.2), .zeta = Scalar(1.05)}}};
}
template <class Scalar>
std::vector<Setting<Scalar>> settings(const l0::ClippedGaussian<Scalar>& /*kind*/) {
  return {{Scalar(0.5), {}},
          {Scalar(-0.4), {.temperature = Scalar(0.3)}},
          {Scalar(1.3), {}},
          {Scalar(0.2), {.temperature = 2}},
          {Scalar(0.4), {.temperature = Scalar(0.1)}}};
}

}  // namespace

TEMPLATE_TEST_CASE("A million gates are distributed as the cdf says", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  for (const Setting<Scalar>& setting : settings(TestType{})) {
    CAPTURE(setting.location, setting.options.temperature);
    l0::Gate<TestType> gate(1000000, setting.options);
    gate.location().setConstant(setting.location);
    const auto& z = gate.sample(l0::Rng(20240601));
    check_distribution({z.data(), z.data() + z.size()}, gate.distribution(), static_cast<double>(setting.location));
  }
}

TEMPLATE_TEST_CASE("So are a hundred gates drawn ten thousand times", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  l0::Gate<TestType> gate(100, {.stream = 3});
  const auto log_alpha = static_cast<Scalar>(-0.2);
  gate.location().setConstant(log_alpha);
  const l0::Rng rng(7);
  std::vector<double> all;
  for (int draw = 0; draw < 10000; ++draw) {
    const auto& z = gate.sample(rng);
    all.insert(all.end(), z.data(), z.data() + z.size());
  }
  check_distribution(all, gate.distribution(), static_cast<double>(log_alpha));
}

TEMPLATE_TEST_CASE("And gates drawn once per sample of a batch", "[gates]", L0_TEST_DISTRIBUTIONS) {
  using Scalar = typename TestType::Scalar;
  l0::Gate<TestType> gate(2);
  gate.location() << Scalar(-1), Scalar(2);
  const auto& z = gate.sample_each(500000, l0::Rng(7));
  for (Index j = 0; j < 2; ++j) {
    check_distribution({z.col(j).data(), z.col(j).data() + z.rows()}, gate.distribution(),
                       static_cast<double>(gate.location()(j)));
  }
}

}  // namespace tests::gates::sampling
