// SPDX-License-Identifier: MIT
// A program outside the project: a sparse linear model found by the training loop, written by hand.
#include <iostream>
#include <random>

#include <l0/l0.hpp>

int main() {
  constexpr Eigen::Index n_samples = 200;
  constexpr Eigen::Index n_features = 10;
  l0::Rng rng(42);

  // Two features count, eight do not.
  std::uniform_real_distribution<float> uniform(-1.0F, 1.0F);
  const Eigen::MatrixXf X = Eigen::MatrixXf::NullaryExpr(n_samples, n_features, [&] { return uniform(rng); });
  const Eigen::MatrixXf y = 2.0F * X.col(0) - 3.0F * X.col(1);

  l0::L0Linear<float> model(n_features, 1, rng, {.bias = false, .init_sparsity = 0.5F});
  l0::Adam<float> optimizer(model.parameters(), {.learning_rate = 0.05F});
  const l0::L0Penalty<float> penalty{.lambda = 0.05F};
  const l0::ExponentialAnnealing<float> temperature{.from = 1.0F, .to = 0.2F, .steps = 300};

  float objective = 0;
  for (int epoch = 0; epoch < 400; ++epoch) {
    model.set_temperature(temperature(epoch));
    optimizer.zero_grad();
    const auto& prediction = model.forward(X, rng);
    const auto loss = l0::mse_loss(prediction, y);
    model.backward(loss.gradient);
    objective = loss.value + penalty.accumulate(model);
    optimizer.step();
  }

  const Eigen::MatrixXf weight = model.effective_weight();
  std::cout << "l0 " << l0::version << ": objective " << objective << ", sparsity " << model.sparsity() << ", weights "
            << weight << '\n';
  const float error = (model.predict(X) - y).squaredNorm() / y.squaredNorm();
  return error < 0.05F && model.sparsity() > 0.5F ? 0 : 1;
}
