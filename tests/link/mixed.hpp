// SPDX-License-Identifier: MIT
#pragma once

#include <l0/layers/linear.hpp>
#include <l0/losses/losses.hpp>
#include <l0/optimizers/adam.hpp>

/// A layer after ten steps: gates, products and an optimizer, whose code follows the flags of the file.
inline l0::L0Linear<double> trained_layer() {
  l0::Rng rng(1);
  const l0::Matrix<double> X = l0::Matrix<double>::NullaryExpr(
      70, 40, [](l0::Index i, l0::Index j) { return static_cast<double>((3 * i + 5 * j) % 17) / 8 - 1; });
  const l0::Matrix<double> y = X.leftCols(3);
  l0::L0Linear<double> layer(40, 3, rng);
  l0::Adam<double> adam(layer.parameters());
  for (int step = 0; step < 10; ++step) {
    adam.zero_grad();
    const auto [value, gradient] = l0::mse_loss(layer.forward(X, rng), y);
    layer.backward(gradient);
    adam.step();
  }
  return layer;
}
