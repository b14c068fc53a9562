// SPDX-License-Identifier: MIT
// Every penalty on layers of every grouping and on a user's own model: gradients of weights and log α against central
// differences.
#include <l0/penalties/weight_penalty.hpp>
#include "penalties/models.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/tolerances.hpp"

namespace tests::penalties::gradients {

namespace {

using Eigen::VectorXd;
using l0::WeightPrice;
using l0::test::close;
namespace tolerance = l0::test::tolerance;

template <class Model, class Penalty>
void check_gradient(Model& model, const Penalty& penalty) {
  static_assert(l0::Penalty<Penalty, Model>);
  const auto parameters = model.parameters();
  const VectorXd start = l0::test::all_values(parameters);
  const auto value = [&](const VectorXd& at) {
    l0::test::set_values(parameters, at);
    return penalty.accumulate(model);
  };
  const VectorXd expected = l0::test::numerical_gradient(value, start, l0::test::Stencil::five_point);
  l0::test::set_values(parameters, start);
  l0::test::set_gradients(parameters, 0.0);
  const double first = penalty.accumulate(model);
  const VectorXd once = l0::test::all_gradients(parameters);
  CHECK(close(once, expected, tolerance::gradient(expected)));
  CHECK(expected.cwiseAbs().maxCoeff() > 1e-3);

  CHECK(penalty.accumulate(model) == first);  // adds: twice the gradient, the same value
  CHECK(l0::test::all_gradients(parameters).isApprox(2 * once, 1e-14));
  CHECK(l0::test::all_values(parameters) == start);
}

template <class Model>
void check_all(Model& model) {
  check_gradient(model, l0::L0Penalty<double>{.lambda = 0.3});
  for (const WeightPrice price : {WeightPrice::plain, WeightPrice::under_gates}) {
    CAPTURE(price == WeightPrice::plain);
    check_gradient(model, l0::L1Penalty<double>{.lambda = 0.3, .price = price});
    check_gradient(model, l0::L2Penalty<double>{.lambda = 0.3, .price = price});
    check_gradient(model, l0::L0L2Penalty<double>{.lambda_l0 = 0.3, .lambda_l2 = 0.2, .price = price});
  }
}

}  // namespace

TEST_CASE("Gradients of penalties on layers of every grouping", "[penalties]") {
  l0::test::for_each_grouping<double>([](const char* name, auto& layer, const auto&) {
    CAPTURE(name);
    check_all(layer);
  });
}

TEST_CASE("Gradients of penalties on a model of one's own", "[penalties]") {
  l0::Rng rng(1);
  l0::test::UserModel model(rng);
  check_all(model);
}

TEST_CASE("Gradients of the L0 penalty on gates that stand alone", "[penalties]") {
  l0::HardConcreteGate<double> vector(70, {.init_sparsity = 0.8});
  vector.jitter(l0::Rng(3), 2);
  check_gradient(vector, l0::L0Penalty<double>{.lambda = 2});
  l0::HardConcreteGate<double, Eigen::Dynamic> matrix(5, 3, {.temperature = 2, .gamma = -0.3, .zeta = 1.05});
  check_gradient(matrix, l0::L0Penalty<double>{.lambda = 2});
}

TEST_CASE("At a weight of 0 the gradient of the L1 penalty is 0", "[penalties]") {
  for (const WeightPrice price : {WeightPrice::plain, WeightPrice::under_gates}) {
    l0::Rng rng(1);
    l0::L0Linear<double> layer(3, 1, rng);
    layer.weight() << 0.0, -2.0, 0.5;
    l0::L1Penalty<double>{.lambda = 1, .price = price}.accumulate(layer);
    CHECK(layer.weight_gradient()(0) == 0);
    CHECK(layer.weight_gradient()(1) < 0);
    CHECK(layer.weight_gradient()(2) > 0);
    const bool moves_gates = price == WeightPrice::under_gates;
    CHECK(layer.log_alpha_gradient()(0) == 0);
    CHECK((layer.log_alpha_gradient()(1) > 0) == moves_gates);
  }
}

}  // namespace tests::penalties::gradients
