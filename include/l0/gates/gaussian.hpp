// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <l0/core/normal.hpp>
#include <l0/gates/gate.hpp>

namespace l0 {

namespace detail {

/// φ(x), Φ(x) and ψ(x) = ∫ Φ from −∞ to x = x Φ(x) + φ(x).
inline double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }
template <class Scalar>
Scalar normal_cdf(Scalar x) {
  return std::erfc(-x / std::numbers::sqrt2_v<Scalar>) / 2;
}
inline double normal_cdf_integral(double x) { return x * normal_cdf(x) + normal_density(x); }

/// Φ⁻¹(p) for any p in (0, 1); where the kernels' form ends by Newton's method on log Φ, which is concave: from the
/// left of the root the steps never pass it.
inline double normal_quantile(double p) {
  if (p > 0.5) return -normal_quantile(1 - p);
  if (p >= noise_epsilon) return fast_normal_quantile(p);
  p = std::max(p, 1e-300);
  double x = -std::sqrt(-2 * std::log(p));
  for (int step = 0; step < 8; ++step) x -= std::log(normal_cdf(x) / p) * normal_cdf(x) / normal_density(x);
  return x;
}

/// The formulas of `ClippedGaussian` for checked parameters, in the form kernels need.
template <class Scalar>
struct GaussianFormulas {
  Scalar sigma;
  Scalar inverse_sigma;
  Scalar density_scale;  // 1/(σ √(2π))

  /// z at noise u.
  L0_ALWAYS_INLINE Scalar sample(Scalar u, Scalar mu) const {
    return clamp(cut_off_location(mu) + sigma * fast_normal_quantile(cut_off_noise(u)), Scalar(0), Scalar(1));
  }

  /// dz/dμ from z itself: 1 where it is not clamped.
  L0_ALWAYS_INLINE static Scalar sample_derivative(Scalar z, Scalar mu) {
    return select((z > 0) & (z < 1) & location_inside(mu), Scalar(1), Scalar(0));
  }

  L0_ALWAYS_INLINE Scalar active_probability(Scalar mu) const { return fast_normal_cdf(scaled(mu)); }

  /// φ(μ/σ)/σ; the probability is not needed.
  L0_ALWAYS_INLINE Scalar active_probability_derivative(Scalar /*p*/, Scalar mu) const {
    return select(location_inside(mu), fast_bell(scaled(mu)) * density_scale, Scalar(0));
  }

  L0_ALWAYS_INLINE static Scalar deterministic(Scalar mu) { return clamp(mu, Scalar(0), Scalar(1)); }

 private:
  L0_ALWAYS_INLINE Scalar scaled(Scalar mu) const { return within_normal_limit(cut_off_location(mu) * inverse_sigma); }
};

}  // namespace detail

/// Mean and variance of a clipped Gaussian gate in closed form. With a = μ/σ, b = (μ−1)/σ and ψ′ = Φ:
///
///     E[z] = σ(ψ(a) − ψ(b)) = μ + σ(ψ(−a) − ψ(b)),   dE[z]/dμ = Φ(a) − Φ(b) = P(0 < z < 1),
///     Var z = σ²(Φ(a) − Φ(b) − a ψ(−a) + b ψ(b) − (ψ(−a) − ψ(b))²),
///     dVar z/dμ = 2 E[z] P(z is 0 or 1) − 2 P(z = 1).
///
/// Gates above ½ are mirrored, z → 1 − z, and the variance of those below 0 is taken from E[z²] = ∫ 2t Φ((μ−t)/σ) dt,
/// so that small moments keep their relative accuracy.
class GaussianMoments {
 public:
  /// For gates of standard deviation σ.
  explicit GaussianMoments(double sigma) : sigma_(sigma) {}

  /// The moments at μ.
  GateMoments evaluate(double mu) const {
    const double cut = std::clamp(mu, -double(detail::log_alpha_limit), double(detail::log_alpha_limit));
    const bool mirrored = cut > 0.5;
    const double m = mirrored ? 1 - cut : cut;
    const double a = m / sigma_;
    const double b = (m - 1) / sigma_;
    const double below = detail::normal_cdf(-a);  // P(z = 0)
    const double above = detail::normal_cdf(b);   // P(z = 1)
    const double between = detail::normal_cdf(a) - above;
    const double psi_b = detail::normal_cdf_integral(b);
    double mean = 0;
    double variance = 0;
    if (m < 0) {
      const double psi_a = detail::normal_cdf_integral(a);
      mean = sigma_ * (psi_a - psi_b);
      // ∫ψ = ((x² + 1) Φ + x φ)/2 = (x ψ + Φ)/2
      variance = sigma_ * sigma_ * (a * psi_a - b * psi_b + between) - 2 * sigma_ * psi_b - mean * mean;
    } else {
      const double psi_a = detail::normal_cdf_integral(-a);
      mean = m + sigma_ * (psi_a - psi_b);
      variance = sigma_ * sigma_ * (between - a * psi_a + b * psi_b - (psi_a - psi_b) * (psi_a - psi_b));
    }
    GateMoments moments;
    moments.mean = mirrored ? 1 - mean : mean;
    moments.variance = variance;
    if (std::abs(mu) <= detail::log_alpha_limit) {
      moments.mean_derivative = between;
      moments.variance_derivative = (mirrored ? -2 : 2) * (mean * (below + above) - above);
    }
    return moments;
  }

