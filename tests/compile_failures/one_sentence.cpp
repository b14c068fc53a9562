// SPDX-License-Identifier: MIT
// Each mistake of a user's is one error with one sentence, and nothing after it. All in one file: what follows a
// mistake would be seen as an error more. (The compiler speaks once of a template, so the types differ.)
#include <iostream>

#include <l0/factorization/matrix_factorization.hpp>
#include <l0/layers/linear.hpp>
#include <l0/networks/network.hpp>
#include <l0/networks/sequential.hpp>
#include <l0/optimizers/check_gradient.hpp>
#include <l0/penalties/l0_penalty.hpp>
#include <l0/training/minimize.hpp>
#include <l0/training/trainer.hpp>
#include <l0/trees/soft_tree_boosting.hpp>

#ifdef L0_MUST_NOT_COMPILE
using Other = float;
using GivenGradient = Eigen::VectorXd;
using GivenMatrixGradient = Eigen::MatrixXd;
using Answer = double;
using Value = void;
using Given = const l0::Sequential<l0::L0Linear<double>, l0::Relu>;
using Observed = Eigen::MatrixXd;
struct Penalty {};
#else
#include <l0/io/report.hpp>
using Other = double;
using GivenGradient = Eigen::VectorXd&;
using GivenMatrixGradient = Eigen::MatrixXd&;
using Answer = l0::Flow;
using Value = double;
using Given = l0::Sequential<l0::L0Linear<double>, l0::Relu>;
using Observed = Eigen::SparseMatrix<double>;
using Penalty = l0::L0Penalty<double>;
#endif

using Network = l0::Sequential<l0::L0Linear<double>, l0::Relu>;

// Another scalar type.
void predict(const Network& net, const Eigen::Matrix<Other, -1, -1>& X) { net.predict(X); }
void predict(const l0::Network<double>& net, const Eigen::Matrix<Other, -1, 3>& X) { net.predict(X); }
void backward(Network& net, const Eigen::Array<Other, -1, -1>& upstream) { net.backward(upstream); }
void backward(l0::HardConcreteGate<double>& gate, const Eigen::Matrix<Other, -1, 1>& upstream) {
  gate.backward(upstream);
}
void loss(const Eigen::MatrixXd& f, const Eigen::Array<Other, -1, 1>& y) { l0::mse_loss(f, y); }
void predict(const l0::SoftTreeBoosting<double>& trees, const Eigen::SparseMatrix<Other>& X) { trees.predict(X); }

void optimize(l0::Sequential<l0::L0Linear<Other>>& net) { l0::Adam<double> optimizer(net.parameters()); }

// Objectives.
double by_value(const Eigen::VectorXd& w, GivenGradient gradient) {
  gradient = 2 * w;
  return w.squaredNorm();
}
void minimize(const Eigen::VectorXd& w) { l0::minimize(by_value, w); }
void check(const Eigen::VectorXd& w) {
  l0::check_gradient(
      [](const Eigen::VectorXd& at, Eigen::VectorXd& gradient) -> Value {
        gradient = at;
        return Value(1);
      },
      w);
}

// Callbacks, losses, penalties.
l0::TrainerOptions with_callback() {
  return {.callback = [](const l0::StepReport&) { return Answer(); }};
}
void two_arguments(l0::Trainer<Network>& trainer, const Eigen::MatrixXd& X, const Eigen::VectorXd& y) {
#ifdef L0_MUST_NOT_COMPILE
  const auto loss = [](const auto& f, const auto& target) { return (f - target).squaredNorm(); };
#else
  const auto loss = [](const auto& f, const auto& target, auto& gradient) {
    gradient = 2 * (f - target);
    return (f - target).squaredNorm();
  };
#endif
  trainer.fit(X, y, l0::L0Penalty<double>{}, loss);
}
void lost_gradient(l0::Trainer<Network>& trainer, const Eigen::MatrixXd& X, const Eigen::VectorXd& y) {
  const auto loss = [](const Eigen::MatrixXd& f, const Eigen::MatrixXd& target, GivenMatrixGradient gradient) {
    gradient = 2 * (f - target);
    return (f - target).squaredNorm();
  };
  trainer.fit(X, y, l0::L0Penalty<double>{}, loss);
}
void no_penalty(l0::Trainer<Network>& trainer, const Eigen::MatrixXd& X, const Eigen::VectorXd& y) {
  trainer.fit(X, y, Penalty{});
}

void const_network(Given& net) { l0::Trainer trainer(net); }
void print(const l0::TrainingReport& report) { std::cout << report; }
void fit(l0::MatrixFactorization<double>& model, const Observed& R) { model.fit(R); }
