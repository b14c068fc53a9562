// SPDX-License-Identifier: MIT
// The layer: its formula, its gradients, its life as a layer.
#include <l0/layers/soft_tree.hpp>

#include <functional>
#include <vector>

#include <l0/networks/sequential.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/penalties/l0_penalty.hpp>
#include <l0/training/trainer.hpp>

#include "layers/batches.hpp"
#include "support/catch.hpp"
#include "support/finite_difference.hpp"
#include "support/fixed_numbers.hpp"
#include "support/tolerances.hpp"

namespace tests::layers::soft_tree {

namespace {

using l0::Index;
using l0::Matrix;
using l0::SplitShape;
using l0::test::close;
using l0::test::fixed_numbers;
using l0::test::numerical_gradient;
using l0::test::Stencil;
using l0::test::tolerance::gradient;

static_assert(l0::Layer<l0::SoftTree<float>>);
static_assert(l0::Layer<l0::SoftTree<double, l0::PerWeight>>);

/// Y spelled out, leaf by leaf.
template <class Tree>
Matrix<double> plain_output(const Tree& tree, const Matrix<double>& scaled_weight, const Matrix<double>& x) {
  Matrix<double> y = Matrix<double>::Zero(x.rows(), tree.outputs());
  const Index leaves = Index{1} << tree.depth();
  for (Index i = 0; i < x.rows(); ++i) {
    for (Index k = 0; k < tree.trees(); ++k) {
      for (Index leaf = 0; leaf < leaves; ++leaf) {
        double share = 1;
        for (Index l = 0; l < tree.depth(); ++l) {
          const Index row = k * tree.depth() + l;
          const double a = (x.row(i).dot(scaled_weight.row(row)) + tree.splits().bias()(row)) / tree.width();
          double s = 1 / (1 + std::exp(-a));
          if (tree.split() == SplitShape::smooth_step) {
            s = a <= -0.5 ? 0 : a >= 0.5 ? 1 : -2 * a * a * a + 1.5 * a + 0.5;  // eq. 4 at γ = 1
          }
          share *= (leaf >> (tree.depth() - 1 - l)) % 2 == 1 ? s : 1 - s;
        }
        y.row(i) += share * tree.leaf().row(k * leaves + leaf);
      }
    }
  }
  return y;
}

/// A forward pass, whatever the batch is handed over as.
template <class Grouping>
using Forward = std::function<const Matrix<double>&(l0::SoftTree<double, Grouping>& tree, const Matrix<double>& x,
                                                    const l0::GivenNoise<double>& noise)>;

/// Every gradient of Σ upstream ∘ Y against central differences.
template <class Grouping>
void check_gradients(Index outputs, const l0::SoftTreeOptions<double>& options, const Forward<Grouping>& forward) {
  constexpr Index inputs = 4;
  l0::Rng rng(1);
  l0::SoftTree<double, Grouping> tree(inputs, outputs, rng, options);
  tree.splits().weight() = fixed_numbers(options.trees * options.depth, inputs, 2);
  tree.splits().bias() = 0.3 * fixed_numbers(options.trees * options.depth, 1, 3);
  tree.log_alpha() = fixed_numbers(tree.gate().rows(), tree.gate().columns(), 4);
  // Noise at which the gates lie between the clamps, but for the first, which is closed.
  Matrix<double> u(tree.gate().rows(), tree.gate().columns());
  const Matrix<double> s = 0.5 + 0.3 * fixed_numbers(u.rows(), u.cols(), 5).array();
  for (Index k = 0; k < u.size(); ++k) {
    const double sk = k == 0 ? 0.02 : s(k);
    u(k) = 1 / (1 + std::exp(tree.log_alpha()(k) - tree.temperature() * std::log(sk / (1 - sk))));
  }
  const l0::GivenNoise<double> noise(u);
  const Matrix<double> x = fixed_numbers(7, inputs, 6);
  const Matrix<double> upstream = fixed_numbers(7, outputs, 7);
  const Matrix<double> y = forward(tree, x, noise);

  Matrix<double> scaled = tree.splits().weight();
  for (Index o = 0; o < scaled.rows(); ++o) {
    for (Index j = 0; j < inputs; ++j) {
      scaled(o, j) *= tree.gate().columns() == 1 ? tree.gate().values()(j, 0)
                                                 : tree.gate().values()(o, tree.gate().columns() == 1 ? 0 : j);
    }
  }
  CHECK(close(y, plain_output(tree, scaled, x), l0::test::tolerance::golden));

  Matrix<double> grad_x;
  tree.backward(upstream, grad_x);
  const auto value = [&] { return forward(tree, x, noise).cwiseProduct(upstream).sum(); };
  for (const auto& parameter : tree.parameters()) {
    CAPTURE(std::string(parameter.name()));
    const l0::Vector<double> actual = parameter.gradients();
    const l0::Vector<double> start = parameter.values();
    const auto numerical = numerical_gradient(
        [&](const l0::Vector<double>& at) {
          parameter.values() = at;
          const double result = value();
          parameter.values() = start;
          return result;
        },
        start);
    CHECK(numerical.cwiseAbs().maxCoeff() > 1e-3);
    CHECK(close(actual, numerical, gradient(numerical)));
  }
  const auto numerical_x = numerical_gradient(
      [&](const Matrix<double>& at) { return forward(tree, at, noise).cwiseProduct(upstream).sum(); }, x);
  CHECK(close(grad_x, numerical_x, gradient(numerical_x)));

  // A second backward adds the same again.
  const l0::Vector<double> once = tree.parameters()[0].gradients();
  forward(tree, x, noise);
  tree.backward(upstream);
  CHECK(close(tree.parameters()[0].gradients(), 2 * once, l0::test::tolerance::golden));
}

}  // namespace

TEMPLATE_TEST_CASE("Gradients of soft trees", "[gradient]", l0::test::DenseColumns<double>, l0::test::DenseRows<double>,
                   l0::test::Expression, (l0::test::Sparse<double, Eigen::ColMajor>),
                   (l0::test::Sparse<double, Eigen::RowMajor>)) {
  for (const SplitShape split : {SplitShape::smooth_step, SplitShape::logistic}) {
    CAPTURE(static_cast<int>(split));
    TestType batch;
    const auto forward = [&](auto& tree, const Matrix<double>& x,
                             const l0::GivenNoise<double>& noise) -> const Matrix<double>& {
      return batch.forward(tree, x, noise);
    };
    check_gradients<l0::PerInput>(1, {.trees = 1, .depth = 3, .split = split, .width = 4}, forward);
    check_gradients<l0::PerWeight>(2, {.trees = 3, .depth = 2, .split = split, .width = 3}, forward);
  }
}

TEST_CASE("A smooth step sends distant samples one way", "[trees]") {
  l0::Rng rng(1);
  l0::SoftTree<double> tree(1, 1, rng, {.depth = 1, .width = 0.1});
  tree.splits().weight().setOnes();
  tree.log_alpha().setConstant(20);  // open
  tree.leaf() << 3, 5;
  const Matrix<double> x = (Matrix<double>(4, 1) << -1, -0.051, 0.051, 1).finished();
  CHECK(tree.predict(x) == (Matrix<double>(4, 1) << 3, 3, 5, 5).finished());
  tree.log_alpha().setConstant(-20);  // closed: nobody's answer depends on x
  CHECK(tree.predict(x) == Matrix<double>::Constant(4, 1, 4));
  CHECK(tree.selected_features().empty());
}

TEST_CASE("A priced tree finds the features of an interaction", "[trees]") {
  // y = sign(x0 x1): no single feature tells anything. Among 12 features, the two of it and no others stay.
  constexpr Index n = 400;
  l0::Rng rng(3);
  const Matrix<float> x = fixed_numbers(n, 12, 1).cast<float>();
  const Matrix<float> y = (x.col(0).array() * x.col(1).array()).sign().matrix();
  l0::SoftTree<float> tree(12, 1, rng, {.trees = 4, .depth = 3, .init_sparsity = 0.3F});
  l0::Trainer trainer(tree, {.epochs = 200, .batch_size = 50, .seed = 1, .learning_rate = 0.02});
  trainer.fit(x, y, l0::L0Penalty<float>{.lambda = 0.02F});
  CHECK(tree.selected_features() == std::vector<Index>{0, 1});
  CHECK((tree.predict(x) - y).squaredNorm() / n < 0.3F);
}

TEST_CASE("Soft trees are copied, moved and assigned like layers", "[trees]") {
  l0::Rng rng(1);
  using Tree = l0::SoftTree<float>;
  Tree tree(3, 2, rng, {.depth = 2});
  const auto handles = tree.parameters();
  Tree other(3, 2, rng, {.depth = 2});
  const Matrix<float> x = fixed_numbers(5, 3, 1).cast<float>();
  const Matrix<float> expected = other.predict(x);
  tree = other;
  CHECK(tree.predict(x) == expected);
  CHECK(handles.back().values() == Eigen::Map<const l0::Vector<float>>(other.leaf().data(), other.leaf().size()));
  const Tree moved = std::move(tree);
  CHECK(moved.predict(x) == expected);
  CHECK_THROWS_AS((other = Tree(3, 2, rng, {.depth = 3})), l0::Error);
  CHECK_THROWS_AS((other = Tree(4, 2, rng, {.depth = 2})), l0::Error);
  CHECK(other.predict(x) == expected);
  Tree copy = other;
  CHECK_THROWS_AS(copy.backward(expected), l0::Error);  // no forward yet
}

TEST_CASE("Soft trees are parts of networks", "[trees]") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Linear<float>(6, 4, rng), l0::SoftTree<float>(4, 3, rng, {.trees = 2, .depth = 2})};
  const Matrix<float> x = fixed_numbers(8, 6, 1).cast<float>();
  CHECK(net.forward(x, rng).cols() == 3);
  net.backward(Matrix<float>::Ones(8, 3));
  CHECK(net.predict(x).rows() == 8);
  CHECK(net.parameters().size() == 7);
  CHECK(net.forward(Matrix<float>(0, 6), rng).rows() == 0);  // an empty batch
  net.backward(Matrix<float>(0, 3));
}

