// SPDX-License-Identifier: MIT
// The value of every penalty against its formula, weight by weight.
#include <l0/penalties/weight_penalty.hpp>
#include "penalties/models.hpp"
#include "support/catch.hpp"

namespace tests::penalties::values {

namespace {

using l0::Index;
using l0::WeightPrice;

constexpr double lambda = 0.25;

double open_probability(double log_alpha, const l0::HardConcrete<double>& d) {
  return 1 / (1 + std::exp(d.temperature * std::log(-d.gamma / d.zeta) - log_alpha));
}

template <class Scalar>
l0::HardConcrete<double> in_double(const l0::HardConcrete<Scalar>& d) {
  return {static_cast<double>(d.temperature), static_cast<double>(d.gamma), static_cast<double>(d.zeta)};
}

}  // namespace

TEMPLATE_TEST_CASE("Penalties on layers of every grouping", "[penalties]", float, double) {
  const auto rate = static_cast<TestType>(lambda);
  const double epsilon = std::is_same_v<TestType, float> ? 1e-5 : 1e-12;
  l0::test::for_each_grouping<TestType>([&](const char* name, auto& layer, const auto& gate_of) {
    CAPTURE(name);
    const auto d = in_double(layer.gate().distribution());
    double open = 0;
    for (Index k = 0; k < layer.log_alpha().size(); ++k) {
      open += open_probability(static_cast<double>(layer.log_alpha().data()[k]), d);
    }
    double l1[2] = {};
    double l2[2] = {};
    for (Index o = 0; o < layer.outputs(); ++o) {
      for (Index i = 0; i < layer.inputs(); ++i) {
        const auto w = static_cast<double>(layer.weight()(o, i));
        const double p = open_probability(static_cast<double>(layer.log_alpha().data()[gate_of(o, i)]), d);
        l1[0] += std::abs(w);
        l2[0] += w * w;
        l1[1] += p * std::abs(w);
        l2[1] += p * w * w;
      }
    }
    CHECK(l0::L0Penalty<TestType>{rate}.accumulate(layer) == Approx(lambda * open).epsilon(epsilon));
    for (const WeightPrice price : {WeightPrice::plain, WeightPrice::under_gates}) {
      const bool under = price == WeightPrice::under_gates;
      CAPTURE(under);
      CHECK(l0::L1Penalty<TestType>{rate, price}.accumulate(layer) == Approx(lambda * l1[under]).epsilon(epsilon));
      CHECK(l0::L2Penalty<TestType>{rate, price}.accumulate(layer) == Approx(lambda * l2[under]).epsilon(epsilon));
      CHECK(l0::L0L2Penalty<TestType>{rate, 2 * rate, price}.accumulate(layer) ==
            Approx(lambda * open + 2 * lambda * l2[under]).epsilon(epsilon));
    }
  });
}

TEST_CASE("A penalty on a model of one's own is the sum over its parts", "[penalties]") {
  l0::Rng rng(1);
  l0::test::UserModel model(rng);
  const l0::L0Penalty<double> l0_price{.lambda = lambda};
  const double open = model.first.l0_penalty() + model.second.l0_penalty() + model.extra.l0_penalty();
  CHECK(l0_price.accumulate(model) == Approx(lambda * open).epsilon(1e-14));
  const double weights = model.first.weight().squaredNorm() + model.second.weight().squaredNorm();
  CHECK(l0::L2Penalty<double>{.lambda = lambda}.accumulate(model) == Approx(lambda * weights).epsilon(1e-14));
}

TEMPLATE_TEST_CASE("Gates that stand alone have no weights to pay for", "[penalties]", float, double) {
  l0::HardConcreteGate<TestType> gate(5);
  for (const WeightPrice price : {WeightPrice::plain, WeightPrice::under_gates}) {
    CHECK(l0::L1Penalty<TestType>{.lambda = 1, .price = price}.accumulate(gate) == 0);
    CHECK(l0::L2Penalty<TestType>{.lambda = 1, .price = price}.accumulate(gate) == 0);
    CHECK(gate.log_alpha_gradient().isZero(0));
    CHECK(l0::L0L2Penalty<TestType>{.lambda_l0 = 2, .lambda_l2 = 1, .price = price}.accumulate(gate) ==
          2 * gate.expected_l0());
    gate.log_alpha_gradient().setZero();
  }
}

TEMPLATE_TEST_CASE("The bias is not paid for", "[penalties]", float, double) {
  l0::Rng rng(1);
  l0::L0Linear<TestType> layer(4, 3, rng);
  const TestType before = l0::L2Penalty<TestType>{}.accumulate(layer);
  layer.bias().setConstant(9);
  CHECK(l0::L2Penalty<TestType>{}.accumulate(layer) == before);
  CHECK(layer.bias_gradient().isZero(0));
}

TEMPLATE_TEST_CASE("A price of 0 costs nothing and moves nothing", "[penalties]", float, double) {
  l0::Rng rng(1);
  l0::L0Linear<TestType> layer(4, 3, rng);
  CHECK(l0::L0L2Penalty<TestType>{.lambda_l0 = 0, .lambda_l2 = 0, .price = WeightPrice::under_gates}.accumulate(
            layer) == 0);
  CHECK(layer.weight_gradient().isZero(0));
  CHECK(layer.log_alpha_gradient().isZero(0));
}

TEMPLATE_TEST_CASE("Frozen gates are priced, and not moved", "[penalties]", float, double) {
  l0::Rng rng(1);
  l0::L0Linear<TestType> layer(4, 3, rng);
  const l0::L0L2Penalty<TestType> penalty{.price = WeightPrice::under_gates};
  l0::L0Linear<TestType> moving(layer);
  layer.gate().freeze();
  CHECK(penalty.accumulate(layer) == penalty.accumulate(moving));
  CHECK(layer.log_alpha_gradient().isZero(0));
  CHECK_FALSE(moving.log_alpha_gradient().isZero(0));
  CHECK(layer.weight_gradient() == moving.weight_gradient());
}

TEMPLATE_TEST_CASE("Prices that are not given are those of the documentation", "[penalties]", float, double) {
  l0::Rng rng(1);
  l0::L0Linear<TestType> layer(4, 3, rng);
  const auto small = TestType(1e-3);
  CHECK(l0::L0Penalty<TestType>{}.accumulate(layer) == l0::L0Penalty<TestType>{small}.accumulate(layer));
  CHECK(l0::L1Penalty<TestType>{}.accumulate(layer) == l0::L1Penalty<TestType>{small}.accumulate(layer));
  CHECK(l0::L2Penalty<TestType>{}.accumulate(layer) == l0::L2Penalty<TestType>{small}.accumulate(layer));
  CHECK(l0::L0L2Penalty<TestType>{}.accumulate(layer) ==
        l0::L0L2Penalty<TestType>{small, TestType(1e-4)}.accumulate(layer));
}

}  // namespace tests::penalties::values
