// SPDX-License-Identifier: MIT
#pragma once

#include <l0/l0.hpp>
#include <l0/training/progress.hpp>

#include <vector>

/// A bit of everything, compiled alike in both files.
inline std::vector<double> use_everything() {
  l0::Rng rng(1);
  const Eigen::MatrixXd X = Eigen::MatrixXd::NullaryExpr(
      6, 4, [](Eigen::Index i, Eigen::Index j) { return static_cast<double>((3 * i + 5 * j) % 7) - 3; });
  const Eigen::MatrixXd y = X.leftCols(1).array().abs();
  const Eigen::SparseMatrix<double, Eigen::RowMajor> sparse = X.sparseView();
  std::vector<double> result;

  l0::L0Linear<double> model(4, 1, rng);
  l0::L0Linear<double, l0::PerInput> per_input(4, 1, rng);
  l0::Adam<double> adam(model.parameters());
  l0::SGD<double> sgd(per_input.parameters(), {.momentum = 0.9});
  const auto step = [&](auto& layer, auto& optimizer, const auto& x, const auto& loss) {
    layer.set_temperature(l0::ExponentialAnnealing<double>{}(10));
    optimizer.zero_grad();
    const auto [value, gradient] = loss(layer.forward(x, rng), y);
    layer.backward(gradient);
    result.push_back(value + l0::L0L2Penalty<double>{}.accumulate(layer));
    optimizer.step();
    result.push_back(layer.predict(x).sum());
    result.push_back(layer.gate().mean().sum());
  };
  step(model, adam, X, [](const auto& f, const auto& t) { return l0::mse_loss(f, t); });
  step(per_input, sgd, sparse, [](const auto& f, const auto& t) { return l0::poisson_loss(f, t); });

  const auto f = [](const Eigen::VectorXd& w, Eigen::VectorXd& gradient) {
    gradient = w.array() - 1;
    return gradient.squaredNorm();
  };
  const auto fit = l0::minimize(f, Eigen::VectorXd::Zero(3), {.epochs = 5, .callback = l0::ProgressBar{}});
  result.push_back(fit.weights.sum());
  try {
    model.backward(Eigen::MatrixXd::Zero(1, 1));
  } catch (const l0::Error& error) {
    result.push_back(static_cast<double>(std::char_traits<char>::length(error.what())));
  }
  return result;
}
