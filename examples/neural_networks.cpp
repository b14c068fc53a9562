// SPDX-License-Identifier: MIT
// LeNet-5 with a gate on every weight, trained with falling temperature on the small digits enlarged to 28 x 28; how
// sparse each layer becomes, and what the network weighs once compact. For MNIST itself see mnist_lenet.
//
//     neural_networks [--data DIR] [--epochs N] [--seed N]
#include "digits.hpp"

int main(int argc, char** argv) try {
  const example::Arguments arguments(argc, argv, 40);
  const example::Digits digits = arguments.digits(true);
  l0::Rng rng(arguments.seed);
  const float init = 0.1F;
  l0::Sequential net{l0::L0Conv2d<float, l0::PerWeight>({1, 28, 28}, 6, 5, rng, {.init_sparsity = init}),
                     l0::Relu{},
                     l0::MaxPool2d({6, 24, 24}, 2),
                     l0::L0Conv2d<float, l0::PerWeight>({6, 12, 12}, 16, 5, rng, {.init_sparsity = init}),
                     l0::Relu{},
                     l0::MaxPool2d({16, 8, 8}, 2),
                     l0::L0Linear<float>(256, 120, rng, {.init_sparsity = init}),
                     l0::Relu{},
                     l0::L0Linear<float>(120, 84, rng, {.init_sparsity = init}),
                     l0::Relu{},
                     l0::L0Linear<float>(84, 10, rng, {.init_sparsity = init})};

  std::ofstream curves("neural_networks.csv");
  const auto epochs = arguments.epochs;
  l0::Trainer trainer(
      net, {.epochs = epochs,
            .batch_size = 64,
            .seed = arguments.seed,
            .learning_rate = 1e-3,
            .gate_learning_rate = 1e-2,
            .temperature_schedule = l0::ExponentialAnnealing<double>{1, 0.05, epochs * 2 / 3 + 1},
            .callback = [&](const l0::StepReport& report) {
              curves << report.step << ',' << report.loss;
              for (const auto& layer : l0::sparsity_report(net)) {
                curves << ',' << 1 - static_cast<double>(layer.open_weights) / static_cast<double>(layer.weights);
              }
              curves << '\n';
              if (report.step % 10 == 0 || report.step == epochs) {
                std::printf("epoch %3ld  loss %.4f  temperature %.3f  sparsity %.1f %%\n",
                            static_cast<long>(report.step), report.loss,
                            static_cast<double>(net.part<0>().temperature()),
                            100 * static_cast<double>(net.sparsity()));
              }
            }});
  trainer.fit(digits.x, digits.y, l0::L0Penalty<float>{.lambda = 1e-4F});
  curves.close();
  example::draw("neural_networks.svg",
                "set multiplot layout 1,2\nset xlabel 'epoch'\nset ylabel 'training loss'\nset logscale y\n"
                "plot 'neural_networks.csv' using 1:2 with lines notitle\nunset logscale y\n"
                "set ylabel 'sparsity'\nset yrange [0:1]\nset key top left\n"
                "names = 'conv1 conv2 fc1 fc2 fc3'\n"
                "plot for [k=1:5] 'neural_networks.csv' using 1:(column(k+2)) with lines title word(names, k)\n"
                "unset multiplot\n");

  std::cout << l0::to_string(l0::sparsity_report(net));
  const auto small = l0::compact(net);
  const long all = 5 * 5 * 6 + 6 * 16 * 25 + 256 * 120 + 120 * 84 + 84 * 10;
  const auto [open, gates] = net.count_gates();
  std::printf("weights %ld, open %ld: %.1f times fewer; test error %.2f %%; a compact copy stores %ld numbers\n", all,
              static_cast<long>(open), static_cast<double>(gates) / static_cast<double>(open),
              100 * l0::evaluate(net, digits.x_test, digits.y_test).error, static_cast<long>(small.parameter_count()));
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
