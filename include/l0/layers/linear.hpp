// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/argument.hpp>
#include <l0/core/batch.hpp>
#include <l0/core/product.hpp>
#include <l0/core/shape.hpp>
#include <l0/layers/compaction.hpp>
#include <l0/layers/gated_weights.hpp>

namespace l0 {

/// Options of `L0Linear`.
template <std::floating_point Scalar, GateDistribution Distribution = HardConcrete<Scalar>>
struct L0LinearOptions {
  bool bias = true;                    ///< add a bias, which is not gated
  Scalar init_sparsity = Scalar(0.5);  ///< log α starts at logit(1 − init_sparsity); in (0, 1)
  Distribution gate{};                 ///< of every gate: `{.gate = {.temperature = 0.3}}`
  bool gates_per_sample = false;       ///< draw the gates anew for every sample of the batch; `PerInput` only
  Initial initial = Initial::fan_in;   ///< where the weights start
};

/// Options of `Linear`, which has no gates.
struct LinearOptions {
  bool bias = true;                   ///< add a bias
  Initial initial = Initial::fan_in;  ///< where the weights start
};

/// A linear layer with gated weights: Y = X (W∘z)ᵀ + 1 bᵀ.
///
/// X is samples × inputs, dense (any expression, either storage order) or sparse; W is outputs × inputs; Y is
/// samples × outputs. How gates are shared by the weights is the `Grouping`: `PerWeight`, `PerInput`, `PerOutput`,
/// `Groups` or a type of the user's.
///
/// Inputs whose gates are all closed are skipped in forward and backward, which is exact: both their value and their
/// gradients are 0. X given as an lvalue is referenced until `backward`; an expression is evaluated into a buffer of
/// the layer. No step allocates after the first with the same batch size.
///
/// For initial values, handles, moves and assignment see `GatedWeights`.
template <std::floating_point Scalar_, GateGrouping Grouping = PerWeight,
          GateDistribution Distribution = HardConcrete<Scalar_>>
class L0Linear : public GatedWeights<Gate<Distribution, Grouping::gate_columns>, Grouping> {
  using Base = GatedWeights<Gate<Distribution, Grouping::gate_columns>, Grouping>;

 public:
  using Scalar = Scalar_;              ///< float or double
  using compactable = L0Linear;        ///< see `Compactable`
  using Gates = typename Base::Gates;  ///< the array of gates
  using Base::bias;
  using Base::bias_gradient;
  using Base::effective_weight;
  using Base::gate;
  using Base::has_bias;
  using Base::weight;
  using Base::weight_gradient;
  /// The name in stored networks and reports.
  static constexpr std::string_view type_name = std::same_as<Grouping, NoGates> ? "Linear" : "L0Linear";
  using Base::has_gates;
  /// What can be set.
  using Options = std::conditional_t<has_gates, L0LinearOptions<Scalar, Distribution>, LinearOptions>;

  /// Throws `Error` for options outside their ranges, negative sizes and groupings that do not fit.
  L0Linear(Index inputs, Index outputs, Rng& rng, const Options& options = {},
           Grouping grouping = {}) requires std::default_initializable<Grouping>
      : L0Linear(inputs, outputs, rng, std::move(grouping), options) {}

  /// The same with a grouping that has members of its own, such as `Groups`.
  L0Linear(Index inputs, Index outputs, Rng& rng, Grouping grouping, const Options& options = {})
      : L0Linear(checked_shape(inputs, outputs), rng.next_stream(), rng, std::move(grouping), options) {}

  /// A layer of these weights, outputs × inputs, and biases, none where that is empty.
  L0Linear(const Matrix<Scalar>& weights, const Vector<Scalar>& biases) requires(!has_gates)
      : L0Linear(checked_shape(weights.cols(), weights.rows()), 0, Rng(), {}, {.bias = biases.size() > 0}) {
    this->set(weights, biases);
  }

  /// Columns that come in.
  Index inputs() const { return this->shape().inputs(); }
  /// Columns that go out.
  Index outputs() const { return this->shape().outputs(); }
  /// The same. Throws `Error` unless `columns` is `inputs()`.
  Index outputs(Index columns) const {
    detail::require(columns == inputs(), "columns of a linear layer", columns, detail::to_text(inputs()));
    return outputs();
  }

