// SPDX-License-Identifier: MIT
// What the examples on images share: MNIST or the small digits that are shipped, options, training, the last line.
#pragma once

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <l0/io/idx.hpp>
#include <l0/l0.hpp>
#include <l0/training/progress.hpp>

#include "support.hpp"

namespace example {

using Images = l0::Matrix<float>;

struct Digits {
  Images x, x_test;
  Eigen::VectorXi y, y_test;
  int side = 28;
  std::string name = "MNIST";
};

/// MNIST, grey values in [0, 1], from a folder with its four files.
inline Digits read_mnist(const std::string& folder) {
  const auto file = [&](const char* name) { return l0::IdxArray::read(folder + "/" + name); };
  return {.x = file("train-images-idx3-ubyte").matrix<float>() / 255,
          .x_test = file("t10k-images-idx3-ubyte").matrix<float>() / 255,
          .y = file("train-labels-idx1-ubyte").labels(10),
          .y_test = file("t10k-labels-idx1-ubyte").labels(10)};
}

/// The shipped digits, 8 × 8: 1300 to train, 497 to test. `enlarge` makes them 28 × 28, every pixel 3 × 3, in a border.
inline Digits small_digits(bool enlarge) {
  const Table table = read_table("digits.csv");
  const Images small = table.x.cast<float>() / 16;
  Images x = small;
  if (enlarge) {
    x.setZero(small.rows(), 28 * 28);
    for (Index row = 2; row < 26; ++row) {
      for (Index column = 2; column < 26; ++column) {
        x.col(row * 28 + column) = small.col((row - 2) / 3 * 8 + (column - 2) / 3);
      }
    }
  }
  const Split split = split_rows(x.rows(), 497.0 / 1797, 1);
  const Eigen::VectorXi y = table.y.cast<int>();
  return {.x = rows_of(x, split.train),
          .x_test = rows_of(x, split.test),
          .y = y(split.train),
          .y_test = y(split.test),
          .side = enlarge ? 28 : 8,
          .name = "small digits"};
}

/// --data DIR, --epochs N, --seed N, --quick, --accurate, and two for those who look for settings of their own:
/// --prices A,B,... (of a gate, per layer) and --holdout (judge by a sixth of the training part, not by the test part).
struct Arguments {
  std::string data{};
  l0::Index epochs = 0;
  std::uint64_t seed = 1;
  bool quick = false;
  bool accurate = false;
  bool holdout = false;
  std::vector<double> prices{};

  Arguments(int argc, char** argv, l0::Index default_epochs) : epochs(default_epochs) {
    for (int k = 1; k < argc; ++k) {
      const std::string name = argv[k];
      const auto value = [&] {
        if (k + 1 == argc) throw std::runtime_error(name + " needs a value");
        return std::string(argv[++k]);
      };
      if (name == "--data") {
        data = value();
      } else if (name == "--epochs") {
        epochs = number<l0::Index>(value());
      } else if (name == "--seed") {
        seed = number<std::uint64_t>(value());
      } else if (name == "--quick") {
        quick = true;
        epochs = std::min<l0::Index>(epochs, 3);
      } else if (name == "--accurate") {
        accurate = true;
      } else if (name == "--holdout") {
        holdout = true;
      } else if (name == "--prices") {
        std::stringstream list(value());
        for (std::string price; std::getline(list, price, ',');) prices.push_back(number<double>(price));
      } else {
        throw std::runtime_error(
            "usage: " + std::string(argv[0]) +
            " [--data DIR] [--epochs N] [--seed N] [--accurate] [--prices A,B,...] [--holdout] [--quick]; not " + name);
      }
    }
  }

  /// MNIST from --data, else the shipped digits.
  Digits digits(bool enlarge) const {
    if (data.empty()) {
      std::cout
          << "No --data DIR with the files of MNIST (scripts/fetch_mnist.sh gets them): the small digits instead.\n";
    }
    Digits all = data.empty() ? small_digits(enlarge) : read_mnist(data);
    if (holdout) {
      const Index held = all.x.rows() / 6;
      all.x_test = all.x.bottomRows(held);
      all.y_test = all.y.tail(held);
      all.x.conservativeResize(all.x.rows() - held, Eigen::NoChange);
      all.y.conservativeResize(all.y.size() - held);
      all.name += ", judged by images held out of the training part";
    }
    return all;
  }
};

/// Open gates of every layer: "266-88-33".
template <class Network>
std::string architecture(Network& net) {
  std::string text;
  l0::for_each_gated(
      net, [&](auto& layer) { text += (text.empty() ? "" : "-") + std::to_string(layer.gate().active_count()); });
  return text;
}

/// What a network is charged: a price per gate for each layer, and weights by their squares as far as they are open.
struct Prices {
  l0::LayerPenalty<float> gates;
  l0::L2Penalty<float> weights;

