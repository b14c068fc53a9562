// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/argument.hpp>
#include <l0/core/product.hpp>
#include <l0/core/shape.hpp>
#include <l0/core/types.hpp>
#include <l0/layers/linear.hpp>

namespace l0 {

/// How the share of a sample that goes right depends on a = (x·w − t)/τ.
enum class SplitShape {
  smooth_step,  ///< 3s² − 2s³ of s = a + ½ cut to [0, 1]: exactly 0 and 1 outside |a| < ½
  logistic      ///< 1/(1 + e^−a): never quite decided
};

namespace detail {

/// step = S(distance/τ), entry by entry.
template <class Scalar>
void soft_steps(SplitShape shape, Scalar width, const Matrix<Scalar>& distance, Matrix<Scalar>& step) {
  if (shape == SplitShape::logistic) {
    step = (1 + (distance.array() / -width).exp()).inverse();
  } else {
    step = (distance.array() / width + Scalar(0.5)).max(Scalar(0)).min(Scalar(1));
    step.array() = step.array().square() * (3 - 2 * step.array());
  }
}

/// gradient ∘= dS/d distance.
template <class Scalar>
void times_step_slope(SplitShape shape, Scalar width, const Matrix<Scalar>& distance, const Matrix<Scalar>& step,
                      Matrix<Scalar>& gradient) {
  if (shape == SplitShape::logistic) {
    gradient.array() *= step.array() * (1 - step.array()) / width;
  } else {
    const auto offset = distance.array() / width;
    gradient.array() *= (Scalar(1.5) - 6 * offset.square()).max(Scalar(0)) / width;
  }
}

/// Memberships in the nodes of a tree, from the root down: node k of level l in column 2ˡ + k, so that the last 2^depth
/// columns are the leaves. `steps` has a column per level.
template <class Steps, class Nodes>
void expand_nodes(const Steps& steps, Nodes& nodes) {
  nodes.col(1).setOnes();
  for (Index l = 0; l < steps.cols(); ++l) {
    const Index size = Index{1} << l;
    for (Index k = 0; k < size; ++k) {
      nodes.col(2 * size + 2 * k + 1) = nodes.col(size + k).cwiseProduct(steps.col(l));
      nodes.col(2 * size + 2 * k) = nodes.col(size + k) - nodes.col(2 * size + 2 * k + 1);
    }
  }
}

/// The way back: `gradient`, that of the leaves' memberships, is merged pairwise up to the root, and step_gradient is
/// written, Σ_nodes membership · (gradient right − gradient left).
template <class Steps, class Nodes, class Gradient, class StepGradient>
void collapse_nodes(const Steps& steps, const Nodes& nodes, Gradient& gradient, StepGradient&& step_gradient) {
  step_gradient.setZero();
  for (Index l = steps.cols() - 1; l >= 0; --l) {
    const Index size = Index{1} << l;
    for (Index k = 0; k < size; ++k) {
      const auto rise = gradient.col(2 * k + 1) - gradient.col(2 * k);
      step_gradient.col(l) += nodes.col(size + k).cwiseProduct(rise);
      // Column k was read before, as a child of an earlier node, or is, at k = 0, the left child itself, entry by
      // entry.
      gradient.col(k) = gradient.col(2 * k) + steps.col(l).cwiseProduct(rise);
    }
  }
}

}  // namespace detail

/// Options of `SoftTree`.
template <std::floating_point Scalar, GateDistribution Distribution = HardConcrete<Scalar>>
struct SoftTreeOptions {
  Index trees = 1;                             ///< whose outputs are added, ≥ 1
  Index depth = 4;                             ///< levels of each, from 1 to 8
  SplitShape split = SplitShape::smooth_step;  ///< how soft a split is
  Scalar width = Scalar(1);                    ///< τ > 0: what the distance to a threshold is divided by
  Scalar init_sparsity = Scalar(0.5);          ///< log α starts at logit(1 − init_sparsity); in (0, 1)
  Distribution gate{};                         ///< of every gate: `{.gate = {.temperature = 0.3}}`
};

/// Differentiable oblivious trees as a layer: level l of a tree asks every sample the same question,
///
///     s_l = S((x·(w_l∘z_l) − t_l)/τ),   Y = Σ_leaves Π_l (s_l or 1 − s_l, by bit l of the leaf) · V_leaf,
///
/// with S the logistic function or a smooth step, under which samples farther than τ/2 from a threshold go one way for
/// good. x is samples × inputs (dense or sparse), V has a row per leaf and a column per output, level 0 is the highest
/// bit.
///
///     l0::SoftTree<float> tree(n_features, 1, rng, {.depth = 4});
///
/// The gates lie on the splits' weights, one per feature for all splits of all trees (`PerInput`, so that a feature is
/// paid for once), one per feature and split (`PerWeight`), or as any other `Grouping` of the inner `L0Linear` says. A
/// tree is a `Layer`: the loop, `Sequential` and `Trainer` take it, penalties price its gates. No step allocates after
/// the first with the same batch size. Handles and assignment as for `L0Linear`.
///
/// Source: smooth step: Hazimeh, Ponomareva, Mol, Tan & Mazumder, ICML 2020, arXiv:2002.07772, eq. 4.
template <std::floating_point Scalar_, GateGrouping Grouping = PerInput,
          GateDistribution Distribution = HardConcrete<Scalar_>>
class SoftTree : public VisitedModel<SoftTree<Scalar_, Grouping, Distribution>, Scalar_> {
 public:
  using Scalar = Scalar_;                                    ///< float or double
  using Splits = L0Linear<Scalar, Grouping, Distribution>;   ///< the layer of all splits
  static constexpr std::string_view type_name = "SoftTree";  ///< the name in stored networks and reports
  using Options = SoftTreeOptions<Scalar, Distribution>;     ///< what can be set

