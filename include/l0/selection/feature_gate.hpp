// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// selection/: gates on what goes into a model rather than on its weights.
///
///     X (samples × features, dense or sparse)
///       ▼ FeatureGate, SampleGate ::apply(X, noise)    X diag(z) or diag(z) X, a GatedBatch; both are an ItemGate
///     a model of any kind, its loss
///       ▼ backward(upstream)                           the gradient of log α; penalties and budgets price the gates
///     (Coverage)                                       a loss of SampleGates that needs no model and no labels
///       ▼ selected                                     the k largest log α, or those that are open
///     select(X)                                        the chosen part of X (take.hpp), with indices, names, weights
///
/// A HybridGate has a SampleGate choose some rows and draws others at random, with weights that keep totals.

#include <string>
#include <string_view>
#include <vector>

#include <l0/core/argument.hpp>
#include <l0/layers/columns.hpp>
#include <l0/selection/item_gate.hpp>

namespace l0 {

/// Options of `FeatureGate`.
template <std::floating_point Scalar>
struct FeatureGateOptions {
  std::optional<Index> max_features{};  ///< choose so many features, ≥ 0; not given: those with open gates
  Scalar temperature = Scalar(0.5);     ///< β > 0
  Scalar init_sparsity = Scalar(0.5);   ///< log α starts at logit(1 − init_sparsity); in (0, 1)
  Scalar gamma = Scalar(-0.1);          ///< γ < 0
  Scalar zeta = Scalar(1.1);            ///< ζ > 1
  std::uint64_t stream = 0;             ///< which stream of the Rng: give gates that share an Rng different ones
};

/// A gate on every column of X, in front of any model that is trained by gradients.
///
///     l0::FeatureGate<float> features(n_features, {.max_features = 50});
///     const auto& gated = features.apply(X, rng);     // X∘z, in training
///     features.backward(dL_dgated);                   // with Adam on features.parameters() and a price or Budget
///     features.selected();                            // 50 indices
///     const auto [chosen, indices] = features.select(X);
///
/// It is a layer, so it can stand first in a network: `Sequential net{FeatureGate<float>(p), L0Linear<float>(p, 1,
/// rng)}`. Which features are chosen: see `selected`. Copies, moves and assignment are those of `Gate`.
template <std::floating_point Scalar_>
class FeatureGate : public detail::ItemGate<Scalar_, detail::Axis::columns> {
  using Base = detail::ItemGate<Scalar_, detail::Axis::columns>;

 public:
  using Scalar = Scalar_;                                       ///< float or double
  using Options = FeatureGateOptions<Scalar>;                   ///< what can be set
  using compactable = FeatureGate;                              ///< see `Compactable`
  static constexpr std::string_view type_name = "FeatureGate";  ///< the name in stored networks and reports
  using Base::select;

  /// Throws `Error` for options outside their ranges.
  explicit FeatureGate(Index n_features, const Options& options = {})
      : Base(n_features, detail::gate_options(options), detail::checked_budget("max_features", options.max_features)) {}

  /// Columns that come in.
  Index inputs() const { return this->size(); }
  /// Columns that go out.
  Index outputs() const { return this->size(); }

  /// The same. Throws `Error` unless `columns` is `inputs()`.
  Index outputs(Index columns) const {
    detail::require(columns == inputs(), "columns of feature gates", columns, detail::to_text(inputs()));
    return columns;
  }

  /// `apply`, as layers call it.
  template <BatchInput X, NoiseSource Noise>
  const auto& forward(X&& x, Noise&& noise) {
    return this->apply(std::forward<X>(x), noise);
  }

  /// X∘z with the gates of the choice, `gates()`: features that are not chosen are exactly 0.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    detail::require_items<detail::Axis::columns>(x, inputs());
    Matrix<Scalar> result(detail::as_matrix_of<Scalar>(x));
    detail::GatedBatch<Scalar, detail::Axis::columns>::write(result, this->gates(), result);
    return result;
  }

  /// A feature that is not chosen is 0.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const { whole().find_constants(in, out); }
  /// A feature needs itself.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { in.needed = out.needed; }
  /// A `ColumnScale` of the features that are left.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    return whole().compacted(in, out);
  }

  /// The names of the chosen features, of the names of all.
  std::vector<std::string> selected_names(const std::vector<std::string>& names) const {
    return names_of(this->selected(), names);
  }

  /// `select`, with names.
  template <BatchInput X>
  auto select(const X& x, const std::vector<std::string>& names) const {
    require_names(names);
    auto chosen = this->select(x);
    auto chosen_names = names_of(chosen.indices, names);
    return NamedSelection<decltype(chosen.data)>{std::move(chosen.data), std::move(chosen.indices),
                                                 std::move(chosen_names)};
  }

 private:
  ColumnScale<Scalar> whole() const { return {this->gates(), Vector<Scalar>::Zero(this->size())}; }

  void require_names(const std::vector<std::string>& names) const {
    detail::require(static_cast<Index>(names.size()) == this->size(), "number of names", names.size(),
                    detail::to_text(this->size()) + ", one per feature");
  }
  std::vector<std::string> names_of(const std::vector<Index>& chosen, const std::vector<std::string>& names) const {
    require_names(names);
    std::vector<std::string> result;
    for (const Index j : chosen) result.push_back(names[static_cast<std::size_t>(j)]);
    return result;
  }
};

}  // namespace l0
