// SPDX-License-Identifier: MIT
// Handwritten digits, 8×8 pixels: which pixels tell an 8 from the rest, and which are needed for all ten digits?
#include <iomanip>

#include "support.hpp"

namespace {

using Eigen::Index;

struct Data {
  Eigen::MatrixXf x, test_x;
  Eigen::VectorXi label, test_label;
};

/// Minibatch training; `loss(rows, logits, gradient)` is the loss of a batch.
template <class Layer, class Loss>
void train(Layer& layer, const Data& data, float lambda, Index epochs, l0::Rng& rng, const Loss& loss) {
  constexpr Index batch = 128;
  l0::Adam<float> optimizer(layer.parameters(), {.learning_rate = 0.01F, .gate_learning_rate = 0.05F});
  const l0::L0Penalty<float> penalty{.lambda = lambda};
  const l0::ExponentialAnnealing<float> temperature{.from = 1, .to = 0.2F, .steps = epochs};
  l0::Matrix<float> gradient;
  for (Index epoch = 0; epoch < epochs; ++epoch) {
    layer.set_temperature(temperature(epoch));
    for (Index first = 0; first + batch <= data.x.rows(); first += batch) {
      optimizer.zero_grad();
      loss(first, batch, layer.forward(data.x.middleRows(first, batch), rng), gradient);
      layer.backward(gradient);
      penalty.accumulate(layer);
      optimizer.step();
    }
  }
}

/// The 64 values as an 8×8 picture of characters; '.' for exactly 0.
void print(const Eigen::VectorXf& pixel, const char* positive, const char* negative) {
  for (Index i = 0; i < 8; ++i) {
    std::cout << "    ";
    for (Index j = 0; j < 8; ++j) {
      const float value = pixel(8 * i + j);
      std::cout << (value > 0 ? positive : value < 0 ? negative : ".") << ' ';
    }
    std::cout << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Index epochs = example::quick(argc, argv) ? 5 : 300;
  const example::Table table = example::read_table("digits.csv");
  const example::Split rows = example::split_rows(table.x.rows(), 0.25, 3);
  const auto all = Eigen::seqN(0, table.x.cols());
  const Eigen::MatrixXf x = table.x.cast<float>() / 16;
  const Eigen::VectorXi label = table.y.cast<int>();
  const Data data{x(rows.train, all), x(rows.test, all), label(rows.train), label(rows.test)};
  std::cout << "digits: " << data.x.rows() << " pictures to train, " << data.test_x.rows() << " to test, 64 pixels\n";
  Eigen::VectorXf shown_weight, shown_gate;

  std::cout << "\nan 8 or not: one gate per weight, binary cross entropy\n  always no: accuracy "
            << (data.test_label.array() != 8).cast<double>().mean() << '\n';
  const Eigen::VectorXf is_eight = (data.label.array() == 8).cast<float>();
  for (const float lambda : {0.0F, 0.0003F, 0.001F, 0.003F}) {
    l0::Rng rng(5);
    l0::L0Linear<float> eight(64, 1, rng);
    train(eight, data, lambda, epochs, rng, [&](Index first, Index count, const auto& logits, auto& gradient) {
      return l0::binary_cross_entropy_loss(logits, is_eight.segment(first, count), gradient);
    });
    const Eigen::ArrayXf predicted = eight.predict(data.test_x).array();
    const auto right = ((predicted > 0) == (data.test_label.array() == 8)).count();
    const Eigen::VectorXf w = eight.effective_weight().transpose();
    std::cout << "  lambda " << lambda << ": " << (w.array() != 0).count() << " pixels, accuracy "
              << static_cast<double>(right) / static_cast<double>(data.test_label.size()) << '\n';
    if (lambda == 0.001F) {
      print(w, "+", "-");
      shown_weight = w;
    }
  }

  std::cout << "\nall ten digits: one gate per pixel, softmax cross entropy\n";
  for (const float lambda : {0.0F, 0.003F, 0.01F, 0.03F, 0.05F}) {
    l0::Rng rng(6);
    l0::L0Linear<float, l0::PerInput> digits(64, 10, rng);
    train(digits, data, lambda, epochs, rng, [&](Index first, Index count, const auto& logits, auto& gradient) {
      return l0::cross_entropy_loss(logits, data.label.segment(first, count), gradient);
    });
    const Eigen::MatrixXf logits = digits.predict(data.test_x);
    Index right = 0;
    for (Index i = 0; i < logits.rows(); ++i) {
      Index best = 0;
      logits.row(i).maxCoeff(&best);
      right += best == data.test_label(i) ? 1 : 0;
    }
    const Eigen::VectorXf open = digits.gate().deterministic();
    std::cout << "  lambda " << lambda << ": " << digits.gate().active_count() << " pixels, accuracy "
              << static_cast<double>(right) / static_cast<double>(logits.rows()) << '\n';
    if (lambda == 0.03F) {
      print(open, "#", "#");
      shown_gate = open;
    }
  }
  std::ofstream csv("logistic_regression.csv");
  csv << "row,column,weight,gate\n";
  for (Index j = 0; j < 64; ++j) csv << j / 8 << ',' << j % 8 << ',' << shown_weight(j) << ',' << shown_gate(j) << '\n';
  csv.close();
  example::draw("logistic_regression.svg", R"(set multiplot layout 1,2
set size square; unset key; unset border; unset tics; set xrange [-0.5:7.5]; set yrange [7.5:-0.5]
set arrow from graph 0,0 to graph 1,0 nohead lc '#888888'; set arrow from graph 0,1 to graph 1,1 nohead lc '#888888'
set arrow from graph 0,0 to graph 0,1 nohead lc '#888888'; set arrow from graph 1,0 to graph 1,1 nohead lc '#888888'
set palette defined (-1 '#b2182b', 0 'white', 1 '#2166ac'); set cbrange [-6:6]; set cbtics 3; set colorbox
set title 'weights for an 8 (white: gate closed)'
plot 'logistic_regression.csv' every ::1 using 2:1:3 with image pixels
set cbrange [0:1]; set palette defined (0 'white', 1 '#444444'); set cbtics ('closed' 0, 'open' 1)
set title 'pixels kept for all ten digits'
plot 'logistic_regression.csv' every ::1 using 2:1:4 with image pixels
unset multiplot
)");
}
