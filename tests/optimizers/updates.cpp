// SPDX-License-Identifier: MIT
// SGD and Adam against the textbook formulas, one number at a time.
#include <l0/optimizers/adam.hpp>
#include <l0/optimizers/sgd.hpp>

#include <algorithm>
#include <cmath>

#include "optimizers/parameters.hpp"
#include "support/catch.hpp"
#include "support/tolerances.hpp"

namespace tests::optimizers::updates {

namespace {

using l0::Index;
using l0::Vector;
using l0::test::ThreeParameters;

constexpr int steps = 50;

/// Rates and decay of the entry `k` of ThreeParameters: gates, the last five, have a rate of their own and no decay.
template <class Options>
struct Rule {
  explicit Rule(const Options& options_, Index k) : options(options_), is_gate(k >= 73) {}
  double rate(int step) const {
    const double factor = options.schedule ? static_cast<double>(options.schedule(step)) : 1;
    const bool own = is_gate && options.gate_learning_rate > 0;
    return factor * static_cast<double>(own ? options.gate_learning_rate : options.learning_rate);
  }
  double decay() const { return is_gate ? 0 : static_cast<double>(options.weight_decay); }
  double project(double value) const { return is_gate ? std::clamp(value, -20.0, 20.0) : value; }

  Options options;
  bool is_gate;
};

/// PyTorch's torch.optim.SGD, dampening 0.
template <class Scalar>
double plain_sgd(double value, Index k, const l0::SGDOptions<Scalar>& options) {
  const Rule rule(options, k);
  const auto momentum = static_cast<double>(options.momentum);
  double buffer = 0;
  for (int step = 0; step < steps; ++step) {
    const double gradient = l0::test::gradient_at(step, k, value) + rule.decay() * value;
    buffer = momentum * buffer + gradient;
    value = rule.project(value - rule.rate(step) * (options.nesterov ? gradient + momentum * buffer : buffer));
  }
  return value;
}

/// Algorithm 1 of Kingma & Ba with the decay of Loshchilov & Hutter.
template <class Scalar>
double plain_adam(double value, Index k, const l0::AdamOptions<Scalar>& options) {
  const Rule rule(options, k);
  const auto beta1 = static_cast<double>(options.beta1);
  const auto beta2 = static_cast<double>(options.beta2);
  double m = 0;
  double v = 0;
  for (int step = 0; step < steps; ++step) {
    const double gradient = l0::test::gradient_at(step, k, value);
    m = beta1 * m + (1 - beta1) * gradient;
    v = beta2 * v + (1 - beta2) * gradient * gradient;
    const double m_hat = m / (1 - std::pow(beta1, step + 1));
    const double v_hat = v / (1 - std::pow(beta2, step + 1));
    value -= rule.rate(step) * rule.decay() * value;
    value -= rule.rate(step) * m_hat / (std::sqrt(v_hat) + static_cast<double>(options.epsilon));
    value = rule.project(value);
  }
  return value;
}

template <class Optimizer, class Scalar = typename Optimizer::Scalar>
void check_against(double (*plain)(double, Index, const typename Optimizer::Options&),
                   const typename Optimizer::Options& options) {
  ThreeParameters<Scalar> parameters;
  const Vector<Scalar> start = parameters.values();
  Optimizer optimizer(parameters.all(), options);
  for (int step = 0; step < steps; ++step) {
    CHECK(optimizer.steps() == step);
    l0::test::set_gradients(parameters.all(), step);
    optimizer.step();
  }
  Vector<double> expected(start.size());
  for (Index k = 0; k < start.size(); ++k) expected(k) = plain(static_cast<double>(start(k)), k, options);
  CHECK(l0::test::close(parameters.values(), expected, l0::test::tolerance::of<Scalar>));
}

/// A schedule that differs from step to step.
template <class Scalar>
Scalar falling(Index step) {
  return 1 / (1 + Scalar(0.1) * static_cast<Scalar>(step));
}

}  // namespace

TEMPLATE_TEST_CASE("SGD follows its formula", "", float, double) {
  using S = TestType;
  const auto check = [](const l0::SGDOptions<S>& options) { check_against<l0::SGD<S>>(plain_sgd<S>, options); };
  check({});
  check({.learning_rate = S(0.1)});
  check({.learning_rate = S(0.03), .momentum = S(0.9)});
  check({.learning_rate = S(0.03), .momentum = S(0.9), .nesterov = true});
  check({.learning_rate = S(0.1), .weight_decay = S(0.2)});
  check({.learning_rate = S(0.02), .momentum = S(0.8), .nesterov = true, .weight_decay = S(0.2)});
  check({.learning_rate = S(0.02), .gate_learning_rate = S(0.3)});
  check({.learning_rate = S(0.1), .gate_learning_rate = S(0.2), .schedule = falling<S>});
}

TEMPLATE_TEST_CASE("Adam follows its formula", "", float, double) {
  using S = TestType;
  const auto check = [](const l0::AdamOptions<S>& options) { check_against<l0::Adam<S>>(plain_adam<S>, options); };
  check({});
  check({.learning_rate = S(0.1)});
  check({.learning_rate = S(0.05), .beta1 = S(0.5), .beta2 = S(0.9)});
  check({.learning_rate = S(0.05), .beta1 = 0, .beta2 = 0});
  check({.learning_rate = S(0.05), .epsilon = S(0.1)});
  check({.learning_rate = S(0.05), .weight_decay = S(0.3)});
  check({.learning_rate = S(0.01), .gate_learning_rate = S(0.2)});
  check({.learning_rate = S(0.1), .weight_decay = S(0.1), .gate_learning_rate = S(0.3), .schedule = falling<S>});
}

TEST_CASE("Adam does not move where the gradient is 0") {
  ThreeParameters<double> parameters;
  const Vector<double> start = parameters.values();
  l0::Adam<double> optimizer(parameters.all());
  for (int k = 0; k < 3; ++k) {
    optimizer.zero_grad();
    optimizer.step();
  }
  CHECK(parameters.values() == start);
}

TEST_CASE("The first step of Adam has the length of the rate, whatever the size of the gradient") {
  for (const double size : {1e-100, 1e-3, 1.0, 1e100}) {
    CAPTURE(size);
    ThreeParameters<double> parameters;
    const Vector<double> start = parameters.values();
    l0::Adam<double> optimizer(parameters.all(), {.learning_rate = 0.25, .epsilon = 1e-120});
    for (const auto& parameter : parameters.all()) parameter.gradients().setConstant(-size);
    optimizer.step();
    CHECK(l0::test::close(parameters.values(), start.array() + 0.25, l0::test::tolerance::golden));
  }
}

}  // namespace tests::optimizers::updates