 private:
  double sigma_;
};

/// The distribution of the stochastic gates (STG): a Gaussian with a learnable mean μ, clipped to [0, 1],
///
///     z = min(1, max(0, μ + σ ε)),  ε ~ N(0, 1).
///
/// σ is the temperature of these gates; the paper keeps it at 0.5. Where a gate is not clamped dz/dμ = 1: its gradient
/// neither saturates nor depends on the noise, and it is 0 for good once μ is several σ outside [0, 1]. μ is cut off to
/// [−20, 20] before use; derivatives are with respect to μ and 0 outside that range. Every function throws `Error`
/// unless σ > 0. Normal tails end sooner than logistic ones: P(z ≠ 0) is 0 below μ = −38 σ
/// (−14 σ in float), and its derivative is as good as 0 where μ is 10 σ above 0.
///
/// Source: Yamada, Lindenbaum, Negahban & Kluger, "Feature selection using stochastic gates", ICML 2020,
/// arXiv:1810.04247, section 3.
template <std::floating_point Scalar_>
struct ClippedGaussian {
  using Scalar = Scalar_;                                  ///< float or double
  static constexpr std::string_view location_name = "mu";  ///< the name of the parameter in handles and files

  Scalar temperature = Scalar(0.5);  ///< σ > 0, the deviation of the noise

  /// Throws `Error` for a stretch, which these gates do not have.
  static ClippedGaussian from_options(const GateOptions<Scalar>& options) {
    constexpr GateOptions<Scalar> standard{};
    detail::require(options.gamma == standard.gamma, "gamma", options.gamma,
                    "the default, as Gaussian gates do not stretch");
    detail::require(options.zeta == standard.zeta, "zeta", options.zeta,
                    "the default, as Gaussian gates do not stretch");
    return {options.temperature};
  }

  /// Throws `Error` unless σ > 0.
  void validate() const { detail::require_positive("temperature", temperature); }

  /// The gate at noise u, with ε = Φ⁻¹(u); u is cut off to [1e−6, 1 − 1e−6], which is |ε| ≤ 4.75.
  Scalar sample(Scalar u, Scalar mu) const { return formulas().sample(u, mu); }
  /// dz/dμ at noise u: 1 where 0 < z < 1, else 0.
  Scalar sample_derivative(Scalar u, Scalar mu) const {
    const auto f = formulas();
    return f.sample_derivative(f.sample(u, mu), mu);
  }

  /// The gate used for prediction, min(1, max(0, μ)), whichever evaluation is asked for.
  Scalar deterministic(Scalar mu, Evaluation /*evaluation*/ = Evaluation::with_temperature) const {
    return formulas().deterministic(mu);
  }
  /// Its derivative by μ.
  Scalar deterministic_derivative(Scalar mu, Evaluation evaluation = Evaluation::with_temperature) const {
    return formulas().sample_derivative(deterministic(mu, evaluation), mu);
  }

  /// P(z ≠ 0) = Φ(μ/σ): what the L0 penalty prices.
  Scalar active_probability(Scalar mu) const { return survival(0, mu); }
  /// Its derivative by μ.
  Scalar active_probability_derivative(Scalar mu) const { return survival_derivative(0, mu); }

  /// P(z = 0).
  Scalar zero_probability(Scalar mu) const { return cdf(0, mu); }
  /// Its derivative by μ.
  Scalar zero_probability_derivative(Scalar mu) const { return cdf_derivative(0, mu); }

  /// P(z = 1) = Φ((μ−1)/σ).
  Scalar one_probability(Scalar mu) const {
    validate();
    return detail::normal_cdf(standardized(1, mu));
  }
  /// Its derivative by μ.
  Scalar one_probability_derivative(Scalar mu) const {
    validate();
    return inside_density(1, mu);
  }

  /// P(z > t) = Φ((μ−t)/σ) for 0 ≤ t < 1; 1 below, 0 from 1 on.
  Scalar survival(Scalar t, Scalar mu) const {
    validate();
    if (t < 0) return 1;
    return t < 1 ? detail::normal_cdf(standardized(t, mu)) : Scalar(0);
  }
  /// Its derivative by μ.
  Scalar survival_derivative(Scalar t, Scalar mu) const {
    validate();
    return t < 0 || t >= 1 ? Scalar(0) : inside_density(t, mu);
  }

