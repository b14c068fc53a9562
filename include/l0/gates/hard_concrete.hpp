// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <l0/gates/distribution.hpp>
#include <l0/gates/quadrature.hpp>

namespace l0 {

namespace detail {

/// The formulas of the Hard Concrete distribution for checked parameters, in the form kernels need: branch-free, with
/// constants prepared. Everything that depends on log α takes it already cut off; `inside` tells whether it was.
template <class Scalar>
struct HardConcreteFormulas {
  Scalar inverse_temperature;
  Scalar gamma;
  Scalar zeta;
  Scalar active_shift;      // β log(−γ/ζ)
  Scalar derivative_scale;  // 1/(β(ζ−γ))

  L0_ALWAYS_INLINE static Scalar cut_off(Scalar log_alpha) { return cut_off_location(log_alpha); }
  L0_ALWAYS_INLINE static bool inside(Scalar log_alpha) { return location_inside(log_alpha); }

  L0_ALWAYS_INLINE Scalar stretch(Scalar s) const { return clamp(s * (zeta - gamma) + gamma, Scalar(0), Scalar(1)); }

  /// z at noise u.
  L0_ALWAYS_INLINE Scalar sample(Scalar u, Scalar log_alpha) const { return quantile(cut_off_noise(u), log_alpha); }

  L0_ALWAYS_INLINE Scalar quantile(Scalar p, Scalar log_alpha) const {
    return stretch(fast_logistic((fast_log(p / (1 - p)) + cut_off(log_alpha)) * inverse_temperature));
  }

  /// dz/dlog α = s(1−s)(ζ−γ)/β from z itself: s = (z−γ)/(ζ−γ), so that nothing but z need be kept for backward.
  L0_ALWAYS_INLINE Scalar sample_derivative(Scalar z, Scalar log_alpha) const {
    const bool free = (z > 0) & (z < 1) & inside(log_alpha);
    return select(free, (z - gamma) * (zeta - z) * derivative_scale, Scalar(0));
  }

  L0_ALWAYS_INLINE Scalar active_probability(Scalar log_alpha) const {
    return fast_logistic(cut_off(log_alpha) - active_shift);
  }

  /// From p = active_probability(log α).
  L0_ALWAYS_INLINE static Scalar active_probability_derivative(Scalar p, Scalar log_alpha) {
    return select(inside(log_alpha), p * (1 - p), Scalar(0));
  }

  L0_ALWAYS_INLINE Scalar deterministic(Scalar log_alpha) const {
    return stretch(fast_logistic(cut_off(log_alpha) * inverse_temperature));
  }
};

}  // namespace detail

/// The Hard Concrete distribution of a gate z in [0, 1] with parameter log α: a binary concrete variable
/// s = σ((logit u + log α)/β), u ~ U(0, 1), stretched to (γ, ζ) and clamped,
///
///     z = min(1, max(0, s(ζ−γ) + γ)),
///
/// which puts point masses on 0 and 1 and a density between. log α is cut off to [−20, 20] before use; derivatives are
/// with respect to log α and 0 outside that range. Every function throws `Error` unless β > 0, γ < 0 and ζ > 1.
///
/// Source: Louizos, Welling & Kingma, "Learning sparse neural networks through L0 regularization", ICLR 2018,
/// arXiv:1712.01312, eqs. 10–13 and appendix A.
template <std::floating_point Scalar_>
struct HardConcrete {
  using Scalar = Scalar_;                                         ///< float or double
  static constexpr std::string_view location_name = "log_alpha";  ///< the name of the parameter in handles and files

  Scalar temperature = Scalar(0.5);  ///< β > 0; the smaller, the closer to a coin that shows 0 or 1
  Scalar gamma = Scalar(-0.1);       ///< γ < 0, lower end of the stretched interval
  Scalar zeta = Scalar(1.1);         ///< ζ > 1, upper end of the stretched interval

  /// The distribution of a gate with these options. Throws `Error` for what it does not have.
  static HardConcrete from_options(const GateOptions<Scalar>& options) {
    return {options.temperature, options.gamma, options.zeta};
  }

  /// Throws `Error` if a parameter is outside its range.
  void validate() const {
    detail::require_positive("temperature", temperature);
    detail::require(gamma < 0 && gamma > -std::numeric_limits<Scalar>::infinity(), "gamma", gamma,
                    "a finite number < 0");
    detail::require(zeta > 1 && zeta < std::numeric_limits<Scalar>::infinity(), "zeta", zeta, "a finite number > 1");
  }

