// SPDX-License-Identifier: MIT
// Gates inside a model whose gradient comes from automatic differentiation (Eigen's AutoDiffScalar): a sum of decaying
// exponentials y(t) = Σ_k z_k a_k exp(−b_k t) in which the gates choose how many terms are needed.
#include <cmath>
#include <iomanip>
#include <random>

#include <Eigen/Core>
#include <unsupported/Eigen/AutoDiff>

#include "support.hpp"

namespace {

using Eigen::Index;
constexpr int terms = 6;
using Gradient = Eigen::Matrix<double, 2 * terms, 1>;  // with respect to z∘a and log b
using Dual = Eigen::AutoDiffScalar<Gradient>;

template <class Scalar>
Scalar model(const std::vector<Scalar>& amplitude, const std::vector<Scalar>& log_rate, double t) {
  using std::exp;
  Scalar sum = amplitude[0] * exp(-exp(log_rate[0]) * t);
  for (std::size_t k = 1; k < terms; ++k) sum += amplitude[k] * exp(-exp(log_rate[k]) * t);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  const int epochs = example::quick(argc, argv) ? 300 : 8000;
  constexpr int samples = 80;
  l0::Rng rng(4);
  std::normal_distribution<double> normal;
  Eigen::VectorXd t = Eigen::VectorXd::LinSpaced(samples, 0, 8);
  Eigen::VectorXd y(samples);
  for (Index i = 0; i < samples; ++i) y(i) = 2 * std::exp(-0.3 * t(i)) + 3 * std::exp(-2 * t(i)) + 0.02 * normal(rng);
  std::cout << "data: 2 exp(-0.3 t) + 3 exp(-2 t) + noise; model: up to " << terms << " terms\n\n";

  l0::HardConcreteGate<double> gate(terms, {.temperature = 0.5});
  l0::Parameter<l0::Vector<double>> amplitude(l0::ParameterKind::weight, "amplitude", terms, 1);
  l0::Parameter<l0::Vector<double>> log_rate(l0::ParameterKind::weight, "log_rate", terms, 1);
  amplitude.value().setOnes();
  log_rate.value() = Eigen::VectorXd::LinSpaced(terms, -2, 2);
  l0::Adam<double> optimizer({amplitude.ref(), log_rate.ref()}, {.learning_rate = 0.01});
  optimizer.add_group(gate.parameters(), {.learning_rate = 0.03});
  const l0::L0Penalty<double> penalty{.lambda = 0.2};
  const l0::ExponentialAnnealing<double> temperature{.from = 1, .to = 0.1, .steps = epochs};

  std::vector<Dual> a(terms), b(terms);
  for (int epoch = 0; epoch < epochs; ++epoch) {
    gate.set_temperature(temperature(epoch));
    const l0::Vector<double>& z = gate.sample(rng);
    for (int k = 0; k < terms; ++k) {  // the inputs of the differentiation: z∘a and log b
      a[static_cast<std::size_t>(k)] = Dual(z(k) * amplitude.value()(k), 2 * terms, k);
      b[static_cast<std::size_t>(k)] = Dual(log_rate.value()(k), 2 * terms, terms + k);
    }
    Dual loss(0, Gradient::Zero());
    for (Index i = 0; i < samples; ++i) {
      const Dual residual = model(a, b, t(i)) - y(i);
      loss += residual * residual / samples;
    }
    optimizer.zero_grad();
    const l0::Vector<double> by_amplitude = loss.derivatives().head(terms);
    amplitude.gradient() = by_amplitude.cwiseProduct(z);  // the chain rule through z∘a ...
    log_rate.gradient() = loss.derivatives().tail(terms);
    gate.backward(by_amplitude.cwiseProduct(amplitude.value()).eval());  // ... and into the gates
    penalty.accumulate(gate);
    optimizer.step();
    if (epoch % (epochs / 5) == 0) {
      std::cout << "step " << std::setw(5) << epoch << "  loss " << std::setw(10) << loss.value() << "  expected terms "
                << gate.expected_l0() << '\n';
    }
  }

  std::cout << "\nterms kept:\n";
  const l0::Vector<double> z = gate.deterministic();
  std::ofstream csv("autodiff.csv");
  csv << "t,data,model\n";
  for (int k = 0; k < terms; ++k) {
    if (z(k) > 0)
      std::cout << "  " << z(k) * amplitude.value()(k) << " exp(-" << std::exp(log_rate.value()(k)) << " t)\n";
  }
  for (Index i = 0; i < samples; ++i) {
    double sum = 0;
    for (int k = 0; k < terms; ++k)
      sum += z(k) * amplitude.value()(k) * std::exp(-std::exp(log_rate.value()(k)) * t(i));
    csv << t(i) << ',' << y(i) << ',' << sum << '\n';
  }
  csv.close();
  example::draw(
      "autodiff.svg",
      "set title 'A sum of exponentials with gated terms'\nset xlabel 't'\nset ylabel 'y'\nplot 'autodiff.csv' every "
      "::1 using 1:2 with points pt 6 lc '#888888' title 'data', '' every ::1 using 1:3 with lines lw 2 lc "
      "'#2166ac' title 'model'\n");
}
