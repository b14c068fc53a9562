// SPDX-License-Identifier: MIT
// Training steps of networks (forward, cross entropy, backward, L0 penalty, Adam), and prediction of one sample once
// closed gates are compacted away. The counterparts in PyTorch are in bench/peers/torch_networks.py.
#include <benchmark/benchmark.h>

#include <l0/l0.hpp>

namespace {

using Eigen::Index;

template <class Network>
void run_steps(benchmark::State& state, Network& net, Index batch) {
  const l0::Matrix<float> x = l0::Matrix<float>::Random(batch, 784).cwiseAbs();
  Eigen::VectorXi labels(batch);
  for (Index i = 0; i < batch; ++i) labels(i) = static_cast<int>(i % 10);
  l0::Rng rng(2);
  // So small a rate that gates stay as they are set.
  l0::Adam<float> optimizer(net.parameters(), {.learning_rate = 1e-9F});
  const l0::L0Penalty<float> penalty{.lambda = 1e-6F};
  l0::Matrix<float> gradient;
  for (auto _ : state) {
    optimizer.zero_grad();
    const float loss = l0::cross_entropy_loss(net.forward(x, rng), labels, gradient);
    net.backward(gradient);
    benchmark::DoNotOptimize(loss + penalty.accumulate(net));
    optimizer.step();
  }
}

void mlp_step(benchmark::State& state) {
  l0::Rng rng(1);
  l0::SparseMLP<float> mlp(784, 256, 10, rng);
  run_steps(state, mlp, 128);
}

void mlp_dense_step(benchmark::State& state) {
  l0::Rng rng(1);
  l0::Sequential net{l0::Linear<float>(784, 256, rng), l0::Relu{}, l0::Linear<float>(256, 10, rng)};
  run_steps(state, net, 128);
}

/// All gates open but for a share of each layer's.
template <class Network>
void close(Network& net, double share) {
  l0::for_each_gated(net, [&](auto& layer) {
    layer.log_alpha().setConstant(15);
    const auto closed = static_cast<Index>(share * static_cast<double>(layer.log_alpha().size()));
    layer.log_alpha().head(closed).setConstant(-15);
  });
}

void lenet_step(benchmark::State& state, double closed) {
  l0::Rng rng(1);
  using Linear = l0::L0Linear<float, l0::PerInput>;
  l0::Sequential net{l0::L0Conv2d<float>({1, 28, 28}, 20, 5, rng),
                     l0::Relu{},
                     l0::MaxPool2d({20, 24, 24}, 2),
                     l0::L0Conv2d<float>({20, 12, 12}, 50, 5, rng),
                     l0::Relu{},
                     l0::MaxPool2d({50, 8, 8}, 2),
                     Linear(800, 500, rng),
                     l0::Relu{},
                     Linear(500, 10, rng)};
  close(net, closed);
  run_steps(state, net, 100);
}
void lenet_open(benchmark::State& state) { lenet_step(state, 0); }
void lenet_closed_50(benchmark::State& state) { lenet_step(state, 0.5); }
void lenet_closed_90(benchmark::State& state) { lenet_step(state, 0.9); }

/// One sample through a perceptron 784-300-100-10 of which so many inputs and neurons are left.
void predict_one(benchmark::State& state, Index inputs, Index first, Index second) {
  l0::Rng rng(1);
  using Linear = l0::L0Linear<float, l0::PerInput>;
  l0::Sequential net{Linear(784, 300, rng), l0::Relu{}, Linear(300, 100, rng), l0::Relu{}, Linear(100, 10, rng)};
  const Index open[] = {inputs, first, second};
  int k = 0;
  l0::for_each_gated(net, [&](auto& layer) {
    layer.log_alpha().setConstant(-15);
    // Spread over the layer, as trained gates are.
    const Index all = layer.log_alpha().size();
    for (Index i = 0; i < open[k]; ++i) layer.log_alpha()(i * all / open[k]) = 15;
    ++k;
  });
  const auto small = l0::compact(net);
  const l0::Matrix<float> x = l0::Matrix<float>::Random(1, 784);
  for (auto _ : state) benchmark::DoNotOptimize(small.predict(x).data());
}
void predict_dense(benchmark::State& state) { predict_one(state, 784, 300, 100); }
void predict_219_214_100(benchmark::State& state) { predict_one(state, 219, 214, 100); }
void predict_266_88_33(benchmark::State& state) { predict_one(state, 266, 88, 33); }

BENCHMARK(mlp_step)->Name("network/mlp_step")->Unit(benchmark::kMicrosecond);
BENCHMARK(mlp_dense_step)->Name("network/mlp_dense_step")->Unit(benchmark::kMicrosecond);
BENCHMARK(lenet_open)->Name("network/lenet_step")->Unit(benchmark::kMicrosecond);
BENCHMARK(lenet_closed_50)->Name("network/lenet_step_closed_50")->Unit(benchmark::kMicrosecond);
BENCHMARK(lenet_closed_90)->Name("network/lenet_step_closed_90")->Unit(benchmark::kMicrosecond);
BENCHMARK(predict_dense)->Name("network/predict_dense")->Unit(benchmark::kMicrosecond);
BENCHMARK(predict_219_214_100)->Name("network/predict_219_214_100")->Unit(benchmark::kMicrosecond);
BENCHMARK(predict_266_88_33)->Name("network/predict_266_88_33")->Unit(benchmark::kMicrosecond);

}  // namespace

BENCHMARK_MAIN();
