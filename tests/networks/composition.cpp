// SPDX-License-Identifier: MIT
// What may stand in a network, and what is refused.
#include <l0/losses/losses.hpp>
#include <l0/networks/sparse_mlp.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/penalties/weight_penalty.hpp>
#include <l0/pruning/compact.hpp>

#include "networks/networks.hpp"
#include "support/catch.hpp"
#include "support/concurrently.hpp"
#include "support/tolerances.hpp"

namespace tests::networks::composition {

namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::Message;
using l0::Index;
using l0::Matrix;
using l0::test::fixed_numbers;

/// A user's own layer, with the least there is: a trainable factor per column, without gates.
class Scale {
 public:
  using Scalar = double;

  explicit Scale(Index columns) : factor_(l0::ParameterKind::weight, "factor", columns, 1) {
    factor_.value().setConstant(2);
  }

  template <class X, class Noise>
  const Matrix<double>& forward(X&& x, Noise&&) {
    x_ = x;
    y_ = x_ * factor_.value().asDiagonal();
    return y_;
  }
  void backward(const Matrix<double>& upstream, Matrix<double>& gradient) {
    factor_.gradient() += x_.cwiseProduct(upstream).colwise().sum().transpose();
    gradient = upstream * factor_.value().asDiagonal();
  }
  Matrix<double> predict(const Matrix<double>& x) const { return x * factor_.value().asDiagonal(); }
  void visit(auto&& v) { v("factor", factor_); }
  Index inputs() const { return factor_.size(); }
  Index outputs(Index) const { return factor_.size(); }

 private:
  l0::Parameter<l0::Vector<double>> factor_;
  Matrix<double> x_;
  Matrix<double> y_;
};

/// A user's own activation and operation.
struct Softplus {
  template <class Scalar>
  Scalar value(Scalar x) const {
    return std::log1p(std::exp(x));
  }
  template <class Scalar>
  Scalar derivative(Scalar, Scalar y) const {
    return 1 - std::exp(-y);
  }
};
struct DropFirstColumn {
  Index columns;
  Index inputs() const { return columns; }
  Index outputs() const { return columns - 1; }
  void apply(const double* x, Index samples, double* y) const { std::copy(x + samples, x + samples * columns, y); }
  void differentiate(const double*, const double*, const double* upstream, Index samples, double* gradient) const {
    std::fill_n(gradient, samples, 0.0);
    std::copy(upstream, upstream + samples * (columns - 1), gradient + samples);
  }
};

}  // namespace

static_assert(l0::Layer<Scale> && !l0::Activation<Scale>);
static_assert(l0::Layer<l0::L0Linear<float>> && l0::Layer<l0::L0Conv2d<double>> && l0::Layer<l0::SparseMLP<float>>);
static_assert(l0::Activation<l0::Relu> && l0::Activation<Softplus> && l0::FixedOperation<l0::MaxPool2d>);
static_assert(!l0::NetworkPart<int>);

TEST_CASE("Layers, activations and operations of the user's own plug in") {
  l0::Rng rng(1);
  l0::Sequential net{Scale(5), l0::L0Linear<double>(5, 4, rng), Softplus{}, DropFirstColumn{4}, Scale(3)};
  CHECK(net.inputs() == 5);
  CHECK(net.outputs() == 3);
  CHECK(net.parameters().size() == 5);
  CHECK(net.sparsity() == 0);
  const Matrix<double> X = fixed_numbers(6, 5, 1);
  const Matrix<double> y = fixed_numbers(6, 3, 2);
  // The network knows what the first layer takes, which need not look itself.
  CHECK_THROWS_MATCHES(net.predict(X.leftCols(4)), l0::Error, Message("l0: X is 6x4, expected 6x5"));
  CHECK_THROWS_MATCHES(net.forward(X.leftCols(4), rng), l0::Error, Message("l0: X is 6x4, expected 6x5"));
  l0::Adam<double> optimizer(net.parameters(), {.learning_rate = 0.02});
  double first = 0;
  double last = 0;
  for (int k = 0; k < 200; ++k) {
    optimizer.zero_grad();
    const auto loss = l0::mse_loss(net.forward(X, rng), y);
    net.backward(loss.gradient);
    l0::L2Penalty<double>{.lambda = 1e-4}.accumulate(net);
    optimizer.step();
    (k == 0 ? first : last) = loss.value;
  }
  CHECK(last < first / 2);
  CHECK(l0::test::close(l0::compact(net).predict(X), net.predict(X), l0::test::tolerance::golden));
  CHECK(l0::test::same_from_threads([&] { return net.predict(X); }));
  CHECK(l0::test::same_from_threads([&, small = l0::compact(net)] { return small.predict(X); }));
  CHECK(l0::test::same_from_threads([&] { return net.l0_penalty(); }));
}