  /// The gate at noise u, eq. 10 and 11; u is cut off to [1e−6, 1 − 1e−6].
  Scalar sample(Scalar u, Scalar log_alpha) const { return formulas().sample(u, log_alpha); }
  /// dz/dlog α at noise u: s(1−s)(ζ−γ)/β where 0 < z < 1, else 0.
  Scalar sample_derivative(Scalar u, Scalar log_alpha) const {
    const auto f = formulas();
    return f.sample_derivative(f.sample(u, log_alpha), log_alpha);
  }

  /// The gate used for prediction: clamp(σ(log α/β)(ζ−γ) + γ, 0, 1), or eq. 13 with σ(log α).
  Scalar deterministic(Scalar log_alpha, Evaluation evaluation = Evaluation::with_temperature) const {
    return for_evaluation(evaluation).deterministic(log_alpha);
  }
  /// Its derivative by log α.
  Scalar deterministic_derivative(Scalar log_alpha, Evaluation evaluation = Evaluation::with_temperature) const {
    const auto f = for_evaluation(evaluation);
    return f.sample_derivative(f.deterministic(log_alpha), log_alpha);
  }

  /// P(z ≠ 0) = σ(log α − β log(−γ/ζ)), eq. 12: what the L0 penalty prices.
  Scalar active_probability(Scalar log_alpha) const { return formulas().active_probability(log_alpha); }
  /// Its derivative by log α.
  Scalar active_probability_derivative(Scalar log_alpha) const {
    return formulas().active_probability_derivative(active_probability(log_alpha), log_alpha);
  }

  /// P(z = 0).
  Scalar zero_probability(Scalar log_alpha) const {
    validate();
    return cdf_raw(0, log_alpha);
  }
  /// Its derivative by log α.
  Scalar zero_probability_derivative(Scalar log_alpha) const { return -active_probability_derivative(log_alpha); }

  /// P(z = 1) = σ(log α − β log((1−γ)/(ζ−1))).
  Scalar one_probability(Scalar log_alpha) const {
    validate();
    return survival_raw(1, log_alpha);
  }
  /// Its derivative by log α.
  Scalar one_probability_derivative(Scalar log_alpha) const {
    return d_logistic(one_probability(log_alpha), log_alpha);
  }

  /// P(z > t) = σ(log α − β log((t−γ)/(ζ−t))) for 0 ≤ t < 1; 1 below, 0 from 1 on.
  Scalar survival(Scalar t, Scalar log_alpha) const {
    validate();
    if (t < 0) return 1;
    return t < 1 ? survival_raw(t, log_alpha) : Scalar(0);
  }
  /// Its derivative by log α.
  Scalar survival_derivative(Scalar t, Scalar log_alpha) const {
    const Scalar p = survival(t, log_alpha);
    return t < 0 || t >= 1 ? Scalar(0) : d_logistic(p, log_alpha);
  }

  /// P(z ≤ t).
  Scalar cdf(Scalar t, Scalar log_alpha) const {
    validate();
    if (t < 0) return 0;
    return t < 1 ? cdf_raw(t, log_alpha) : Scalar(1);
  }
  /// Its derivative by log α.
  Scalar cdf_derivative(Scalar t, Scalar log_alpha) const { return -survival_derivative(t, log_alpha); }

  /// The density on 0 < t < 1, β(ζ−γ)/((t−γ)(ζ−t)) P(1−P) with P = P(z > t); 0 elsewhere. It integrates to
  /// 1 − P(z = 0) − P(z = 1).
  Scalar pdf(Scalar t, Scalar log_alpha) const {
    validate();
    if (!(t > 0 && t < 1)) return 0;
    return density_scale(t) * survival_raw(t, log_alpha) * cdf_raw(t, log_alpha);
  }
  /// Its derivative by log α.
  Scalar pdf_derivative(Scalar t, Scalar log_alpha) const {
    validate();
    if (!(t > 0 && t < 1) || !formulas().inside(log_alpha)) return 0;
    const Scalar p = survival_raw(t, log_alpha);
    const Scalar q = cdf_raw(t, log_alpha);
    return density_scale(t) * p * q * (q - p);
  }