TEST_CASE("Soft trees refuse impossible options and shapes", "[trees][errors]") {
  l0::Rng rng(1);
  using Tree = l0::SoftTree<double>;
  CHECK_THROWS_AS(Tree(2, 1, rng, {.trees = 0}), l0::Error);
  CHECK_THROWS_AS(Tree(2, 1, rng, {.depth = 0}), l0::Error);
  CHECK_THROWS_AS(Tree(2, 1, rng, {.depth = 9}), l0::Error);
  CHECK_THROWS_AS(Tree(2, 1, rng, {.width = 0}), l0::Error);
  CHECK_THROWS_AS(Tree(2, 1, rng, {.gate = {.temperature = 0}}), l0::Error);
  CHECK_THROWS_AS(Tree(-1, 1, rng), l0::Error);
  CHECK_THROWS_AS(Tree(2, -1, rng), l0::Error);
  Tree tree(2, 1, rng);
  CHECK_THROWS_AS(tree.set_width(-1), l0::Error);
  CHECK_THROWS_AS(tree.backward(Matrix<double>(1, 1)), l0::Error);
  CHECK_THROWS_AS(tree.forward(Matrix<double>::Zero(3, 3), rng), l0::Error);
  tree.forward(Matrix<double>::Zero(3, 2), rng);
  CHECK_THROWS_AS(tree.backward(Matrix<double>(3, 2)), l0::Error);
  CHECK(tree.leaf_gradient().isZero(0));
}

}  // namespace tests::layers::soft_tree
