// SPDX-License-Identifier: MIT
// A linear model that finds out which 5 of 50 features count.
#include <iostream>
#include <random>

#include <l0/l0.hpp>

int main() {
  l0::Rng rng(42);
  std::normal_distribution<float> normal;
  const Eigen::MatrixXf X = Eigen::MatrixXf::NullaryExpr(200, 50, [&] { return normal(rng); });
  const Eigen::VectorXf y = X.col(3) - 2 * X.col(11) + X.col(24) + 3 * X.col(30) - X.col(47) +
                            0.5F * Eigen::VectorXf::NullaryExpr(200, [&] { return normal(rng); });

  l0::L0Linear<float> model(50, 1, rng, {.bias = false});  // one gate per weight
  l0::Adam<float> optimizer(model.parameters(), {.learning_rate = 0.02F});
  const l0::L0Penalty<float> penalty{.lambda = 0.02F};  // price of an open gate
  const l0::ExponentialAnnealing<float> temperature{.from = 2, .to = 0.1F, .steps = 600};

  for (int epoch = 0; epoch < 600; ++epoch) {
    model.set_temperature(temperature(epoch));
    optimizer.zero_grad();
    const auto loss = l0::mse_loss(model.forward(X, rng), y);  // gates sampled
    model.backward(loss.gradient);
    const float objective = loss.value + penalty.accumulate(model);  // adds its gradient
    optimizer.step();
    if (epoch % 100 == 99) {
      std::cout << "epoch " << epoch + 1 << "  objective " << objective << "  expected open gates "
                << model.l0_penalty() << '\n';
    }
  }

  const auto weights = model.effective_weight();  // exact zeros where the gate is closed
  for (Eigen::Index j = 0; j < weights.cols(); ++j) {
    if (weights(0, j) != 0) std::cout << "feature " << j << "  weight " << weights(0, j) << '\n';
  }
}
