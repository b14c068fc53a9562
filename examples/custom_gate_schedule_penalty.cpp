// SPDX-License-Identifier: MIT
// The parts of a training loop that one may want to replace: the distribution of the gates (here the Gaussian gates of
// STG beside Hard Concrete), the schedule of the temperature, and the penalty. Schedule and penalty are written here.
#include <iomanip>
#include <random>

#include <l0/io/tracker.hpp>
#include "support.hpp"

namespace {

using Eigen::Index;

/// A schedule is anything that takes a step and returns a temperature. This one warms the gates up again and again
/// (Loshchilov & Hutter 2017), so that gates which closed early get further chances.
struct WarmRestarts {
  double from = 1.0;
  double to = 0.3;
  Index period = 500;

  double operator()(Index step) const {
    const double t = static_cast<double>(step % period) / static_cast<double>(period);
    return to + (from - to) * (1 + std::cos(3.14159265358979 * t)) / 2;
  }
};

/// A penalty is anything with `accumulate(model)`: it returns its value and adds its gradient. This one charges a price
/// per open gate that falls with the weight behind it, λ Σ P(z ≠ 0)/(1 + |w|): features that are used stay, features
/// that hardly are go first. The weights are a row here, as the gates per input are a column.
struct FadingPenalty {
  double lambda = 0.05;

  template <l0::Gated Model>
  double accumulate(Model& model) const {
    double total = 0;
    l0::for_each_gated(model, [&](auto& layer) {
      const Eigen::ArrayXd size = layer.weight().transpose().array().abs();
      const Eigen::VectorXd price = lambda / (1 + size);
      const Eigen::VectorXd p = layer.gate().active_probability();
      total += p.cwiseProduct(price).sum();
      layer.gate().accumulate_active_gradient(price);
      const Eigen::VectorXd slope = -p.array() * price.array() / (1 + size);
      layer.weight_gradient() += slope.transpose().cwiseProduct(layer.weight().cwiseSign());
    });
    return total;
  }
};

static_assert(l0::AnnealingSchedule<WarmRestarts>);

/// 300 samples of 40 features, of which four count.
struct Data {
  Eigen::MatrixXd x;
  Eigen::VectorXd y;
  std::vector<Index> relevant{3, 11, 22, 37};

  Data() {
    l0::Rng rng(5);
    std::normal_distribution<double> normal;
    x = Eigen::MatrixXd::NullaryExpr(300, 40, [&] { return normal(rng); });
    y = 0.5 * Eigen::VectorXd::NullaryExpr(300, [&] { return normal(rng); });
    double size = 1;
    for (const Index j : relevant) y += (size = -0.8 * size) * x.col(j);
  }
};

/// One gate per feature, trained by hand; `tracker` keeps the record.
template <class Distribution, class Penalty>
void train(const std::string& name, const Data& data, Index steps, const Penalty& penalty, l0::Tracker& tracker) {
  l0::Rng rng(1);
  l0::L0Linear<double, l0::PerInput, Distribution> model(data.x.cols(), 1, rng, {.bias = false});
  l0::Adam<double> optimizer(model.parameters(), {.learning_rate = 0.01});
  const WarmRestarts temperature{.period = std::max<Index>(steps / 4, 1)};
  for (Index step = 0; step < steps; ++step) {
    model.set_temperature(temperature(step));
    optimizer.zero_grad();
    const auto loss = l0::mse_loss(model.forward(data.x, rng), data.y);
    model.backward(loss.gradient);
    const double priced = penalty.accumulate(model);
    optimizer.step();
    tracker({.step = step + 1,
             .steps = steps,
             .stage = name,
             .loss = loss.value,
             .objective = loss.value + priced,
             .expected_l0 = model.l0_penalty(),
             .temperature = model.temperature()});
  }
  std::cout << std::left << std::setw(34) << name << "features kept:";
  const Eigen::MatrixXd weight = model.effective_weight();
  for (Index j = 0; j < weight.cols(); ++j) {
    if (weight(0, j) != 0) std::cout << ' ' << j;
  }
  std::cout << "   mean squared error " << std::fixed << std::setprecision(3)
            << (model.predict(data.x) - data.y).squaredNorm() / static_cast<double>(data.y.size()) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  const Index steps = example::quick(argc, argv) ? 200 : 4000;
  const Data data;
  std::cout << "40 features; 3, 11, 22 and 37 count; the noise has variance 0.25\n\n";
  l0::Tracker tracker;
  const l0::L0Penalty<double> plain{.lambda = 0.02};
  const FadingPenalty fading{.lambda = 0.02};
  train<l0::HardConcrete<double>>("Hard Concrete, L0 penalty", data, steps, plain, tracker);
  train<l0::ClippedGaussian<double>>("Gaussian gates, L0 penalty", data, steps, plain, tracker);
  train<l0::HardConcrete<double>>("Hard Concrete, fading penalty", data, steps, fading, tracker);
  train<l0::ClippedGaussian<double>>("Gaussian gates, fading penalty", data, steps, fading, tracker);

  tracker.write_csv("custom_gate_schedule_penalty.csv");
  std::cout << "\nthe record: custom_gate_schedule_penalty.csv\n";
  std::string plot =
      "set multiplot layout 2,1\nset lmargin 10\nset ylabel 'temperature'\nset yrange [0:1.1]\nset key off\n"
      "plot 'custom_gate_schedule_penalty.csv' every ::1::" +
      std::to_string(steps) +
      " using 2:8 with lines lw 2 lc '#777777'\n"
      "set ylabel 'open gates'\nset yrange [0:40]\nset xlabel 'step'\nset key top right\nplot ";
  const char* colour[] = {"#2166ac", "#b2182b", "#67a9cf", "#ef8a62"};
  for (std::size_t k = 0; k < tracker.stages().size(); ++k) {
    const Index first = 1 + static_cast<Index>(k) * steps;
    plot += std::string(k == 0 ? "" : ", ") + "'custom_gate_schedule_penalty.csv' every ::" + std::to_string(first) +
            "::" + std::to_string(first + steps - 1) + " using 2:6 with lines lw 2 lc '" + colour[k] + "' title '" +
            std::string(tracker.stages()[k].stage) + "'";
  }
  example::draw("custom_gate_schedule_penalty.svg", plot + "\nunset multiplot\n");
}
