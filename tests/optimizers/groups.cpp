// SPDX-License-Identifier: MIT
// Parameter groups, rates, schedules, and what is special about gates.
#include <l0/layers/linear.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/optimizers/sgd.hpp>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "optimizers/parameters.hpp"
#include "support/catch.hpp"
#include "support/tolerances.hpp"

namespace tests::optimizers::groups {

namespace {

using Catch::Matchers::Message;
using l0::Index;
using l0::Vector;
using l0::test::ThreeParameters;

void set_all_gradients(const l0::Parameters<double>& parameters, double value) {
  for (const auto& parameter : parameters) parameter.gradients().setConstant(value);
}

}  // namespace

static_assert(l0::Optimizer<l0::SGD<float>>);
static_assert(l0::Optimizer<l0::Adam<double>>);

TEST_CASE("Each group has its own options, and all share one step counter") {
  ThreeParameters<double> parameters;
  std::vector<Index> heard;
  l0::SGD<double> optimizer({parameters.weight.ref()}, {.learning_rate = 1});
  optimizer.add_group({parameters.bias.ref()}, {.learning_rate = 0.1, .schedule = [&](Index step) {
                                                  heard.push_back(step);
                                                  return step == 0 ? 1.0 : 0.5;
                                                }});
  const auto weight = parameters.weight.value().eval();
  const auto bias = parameters.bias.value().eval();
  const auto gate = parameters.gate.value().eval();
  set_all_gradients(parameters.all(), 1);
  optimizer.step();
  optimizer.step();
  CHECK(l0::test::close(parameters.weight.value(), weight.array() - 2, l0::test::tolerance::golden));
  CHECK(l0::test::close(parameters.bias.value(), bias.array() - 0.15, l0::test::tolerance::golden));
  CHECK(parameters.gate.value() == gate);  // in no group
  CHECK(heard == std::vector<Index>{0, 1});
  CHECK(optimizer.steps() == 2);
}

TEST_CASE("Gradients are set to 0 in all groups") {
  ThreeParameters<double> parameters;
  l0::SGD<double> optimizer({parameters.weight.ref()});
  optimizer.add_group({parameters.gate.ref()});
  set_all_gradients(parameters.all(), 3);
  optimizer.zero_grad();
  CHECK(parameters.weight.gradient().isZero(0));
  CHECK(parameters.gate.gradient().isZero(0));
  CHECK(parameters.bias.gradient().isConstant(3));
}

TEMPLATE_TEST_CASE("Gates stay within ±20 and can come back, weights know no bounds", "", l0::SGD<double>,
                   l0::Adam<double>) {
  ThreeParameters<double> parameters;
  TestType optimizer(parameters.all(), {.learning_rate = 30});
  set_all_gradients(parameters.all(), 1);
  optimizer.step();
  CHECK(parameters.gate.value().isConstant(-20, 0));
  CHECK(parameters.weight.value().maxCoeff() < -25);
  CHECK(parameters.bias.value().maxCoeff() < -25);
  set_all_gradients(parameters.all(), -9);
  optimizer.step();
  optimizer.step();
  optimizer.step();
  CHECK(parameters.gate.value().isConstant(20, 0));
  set_all_gradients(parameters.all(), 1);
  for (int k = 0; k < 30; ++k) optimizer.step();
  CHECK(parameters.gate.value().isConstant(-20, 0));
}

TEMPLATE_TEST_CASE("Any parameter stays within the bound of its handle", "", l0::SGD<double>, l0::Adam<double>) {
  l0::Parameter<l0::Vector<double>> weight(l0::ParameterKind::weight, "weight", 3, 1, 0.5);
  TestType optimizer({weight.ref()}, {.learning_rate = 30});
  weight.gradient() << 1, 0, -1;
  optimizer.step();
  CHECK(weight.value() == Eigen::Vector3d(-0.5, 0, 0.5));
}

TEMPLATE_TEST_CASE("Gates never decay, weights and biases do", "", l0::SGD<double>, l0::Adam<double>) {
  ThreeParameters<double> parameters;
  const auto weight = parameters.weight.value().eval();
  const auto bias = parameters.bias.value().eval();
  const auto gate = parameters.gate.value().eval();
  TestType optimizer(parameters.all(), {.learning_rate = 0.1, .weight_decay = 0.5});
  optimizer.step();  // of gradient 0; the two rules decay alike in a first step
  CHECK(l0::test::close(parameters.weight.value(), 0.95 * weight, l0::test::tolerance::golden));
  CHECK(l0::test::close(parameters.bias.value(), 0.95 * bias, l0::test::tolerance::golden));
  CHECK(parameters.gate.value() == gate);
}

TEST_CASE("Learning rates may be replaced") {
  ThreeParameters<double> parameters;
  l0::SGD<double> optimizer({parameters.weight.ref(), parameters.gate.ref()}, {.learning_rate = 1});
  optimizer.add_group({parameters.bias.ref()}, {.learning_rate = 1});
  const Vector<double> start = parameters.values();
  optimizer.set_learning_rate(0.5, 2);
  set_all_gradients(parameters.all(), 1);
  optimizer.step();
  const Vector<double> change = start - parameters.values();
  CHECK(change.head(73).isConstant(0.5));
  CHECK(change.tail(5).isConstant(2));
  CHECK_THROWS_MATCHES(optimizer.set_learning_rate(0), l0::Error,
                       Message("l0: learning_rate is 0, expected a finite number > 0"));
  CHECK_THROWS_AS(optimizer.set_learning_rate(1, -1), l0::Error);
  const Vector<double> before = parameters.values();
  optimizer.step();
  CHECK((before - parameters.values()).isApprox(change));
  optimizer.set_learning_rate(0.25);  // of the gates too
  const Vector<double> last = parameters.values();
  optimizer.step();
  CHECK((last - parameters.values()).isConstant(0.25, 1e-14));
}

TEST_CASE("The state of an optimizer is visited parameter by parameter") {
  ThreeParameters<double> parameters;
  l0::SGD<double> optimizer({parameters.weight.ref(), parameters.gate.ref()}, {.learning_rate = 1, .momentum = 0.9});
  optimizer.add_group({parameters.bias.ref()}, {.learning_rate = 1, .momentum = 0.9});
  std::vector<Index> sizes;
  l0::walk(optimizer, [&](const std::string& name, const auto& member, const auto&...) {
    if constexpr (l0::BufferMember<decltype(member)>) {
      CHECK(name == std::to_string(sizes.size()));
      sizes.push_back(member.value.size());
    }
  });
  CHECK(sizes == std::vector<Index>{parameters.weight.size(), parameters.gate.size(), parameters.bias.size()});
}

TEST_CASE("A group added late takes the steps of one that was there from the start") {
  ThreeParameters<double> late;
  l0::Adam<double> optimizer({late.weight.ref()}, {.learning_rate = 0.1});
  set_all_gradients(late.all(), 1);
  for (int k = 0; k < 500; ++k) optimizer.step();
  optimizer.add_group({late.bias.ref()}, {.learning_rate = 0.1});
  const Vector<double> before = late.bias.value();
  optimizer.step();
  // The first step of Adam is the learning rate, whatever the gradient.
  CHECK((before - late.bias.value()).isConstant(0.1, 1e-6));
}

TEST_CASE("An optimizer may outlive its model") {
  l0::Rng rng(0);
  auto model = std::make_unique<l0::L0Linear<double>>(20, 10, rng);
  l0::Adam<double> optimizer(model->parameters());
  const auto handles = model->parameters();
  model.reset();
  for (const auto& handle : handles) handle.gradients().setOnes();
  optimizer.step();
  optimizer.zero_grad();
  CHECK(handles[0].gradients().isZero(0));
  CHECK(handles[0].values().allFinite());
}

TEST_CASE("An optimizer of nothing does nothing") {
  l0::Adam<float> optimizer(l0::Parameters<float>{});
  optimizer.zero_grad();
  optimizer.step();
  CHECK(optimizer.steps() == 1);
}

TEST_CASE("Options outside their ranges are refused by name, and the group is not added") {
  ThreeParameters<double> parameters;
  l0::SGD<double> sgd({parameters.weight.ref()});
  const auto refuse_sgd = [&](const l0::SGDOptions<double>& options, const char* message) {
    CHECK_THROWS_MATCHES(l0::SGD<double>(parameters.all(), options), l0::Error, Message(message));
    CHECK_THROWS_MATCHES(sgd.add_group({parameters.bias.ref()}, options), l0::Error, Message(message));
  };
  const double infinity = std::numeric_limits<double>::infinity();
  refuse_sgd({.learning_rate = 0}, "l0: learning_rate is 0, expected a finite number > 0");
  refuse_sgd({.learning_rate = infinity}, "l0: learning_rate is inf, expected a finite number > 0");
  refuse_sgd({.momentum = 1}, "l0: momentum is 1, expected a number in [0, 1)");
  refuse_sgd({.momentum = -0.5}, "l0: momentum is -0.5, expected a number in [0, 1)");
  refuse_sgd({.nesterov = true}, "l0: nesterov is true, expected false, or a momentum > 0");
  refuse_sgd({.weight_decay = -1}, "l0: weight_decay is -1, expected a finite number >= 0");
  refuse_sgd({.gate_learning_rate = -1}, "l0: gate_learning_rate is -1, expected a finite number >= 0");

  l0::Adam<double> adam({parameters.weight.ref()});
  const auto refuse_adam = [&](const l0::AdamOptions<double>& options, const char* message) {
    CHECK_THROWS_MATCHES(l0::Adam<double>(parameters.all(), options), l0::Error, Message(message));
    CHECK_THROWS_MATCHES(adam.add_group({parameters.bias.ref()}, options), l0::Error, Message(message));
  };
  refuse_adam({.learning_rate = -1}, "l0: learning_rate is -1, expected a finite number > 0");
  refuse_adam({.beta1 = 1}, "l0: beta1 is 1, expected a number in [0, 1)");
  refuse_adam({.beta2 = -0.5}, "l0: beta2 is -0.5, expected a number in [0, 1)");
  refuse_adam({.epsilon = 0}, "l0: epsilon is 0, expected a finite number > 0");
  refuse_adam({.weight_decay = -1}, "l0: weight_decay is -1, expected a finite number >= 0");
  refuse_adam({.gate_learning_rate = -1}, "l0: gate_learning_rate is -1, expected a finite number >= 0");

  const auto bias = parameters.bias.value().eval();
  set_all_gradients(parameters.all(), 1);
  sgd.step();
  adam.step();
  CHECK(parameters.bias.value() == bias);
}

}  // namespace tests::optimizers::groups
