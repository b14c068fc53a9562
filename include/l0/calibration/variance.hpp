// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/calibration/calibrate.hpp>
#include <l0/core/number_list.hpp>

namespace l0 {

/// How the records were drawn. Empty lists: one stratum, every record a draw of its own, out of many.
struct SurveyDesign {
  NumberList<Index> strata{};  ///< of every record, any whole numbers
  NumberList<Index>
      clusters{};  ///< of every record: the household or place that was drawn; numbers count within strata
  NumberList<double> stratum_sizes{};  ///< per record, how many draws its stratum holds: for finite populations
};

/// An estimated number and how sure it is.
struct SurveyEstimate {
  double value = 0;           ///< the estimate
  double standard_error = 0;  ///< root of its variance
  double design_effect = 0;   ///< variance over that of a simple random sample of as many records, with replacement
};

/// A sample with calibrated weights, for estimates with standard errors.
///
///     const auto fit = l0::calibrate(M, t, d, l0::RakingDistance{});
///     const l0::CalibratedSample<> sample(M, d, fit.weights, {.strata = strata});
///     sample.total(income);  sample.mean(income);  sample.ratio(income, rooms);
///     sample.jackknife(t, [&](const auto& w) { return w.dot(income); }, l0::RakingDistance{});
///
/// Variances are linearised: with the residuals e of the influence of every record on M, by least squares weighted with
/// d, calibration has the variance of the total of w e (Deville & Särndal 1992), between the draws of every stratum:
///
///     V = Σ_h (1 − n_h/N_h) n_h/(n_h − 1) Σ_i (z_hi − z̄_h)²,  z_hi = Σ w e over the records of draw i.
///
/// A stratum with one draw has no variance to be seen and adds none. The residuals of records with w = 0 do not count.
template <std::floating_point Real = double>
class CalibratedSample {
 public:
  /// M (targets × records), design weights d, calibrated weights w. Throws `Error` for shapes that do not match and
  /// weights d < 0 or not finite.
  template <class M, class D, class W>
  CalibratedSample(const Eigen::EigenBase<M>& m, const Eigen::DenseBase<D>& design_weights,
                   const Eigen::DenseBase<W>& weights, SurveyDesign design = {})
      : design_weight_(design_weights.derived().template cast<Real>()),
        weight_(weights.derived().template cast<Real>()) {
    detail::require_shape("design_weights", design_weight_.size(), 1, m.cols(), 1);
    detail::require_shape("weights", weight_.size(), 1, m.cols(), 1);
    for (Index j = 0; j < weight_.size(); ++j) {
      detail::require_non_negative("a design weight", design_weight_(j));
      detail::require(std::isfinite(weight_(j)), "a weight", weight_(j), "a finite number");
      if (weight_(j) == 0) design_weight_(j) = 0;
    }
    if constexpr (std::is_base_of_v<Eigen::SparseMatrixBase<M>, M>) {
      matrix_ = m.derived().template cast<Real>();
    } else {
      matrix_ = detail::as_matrix(m).template cast<Real>().sparseView();
    }
    draw_ = draws(design, weight_);
    // Rows are put on one scale: targets have units of their own.
    const Vector<Real> sizes = matrix_.cwiseProduct(matrix_) * design_weight_;
    const Vector<Real> root = (sizes.array() > 0).select(sizes.array().sqrt().inverse(), Real(1)).matrix();
    matrix_ = (root.asDiagonal() * matrix_).eval();
    root_ = root;
    factorise();
  }

  /// Σ w y.
  template <class Y>
  SurveyEstimate total(const Eigen::DenseBase<Y>& y) const {
    const Vector<Real> values = checked(y, "y");
    return estimate(weight_.dot(values), values);
  }
  /// Σ w y / Σ w.
  template <class Y>
  SurveyEstimate mean(const Eigen::DenseBase<Y>& y) const {
    return ratio(y, Vector<Real>::Ones(weight_.size()));
  }
  /// Σ w y / Σ w x.
  template <class Y, class X>
  SurveyEstimate ratio(const Eigen::DenseBase<Y>& y, const Eigen::DenseBase<X>& x) const {
    const Vector<Real> top = checked(y, "y");
    const Vector<Real> bottom = checked(x, "x");
    const double sum = weight_.dot(bottom);
    if (sum == 0) detail::fail("x", "a sum of 0", "a weighted sum that is not 0");
    const double r = weight_.dot(top) / sum;
    return estimate(r, (top - r * bottom) / sum);
  }