  template <class Network>
  float accumulate(Network& net) const {
    return gates.accumulate(net) + weights.accumulate(net);
  }
};

/// Moves every image by −1, 0 or 1 pixels in both directions.
inline void shift_images(Images& batch, int side, l0::Rng& rng) {
  const Images still = batch;
  batch.setZero();
  for (Index i = 0; i < batch.rows(); ++i) {
    const int down = static_cast<int>(rng() % 3) - 1;
    const int right = static_cast<int>(rng() % 3) - 1;
    for (int row = std::max(0, down); row < std::min(side, side + down); ++row) {
      for (int column = std::max(0, right); column < std::min(side, side + right); ++column) {
        batch(i, row * side + column) = still(i, (row - down) * side + column - right);
      }
    }
  }
}

/// How to train: Adam at 1e-3, constant and over the last quarter of the epochs down to 0; batches of 100.
struct Setting {
  std::vector<double> lambda;        ///< price of a gate, per layer
  float weight_decay;                ///< price of an open weight's square
  double gate_learning_rate = 1e-3;  ///< of the gates
  bool shift = false;                ///< move every image by up to a pixel each way, anew in every epoch
};

/// Trains, prints a line now and then, and writes training curves to `name`.csv and .svg.
template <class Network>
void train(Network& net, const Digits& digits, const Arguments& arguments, const Setting& setting,
           const std::string& name) {
  const Prices prices{{.lambda = arguments.prices.empty() ? setting.lambda : arguments.prices},
                      {setting.weight_decay, l0::WeightPrice::under_gates}};
  std::ofstream curves(name + ".csv");
  curves << "epoch,loss,test error,open gates per layer\n";
  const auto epochs = static_cast<double>(arguments.epochs);
  l0::ProgressBar bar;
  l0::Trainer trainer(
      net, {.epochs = arguments.epochs,
            .batch_size = 100,
            .seed = arguments.seed,
            .learning_rate = 1e-3,
            .gate_learning_rate = setting.gate_learning_rate,
            .learning_rate_schedule =
                [=](l0::Index epoch) { return std::min(1.0, (epochs - static_cast<double>(epoch)) / (0.25 * epochs)); },
            .callback =
                [&](const l0::StepReport& report) {
                  bar(report);
                  curves << report.step << ',' << report.loss << ',' << report.validation_error;
                  l0::for_each_gated(net, [&](auto& layer) { curves << ',' << layer.gate().active_count(); });
                  curves << std::endl;
                  if (report.step % 5 != 0 && report.step != report.steps) return;
                  std::printf("epoch %3ld  loss %.4f  test error %.2f %%  open %s  %.0f s\n",
                              static_cast<long>(report.step), report.loss, 100 * report.validation_error,
                              architecture(net).c_str(), report.seconds);
                  std::fflush(stdout);
                }});
  if (setting.shift) {
    trainer.transform_batches([side = digits.side](Images& batch, l0::Rng& rng) { shift_images(batch, side, rng); });
  }
  // The test part is only watched here: nothing is chosen by it, and the last epoch is the result.
  trainer.fit(digits.x, digits.y, prices, digits.x_test, digits.y_test);

  std::string plot = "set xlabel 'epoch'\nset key outside\nset y2tics\nset y2label 'test error'\nset logscale y\nplot ";
  int column = 4;
  l0::for_each_gated(net, [&](auto&) {
    plot += "'" + name + ".csv' using 1:" + std::to_string(column) + " with lines title 'gates of layer " +
            std::to_string(column - 3) + "', ";
    ++column;
  });
  draw(name + ".svg", plot + "'" + name + ".csv' using 1:3 axes x1y2 with lines title 'test error'\n");
}

/// Compacts the network, checks that it predicts the same, and prints the line for machines.
template <class Network>
void finish(Network& net, const Digits& digits) {
  const std::string open = architecture(net);
  const double error = l0::evaluate(net, digits.x_test, digits.y_test).error;
  const auto all = l0::flop_count(net);
  const auto small = l0::compact(net);
  const double difference = (small.predict(digits.x_test) - net.predict(digits.x_test)).cwiseAbs().maxCoeff();
  std::cout << l0::to_string(l0::sparsity_report(net)) << "compact: " << small.parameter_count() << " numbers, "
            << l0::flop_count(small) << " flops, " << all << " before; largest difference in a prediction "
            << difference << "\n";
  std::printf("test_error=%.2f%% architecture=%s flops=%ld\n", 100 * error, open.c_str(),
              static_cast<long>(l0::flop_count(small)));
}

}  // namespace example
