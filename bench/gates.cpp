// SPDX-License-Identifier: MIT
// What a gate costs: sampling alone, and sampling with its backward pass, against the memory traffic they need.
#include <benchmark/benchmark.h>

#include <vector>

#include <l0/gates/gate.hpp>

namespace {

constexpr Eigen::Index gates = 784 * 256;

void count_gates(benchmark::State& state, double bytes_per_gate) {
  const auto total = static_cast<double>(state.iterations()) * static_cast<double>(gates);
  state.counters["ns_per_gate"] =
      benchmark::Counter(total * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["bytes_per_gate"] = bytes_per_gate;
  state.SetBytesProcessed(static_cast<std::int64_t>(total * bytes_per_gate));
}

template <class Scalar>
void sample(benchmark::State& state) {
  l0::Rng rng(1);
  l0::HardConcreteGate<Scalar> gate(gates);
  for (auto _ : state) benchmark::DoNotOptimize(gate.sample(rng).data());
  count_gates(state, 2 * sizeof(Scalar));  // log α in, z out
}

template <class Scalar>
void sample_backward(benchmark::State& state) {
  l0::Rng rng(1);
  l0::HardConcreteGate<Scalar> gate(gates);
  const l0::Vector<Scalar> upstream = l0::Vector<Scalar>::Random(gates);
  for (auto _ : state) {
    gate.log_alpha_gradient().setZero();
    benchmark::DoNotOptimize(gate.sample(rng).data());
    gate.backward(upstream);
    benchmark::DoNotOptimize(gate.log_alpha_gradient().data());
  }
  count_gates(state, 8 * sizeof(Scalar));  // log α, z out; 0 out; log α, z, upstream, gradient in, gradient out
}

/// a = b + c x on arrays far larger than the caches: the bandwidth everything else is held against.
void triad(benchmark::State& state) {
  const std::size_t n = std::size_t{1} << 25;
  std::vector<float> a(n), b(n, 1.0F), c(n, 2.0F);
  for (auto _ : state) {
    for (std::size_t i = 0; i < n; ++i) a[i] = b[i] + 3.0F * c[i];
    benchmark::DoNotOptimize(a.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(3 * n * sizeof(float)));
}

BENCHMARK(sample<float>)->Name("gate/sample");
BENCHMARK(sample_backward<float>)->Name("gate/sample_backward");
BENCHMARK(sample<double>)->Name("gate/sample_double");
BENCHMARK(sample_backward<double>)->Name("gate/sample_backward_double");
BENCHMARK(triad)->Name("triad");

}  // namespace

BENCHMARK_MAIN();