TEST_CASE("The contract's names") {
  l0::Rng rng(1);
  auto net = l0::sequential(l0::L0Linear<float, l0::PerInput>(7, 6, rng), l0::Relu{}, l0::L0Linear<float>(6, 3, rng));
  l0::Sequential braces{l0::L0Linear<float, l0::PerInput>(7, 6, rng), l0::Relu{}, l0::L0Linear<float>(6, 3, rng)};
  static_assert(std::is_same_v<decltype(net), decltype(braces)>);
  const Matrix<float> X = fixed_numbers(4, 7, 1).cast<float>();
  const auto& result = net.forward(X, rng);
  CHECK((result.rows() == 4 && result.cols() == 3));
  net.backward(l0::Matrix<float>::Ones(4, 3));
  net.set_temperature(0.4F);
  CHECK(net.part<2>().temperature() == 0.4F);
  CHECK(net.l0_penalty() == Approx(net.part<0>().l0_penalty() + net.part<2>().l0_penalty()));
  CHECK(net.get_l0_penalty() == net.l0_penalty());
  CHECK(l0::L0Penalty<float>{.lambda = 2}.accumulate(net) == Approx(2 * net.l0_penalty()));
  net.part<0>().log_alpha().head(3).setConstant(-9);
  CHECK(net.sparsity() == Approx(3.0 / 25));
  CHECK(net.predict(X).rows() == 4);
}

TEST_CASE("The first layer takes every kind of batch") {
  l0::Rng rng(1);
  l0::SparseMLP<double> mlp(6, 4, 2, rng);
  const Matrix<double> X = fixed_numbers(5, 6, 1);
  const Eigen::SparseMatrix<double> sparse = X.sparseView();
  const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = X;
  const l0::Rng noise(2);
  const auto run = [&](const auto& batch) {
    l0::for_each_gated(mlp, [](auto& layer) { layer.gate().set_draw(0); });
    return Matrix<double>(mlp.forward(batch, noise));
  };
  const Matrix<double> expected = run(X);
  CHECK(l0::test::close(run(sparse), expected, l0::test::tolerance::golden));
  CHECK(l0::test::close(run(rows), expected, l0::test::tolerance::golden));
  CHECK(l0::test::close(run(X + 0 * X), expected, l0::test::tolerance::golden));
  CHECK(run(Eigen::ArrayXXd(X)) == expected);
  CHECK(mlp.predict(X.array()) == mlp.predict(X));
  run(X);
  mlp.backward(expected);
  const Eigen::VectorXd gradient = mlp.parameters()[0].gradients();
  mlp.backward(expected.array());  // adds
  CHECK(mlp.parameters()[0].gradients() == 2 * gradient);
  CHECK(l0::test::close(mlp.predict(sparse), mlp.predict(X), l0::test::tolerance::golden));
}

TEST_CASE("Given noise has one array per gated layer") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Linear<double, l0::PerInput>(3, 2, rng), l0::Tanh{},
                     l0::L0Linear<double, l0::PerInput>(2, 1, rng)};
  const l0::GivenNoise<double> noise(Eigen::Vector3d(0.4, 0.5, 0.6), Eigen::Vector2d(0.3, 0.7));
  const Matrix<double> X = fixed_numbers(4, 3, 1);
  const Matrix<double> first = net.forward(X, noise);
  CHECK(net.forward(X, noise) == first);
}

TEST_CASE("Parts that do not fit are refused when the network is made, by their place") {
  l0::Rng rng(1);
  CHECK_THROWS_MATCHES((l0::Sequential{l0::L0Linear<double>(5, 4, rng), l0::Relu{}, l0::L0Linear<double>(3, 2, rng)}),
                       l0::Error, Message("l0: inputs of part 2 is 3, expected 4, which the parts before give"));
  CHECK_THROWS_MATCHES((l0::Sequential{l0::L0Conv2d<double>({1, 8, 8}, 2, 3, rng), l0::MaxPool2d({2, 8, 8}, 2)}),
                       l0::Error, Message("l0: inputs of part 1 is 128, expected 72, which the parts before give"));
}

