// SPDX-License-Identifier: MIT
// A perceptron 784-300-100 with a gate per input and neuron on MNIST, the first line of table 1 in arXiv:1712.01312.
//
//     mnist_mlp --data DIR [--accurate]
//
// The default setting goes for a small network, --accurate for a small error.
#include "digits.hpp"

int main(int argc, char** argv) try {
  const example::Arguments arguments(argc, argv, 100);
  const example::Digits digits = arguments.digits(false);
  const l0::Index inputs = digits.x.cols();
  std::cout << digits.name << ", perceptron " << inputs << "-300-100, gates per input and neuron\n";
  l0::Rng rng(arguments.seed);
  using Linear = l0::L0Linear<float, l0::PerInput>;
  // Temperature 2/3; inputs start open with a higher probability than neurons, as in the paper.
  const float beta = 2.0F / 3;
  l0::Sequential net{Linear(inputs, 300, rng, {.init_sparsity = 0.2F, .gate = {.temperature = beta}}), l0::Relu{},
                     Linear(300, 100, rng, {.gate = {.temperature = beta}}), l0::Relu{},
                     Linear(100, 10, rng, {.gate = {.temperature = beta}})};
  // Shifted images are not in the paper.
  example::train(
      net, digits, arguments,
      arguments.accurate
          ? example::Setting{.lambda = {1.1e-3, 2e-4, 2e-4},
                             .weight_decay = 1e-4F,
                             .gate_learning_rate = 2e-3,
                             .shift = true}
          : example::Setting{.lambda = {6.5e-4, 9e-4, 3e-3}, .weight_decay = 2e-4F, .gate_learning_rate = 2e-3},
      "mnist_mlp");
  example::finish(net, digits);
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
