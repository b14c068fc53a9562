// SPDX-License-Identifier: MIT
#pragma once

#include <l0/layers/linear.hpp>

#include <cmath>
#include <functional>
#include <utility>

#include "layers/batches.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/fixed_numbers.hpp"
#include "support/tolerances.hpp"

namespace l0::test {

/// The gate of weight (output, input) in a gate array.
using GateOfWeight = std::function<std::pair<Index, Index>(Index output, Index input)>;

/// A layer with fixed noise whose gates are closed, open or between, none of them near a clamp, and a batch with
/// a third of its entries 0.
template <class Layer>
struct LayerCase {
  Layer layer;
  Matrix<double> u;
  Matrix<double> X;
  Matrix<double> upstream;
};

/// log α and the noise at which the gates lie between 0 and 1, but for the share `closed` of the gates, which comes
/// first and is 0, and for the last gate, which is 1. Matrices of gates are closed column by column.
template <class Layer>
LayerCase<Layer> make_case(Layer layer, Index samples, double closed) {
  const Index rows = layer.gate().rows();
  const Index columns = layer.gate().columns();
  const double beta = layer.temperature();
  layer.log_alpha() = fixed_numbers(rows, columns, 1);
  layer.weight() = fixed_numbers(layer.outputs(), layer.inputs(), 2).array() + 0.1;
  if (layer.has_bias()) layer.bias() = fixed_numbers(layer.outputs(), 1, 3);
  Matrix<double> u(rows, columns);
  const Matrix<double> s = 0.5 + 0.3 * fixed_numbers(rows, columns, 4).array();
  const auto count = static_cast<double>(u.size());
  for (Index k = 0; k < u.size(); ++k) {
    const bool is_closed = columns == 1 ? static_cast<double>(k) < closed * count
                                        : static_cast<double>(k / rows) < closed * static_cast<double>(columns);
    const double sk = is_closed ? 0.02 : k == u.size() - 1 ? 0.98 : s(k);
    u(k) = 1 / (1 + std::exp(layer.log_alpha()(k) - beta * std::log(sk / (1 - sk))));
  }
  Matrix<double> X = fixed_numbers(samples, layer.inputs(), 5);
  for (Index k = 0; k < X.size(); k += 3) X(k) = 0;
  const Matrix<double> upstream = fixed_numbers(samples, layer.outputs(), 6);
  return {std::move(layer), u, X, upstream};
}

/// Y = X (W∘z)ᵀ + 1 bᵀ, spelled out.
template <class Layer>
Matrix<double> plain_output(const LayerCase<Layer>& given, const GateOfWeight& gate_of) {
  const auto& layer = given.layer;
  const auto distribution = layer.gate().distribution();
  Matrix<double> y(given.X.rows(), layer.outputs());
  for (Index i = 0; i < y.rows(); ++i) {
    for (Index o = 0; o < y.cols(); ++o) {
      y(i, o) = layer.has_bias() ? layer.bias()(o) : 0;
      for (Index j = 0; j < layer.inputs(); ++j) {
        const auto [row, column] = gate_of(o, j);
        const double z = distribution.sample(given.u(row, column), layer.log_alpha()(row, column));
        y(i, o) += given.X(i, j) * layer.weight()(o, j) * z;
      }
    }
  }
  return y;
}

/// The value of the layer against the plain formula, and every gradient of Σ upstream ∘ Y against central differences.
/// The way in which the batch is handed over does not matter to the checks, so they are compiled once for all.
template <class Layer>
void check_gradients_with(
    LayerCase<Layer> given, const GateOfWeight& gate_of, bool is_sparse,
    const std::function<const Matrix<double>&(Layer&, const Matrix<double>&, const GivenNoise<double>&)>& forward) {
  Layer& layer = given.layer;
  const GivenNoise<double> noise(given.u);
  const Matrix<double> y = forward(layer, given.X, noise);
  CHECK(close(y, plain_output(given, gate_of), tolerance::golden));

  Matrix<double> grad_X;
  layer.backward(given.upstream, grad_X);
  const Matrix<double> grad_weight = layer.weight_gradient();
  const Matrix<double> grad_log_alpha = layer.log_alpha_gradient();
  const Vector<double> grad_bias = layer.bias_gradient();

  const Matrix<double> weight = layer.weight();
  const Matrix<double> log_alpha = layer.log_alpha();
  const Vector<double> bias = layer.bias();
  const auto value = [&] { return forward(layer, given.X, noise).cwiseProduct(given.upstream).sum(); };
  const auto expect = [](const auto& analytic, const auto& numerical) {
    CHECK(numerical.cwiseAbs().maxCoeff() > 0.01);
    CHECK(close(analytic, numerical, tolerance::gradient(numerical)));
  };
  const auto along = [&](auto& parameter, const auto& start) {
    const auto numerical = numerical_gradient(
        [&](const auto& moved) {
          parameter = moved;
          return value();
        },
        start, Stencil::five_point);
    parameter = start;
    return numerical;
  };
  expect(grad_weight, along(layer.weight(), weight));
  expect(grad_log_alpha, along(layer.log_alpha(), log_alpha));
  if (layer.has_bias()) expect(grad_bias, along(layer.bias(), bias));
  if (is_sparse) {
    // Moved entries would leave the pattern of a sparse matrix full: checked against a dense batch instead.
    Matrix<double> dense_gradient;
    layer.forward(given.X, noise);
    layer.backward(given.upstream, dense_gradient);
    CHECK(close(grad_X, dense_gradient, tolerance::golden));
  } else {
    const Matrix<double> X = given.X;
    expect(grad_X, along(given.X, X));
  }
}

template <class Batch, class Layer>
void check_gradients(LayerCase<Layer> given, const GateOfWeight& gate_of) {
  Batch batch;
  check_gradients_with<Layer>(
      std::move(given), gate_of, Batch::is_sparse,
      [&](Layer& layer, const Matrix<double>& x, const GivenNoise<double>& noise) -> const Matrix<double>& {
        return batch.forward(layer, x, noise);
      });
}

/// All shapes of one grouping: `make(outputs, bias)` builds the layer, `gate_of(outputs)` tells its gates.
template <class Batch, class Make, class GateOf>
void check_all_gradients(const Make& make, const GateOf& gate_of) {
  for (const Index outputs : {1, 3}) {
    for (const bool bias : {true, false}) {
      for (const double closed : {0.0, 0.5}) {
        CAPTURE(outputs, bias, closed);
        check_gradients<Batch>(make_case(make(outputs, bias), 5, closed), gate_of(outputs));
      }
    }
  }
}

}  // namespace l0::test