  /// Throws `Error` for options outside their ranges, negative sizes and groupings that do not fit.
  SoftTree(Index inputs, Index outputs, Rng& rng, const Options& options = {},
           Grouping grouping = {}) requires std::default_initializable<Grouping>
      : SoftTree(inputs, outputs, rng, std::move(grouping), options) {}

  /// The same with a grouping that has members of its own.
  SoftTree(Index inputs, Index outputs, Rng& rng, Grouping grouping, const Options& options = {})
      : shape_(checked_leaves(options), checked_outputs(outputs)), trees_(options.trees), depth_(options.depth),
        split_(options.split), width_(options.width),
        splits_(inputs, options.trees * options.depth, rng, std::move(grouping),
                {.init_sparsity = options.init_sparsity, .gate = options.gate}),
        leaves_(ParameterKind::weight, "leaf", shape_.rows(), outputs) {
    detail::fill_uniform(rng, rng.next_stream(), detail::initial_draw, leaf().data(), leaf().size());
    leaf().array() = (2 * leaf().array() - 1) / std::sqrt(static_cast<Scalar>(trees_));
  }

  /// Columns that come in.
  Index inputs() const { return splits_.inputs(); }
  /// Columns that go out.
  Index outputs() const { return shape_.columns(); }
  /// The same. Throws `Error` unless `columns` is `inputs()`.
  Index outputs(Index columns) const {
    detail::require(columns == inputs(), "columns of a tree", columns, detail::to_text(inputs()));
    return outputs();
  }
  /// How many trees there are.
  Index trees() const { return trees_; }
  /// Splits from the root to a leaf.
  Index depth() const { return depth_; }
  SplitShape split() const { return split_; }  ///< how soft a split is
  /// τ.
  Scalar width() const { return width_; }
  /// τ from the next `forward` on: small widths harden the splits. Throws `Error` unless > 0.
  void set_width(Scalar width) {
    detail::require_positive("width", width);
    width_ = width;
  }

  /// The linear part, x·(w∘z) − t, with split l of tree k in row k·depth + l; its bias is −t.
  Splits& splits() { return splits_; }
  /// The layer of all splits.
  const Splits& splits() const { return splits_; }
  /// V, (trees · 2^depth) × outputs.
  auto& leaf() { return leaves_.value(); }
  /// The values of the leaves.
  const auto& leaf() const { return leaves_.value(); }
  /// Their gradient.
  auto& leaf_gradient() { return leaves_.gradient(); }
  /// Their gradient.
  const auto& leaf_gradient() const { return leaves_.gradient(); }

  /// The gates of the splits.
  auto& gate() { return splits_.gate(); }
  /// The gates of the splits.
  const auto& gate() const { return splits_.gate(); }
  /// The learnable number of each gate.
  auto& log_alpha() { return splits_.log_alpha(); }
  /// The learnable number of each gate.
  const auto& log_alpha() const { return splits_.log_alpha(); }
  Scalar temperature() const { return splits_.temperature(); }  ///< β.
  /// What it consists of: see core/visit.hpp.
  void visit(auto&& v) {
    v("", splits_);
    v("leaf", leaves_);
    v("width", width_, Range{.above = 0, .expectation = "one > 0"});
  }

  /// Draws the gates and returns Y, a buffer of the layer, valid until the next call. Throws as `L0Linear::forward`.
  template <BatchInput X, NoiseSource Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& noise) {
    distance_ = splits_.forward(std::forward<X>(x), noise);
    forward_width_ = width_;
    const Index n = distance_.rows();
    step_.resize(n, distance_.cols());
    detail::soft_steps(split_, width_, distance_, step_);
    membership_.resize(n, leaf().rows());
    nodes_.resize(n, Index{2} << depth_);
    for (Index k = 0; k < trees_; ++k) {
      detail::expand_nodes(tree_steps(step_, k), nodes_);
      membership_.middleCols(k * leaves_per_tree(), leaves_per_tree()) = nodes_.rightCols(leaves_per_tree());
    }
    product_.multiply(membership_, leaf(), output_, {n, outputs(), leaf().rows()});
    has_forward_ = true;
    return output_;
  }