  /// The jackknife (JKn) of any number computed from the weights: every draw is left out in turn, the others of its
  /// stratum weigh n_h/(n_h − 1) times as much, and all are calibrated to the targets again.
  template <class T, class Statistic, Distance D = LinearDistance>
  SurveyEstimate jackknife(const Eigen::DenseBase<T>& targets, const Statistic& statistic,
                           const D& distance = {}) const {
    detail::require_shape("targets", targets.rows(), targets.cols(), matrix_.rows(), 1);
    const Vector<Real> scaled = root_.cwiseProduct(targets.derived().template cast<Real>());
    std::vector<detail::Dependent<double, Real>> values, scales;
    double mean = 0;
    for (const auto& [h, stratum] : draw_.strata) {
      const auto n = static_cast<double>(stratum.draws);
      for (Index i = 0; i < stratum.draws && stratum.draws > 1; ++i) {
        Vector<Real> d = design_weight_;
        for (Index j = 0; j < d.size(); ++j) {
          if (draw_.stratum[at(j)] != h) continue;
          d(j) *= draw_.number[at(j)] == i ? 0 : n / (n - 1);
        }
        values.push_back(statistic(calibrate(matrix_, scaled, d, distance).weights));
        scales.push_back((n - 1) / n * stratum.left_out());
        mean += values.back();
      }
    }
    SurveyEstimate result;
    result.value = statistic(weight_);
    if (values.empty()) return result;
    mean /= static_cast<double>(values.size());
    double variance = 0;
    for (std::size_t k = 0; k < values.size(); ++k) variance += scales[k] * (values[k] - mean) * (values[k] - mean);
    result.standard_error = std::sqrt(variance);
    return result;
  }

  /// How many of the targets are independent of each other in the sample: parameters of the regression.
  Index independent_targets() const {
    constexpr Real above = 1e-7;  // rows have length 1, and 1e-9 is added to every pivot
    return is_sparse_ ? equations_.pivots_above(above) : static_cast<Index>((dense_.vectorD().array() > above).count());
  }

  /// What is left of y after the regression on M, weighted with d.
  template <class Y>
  Vector<Real> residuals(const Eigen::DenseBase<Y>& y) const {
    const Vector<Real> values = checked(y, "y");
    // β of the normal equations by the factor of nearly the same ones, refined: dependent targets have many β, one fit.
    const Vector<Real> wanted = matrix_ * design_weight_.cwiseProduct(values);
    Vector<Real> beta = Vector<Real>::Zero(wanted.size());
    Vector<Real> fit = Vector<Real>::Zero(values.size());
    Real last = infinity;
    for (int round = 0; round < 20; ++round) {
      const Vector<Real> left = wanted - matrix_ * design_weight_.cwiseProduct(fit);
      const Real size = left.norm();
      if (!(size > 1e-15 * wanted.norm()) || !(size < 0.9 * last)) break;
      last = size;
      beta += solve(left);
      fit = matrix_.transpose() * beta;
    }
    return (design_weight_.array() > 0).select(values - fit, Real(0));
  }

 private:
  using Sparse = Eigen::SparseMatrix<Real, Eigen::ColMajor, Index>;
  using Problem = detail::Dependent<detail::DualProblem, Real>;
  static constexpr double infinity = std::numeric_limits<double>::infinity();

  struct Stratum {
    Index draws = 0;
    double size = 0;  // of the population; 0: many

    double left_out() const { return size > 0 ? std::max(0.0, 1 - static_cast<double>(draws) / size) : 1; }
  };
  struct Draws {
    std::map<detail::Dependent<Index, Real>, Stratum> strata;
    std::vector<Index> stratum;  // of every record
    std::vector<Index> number;   // of its draw, within the stratum; −1: not in the sample
  };

  static std::size_t at(Index j) { return static_cast<std::size_t>(j); }

  /// M D Mᵀ + a little: dense for few targets or where rows meet many others, else sparse.
  void factorise() {
    const Index rows = matrix_.rows();
    const Vector<Real> little = Vector<Real>::Constant(rows, 1e-9);
    if (rows > 600) {
      Problem problem;
      problem.rows = rows;
      for (Index j = 0; j < matrix_.cols(); ++j) {
        for (typename Sparse::InnerIterator entry(matrix_, j); entry; ++entry) {
          problem.row.push_back(static_cast<std::uint32_t>(entry.row()));
          problem.value.push_back(entry.value());
        }
        problem.start.push_back(static_cast<Index>(problem.row.size()));
      }
      is_sparse_ = equations_.analyse(problem, 3e8) && equations_.factorise(problem, design_weight_, little);
      if (is_sparse_) return;
    }
    const Sparse weighted = matrix_ * design_weight_.asDiagonal();
    Matrix<Real> normal = Matrix<Real>(weighted * matrix_.transpose());
    normal.diagonal() += little;
    dense_.compute(normal);
  }

