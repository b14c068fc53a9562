// SPDX-License-Identifier: MIT
// LeNet-5-Caffe, 20-50-800-500, with a gate per filter and per input of the linear layers on MNIST, the second part of
// table 1 in arXiv:1712.01312.
//
//     mnist_lenet --data DIR [--accurate]
//
// The default setting goes for a small network, --accurate for a small error.
#include "digits.hpp"

int main(int argc, char** argv) try {
  const example::Arguments arguments(argc, argv, 40);
  example::Digits digits = arguments.digits(true);
  if (arguments.quick) {
    digits.x = digits.x.topRows(300).eval();
    digits.y = digits.y.head(300).eval();
  }
  std::cout << digits.name << ", LeNet-5-Caffe 20-50-800-500, gates per filter and input\n";
  l0::Rng rng(arguments.seed);
  using Linear = l0::L0Linear<float, l0::PerInput>;
  const float beta = 2.0F / 3;
  l0::Sequential net{l0::L0Conv2d<float>({1, 28, 28}, 20, 5, rng, {.gate = {.temperature = beta}}),
                     l0::Relu{},
                     l0::MaxPool2d({20, 24, 24}, 2),
                     l0::L0Conv2d<float>({20, 12, 12}, 50, 5, rng, {.gate = {.temperature = beta}}),
                     l0::Relu{},
                     l0::MaxPool2d({50, 8, 8}, 2),
                     l0::Flatten{},
                     Linear(800, 500, rng, {.gate = {.temperature = beta}}),
                     l0::Relu{},
                     Linear(500, 10, rng, {.gate = {.temperature = beta}})};
  // Shifted images are not in the paper.
  example::train(net, digits, arguments,
                 arguments.accurate ? example::Setting{.lambda = {2e-4, 3e-3, 3e-3, 1e-5},
                                                       .weight_decay = 1e-4F,
                                                       .gate_learning_rate = 5e-3,
                                                       .shift = true}
                                    : example::Setting{.lambda = {1.1e-2, 9.5e-3, 1.7e-3, 6e-3},
                                                       .weight_decay = 1e-4F,
                                                       .gate_learning_rate = 5e-3,
                                                       .shift = true},
                 "mnist_lenet");
  example::finish(net, digits);
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