  /// The smallest t with P(z ≤ t) ≥ p, for 0 < p < 1.
  Scalar quantile(Scalar p, Scalar log_alpha) const {
    const auto f = checked_quantile(p);
    return f.quantile(p, log_alpha);
  }
  /// Its derivative by log α.
  Scalar quantile_derivative(Scalar p, Scalar log_alpha) const {
    const auto f = checked_quantile(p);
    return f.sample_derivative(f.quantile(p, log_alpha), log_alpha);
  }

  /// E[z] = ∫₀¹ P(z > t) dt by quadrature (see `GateMoments`), of the distribution without the cut of u at 1e−6.
  Scalar mean(Scalar log_alpha) const { return static_cast<Scalar>(moments(log_alpha).mean); }
  /// Its derivative by log α.
  Scalar mean_derivative(Scalar log_alpha) const { return static_cast<Scalar>(moments(log_alpha).mean_derivative); }
  /// E[z²] = ∫₀¹ 2t P(z > t) dt.
  Scalar second_moment(Scalar log_alpha) const { return static_cast<Scalar>(moments(log_alpha).second_moment()); }
  /// Its derivative by log α.
  Scalar second_moment_derivative(Scalar log_alpha) const {
    return static_cast<Scalar>(moments(log_alpha).second_moment_derivative());
  }
  /// Var z = E[z²] − E[z]², to full relative accuracy.
  Scalar variance(Scalar log_alpha) const { return static_cast<Scalar>(moments(log_alpha).variance); }
  /// Its derivative by log α.
  Scalar variance_derivative(Scalar log_alpha) const {
    return static_cast<Scalar>(moments(log_alpha).variance_derivative);
  }
  /// All moments and their derivatives at once. To evaluate many gates, keep `moment_rule()`.
  GateMoments moments(Scalar log_alpha) const { return moment_rule().evaluate(static_cast<double>(log_alpha)); }

  /// The quadrature rule for these parameters.
  MomentRule moment_rule() const {
    validate();
    return MomentRule(temperature, gamma, zeta, detail::log_alpha_limit);
  }

  /// log α of a gate that opens, in the limit of temperature 0, with probability 1 − `init_sparsity`:
  /// logit(1 − init_sparsity). At temperature β it opens with probability σ(logit(1−s) − β log(−γ/ζ)): 0.77 for s = 0.5
  /// at the defaults.
  static Scalar initial_log_alpha(Scalar init_sparsity) {
    detail::require(init_sparsity > 0 && init_sparsity < 1, "init_sparsity", init_sparsity, "a probability in (0, 1)");
    return std::log1p(-init_sparsity) - std::log(init_sparsity);
  }

  /// The same, under the name that all distributions have.
  Scalar initial_location(Scalar init_sparsity) const { return initial_log_alpha(init_sparsity); }

  /// What kernels work with. Throws `Error` if a parameter is outside its range.
  detail::HardConcreteFormulas<Scalar> formulas() const {
    validate();
    return {1 / temperature, gamma, zeta, temperature * std::log(-gamma / zeta), 1 / (temperature * (zeta - gamma))};
  }

 private:
  detail::HardConcreteFormulas<Scalar> for_evaluation(Evaluation evaluation) const {
    return evaluation == Evaluation::with_temperature ? formulas() : HardConcrete{1, gamma, zeta}.formulas();
  }

  detail::HardConcreteFormulas<Scalar> checked_quantile(Scalar p) const {
    detail::require(p > 0 && p < 1, "p", p, "a probability in (0, 1)");
    return formulas();
  }

  // P(z > t) and its complement P(z ≤ t), each to full relative accuracy.
  Scalar survival_raw(Scalar t, Scalar log_alpha) const {
    const Scalar cut = detail::HardConcreteFormulas<Scalar>::cut_off(log_alpha);
    return 1 / (1 + std::exp(temperature * std::log((t - gamma) / (zeta - t)) - cut));
  }
  Scalar cdf_raw(Scalar t, Scalar log_alpha) const {
    const Scalar cut = detail::HardConcreteFormulas<Scalar>::cut_off(log_alpha);
    return 1 / (1 + std::exp(cut - temperature * std::log((t - gamma) / (zeta - t))));
  }
  static Scalar d_logistic(Scalar p, Scalar log_alpha) {
    return detail::HardConcreteFormulas<Scalar>::active_probability_derivative(p, log_alpha);
  }
  Scalar density_scale(Scalar t) const { return temperature * (zeta - gamma) / ((t - gamma) * (zeta - t)); }
};

}  // namespace l0