  Vector<Real> solve(const Vector<Real>& b) const {
    if (is_sparse_) return equations_.solve(b);
    return dense_.solve(b);
  }

  template <class Y>
  Vector<Real> checked(const Eigen::DenseBase<Y>& y, const char* name) const {
    detail::require_shape(name, y.rows(), y.cols(), weight_.size(), 1);
    const Vector<Real> values = y.derived().template cast<Real>();
    if (!values.allFinite()) detail::fail(name, "not finite everywhere", "finite numbers");
    return values;
  }

  template <class Design>
  static Draws draws(const Design& design, const Vector<Real>& weight) {
    const auto records = static_cast<std::size_t>(weight.size());
    const auto check = [&](const char* name, std::size_t size) {
      if (size != 0 && size != records) {
        detail::fail(name, detail::to_text(size) + " entries", detail::to_text(records) + ", one per record");
      }
    };
    check("strata", design.strata.size());
    check("clusters", design.clusters.size());
    check("stratum_sizes", design.stratum_sizes.size());
    Draws result;
    std::map<std::pair<detail::Dependent<Index, Real>, Index>, Index> known;
    for (std::size_t j = 0; j < records; ++j) {
      const Index h = design.strata.empty() ? 0 : design.strata[j];
      result.stratum.push_back(h);
      result.number.push_back(-1);
      if (weight(static_cast<Index>(j)) == 0) continue;
      const Index cluster = design.clusters.empty() ? static_cast<Index>(j) : design.clusters[j];
      Stratum& stratum = result.strata[h];
      const auto [place, is_new] = known.try_emplace({h, cluster}, stratum.draws);
      if (is_new) ++stratum.draws;
      result.number.back() = place->second;
      if (!design.stratum_sizes.empty()) stratum.size = design.stratum_sizes[j];
    }
    for (const auto& [h, stratum] : result.strata) {
      detail::require(stratum.size == 0 || stratum.size >= static_cast<double>(stratum.draws), "stratum_sizes",
                      stratum.size, "at least the number of draws from the stratum");
    }
    return result;
  }

  template <class V>
  SurveyEstimate estimate(double value, const V& influence) const {
    const Vector<Real> influences = influence;
    const Vector<Real> z = weight_.cwiseProduct(residuals(influences));
    std::map<detail::Dependent<Index, Real>, std::vector<Real>> sums;
    for (const auto& [h, stratum] : draw_.strata) sums[h].assign(at(stratum.draws), 0.0);
    for (Index j = 0; j < z.size(); ++j) {
      if (draw_.number[at(j)] >= 0) sums[draw_.stratum[at(j)]][at(draw_.number[at(j)])] += z(j);
    }
    double variance = 0;
    for (const auto& [h, stratum] : draw_.strata) {
      if (stratum.draws < 2) continue;
      const auto n = static_cast<double>(stratum.draws);
      double mean = 0;
      for (const double s : sums[h]) mean += s / n;
      double square = 0;
      for (const double s : sums[h]) square += (s - mean) * (s - mean);
      variance += stratum.left_out() * n / (n - 1) * square;
    }
    SurveyEstimate result{value, std::sqrt(variance), 0};
    result.design_effect = variance / simple_variance(influences);
    return result;
  }

  /// N² S²/n of the influences, S² weighted.
  double simple_variance(const Vector<Real>& influence) const {
    const double sum = weight_.sum();
    const auto n = static_cast<double>((weight_.array() != 0).count());
    const double mean = weight_.dot(influence) / sum;
    const double square = weight_.dot((influence.array() - mean).square().matrix()) / sum;
    return sum * sum * square / std::max(n - 1, 1.0);
  }

  Sparse matrix_;  // rows scaled, by root_
  Vector<Real> root_;
  Eigen::LDLT<Matrix<Real>> dense_;
  detail::SparseNormalEquations<Real> equations_;
  bool is_sparse_ = false;
  Vector<Real> design_weight_;
  Vector<Real> weight_;
  Draws draw_;
};

}  // namespace l0
