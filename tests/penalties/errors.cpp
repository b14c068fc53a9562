// SPDX-License-Identifier: MIT
#include <limits>
#include <string>

#include <l0/penalties/weight_penalty.hpp>
#include "penalties/models.hpp"
#include "support/catch.hpp"

namespace tests::penalties::errors {

namespace {

using Catch::Matchers::Message;
using l0::WeightPrice;

/// Whether the penalty is refused by name, with nothing added to any gradient.
template <class Penalty>
void check_refused(const Penalty& penalty, const std::string& message) {
  l0::Rng rng(1);
  l0::test::UserModel model(rng);
  CHECK_THROWS_MATCHES(penalty.accumulate(model), l0::Error, Message(message));
  CHECK(l0::test::all_gradients(model.parameters()).isZero(0));
}

static_assert(l0::Gated<l0::test::UserModel>);
static_assert(l0::Gated<l0::L0Linear<float>>);
static_assert(l0::Gated<l0::HardConcreteGate<double>>);
static_assert(!l0::Gated<Eigen::MatrixXd>);
static_assert(!l0::Penalty<l0::L0Penalty<double>, Eigen::MatrixXd>);
static_assert(!l0::Penalty<double, l0::test::UserModel>);

}  // namespace

TEST_CASE("Negative prices are refused, and nothing is changed", "[penalties]") {
  check_refused(l0::L0Penalty<double>{.lambda = -1}, "l0: lambda is -1, expected a finite number >= 0");
  for (const WeightPrice price : {WeightPrice::plain, WeightPrice::under_gates}) {
    check_refused(l0::L1Penalty<double>{-0.5, price}, "l0: lambda is -0.5, expected a finite number >= 0");
    check_refused(l0::L2Penalty<double>{-0.5, price}, "l0: lambda is -0.5, expected a finite number >= 0");
    check_refused(l0::L0L2Penalty<double>{-1, 1, price}, "l0: lambda_l0 is -1, expected a finite number >= 0");
    check_refused(l0::L0L2Penalty<double>{1, -1, price}, "l0: lambda_l2 is -1, expected a finite number >= 0");
  }
}

TEST_CASE("Prices that are not finite are refused", "[penalties]") {
  check_refused(l0::L0Penalty<double>{.lambda = std::numeric_limits<double>::quiet_NaN()},
                "l0: lambda is nan, expected a finite number >= 0");
  check_refused(l0::L2Penalty<double>{.lambda = std::numeric_limits<double>::infinity()},
                "l0: lambda is inf, expected a finite number >= 0");
}

}  // namespace tests::penalties::errors
