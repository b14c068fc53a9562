// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>

#include <Eigen/SparseCore>

#include <l0/core/error.hpp>
#include <l0/factorization/options.hpp>
#include <l0/gates/hard_concrete.hpp>

namespace l0 {

/// Parameters of a gated factorization, or a gradient with respect to them.
template <class Scalar>
struct FactorizationPoint {
  Matrix<Scalar> u;               ///< rows × k
  Matrix<Scalar> v;               ///< columns × k
  Vector<Scalar> row_bias;        ///< rows
  Vector<Scalar> column_bias;     ///< columns
  Scalar mean = 0;                ///< constant for all entries
  Matrix<Scalar> log_alpha;       ///< 1 × k, of the factors; with gates per entry rows × k, of U
  Matrix<Scalar> log_alpha_of_v;  ///< with gates per entry, columns × k
};

/// The noise-free objective that `MatrixFactorization` minimises over n observed entries,
///
///     1/n Σ_Ω E ℓ(r, û) + λ Σ P(z ≠ 0) + λ₂ (‖U‖² + ‖V‖²) + prior/n (‖b‖² + ‖c‖²),
///
/// for other optimizers, and for those who want to know it. With squared loss E ℓ = (r − E û)² + Var û is exact:
///
///     Var û_ij = Σ_f u² v² Var z_f,   with gates per entry   Σ_f u² v² (E[z²] E[z'²] − E[z]² E[z']²).
///
/// With logistic loss it is ℓ(E û) + ½ σ(1−σ) Var û, right to second order, and the prior counts a quarter. Of
/// `options` the prices (where empty, 0), loss, gates, bias prior and the parameters of the gates are read. `gradient`
/// gets the derivatives if not null. Throws `Error` for wrong shapes and for implicit feedback, whose mean is over all
/// cells.
template <class Scalar, int Order, class Stored>
Scalar factorization_objective(const Eigen::SparseMatrix<Scalar, Order, Stored>& r,
                               const FactorizationPoint<Scalar>& at, const FactorizationOptions& options,
                               FactorizationPoint<Scalar>* gradient = nullptr) {
  const Index k = at.u.cols();
  const bool per_entry = options.gates == FactorGates::per_entry;
  const bool logistic = options.loss == FactorizationLoss::logistic;
  if (options.loss == FactorizationLoss::implicit) detail::fail("loss", "implicit", "squared or logistic");
  detail::require_shape("u", at.u.rows(), k, r.rows(), k);
  detail::require_shape("v", at.v.rows(), at.v.cols(), r.cols(), k);
  detail::require_shape("row_bias", at.row_bias.size(), 1, r.rows(), 1);
  detail::require_shape("column_bias", at.column_bias.size(), 1, r.cols(), 1);
  detail::require_shape("log_alpha", at.log_alpha.rows(), at.log_alpha.cols(), per_entry ? r.rows() : 1, k);
  if (per_entry)
    detail::require_shape("log_alpha_of_v", at.log_alpha_of_v.rows(), at.log_alpha_of_v.cols(), r.cols(), k);

  const HardConcrete<detail::Double<Scalar>> gate{options.temperature, options.gamma, options.zeta};
  const MomentRule rule = gate.moment_rule();
  // Of each gate: mean, second moment, and what the objective's slopes in them add up to.
  struct Gates {
    Matrix<detail::Double<Scalar>> mean, second, mean_slope, second_slope;
    Gates(const Matrix<Scalar>& log_alpha, const MomentRule& by)
        : mean(log_alpha.rows(), log_alpha.cols()), second(mean), mean_slope(mean), second_slope(mean) {
      for (Index i = 0; i < mean.size(); ++i) {
        const GateMoments m = by.evaluate(static_cast<double>(log_alpha(i)));
        mean(i) = m.mean;
        second(i) = m.second_moment();
      }
      mean_slope.setZero();
      second_slope.setZero();
    }
  };
  Gates of_u(at.log_alpha, rule);
  Gates of_v(per_entry ? at.log_alpha_of_v : Matrix<Scalar>(), rule);

  FactorizationPoint<double> g;
  g.u.setZero(r.rows(), k);
  g.v.setZero(r.cols(), k);
  g.row_bias.setZero(r.rows());
  g.column_bias.setZero(r.cols());
  const double n = std::max(1.0, static_cast<double>(r.nonZeros()));
  double value = 0;
  for (Index outer = 0; outer < r.outerSize(); ++outer) {
    for (typename Eigen::SparseMatrix<Scalar, Order, Stored>::InnerIterator entry(r, outer); entry; ++entry) {
      const Index i = entry.row();
      const Index j = entry.col();
      const auto observed = static_cast<double>(entry.value());
      double eta = static_cast<double>(at.mean + at.row_bias(i) + at.column_bias(j));
      double variance = 0;
      for (Index f = 0; f < k; ++f) {
        const double w = static_cast<double>(at.u(i, f)) * static_cast<double>(at.v(j, f));
        const Index line = per_entry ? i : 0;
        const double mean = of_u.mean(line, f) * (per_entry ? of_v.mean(j, f) : 1);
        const double second = of_u.second(line, f) * (per_entry ? of_v.second(j, f) : 1);
        eta += mean * w;
        variance += w * w * (second - mean * mean);
      }
      double slope = 2 * (eta - observed);  // in η
      double weight = 1;                    // of the variance
      if (logistic) {
        const double p = 1 / (1 + std::exp(-eta));
        value += (std::max(eta, 0.0) - observed * eta + std::log1p(std::exp(-std::abs(eta)))) / n;
        weight = p * (1 - p) / 2;
        slope = p - observed + weight * (1 - 2 * p) * variance;
      } else {
        value += (observed - eta) * (observed - eta) / n;
      }
      value += weight * variance / n;
      slope /= n;
      weight /= n;
      g.mean += slope;
      g.row_bias(i) += slope;
      g.column_bias(j) += slope;
      for (Index f = 0; f < k; ++f) {
        const auto u = static_cast<double>(at.u(i, f));
        const auto v = static_cast<double>(at.v(j, f));
        const Index line = per_entry ? i : 0;
        const double other = per_entry ? of_v.mean(j, f) : 1;
        const double other_second = per_entry ? of_v.second(j, f) : 1;
        const double mean = of_u.mean(line, f) * other;
        const double spread = of_u.second(line, f) * other_second - mean * mean;
        g.u(i, f) += slope * mean * v + 2 * weight * spread * u * v * v;
        g.v(j, f) += slope * mean * u + 2 * weight * spread * u * u * v;
        const double d_mean = slope * u * v - 2 * weight * mean * u * u * v * v;  // in the mean of z z'
        const double d_second = weight * u * u * v * v;
        of_u.mean_slope(line, f) += d_mean * other;
        of_u.second_slope(line, f) += d_second * other_second;
        if (per_entry) {
          of_v.mean_slope(j, f) += d_mean * of_u.mean(line, f);
          of_v.second_slope(j, f) += d_second * of_u.second(line, f);
        }
      }
    }
  }

  const double lambda = options.lambda_l0.value_or(0);
  const double lambda_l2 = options.lambda_l2.value_or(0);
  const double prior = options.bias_prior * (logistic ? 0.125 : 1) / n;
  for (Index i = 0; i < at.log_alpha.size(); ++i)
    value += lambda * gate.active_probability(static_cast<double>(at.log_alpha(i)));
  for (Index i = 0; per_entry && i < at.log_alpha_of_v.size(); ++i) {
    value += lambda * gate.active_probability(static_cast<double>(at.log_alpha_of_v(i)));
  }
  value += lambda_l2 * static_cast<double>(at.u.squaredNorm() + at.v.squaredNorm());
  value += prior * static_cast<double>(at.row_bias.squaredNorm() + at.column_bias.squaredNorm());
  if (gradient == nullptr) return static_cast<Scalar>(value);

  const auto gate_gradient = [&](const Matrix<Scalar>& log_alpha, const Gates& gates) {
    Matrix<Scalar> result(log_alpha.rows(), log_alpha.cols());
    for (Index i = 0; i < log_alpha.size(); ++i) {
      const auto a = static_cast<double>(log_alpha(i));
      const GateMoments m = rule.evaluate(a);
      result(i) = static_cast<Scalar>(gates.mean_slope(i) * m.mean_derivative +
                                      gates.second_slope(i) * m.second_moment_derivative() +
                                      lambda * gate.active_probability_derivative(a));
    }
    return result;
  };
  gradient->u = g.u.template cast<Scalar>() + static_cast<Scalar>(2 * lambda_l2) * at.u;
  gradient->v = g.v.template cast<Scalar>() + static_cast<Scalar>(2 * lambda_l2) * at.v;
  gradient->row_bias = g.row_bias.template cast<Scalar>() + static_cast<Scalar>(2 * prior) * at.row_bias;
  gradient->column_bias = g.column_bias.template cast<Scalar>() + static_cast<Scalar>(2 * prior) * at.column_bias;
  gradient->mean = static_cast<Scalar>(g.mean);
  gradient->log_alpha = gate_gradient(at.log_alpha, of_u);
  gradient->log_alpha_of_v = per_entry ? gate_gradient(at.log_alpha_of_v, of_v) : Matrix<Scalar>();
  return static_cast<Scalar>(value);
}

}  // namespace l0
