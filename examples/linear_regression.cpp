// SPDX-License-Identifier: MIT
// Which of 64 measurements, squares and interactions predict the progression of diabetes? A sparse linear model trained
// by hand at several prices per feature, beside ridge regression and least squares on the same split.
#include <cmath>
#include <iomanip>

#include <Eigen/Cholesky>
#include <Eigen/QR>

#include "support.hpp"

namespace {

using Eigen::Index;

struct Data {
  Eigen::MatrixXd x, test_x;
  Eigen::VectorXd y, test_y;  // standardised with the mean and deviation of the training part
};

struct Row {
  std::string name;
  Index features;
  double train_error, test_error;
};

double mean_square(const Eigen::VectorXd& error) { return error.squaredNorm() / static_cast<double>(error.size()); }

Row evaluate(const std::string& name, const Data& data, const Eigen::VectorXd& w) {
  return {name, (w.array() != 0).count(), mean_square(data.x * w - data.y), mean_square(data.test_x * w - data.test_y)};
}

/// Trains one gate per feature at price `lambda`; the course of the training goes to `log`.
Eigen::VectorXd train(const Data& data, double lambda, Index epochs, std::ostream& log) {
  l0::Rng rng(1);
  l0::L0Linear<double> model(data.x.cols(), 1, rng, {.bias = false});
  model.weight().setZero();
  l0::Adam<double> optimizer(model.parameters(), {.learning_rate = 0.01, .gate_learning_rate = 0.03});
  const l0::L0Penalty<double> penalty{.lambda = lambda};
  const l0::ExponentialAnnealing<double> temperature{.from = 1, .to = 0.1, .steps = epochs};
  l0::Matrix<double> gradient;
  for (Index epoch = 0; epoch < epochs; ++epoch) {
    model.set_temperature(temperature(epoch));
    optimizer.zero_grad();
    const double loss = l0::mse_loss(model.forward(data.x, rng), data.y, gradient);
    model.backward(gradient);
    penalty.accumulate(model);
    optimizer.step();
    if (epoch % 10 == 0) {
      log << lambda << ',' << epoch << ',' << loss << ',' << model.l0_penalty() << ',' << model.temperature() << '\n';
    }
  }
  return model.effective_weight().transpose();
}

/// Least squares on the chosen features alone, without gates.
Eigen::VectorXd refit(const Data& data, const Eigen::VectorXd& w) {
  std::vector<Index> chosen;
  for (Index j = 0; j < w.size(); ++j) {
    if (w(j) != 0) chosen.push_back(j);
  }
  Eigen::VectorXd result = Eigen::VectorXd::Zero(w.size());
  if (chosen.empty()) return result;
  const Eigen::MatrixXd columns = data.x(Eigen::seqN(0, data.x.rows()), chosen);
  result(chosen) = columns.colPivHouseholderQr().solve(data.y);
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  const Index epochs = example::quick(argc, argv) ? 100 : 3000;
  const example::Table table = example::read_table("diabetes.csv");
  const example::Split rows = example::split_rows(table.x.rows(), 0.25, 7);
  const auto all = Eigen::seqN(0, table.x.cols());
  Data data{table.x(rows.train, all), table.x(rows.test, all), table.y(rows.train), table.y(rows.test)};
  const double mean = data.y.mean();
  const double deviation = std::sqrt((data.y.array() - mean).square().mean());
  data.y = (data.y.array() - mean) / deviation;
  data.test_y = (data.test_y.array() - mean) / deviation;
  std::cout << "diabetes: " << data.x.rows() << " patients to train, " << data.test_x.rows() << " to test, "
            << data.x.cols()
            << " features\nmean squared error in units of the training variance (1 = predict the mean)\n\n";

  std::ofstream log("linear_regression.csv");
  log << "lambda,epoch,loss,expected_l0,temperature\n";
  std::vector<Row> results;
  Eigen::VectorXd shown;
  for (const double lambda : {0.001, 0.002, 0.005, 0.01, 0.02, 0.05}) {
    const Eigen::VectorXd w = refit(data, train(data, lambda, epochs, log));
    std::ostringstream name;
    name << "L0, lambda " << lambda;
    results.push_back(evaluate(name.str(), data, w));
    if (lambda == 0.01) shown = w;
  }
  log.close();
  const Eigen::MatrixXd gram = data.x.transpose() * data.x;
  const Eigen::VectorXd correlation = data.x.transpose() * data.y;
  for (const double lambda : {1.0, 10.0, 100.0}) {
    Eigen::MatrixXd penalised = gram;
    penalised.diagonal().array() += lambda;
    results.push_back(
        evaluate("ridge, " + std::to_string(static_cast<int>(lambda)), data, penalised.llt().solve(correlation)));
  }
  results.push_back(evaluate("least squares", data, data.x.colPivHouseholderQr().solve(data.y)));

  std::cout << std::left << std::setw(20) << "model" << std::right << std::setw(9) << "features" << std::setw(12)
            << "train" << std::setw(12) << "test" << '\n'
            << std::fixed << std::setprecision(3);
  for (const Row& row : results) {
    std::cout << std::left << std::setw(20) << row.name << std::right << std::setw(9) << row.features << std::setw(12)
              << row.train_error << std::setw(12) << row.test_error << '\n';
  }
  std::cout << "\nkept at lambda 0.01:";
  for (Index j = 0; j < shown.size(); ++j) {
    if (shown(j) != 0)
      std::cout << "  " << table.names[static_cast<std::size_t>(j)] << ' ' << std::showpos << shown(j)
                << std::noshowpos;
  }
  std::cout << "\n\ncourse of the training: linear_regression.csv\n";
  example::draw(
      "linear_regression.svg",
      "set title 'Gates close while the model trains'\nset xlabel 'epoch'\nset ylabel 'expected number of open "
      "gates'\nset key outside right title 'price'\nplot for [l in '0.001 0.002 0.005 0.01 0.02 0.05'] "
      "'linear_regression.csv' every ::1 using ($1==l ? $2 : 1/0):4 with lines lw 2 title l\n");
}
