// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <l0/core/argument.hpp>
#include <l0/selection/sample_gate.hpp>

namespace l0 {

/// Options of `HybridGate`.
template <std::floating_point Scalar>
struct HybridGateOptions {
  Scalar l0_fraction = Scalar(0.25);      ///< share of the target that the gates choose, in [0, 1]
  Scalar random_fraction = Scalar(0.75);  ///< share that is drawn at random from the rest; together at most 1
  std::optional<Index> target_items{};  ///< how many in all, ≥ 0; not given: as many as gates are open, and the draw
                                        ///< in proportion
  Scalar temperature = Scalar(0.5);     ///< β > 0
  Scalar init_sparsity = Scalar(0.5);   ///< log α starts at logit(1 − init_sparsity); in (0, 1)
  Scalar gamma = Scalar(-0.1);          ///< γ < 0
  Scalar zeta = Scalar(1.1);            ///< ζ > 1
  std::uint64_t stream = 0;             ///< which stream of the Rng: give gates that share an Rng different ones
};

/// How an item came to be chosen.
enum class SelectionKind { l0, random };

/// What `HybridGate` chooses: rows of X, their indices, ascending, how each was chosen, and weights that keep totals.
template <class Data, class Scalar>
struct HybridSelection {
  Data data;                         ///< the chosen part of X
  std::vector<Index> indices;        ///< of the chosen, ascending
  std::vector<SelectionKind> kinds;  ///< how each was chosen
  Vector<Scalar> weights;            ///< of the chosen
};

/// Rows of X of which some are chosen by gates and others drawn at random from the rest: the important ones for
/// certain, and all others with a known chance.
///
///     l0::HybridGate<float> hybrid(n, {.l0_fraction = 0.25f, .random_fraction = 0.75f, .target_items = 200});
///     hybrid.samples();                    // the gates, to be trained
///     auto chosen = hybrid.select(X, rng); // .data .indices .kinds .weights
///
/// With t = min(target, n) items, the gates choose a = round(l0_fraction t) and m = round((l0_fraction +
/// random_fraction) t) − a of the n − a others are drawn without replacement, each set of m with the same chance. The
/// weight of an item is one over its probability to be chosen, 1 for the a and (n − a)/m for the m, so that for every
/// v the sum Σ weight·v over the chosen has expectation Σ v over all (Horvitz & Thompson 1952), with variance
/// (n−a)² (1/m − 1/(n−a)) S², S² the variance of v among the n − a. Where m = 0 < n − a nothing represents the rest.
template <std::floating_point Scalar_>
class HybridGate : public VisitedModel<HybridGate<Scalar_>, Scalar_> {
 public:
  using Scalar = Scalar_;                     ///< float or double
  using Options = HybridGateOptions<Scalar>;  ///< what can be set

  /// Throws `Error` for options outside their ranges.
  explicit HybridGate(Index n_items, const Options& options = {})
      : samples_(n_items, {.temperature = options.temperature,
                           .init_sparsity = options.init_sparsity,
                           .gamma = options.gamma,
                           .zeta = options.zeta,
                           .stream = options.stream}),
        l0_fraction_(checked_fraction("l0_fraction", options.l0_fraction)),
        random_fraction_(checked_fraction("random_fraction", options.random_fraction)),
        target_(detail::checked_budget("target_items", options.target_items)) {
    const double sum = l0_fraction_ + random_fraction_;
    detail::require(sum <= 1 + tolerance, "l0_fraction + random_fraction", sum, "at most 1");
    if (!target_) {
      detail::require(l0_fraction_ > 0, "l0_fraction", options.l0_fraction,
                      "a share > 0 where target_items is not given");
    }
  }

  /// How many numbers there are.
  Index size() const { return samples_.size(); }
  /// The gates, to be trained and looked at as any others.
  SampleGate<Scalar>& samples() { return samples_; }
  /// The gates, to be looked at.
  const SampleGate<Scalar>& samples() const { return samples_; }

  // As `SampleGate` has them.
  /// The gates.
  auto& gate() { return samples_.gate(); }
  /// The gates.
  const auto& gate() const { return samples_.gate(); }
  /// The learnable number of each gate.
  auto& log_alpha() { return samples_.log_alpha(); }
  /// The learnable number of each gate.
  const auto& log_alpha() const { return samples_.log_alpha(); }
  /// What it consists of: see core/visit.hpp.
  void visit(auto&& v) { v("", samples_); }
  Scalar temperature() const { return samples_.temperature(); }  ///< β.
  /// P(z ≠ 0) of every item.
  Vector<Scalar> importance() const { return samples_.importance(); }
  /// As `SampleGate` has it: X∘z with gates drawn.
  template <BatchInput X, NoiseSource Noise>
  const auto& apply(X&& x, Noise&& noise) {
    return samples_.apply(std::forward<X>(x), noise);
  }
  /// As `SampleGate` has it: adds to the gradient of log α.
  template <class Derived, class... InputGradient>
  void backward(const Eigen::DenseBase<Derived>& upstream, InputGradient&... input_gradient) {
    samples_.backward(upstream, input_gradient...);
  }

