// SPDX-License-Identifier: MIT
// One training step of a 784 → 256 layer at batch 128: forward, mean squared error, backward, penalty, Adam; with a
// gate per weight, without gates, and with gates per input, all open and 90 % closed.
#include <benchmark/benchmark.h>

#include <l0/l0.hpp>

namespace {

constexpr Eigen::Index inputs = 784;
constexpr Eigen::Index outputs = 256;
constexpr Eigen::Index batch = 128;

struct Data {
  l0::Matrix<float> x = l0::Matrix<float>::Random(batch, inputs);
  l0::Matrix<float> y = l0::Matrix<float>::Random(batch, outputs);
};

template <class Layer>
void run_steps(benchmark::State& state, Layer& layer) {
  const Data data;
  l0::Rng rng(2);
  // So small a rate that gates stay as they are set.
  l0::Adam<float> optimizer(layer.parameters(), {.learning_rate = 1e-9F});
  const l0::L0Penalty<float> penalty{.lambda = 1e-6F};
  l0::Matrix<float> gradient;
  for (auto _ : state) {
    optimizer.zero_grad();
    const float loss = l0::mse_loss(layer.forward(data.x, rng), data.y, gradient);
    layer.backward(gradient);
    benchmark::DoNotOptimize(loss + penalty.accumulate(layer));
    optimizer.step();
  }
}

void gated_step(benchmark::State& state) {
  l0::Rng rng(1);
  l0::L0Linear<float> layer(inputs, outputs, rng);
  run_steps(state, layer);
}

/// The same arithmetic without gates.
void dense_step(benchmark::State& state) {
  const Data data;
  l0::Parameter<l0::Matrix<float>> weight(l0::ParameterKind::weight, "weight", outputs, inputs);
  l0::Parameter<l0::Vector<float>> bias(l0::ParameterKind::bias, "bias", outputs, 1);
  weight.value().setRandom();
  l0::Adam<float> optimizer({weight.ref(), bias.ref()}, {.learning_rate = 1e-9F});
  l0::detail::ProductWorkspace<float> product;
  l0::Matrix<float> prediction;
  l0::Matrix<float> gradient;
  l0::Matrix<float> weight_gradient;
  for (auto _ : state) {
    optimizer.zero_grad();
    product.multiply(data.x, weight.value().transpose(), prediction, {batch, outputs, inputs});
    prediction.rowwise() += bias.value().transpose();
    benchmark::DoNotOptimize(l0::mse_loss(prediction, data.y, gradient));
    product.multiply(gradient.transpose(), data.x, weight_gradient, {outputs, inputs, batch});
    weight.gradient() += weight_gradient;
    bias.gradient() += gradient.colwise().sum().transpose();
    optimizer.step();
  }
}

void per_input(benchmark::State& state, double closed) {
  l0::Rng rng(1);
  l0::L0Linear<float, l0::PerInput> layer(inputs, outputs, rng);
  layer.log_alpha().setConstant(15.0F);
  for (Eigen::Index j = 0; j < inputs; ++j) {
    if (static_cast<double>(j % 100) < 100 * closed) layer.log_alpha()(j) = -15.0F;
  }
  run_steps(state, layer);
}

void per_input_open(benchmark::State& state) { per_input(state, 0); }
void per_input_closed_90(benchmark::State& state) { per_input(state, 0.9); }

BENCHMARK(gated_step)->Name("linear/gated_step")->Unit(benchmark::kMicrosecond);
BENCHMARK(dense_step)->Name("linear/dense_step")->Unit(benchmark::kMicrosecond);
BENCHMARK(per_input_open)->Name("linear/per_input_open")->Unit(benchmark::kMicrosecond);
BENCHMARK(per_input_closed_90)->Name("linear/per_input_closed_90")->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