  /// Draws the gates and returns Y, a buffer of the layer, valid until the next call. Throws `Error` unless X has
  /// `inputs()` columns; then nothing is drawn. Builds with assertions also refuse NaN and infinity in dense X.
  template <BatchInput X, NoiseSource Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& noise) {
    detail::check_batch(x, inputs());
    if constexpr (has_gates) {
      if (gates_per_sample_) {
        if constexpr (per_sample_possible) gate().sample_each(x.rows(), noise);
      } else {
        gate().sample(noise);
      }
      draw_ = gate().sample_number();
    }
    batch_.set(std::forward<X>(x));
    forward_batch();
    return output_;
  }

  /// Adds the gradients of the weights, the bias and log α, given `upstream`, the gradient with respect to Y. May be
  /// called again after one forward; each call adds. Throws `Error` before a forward, after the gates were drawn again
  /// and for another shape.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream) {
    backward_batch(as_columns(upstream), nullptr);
  }

  /// As above, and writes the gradient with respect to X, samples × inputs, to `input_gradient`.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream, Matrix<Scalar>& input_gradient) {
    backward_batch(as_columns(upstream), &input_gradient);
  }

  /// Y with deterministic gates. Safe to call from several threads.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    detail::check_batch(x, inputs());
    const auto& data = detail::as_matrix_of<Scalar>(x);
    Matrix<Scalar> result = Matrix<Scalar>::Zero(x.rows(), outputs());
    // Eigen steps from a null pointer where a sparse product has no rows or columns.
    if (inputs() > 0 && result.size() > 0) {
      if constexpr (has_gates) {
        result.noalias() += data * effective_weight().transpose();
      } else {
        result.noalias() += data * weight().transpose();
      }
    }
    if (has_bias()) result.rowwise() += bias().transpose();
    return result;
  }

  /// `effective_weight()` with only the entries that are not 0 stored.
  Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> effective_weight_sparse() const {
    Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> result = effective_weight().sparseView(Scalar(1), Scalar(0));
    result.makeCompressed();
    return result;
  }

  /// Multiplications and additions per sample, weights that gates close left out.
  Index flops() const { return 2 * this->open_weights(); }

  /// A constant input goes into the bias; an output without weights is one.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const { columns(in).find_constants(out); }
  /// An output needs the inputs that it has weights for.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { columns(in).find_needs(in, out); }
  /// A layer without gates of the weights that are left.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    return columns(in).compacted(in, out);
  }

 private:
  detail::LinearColumns<Scalar> columns(const Columns<Scalar>& in) const {
    return {effective_weight(), this->bias_or_zero(), in};
  }

  using UpstreamRef = Eigen::Ref<const Matrix<Scalar>>;
  using ProductSizes = detail::ProductSizes;

  static constexpr bool per_sample_possible = std::is_same_v<Grouping, PerInput>;

  L0Linear(ShapeGuard shape, std::uint64_t stream, const Rng& rng, Grouping grouping, const Options& options)
      : Base(shape.rows(), shape.columns(), std::move(grouping), stream, rng, options,
             {shape.rows(), shape.columns(), 0, 0}) {
    if constexpr (has_gates) gates_per_sample_ = options.gates_per_sample;
    if (gates_per_sample_ && !per_sample_possible) {
      detail::fail("gates_per_sample", "true", "false, or one gate per input (PerInput)");
    }
  }

  static ShapeGuard checked_shape(Index inputs, Index outputs) {
    detail::require_size("inputs", inputs);
    detail::require_size("outputs", outputs);
    return {outputs, inputs};
  }

  // The steps of forward and backward. From forward on, `scaled_` holds w∘z for the open inputs only, column c for
  // input open_[c]; backward, which needs it no more, overwrites it by its gradient.

  const typename Gates::Values& values() const {
    if constexpr (has_gates) return gate().values();
    return gate_gradient_;  // which nobody reads
  }

  void forward_batch();
  void backward_batch(const UpstreamRef& upstream, Matrix<Scalar>* input_gradient);
  template <class Gradient>
  void backward_columns(const Gradient& gradient);

  /// W∘z of the open inputs.
  Eigen::Map<const Matrix<Scalar>> scaled() const {
    if constexpr (has_gates) return scaled_.get();
    return {weight().data(), outputs(), inputs()};
  }

  void scale_weights() {
    if constexpr (!has_gates) return;
    scaled_.reserve(outputs() * inputs());
    auto scaled = scaled_.resize(outputs(), open_count());
    for (Index c = 0; c < open_count(); ++c) {
      this->grouping().scale_column(open(c), values(), std::as_const(*this).weight().col(open(c)), scaled.col(c));
    }
    is_scaled_ = true;
  }

  /// All inputs, unless enough are closed for gathering the others to pay.
  void select_open_inputs() {
    if constexpr (!has_gates) {
      if (static_cast<Index>(open_.size()) == inputs()) return;
    }
    open_.reserve(static_cast<std::size_t>(inputs()));
    open_.clear();
    if (!gates_per_sample_) {
      for (Index j = 0; j < inputs(); ++j) {
        if (!this->grouping().is_closed(j, values())) open_.push_back(j);
      }
    }
    skipping_ = !gates_per_sample_ && 4 * open_count() <= 3 * inputs();
    if (skipping_) return;
    open_.clear();
    for (Index j = 0; j < inputs(); ++j) open_.push_back(j);
  }

  Index open_count() const { return static_cast<Index>(open_.size()); }
  Index open(Index c) const { return open_[static_cast<std::size_t>(c)]; }

  template <class View>
  void multiply_forward(const View& x) {
    const auto scaled = this->scaled();
    const ProductSizes sizes{x.rows(), outputs(), inputs()};
    if (gates_per_sample_) {
      gate_samples(x);
      product_.multiply(gathered_.get(), std::as_const(*this).weight().transpose(), output_, sizes);
    } else if constexpr (detail::is_sparse_view<View>) {
      output_.setZero(x.rows(), outputs());
      for_each_nonzero(x, [&](Index i, Index c, Scalar value) {
        for (Index o = 0; o < outputs(); ++o) output_(i, o) += value * scaled(o, c);
      });
    } else if (skipping_ && outputs() == 1) {
      product_.reserve(sizes);  // the next step may skip nothing
      output_.setZero(x.rows(), 1);
      for (Index c = 0; c < open_count(); ++c) output_.col(0) += x.col(open(c)) * scaled(0, c);
    } else if (skipping_) {
      gather(x);
      product_.multiply(gathered_.get(), scaled.transpose(), output_, sizes);
    } else {
      product_.multiply(x, scaled.transpose(), output_, sizes);
    }
  }

  /// scaled_ = upstreamᵀ X, for the open inputs.
  template <class View>
  void multiply_backward(const View& x, const UpstreamRef& upstream) {
    scaled_.reserve(outputs() * inputs());
    auto gradient = scaled_.resize(outputs(), open_count());
    is_scaled_ = false;
    const ProductSizes sizes{outputs(), inputs(), x.rows()};
    if (gates_per_sample_ || (!detail::is_sparse_view<View> && skipping_ && outputs() != 1)) {
      product_.multiply(upstream.transpose(), gathered_.get(), gradient, sizes);
    } else if constexpr (detail::is_sparse_view<View>) {
      gradient.setZero();
      for_each_nonzero(x, [&](Index i, Index c, Scalar value) {
        for (Index o = 0; o < outputs(); ++o) gradient(o, c) += value * upstream(i, o);
      });
    } else if (skipping_) {
      product_.reserve(sizes);
      for (Index c = 0; c < open_count(); ++c) gradient(0, c) = x.col(open(c)).dot(upstream.col(0));
    } else {
      product_.multiply(upstream.transpose(), x, gradient, sizes);
    }
  }

  void write_input_gradient(const UpstreamRef& upstream, Matrix<Scalar>& input_gradient) {
    const auto scaled = this->scaled();
    const ProductSizes sizes{upstream.rows(), inputs(), outputs()};
    if (!skipping_) {
      product_.multiply(upstream, scaled, input_gradient, sizes);
      return;
    }
    input_product_.reserve(upstream.rows() * inputs());
    auto open_gradient = input_product_.resize(upstream.rows(), open_count());
    product_.multiply(upstream, scaled, open_gradient, sizes);
    input_gradient.setZero(upstream.rows(), inputs());
    for (Index c = 0; c < open_count(); ++c) input_gradient.col(open(c)) = open_gradient.col(c);
  }

  /// d/d(X∘Z) = upstream W, from which both Z and X take their share.
  void backward_per_sample(const UpstreamRef& upstream, Matrix<Scalar>* input_gradient) {
    auto product = input_product_.resize(upstream.rows(), inputs());
    product_.multiply(upstream, std::as_const(*this).weight(), product, {upstream.rows(), inputs(), outputs()});
    if (input_gradient != nullptr) *input_gradient = product.cwiseProduct(gate().each_values());
    batch_.visit([&](const auto& x) {
      if constexpr (detail::is_sparse_view<std::remove_cvref_t<decltype(x)>>) {
        each_gradient_.setZero(x.rows(), x.cols());
        for_each_nonzero(x, [&](Index i, Index j, Scalar value) { each_gradient_(i, j) = value * product(i, j); });
      } else {
        each_gradient_ = product.cwiseProduct(x);
      }
    });
    gate().backward_each(each_gradient_);
  }

  /// gathered_ = the open columns of a dense batch.
  template <class View>
  void gather(const View& x) {
    gathered_.reserve(x.rows() * inputs());
    auto gathered = gathered_.resize(x.rows(), open_count());
    for (Index c = 0; c < open_count(); ++c) gathered.col(c) = x.col(open(c));
  }

  /// gathered_ = X∘Z with gates per sample.
  template <class View>
  void gate_samples(const View& x) {
    if constexpr (per_sample_possible) {
      const Matrix<Scalar>& z = gate().each_values();
      auto gated = gathered_.resize(x.rows(), x.cols());
      if constexpr (detail::is_sparse_view<View>) {
        gated.setZero();
        for_each_nonzero(x, [&](Index i, Index j, Scalar value) { gated(i, j) = value * z(i, j); });
      } else {
        gated = x.cwiseProduct(z);
      }
    }
  }

  /// Calls use(row, c, value) for the entries of sparse X in open inputs open_[c]; closed columns of a column-major X
  /// are not read.
  template <class View, class Use>
  void for_each_nonzero(const View& x, Use&& use) {
    if constexpr (View::IsRowMajor) {
      column_of_.assign(static_cast<std::size_t>(inputs()), Index{-1});
      for (Index c = 0; c < open_count(); ++c) column_of_[static_cast<std::size_t>(open(c))] = c;
      for (Index i = 0; i < x.rows(); ++i) {
        for (typename View::InnerIterator entry(x, i); entry; ++entry) {
          const Index c = column_of_[static_cast<std::size_t>(entry.col())];
          if (c >= 0) use(i, c, entry.value());
        }
      }
    } else {
      for (Index c = 0; c < open_count(); ++c) {
        for (typename View::InnerIterator entry(x, open(c)); entry; ++entry) use(entry.row(), c, entry.value());
      }
    }
  }

  template <class Derived>
  UpstreamRef as_columns(const Eigen::DenseBase<Derived>& upstream) {
    if constexpr (std::is_same_v<typename Derived::Scalar, Scalar> && bool(Derived::Flags & Eigen::DirectAccessBit) &&
                  !Derived::IsRowMajor && Derived::InnerStrideAtCompileTime == 1) {
      return detail::as_matrix(upstream);
    } else {
      upstream_ = detail::as_matrix_of<Scalar>(upstream);
      return upstream_;
    }
  }

  bool gates_per_sample_ = false;

  // Kept from forward for backward.
  std::uint64_t draw_ = 0;
  detail::BatchView<Scalar> batch_;
  std::vector<Index> open_;
  bool skipping_ = false;
  bool is_scaled_ = false;
  detail::Scratch<Scalar> scaled_;
  detail::Scratch<Scalar> gathered_;
  Matrix<Scalar> output_;

  // Scratch.
  detail::ProductWorkspace<Scalar> product_;
  detail::Scratch<Scalar> input_product_;
  typename Gates::Values gate_gradient_;
  Matrix<Scalar> each_gradient_;
  Matrix<Scalar> upstream_;
  std::vector<Index> column_of_;
};

/// A linear layer without gates: Y = X Wᵀ + 1 bᵀ, `L0Linear` in everything else.
///
///     l0::Linear<float> layer(784, 300, rng);
template <std::floating_point Scalar>
using Linear = L0Linear<Scalar, NoGates>;

}  // namespace l0

#include <l0/layers/linear_steps.hpp>  // the steps of forward and backward