  /// Chooses; the draw comes from the sequence of `rng`, so that the same state gives the same choice. Throws `Error`
  /// unless X has `size()` rows; then nothing is drawn.
  template <BatchInput X, NoiseSource Noise>
  HybridSelection<detail::Taken<detail::Axis::rows, X>, Scalar> select(const X& x, Noise&& rng) const {
    detail::require_items<detail::Axis::rows>(x, size());
    Choice choice = choose(rng);
    return {detail::take<detail::Axis::rows>(x, choice.indices), std::move(choice.indices), std::move(choice.kinds),
            std::move(choice.weights)};
  }

  /// The same for data that have weights already: the result's are these over the probability to be chosen.
  template <BatchInput X, class Derived, NoiseSource Noise>
  HybridSelection<detail::Taken<detail::Axis::rows, X>, Scalar> select_weighted(
      const X& x, const Eigen::DenseBase<Derived>& weights, Noise&& rng) const {
    detail::require_items<detail::Axis::rows>(x, size());
    detail::require_weights(weights, size());
    auto chosen = select(x, rng);
    const Vector<Scalar> base =
        detail::take<detail::Axis::rows>(detail::as_matrix(weights).template cast<Scalar>(), chosen.indices);
    chosen.weights.array() *= base.array();
    return chosen;
  }

 private:
  static constexpr double tolerance = 1e-6;  // of the sum of two fractions in float

  struct Choice {
    std::vector<detail::Dependent<Index, Scalar>> indices;
    std::vector<detail::Dependent<SelectionKind, Scalar>> kinds;
    Vector<Scalar> weights;
  };

  static double checked_fraction(const char* name, Scalar fraction) {
    detail::require(fraction >= 0 && fraction <= 1, name, fraction, "a share in [0, 1]");
    return static_cast<double>(fraction);
  }

  static Index rounded(double count) { return static_cast<Index>(std::floor(count + 0.5)); }

  /// What the gates choose, and how many are drawn beside.
  std::pair<std::vector<Index>, Index> plan() const {
    if (!target_) {
      std::vector<Index> open = samples_.selected();
      const auto count = static_cast<Index>(open.size());
      return {std::move(open), rounded(static_cast<double>(count) * random_fraction_ / l0_fraction_)};
    }
    const auto target = static_cast<double>(std::min(*target_, size()));
    const Index certain = rounded(l0_fraction_ * target);
    const Index all = std::min(rounded((l0_fraction_ + random_fraction_) * target), size());
    return {samples_.first(certain), std::max<Index>(all - certain, 0)};
  }

  template <class Noise>
  Choice choose(Noise& rng) const {
    auto [certain, wanted] = plan();
    std::vector<detail::Dependent<bool, Scalar>> is_certain(static_cast<std::size_t>(size()), false);
    for (const Index i : certain) is_certain[static_cast<std::size_t>(i)] = true;
    std::vector<detail::Dependent<Index, Scalar>> rest;
    for (Index i = 0; i < size(); ++i) {
      if (!is_certain[static_cast<std::size_t>(i)]) rest.push_back(i);
    }
    const auto others = static_cast<Index>(rest.size());
    const Index drawn = std::min(wanted, others);
    draw(rest, drawn, rng);

    Choice choice{std::move(certain), {}, {}};
    choice.indices.insert(choice.indices.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(drawn));
    std::sort(choice.indices.begin(), choice.indices.end());
    choice.weights.resize(static_cast<Index>(choice.indices.size()));
    for (std::size_t k = 0; k < choice.indices.size(); ++k) {
      const bool sure = is_certain[static_cast<std::size_t>(choice.indices[k])];
      choice.kinds.push_back(sure ? SelectionKind::l0 : SelectionKind::random);
      choice.weights(static_cast<Index>(k)) =
          sure ? Scalar(1) : static_cast<Scalar>(static_cast<double>(others) / static_cast<double>(drawn));
    }
    return choice;
  }

  /// Moves `count` of the items, each set with the same chance, to the front (Fisher & Yates).
  template <class Noise>
  static void draw(std::vector<Index>& items, Index count, Noise& rng) {
    const auto swap_in = [&](Index k, double u) {
      const Index left = static_cast<Index>(items.size()) - k;
      const Index other = k + std::min(static_cast<Index>(u * static_cast<double>(left)), left - 1);
      std::swap(items[static_cast<std::size_t>(k)], items[static_cast<std::size_t>(other)]);
    };
    if constexpr (detail::BitGenerator<Noise>) {
      for (Index k = 0; k < count; ++k) swap_in(k, detail::canonical<double>(rng));
    } else {
      const auto uniforms = detail::uniforms_from<Scalar>(rng, NoiseRequest{0, 0, count, 1});
      for (Index first = 0; first < count; first += detail::noise_block) {
        Scalar block[detail::noise_block];
        const Index size = std::min<Index>(count - first, detail::noise_block);
        uniforms.fill(first, size, block);
        for (Index k = 0; k < size; ++k) swap_in(first + k, static_cast<double>(block[k]));
      }
    }
  }

  SampleGate<Scalar> samples_;  // first: its assignment refuses another size before anything is written
  double l0_fraction_;
  double random_fraction_;
  std::optional<Index> target_;
};

}  // namespace l0