TEST_CASE("Batches and gradients that do not fit are refused, and nothing changes") {
  l0::Rng rng(1);
  l0::SparseMLP<double> mlp(6, 4, 2, rng);
  CHECK_THROWS_WITH(mlp.backward(Matrix<double>::Zero(3, 2)), ContainsSubstring("called before forward"));
  CHECK_THROWS_MATCHES(mlp.forward(Matrix<double>::Zero(3, 5), rng), l0::Error, Message("l0: X is 3x5, expected 3x6"));
  CHECK_THROWS_MATCHES(mlp.predict(Matrix<double>::Zero(3, 7)), l0::Error, Message("l0: X is 3x7, expected 3x6"));
  CHECK(mlp.part<0>().gate().draw() == 0);
  mlp.forward(Matrix<double>::Zero(3, 6), rng);
  CHECK_THROWS_MATCHES(mlp.backward(Matrix<double>::Zero(3, 3)), l0::Error,
                       Message("l0: upstream is 3x3, expected 3x2"));
  CHECK_THROWS_AS(mlp.set_temperature(0), l0::Error);
  CHECK(mlp.part<0>().temperature() == 0.5);
  // A batch that is refused leaves the one before to go back from.
  CHECK_THROWS_AS(mlp.forward(Matrix<double>::Zero(3, 5), rng), l0::Error);
  CHECK_NOTHROW(mlp.backward(Matrix<double>::Zero(3, 2)));
}

TEST_CASE("Convolutions refuse options and batches that do not fit") {
  l0::Rng rng(1);
  using Conv = l0::L0Conv2d<double>;
  CHECK_THROWS_AS(Conv({1, 4, 4}, -1, 3, rng), l0::Error);
  CHECK_THROWS_MATCHES(Conv({1, 4, 4}, 2, 5, rng), l0::Error,
                       Message("l0: kernel with its dilation, height is 5, expected at most 4, the padded image"));
  CHECK_THROWS_AS(Conv({1, 4, 4}, 2, 3, rng, {.dilation = 2}), l0::Error);
  CHECK_THROWS_MATCHES(Conv({1, 4, 4}, 2, 3, rng, {.stride = {1, 0}}), l0::Error,
                       Message("l0: stride width is 0, expected a step >= 1"));
  CHECK_THROWS_AS(Conv({1, 4, 4}, 2, 3, rng, {.padding = -1}), l0::Error);
  CHECK_THROWS_AS(Conv({-1, 4, 4}, 2, 3, rng), l0::Error);
  CHECK_THROWS_AS(Conv({1, 0, 4}, 2, 3, rng), l0::Error);
  CHECK_THROWS_AS(Conv({1, 4, 4}, 2, 3, rng, {.gate = {.temperature = 0}}), l0::Error);
  CHECK_THROWS_AS((l0::L0Conv2d<double, l0::Groups>({1, 4, 4}, 2, 3, rng, l0::Groups({0, 1}))), l0::Error);
  Conv conv({1, 4, 4}, 2, 3, rng);
  CHECK_THROWS_MATCHES(conv.forward(Matrix<double>::Zero(2, 15), rng), l0::Error,
                       Message("l0: X is 2x15, expected 2x16"));
  CHECK_THROWS_AS(conv.backward(Matrix<double>::Zero(2, 8)), l0::Error);
  conv.forward(Matrix<double>::Zero(2, 16), rng);
  CHECK_THROWS_MATCHES(conv.backward(Matrix<double>::Zero(2, 9)), l0::Error,
                       Message("l0: upstream is 2x9, expected 2x8"));
  const Conv other({1, 4, 4}, 3, 3, rng);
  CHECK_THROWS_AS(conv = other, l0::Error);
}

TEST_CASE("Networks without samples, channels or neurons") {
  l0::Rng rng(1);
  auto net = l0::test::small_convolutional_network(rng);
  CHECK(net.forward(Matrix<double>::Zero(0, 144), rng).rows() == 0);
  net.backward(Matrix<double>::Zero(0, 3));
  CHECK(net.predict(Matrix<double>::Zero(0, 144)).rows() == 0);
  l0::Sequential none{l0::L0Conv2d<double>({0, 4, 4}, 0, 3, rng), l0::Relu{}, l0::L0Linear<double>(0, 2, rng)};
  Matrix<double> gradient;
  CHECK(none.forward(Matrix<double>::Zero(3, 0), rng).rows() == 3);
  none.backward(Matrix<double>::Ones(3, 2), gradient);
  CHECK((gradient.rows() == 3 && gradient.cols() == 0));
}

}  // namespace tests::networks::composition
