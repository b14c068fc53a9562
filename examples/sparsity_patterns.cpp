// SPDX-License-Identifier: MIT
// Structured against unstructured sparsity: the same perceptron with a gate per input and neuron and with a gate per
// weight, trained under the same budget of weights. Draws which pixels are still read, and what each layer keeps.
//
//     sparsity_patterns [--data DIR] [--epochs N] [--seed N]
#include "digits.hpp"

namespace {

using l0::Index;

/// The share of a pixel's weights that are open, as a picture: black pixels are not read at all.
template <class Network>
void draw_pixels(const Network& net, int side, const std::string& name) {
  const auto weight = net.template part<0>().effective_weight();
  std::ofstream file(name + ".csv");
  for (int row = 0; row < side; ++row) {
    for (int column = 0; column < side; ++column) {
      const auto open = (weight.col(row * side + column).array() != 0).count();
      file << (column == 0 ? "" : ",") << static_cast<double>(open) / static_cast<double>(weight.rows());
    }
    file << '\n';
  }
  file.close();
  example::draw(name + ".svg",
                "set size ratio -1\nunset border\nunset tics\nset yrange [*:*] reverse\n"
                "set palette defined (0 'black', 0.001 'navy', 0.3 'orange', 1 'white')\nset cblabel "
                "'open weights of the pixel'\nplot '" +
                    name + ".csv' matrix with image notitle\n");
}

template <class Network>
void run(Network net, const example::Digits& digits, const example::Arguments& arguments, const std::string& name) {
  // A tenth of the weights, whoever shares a gate: the price finds itself.
  l0::Budget<float> budget({.max_share = 0.1, .unit = l0::CostUnit::weights, .rate = 5e-3});
  std::ofstream curves(name + "_layers.csv");
  curves << "epoch,share of open weights per layer\n";
  l0::Trainer trainer(net, {.epochs = arguments.epochs,
                            .batch_size = digits.x.rows() > 10000 ? 100 : 20,
                            .seed = arguments.seed,
                            .gate_learning_rate = 3e-3,
                            .callback = [&](const l0::StepReport& report) {
                              curves << report.step;
                              for (const auto& layer : l0::sparsity_report(net)) {
                                curves << ','
                                       << static_cast<double>(layer.open_weights) / static_cast<double>(layer.weights);
                              }
                              curves << '\n';
                            }});
  trainer.fit(digits.x, digits.y, budget);
  curves.close();
  Index open = 0;
  Index pixels = 0;
  for (const auto& layer : l0::sparsity_report(net)) open += layer.open_weights;
  const auto weight = net.template part<0>().effective_weight();
  for (Index j = 0; j < weight.cols(); ++j) pixels += (weight.col(j).array() != 0).any() ? 1 : 0;
  const auto small = l0::compact(net);
  const double error = l0::evaluate(net, digits.x_test, digits.y_test).error;
  std::printf("%-12s weights open %6ld  pixels read %3ld  stored numbers once compact %6ld  test error %.2f %%\n",
              name.c_str(), static_cast<long>(open), static_cast<long>(pixels),
              static_cast<long>(small.parameter_count()), 100 * error);
  std::printf("test_error=%.2f%% architecture=%s flops=%ld\n", 100 * error, example::architecture(net).c_str(),
              static_cast<long>(l0::flop_count(small)));
  draw_pixels(net, digits.side, name + "_pixels");
  example::draw(name + "_layers.svg",
                "set xlabel 'epoch'\nset ylabel 'share of open weights'\nset logscale y\nplot for "
                "[c=2:4] '" +
                    name + "_layers.csv' using 1:c with lines title 'layer '.(c-1)\n");
}

template <class Grouping>
auto network(Index inputs, std::uint64_t seed) {
  l0::Rng rng(seed);
  using Linear = l0::L0Linear<float, Grouping>;
  return l0::Sequential{Linear(inputs, 300, rng), l0::Relu{}, Linear(300, 100, rng), l0::Relu{}, Linear(100, 10, rng)};
}

}  // namespace

int main(int argc, char** argv) try {
  const example::Arguments arguments(argc, argv, 60);
  const example::Digits digits = arguments.digits(false);
  std::cout << digits.name << ", perceptron 300-100, a tenth of the weights\n";
  run(network<l0::PerWeight>(digits.x.cols(), arguments.seed), digits, arguments, "unstructured");
  run(network<l0::PerInput>(digits.x.cols(), arguments.seed), digits, arguments, "structured");
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