  /// P(z ≤ t).
  Scalar cdf(Scalar t, Scalar mu) const {
    validate();
    if (t < 0) return 0;
    return t < 1 ? detail::normal_cdf(-standardized(t, mu)) : Scalar(1);
  }
  /// Its derivative by μ.
  Scalar cdf_derivative(Scalar t, Scalar mu) const { return -survival_derivative(t, mu); }

  /// The density on 0 < t < 1, φ((t−μ)/σ)/σ; 0 elsewhere.
  Scalar pdf(Scalar t, Scalar mu) const {
    validate();
    return t > 0 && t < 1 ? density(t, mu) : Scalar(0);
  }
  /// Its derivative by μ.
  Scalar pdf_derivative(Scalar t, Scalar mu) const {
    validate();
    return t > 0 && t < 1 ? -standardized(t, mu) / temperature * inside_density(t, mu) : Scalar(0);
  }

  /// The smallest t with P(z ≤ t) ≥ p, for 0 < p < 1.
  Scalar quantile(Scalar p, Scalar mu) const {
    detail::require(p > 0 && p < 1, "p", p, "a probability in (0, 1)");
    if (detail::cut_off_noise(p) == p) return sample(p, mu);
    validate();
    const auto epsilon = static_cast<Scalar>(detail::normal_quantile(static_cast<double>(p)));
    return std::clamp(detail::cut_off_location(mu) + temperature * epsilon, Scalar(0), Scalar(1));
  }
  /// Its derivative by μ.
  Scalar quantile_derivative(Scalar p, Scalar mu) const { return formulas().sample_derivative(quantile(p, mu), mu); }

  /// E[z] in closed form (see `GaussianMoments`), of the distribution without the cut of u at 1e−6.
  Scalar mean(Scalar mu) const { return static_cast<Scalar>(moments(mu).mean); }
  /// Its derivative by μ.
  Scalar mean_derivative(Scalar mu) const { return static_cast<Scalar>(moments(mu).mean_derivative); }
  /// E[z²].
  Scalar second_moment(Scalar mu) const { return static_cast<Scalar>(moments(mu).second_moment()); }
  /// Its derivative by μ.
  Scalar second_moment_derivative(Scalar mu) const {
    return static_cast<Scalar>(moments(mu).second_moment_derivative());
  }
  /// Var z = E[z²] − E[z]².
  Scalar variance(Scalar mu) const { return static_cast<Scalar>(moments(mu).variance); }
  /// Its derivative by μ.
  Scalar variance_derivative(Scalar mu) const { return static_cast<Scalar>(moments(mu).variance_derivative); }
  /// All moments and their derivatives at once.
  GateMoments moments(Scalar mu) const { return moment_rule().evaluate(static_cast<double>(mu)); }

  /// The closed forms for these parameters.
  GaussianMoments moment_rule() const {
    validate();
    return GaussianMoments(static_cast<double>(temperature));
  }

  /// μ of a gate that is above ½ with probability 1 − `init_sparsity`, as a Hard Concrete gate is at its initial log α:
  /// ½ + σ Φ⁻¹(1 − init_sparsity). That is the paper's 0.5 at s = 0.5, where it opens with probability Φ(1) = 0.84.
  Scalar initial_location(Scalar init_sparsity) const {
    detail::require(init_sparsity > 0 && init_sparsity < 1, "init_sparsity", init_sparsity, "a probability in (0, 1)");
    return Scalar(0.5) - temperature * static_cast<Scalar>(detail::normal_quantile(static_cast<double>(init_sparsity)));
  }

  /// What kernels work with. Throws `Error` unless σ > 0.
  detail::GaussianFormulas<Scalar> formulas() const {
    validate();
    constexpr Scalar root = std::numbers::inv_sqrtpi_v<Scalar> / std::numbers::sqrt2_v<Scalar>;
    return {temperature, 1 / temperature, root / temperature};
  }

 private:
  Scalar standardized(Scalar t, Scalar mu) const { return (detail::cut_off_location(mu) - t) / temperature; }
  Scalar density(Scalar t, Scalar mu) const {
    return static_cast<Scalar>(detail::normal_density(static_cast<double>(standardized(t, mu)))) / temperature;
  }
  Scalar inside_density(Scalar t, Scalar mu) const { return detail::location_inside(mu) ? density(t, mu) : Scalar(0); }
};

/// Gates with the clipped Gaussian distribution, known as stochastic gates (STG).
template <std::floating_point Scalar, int Columns = 1>
using GaussianGate = Gate<ClippedGaussian<Scalar>, Columns>;

namespace detail {

L0_COMPILED_GATES(GaussianFormulas, float);
L0_COMPILED_GATES(GaussianFormulas, double);

}  // namespace detail
}  // namespace l0
