// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <l0/core/argument.hpp>
#include <l0/core/sort_stably.hpp>
#include <l0/gates/gated.hpp>
#include <l0/selection/gated_batch.hpp>
#include <l0/selection/take.hpp>

namespace l0::detail {

/// What `FeatureGate` and `SampleGate` share: a gate per column or row of X, trained like any gate, and the choice that
/// is read off it.
///
/// Chosen are, with a budget k, the min(k, size) items with the largest log α, the lower index first among equals;
/// without one those whose deterministic gate is not 0. Training and choice are deterministic given the noise.
template <std::floating_point Scalar_, Axis axis>
class ItemGate : public VisitedModel<ItemGate<Scalar_, axis>, Scalar_> {
 public:
  using Scalar = Scalar_;
  using Gates = HardConcreteGate<Scalar>;

  Index size() const { return gate_.size(); }
  Gates& gate() { return gate_; }
  const Gates& gate() const { return gate_; }
  auto& log_alpha() { return gate_.log_alpha(); }
  const auto& log_alpha() const { return gate_.log_alpha(); }
  auto& log_alpha_gradient() { return gate_.log_alpha_gradient(); }
  const auto& log_alpha_gradient() const { return gate_.log_alpha_gradient(); }

  /// How many are chosen at most, if that was given.
  std::optional<Index> budget() const { return budget_; }

  Scalar temperature() const { return gate_.temperature(); }
  void visit(auto&& v) { v("", gate_); }

  /// Draws the gates and returns X with its items scaled by them: a buffer, valid until the next call, sparse where X
  /// is. X is any dense or sparse expression; as an lvalue it is referenced until `backward`. Throws `Error` unless X
  /// has `size()` items; then nothing is drawn. Builds with assertions also refuse NaN and infinity in dense X.
  /// Allocates at the first call only.
  template <BatchInput X, NoiseSource Noise>
  const auto& apply(X&& x, Noise&& noise) {
    require_items<axis>(x, size());
#ifndef NDEBUG
    if constexpr (!is_sparse<std::remove_cvref_t<X>>) require_finite("X", x.derived());
#endif
    const Vector<Scalar>& z = gate_.sample(noise);
    draw_ = gate_.sample_number();
    return batch_.scale(std::forward<X>(x), z);
  }

  /// Adds to the gradient of log α, given `upstream`, the gradient with respect to what `apply` returned. May be called
  /// again; each call adds. Throws `Error` before an `apply`, after the gates were drawn again and for another shape.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream) {
    if (batch_.empty()) fail("backward", "called before apply", "a call of apply first");
    require_same_draw(gate_.sample_number(), draw_, "apply");
    require_shape("upstream", upstream.rows(), upstream.cols(), batch_.rows(), batch_.columns());
    if constexpr (std::is_same_v<Derived, Matrix<Scalar>>) {
      batch_.differentiate(upstream.derived(), gate_.values(), gate_gradient_);
    } else {
      upstream_ = as_matrix_of<Scalar>(upstream);
      batch_.differentiate(upstream_, gate_.values(), gate_gradient_);
    }
    gate_.backward(gate_gradient_);
  }
  /// As above, and writes the gradient with respect to X, dense, to `input_gradient`.
  template <class Derived>
  void backward(const Eigen::DenseBase<Derived>& upstream, Matrix<Scalar>& input_gradient) {
    backward(upstream);
    if constexpr (std::is_same_v<Derived, Matrix<Scalar>>) {
      batch_.write(upstream.derived(), gate_.values(), input_gradient);
    } else {
      batch_.write(upstream_, gate_.values(), input_gradient);
    }
  }

  /// P(z ≠ 0) of each item.
  Vector<Scalar> importance() const { return gate_.active_probability(); }

  /// All items, the most important first. Throws `Error` where training has left a log α that is no number.
  std::vector<Index> ranking() const {
    require_finite("log_alpha", log_alpha());
    std::vector<Index> order(static_cast<std::size_t>(size()));
    std::iota(order.begin(), order.end(), Index{0});
    sort_stably(order, [&](Index a, Index b) { return log_alpha()(a) > log_alpha()(b); });
    return order;
  }

  /// The chosen items, ascending.
  std::vector<Index> selected() const {
    if (!budget_) {
      const Vector<Scalar> z = gate_.deterministic();
      std::vector<Index> open;
      for (Index i = 0; i < z.size(); ++i) {
        if (z(i) != 0) open.push_back(i);
      }
      return open;
    }
    return first(*budget_);
  }
  /// The `count` items with the largest log α, all if there are fewer, ascending.
  std::vector<Index> first(Index count) const {
    require_size("count", count);
    std::vector<Index> order = ranking();
    order.resize(static_cast<std::size_t>(std::min(count, size())));
    std::sort(order.begin(), order.end());
    return order;
  }

  /// The gates of the choice: deterministic ones of the chosen items, 0 elsewhere. 0 also where a budget keeps an item
  /// whose gate is closed: training then wanted fewer.
  Vector<Scalar> gates() const {
    const Vector<Scalar> z = gate_.deterministic();
    Vector<Scalar> result = Vector<Scalar>::Zero(size());
    for (const Index i : selected()) result(i) = z(i);
    return result;
  }

  /// The chosen items of X, any dense or sparse expression of any scalar type with `size()` items, and their indices.
  template <BatchInput X>
  Selection<Taken<axis, X>> select(const X& x) const {
    require_items<axis>(x, size());
    std::vector<Index> chosen = selected();
    return {take<axis>(x, chosen), std::move(chosen)};
  }

 protected:
  ItemGate(Index size, const GateOptions<Scalar>& options, std::optional<Index> budget)
      : gate_(size, options), budget_(budget) {}

 private:
  Gates gate_;  // first: its assignment refuses another size before anything is written
  std::optional<Index> budget_;
  GatedBatch<Scalar, axis> batch_;
  std::uint64_t draw_ = 0;  // of apply
  Vector<Scalar> gate_gradient_;
  Matrix<Scalar> upstream_;
};

/// The options that all selection gates share, as those of a gate.
template <class Options>
auto gate_options(const Options& options) {
  return GateOptions<decltype(options.temperature)>{.temperature = options.temperature,
                                                    .init_sparsity = options.init_sparsity,
                                                    .gamma = options.gamma,
                                                    .zeta = options.zeta,
                                                    .stream = options.stream};
}

/// Weights of all items: finite and ≥ 0.
template <class Derived>
void require_weights(const Eigen::DenseBase<Derived>& weights, Index count) {
  require_shape("weights", weights.rows(), weights.cols(), count, 1);
  require_finite("weights", weights);
  for (Index i = 0; i < count; ++i) {
    require(!(weights.derived().coeff(i, 0) < 0), "weights", weights.derived().coeff(i, 0), "numbers >= 0");
  }
}

inline std::optional<Index> checked_budget(const char* name, std::optional<Index> budget) {
  if (budget) require(*budget >= 0, name, *budget, "a number >= 0");
  return budget;
}

}  // namespace l0::detail