  /// Adds the gradients of leaves, weights, thresholds and log α, given that with respect to Y. May be called again
  /// after one forward; each call adds. Throws `Error` before a forward or for another shape.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream) {
    splits_.backward(distance_gradient(upstream));
    add_leaf_gradient();
  }

  /// As above, and writes the gradient with respect to X, samples × inputs, to `input_gradient`.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream, Matrix<Scalar>& input_gradient) {
    splits_.backward(distance_gradient(upstream), input_gradient);
    add_leaf_gradient();
  }

  /// Y with deterministic gates. Safe to call from several threads.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    const Matrix<Scalar> distance = splits_.predict(x);
    Matrix<Scalar> step(distance.rows(), distance.cols());
    detail::soft_steps(split_, width_, distance, step);
    Matrix<Scalar> nodes(distance.rows(), Index{2} << depth_);
    Matrix<Scalar> result = Matrix<Scalar>::Zero(distance.rows(), outputs());
    for (Index k = 0; k < trees_; ++k) {
      detail::expand_nodes(tree_steps(step, k), nodes);
      result.noalias() +=
          nodes.rightCols(leaves_per_tree()) * leaf().middleRows(k * leaves_per_tree(), leaves_per_tree());
    }
    return result;
  }

  /// Features that some split of the prediction looks at, ascending.
  std::vector<Index> selected_features() const {
    const Matrix<Scalar> weight = splits_.effective_weight();
    std::vector<Index> selected;
    for (Index j = 0; j < weight.cols(); ++j) {
      if ((weight.col(j).array() != Scalar(0)).any()) selected.push_back(j);
    }
    return selected;
  }

 private:
  static Index checked_leaves(const Options& options) {
    detail::require(options.trees >= 1, "trees", options.trees, "a number >= 1");
    detail::require(options.depth >= 1 && options.depth <= 8, "depth", options.depth, "a number from 1 to 8");
    detail::require_positive("width", options.width);
    return options.trees << options.depth;
  }
  static Index checked_outputs(Index outputs) {
    detail::require_size("outputs", outputs);
    return outputs;
  }

  Index leaves_per_tree() const { return Index{1} << depth_; }
  template <class M>
  auto tree_steps(M& steps, Index tree) const {
    return steps.middleCols(tree * depth_, depth_);
  }

  /// The gradient with respect to x·(w∘z) − t.
  template <class Derived>
  const Matrix<Scalar>& distance_gradient(const Eigen::DenseBase<Derived>& upstream) {
    if (!has_forward_) detail::fail("backward", "called before forward", "a call of forward first");
    detail::require_shape("upstream", upstream.rows(), upstream.cols(), output_.rows(), outputs());
    upstream_ = detail::as_matrix_of<Scalar>(upstream);
    const Index n = upstream_.rows();
    product_.multiply(upstream_, leaf().transpose(), membership_gradient_, {n, leaf().rows(), outputs()});
    step_gradient_.resize(n, step_.cols());
    for (Index k = 0; k < trees_; ++k) {
      detail::expand_nodes(tree_steps(step_, k), nodes_);
      auto leaf_gradient = membership_gradient_.middleCols(k * leaves_per_tree(), leaves_per_tree());
      detail::collapse_nodes(tree_steps(step_, k), nodes_, leaf_gradient, tree_steps(step_gradient_, k));
    }
    detail::times_step_slope(split_, forward_width_, distance_, step_, step_gradient_);
    return step_gradient_;
  }

  void add_leaf_gradient() {
    Eigen::Map<Matrix<Scalar>> gradient(leaf_gradient().data(), leaf_gradient().rows(), leaf_gradient().cols());
    product_.add(membership_.transpose(), upstream_, gradient, {leaf().rows(), outputs(), upstream_.rows()});
  }

  ShapeGuard shape_;  // leaves × outputs
  Index trees_;
  Index depth_;
  SplitShape split_;
  Scalar width_;
  Splits splits_;
  Parameter<Matrix<Scalar>> leaves_;

  // Kept from forward for backward.
  bool has_forward_ = false;
  Scalar forward_width_ = 1;
  Matrix<Scalar> distance_;
  Matrix<Scalar> step_;
  Matrix<Scalar> membership_;
  Matrix<Scalar> output_;

  // Scratch.
  detail::ProductWorkspace<Scalar> product_;
  Matrix<Scalar> nodes_;
  Matrix<Scalar> upstream_;
  Matrix<Scalar> membership_gradient_;
  Matrix<Scalar> step_gradient_;
};

}  // namespace l0
