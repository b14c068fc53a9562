// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>

#include <l0/calibration/distance.hpp>
#include <l0/calibration/sparse_ldl.hpp>
#include <l0/core/types.hpp>

namespace l0::detail {

/// Targets and the records that are to meet them: A by records, rows scaled so that misses count alike.
struct DualProblem {
  Index rows = 0;
  std::vector<double> target;
  std::vector<Index> start{0};  ///< of the entries of every record
  std::vector<std::uint32_t> row;
  std::vector<double> value;
  double tolerance = 1e-12;  ///< of a target that is met, of its size
  std::vector<char> exact;   ///< rows that hold whatever the pull; empty: all are alike

  Index records() const { return static_cast<Index>(start.size()) - 1; }
};

/// A record's weight as a function of u = aᵀλ, for a distance from its reference between bounds.
template <class D>
struct DistanceLaw {
  struct Point {
    double weight;
    double slope;
  };

  D distance;
  double reference = 1;
  double lowest = 0;
  double highest = std::numeric_limits<double>::infinity();

  Point at(double u) const {
    const double r = distance.ratio(u);
    const double w = reference * r;
    if (!(w > lowest)) return {lowest, 0};
    if (!(w < highest)) return {highest, 0};
    const double slope = reference / distance.curvature(r);
    return {w, std::isfinite(slope) ? slope : 0};
  }
};

/// As above, for Σ (w − centre)²/(2 scale): a ridge has the centre 0, the χ² distance centre = scale.
struct QuadraticLaw {
  using Point = DistanceLaw<LinearDistance>::Point;

  double centre = 0;
  double scale = 1;
  double lowest = 0;
  double highest = std::numeric_limits<double>::infinity();

  Point at(double u) const {
    const double w = centre + scale * u;
    if (!(w > lowest)) return {lowest, 0};
    if (!(w < highest)) return {highest, 0};
    return {w, scale};
  }
};

/// Weights by Newton's method on the dual. For given δ and centre c it solves
///
///     A w(λ) − t + δ (λ − c) = 0,  w_j(λ) the law of record j at a_jᵀλ,
///
/// the condition for Σ (A w − t − δ c)²/(2 δ) + Σ G_j(w_j) to be least: a convex problem with m unknowns, whatever the
/// number of records. `meet` moves c after λ (the method of multipliers): the targets are then met to rounding if they
/// can be, and else as nearly as can be in squares; of all such weights they are the nearest. The Newton equation is
/// solved by a dense Cholesky factorisation for few rows, a sparse one where it stays sparse, and else by conjugate
/// gradients.
template <class Law>
class DualNewton {
 public:
  DualNewton(const DualProblem& problem, std::vector<Law> laws, Index most_products = 2000)
      : p_(problem), laws_(std::move(laws)), products_left_(most_products), rows_(problem.rows),
        lambda_(Vec::Zero(rows_)), centre_(Vec::Zero(rows_)), delta_(Vec::Zero(rows_)), residual_(rows_),
        weight_(p_.records()), slope_(p_.records()) {
    evaluate(lambda_);
    Vec size = Vec::Zero(rows_);  // Σ slope a² at the start: what a unit of λ moves
    Vec reach = Vec::Zero(rows_);
    for_entries([&](Index j, Index i, double a) {
      size(i) += slope_(j) * a * a;
      reach(i) += std::abs(a) * weight_(j);
    });
    scale_ = Vec(rows_);
    for (Index i = 0; i < rows_; ++i) scale_(i) = std::abs(p_.target[at(i)]) + reach(i);
    const double mean = rows_ > 0 ? size.mean() : 0;
    unit_ = mean > 0 && std::isfinite(mean) ? mean : 1;
    if (rows_ > most_dense) is_sparse_ = equations_.analyse(p_, most_work);
  }

  /// Weights that meet the targets, or come as near as can be; whether they are found.
  bool meet() {
    const double least = unit_ * (is_direct() ? 1e-9 : 1e-5);
    double delta = unit_ * 1e-2;
    double last = std::numeric_limits<double>::infinity();
    int idle = 0;
    for (int round = 0; round < 30; ++round) {
      delta_.setConstant(delta);
      const bool solved = solve(delta > least ? 0.01 * last : 0);
      const double miss = misses().norm();
      if (!std::isfinite(miss)) return false;
      if (is_met()) return true;
      if (miss < (1 - 1e-6) * last)
        idle = 0;
      else
        ++idle;
      if (!solved || idle >= 2) return solved;
      last = std::min(last, miss);
      delta = std::max(0.1 * delta, least);
      centre_ = lambda_;
    }
    return true;
  }

  /// The least of Σ (A w − t)²/(2 delta) + Σ G; rows that are `exact` hold all the same.
  bool trade(double delta) {
    delta_.setConstant(delta);
    bool has_exact = false;
    for (Index i = 0; i < rows_; ++i) {
      if (!is_exact(i)) continue;
      delta_(i) = 1e-3 * std::min(delta, unit_ * 1e-3);
      has_exact = true;
    }
    for (int round = 0; round < 30; ++round) {
      if (!solve()) return false;
      if (!has_exact) return true;
      double miss = 0;
      for (Index i = 0; i < rows_; ++i) {
        if (!is_exact(i)) continue;
        miss = std::max(miss, std::abs(misses()(i)) / scale_(i));
        centre_(i) = lambda_(i);
      }
      if (miss < 1e-13) return true;
    }
    return true;
  }

  /// As `trade` with a delta so small that next to nothing is given away of the targets.
  bool trade_little() {
    for (const double part : {1e-2, 1e-4, 1e-6}) {
      if (!trade(part * unit_)) return false;
    }
    return true;
  }

  /// Whether the Newton equation is solved by a factorisation.
  bool is_direct() const { return rows_ <= most_dense || is_sparse_; }
  const auto& weight() const { return weight_; }
  /// The price of a unit of row i.
  double multiplier(Index i) const { return lambda_(i); }
  /// A w − t.
  Vector<Dependent<double, Law>> misses() const { return residual_ - delta_.cwiseProduct(lambda_ - centre_); }
  /// Whether every target is met to rounding.
  bool is_met() const {
    const Vec miss = misses();
    for (Index i = 0; i < rows_; ++i) {
      if (std::abs(miss(i)) > p_.tolerance * scale_(i)) return false;
    }
    return true;
  }

 private:
  using Vec = Vector<Dependent<double, Law>>;  // so that nothing is worked out before a law is given
  static constexpr Index most_dense = 600;     // rows up to which the Newton equation is solved densely
  static constexpr double most_work = 3e8;     // products that a sparse factorisation may take

  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }
  Vec next_direction() {
    if (rows_ <= most_dense) return newton_direction();
    if (is_sparse_ && equations_.factorise(p_, slope_, delta_)) return equations_.solve(Vec(-residual_));
    return gradient_direction();
  }
  bool is_exact(Index i) const { return !p_.exact.empty() && p_.exact[at(i)]; }

  template <class Visit>
  void for_entries(Visit&& visit) const {
    for (Index j = 0; j < p_.records(); ++j) {
      for (Index k = p_.start[at(j)]; k < p_.start[at(j) + 1]; ++k) visit(j, Index{p_.row[at(k)]}, p_.value[at(k)]);
    }
  }

  double along(Index j, const Vec& x) const {
    double u = 0;
    for (Index k = p_.start[at(j)]; k < p_.start[at(j) + 1]; ++k) u += p_.value[at(k)] * x(p_.row[at(k)]);
    return u;
  }
  void add(Index j, double factor, Vec& to) const {
    for (Index k = p_.start[at(j)]; k < p_.start[at(j) + 1]; ++k) to(p_.row[at(k)]) += p_.value[at(k)] * factor;
  }

  /// Weights, slopes and the left side of the equation at λ.
  void evaluate(const Vec& lambda) {
    for (Index i = 0; i < rows_; ++i) residual_(i) = delta_(i) * (lambda(i) - centre_(i)) - p_.target[at(i)];
    for (Index j = 0; j < p_.records(); ++j) {
      const auto point = laws_[at(j)].at(along(j, lambda));
      weight_(j) = point.weight;
      slope_(j) = point.slope;
      add(j, point.weight, residual_);
    }
    --products_left_;
  }

  /// λ for the present δ and c, as far as to a norm of what is left.
  bool solve(double enough = 0) {
    evaluate(lambda_);
    double last = std::numeric_limits<double>::infinity();
    int idle = 0;
    for (int step = 0; step < 100 && products_left_ > 0; ++step) {
      const double now = residual_.cwiseQuotient(scale_.cwiseMax(std::numeric_limits<double>::min())).norm();
      if (now < 1e-15 || rows_ == 0 || residual_.norm() <= enough) return true;
      if (now > 0.5 * last && (now < 1e-8 || (++idle > 3 && now < 1e-7))) return true;  // rounding is all that is left
      last = std::min(last, now);
      const Vec direction = next_direction();
      const double before = residual_.dot(direction);  // < 0: the slope of the dual along the step
      if (!(before < 0)) return now < 1e-7;
      const Vec from = lambda_;
      double step_size = 1;
      for (int cut = 0; cut < 60; ++cut) {
        lambda_ = from + step_size * direction;
        evaluate(lambda_);
        const double after = residual_.dot(direction);
        if (after <= -0.1 * before) break;
        // The slope rises from `before`: where a line through both ends crosses zero, kept well inside.
        step_size *= std::isfinite(after) ? std::clamp(before / (before - after), 0.1, 0.8) : 0.1;
      }
    }
    return residual_.cwiseQuotient(scale_.cwiseMax(std::numeric_limits<double>::min())).norm() < 1e-7;
  }

  /// −H⁻¹ of the left side, H = A diag(slope) Aᵀ + δ.
  Vec newton_direction() {
    Matrix<Dependent<double, Law>> h = Matrix<Dependent<double, Law>>::Zero(rows_, rows_);
    h.diagonal() = delta_;
    const auto entries = static_cast<double>(p_.value.size());
    if (entries > 0.2 * static_cast<double>(rows_ * p_.records())) {
      constexpr Index most = 256;
      Matrix<Dependent<double, Law>> block(rows_, most);
      for (Index first = 0; first < p_.records(); first += most) {
        const Index count = std::min(most, p_.records() - first);
        block.setZero();
        for (Index c = 0; c < count; ++c) {
          const double root = std::sqrt(slope_(first + c));
          for (Index k = p_.start[at(first + c)]; k < p_.start[at(first + c) + 1]; ++k) {
            block(p_.row[at(k)], c) = p_.value[at(k)] * root;
          }
        }
        h.template selfadjointView<Eigen::Lower>().rankUpdate(block);
      }
    } else {
      for (Index j = 0; j < p_.records(); ++j) {
        if (slope_(j) == 0) continue;
        for (Index k = p_.start[at(j)]; k < p_.start[at(j) + 1]; ++k) {
          const double part = slope_(j) * p_.value[at(k)];
          for (Index l = p_.start[at(j)]; l < p_.start[at(j) + 1]; ++l) {
            if (p_.row[at(l)] >= p_.row[at(k)]) h(p_.row[at(l)], p_.row[at(k)]) += part * p_.value[at(l)];
          }
        }
      }
    }
    return h.template selfadjointView<Eigen::Lower>().ldlt().solve(-residual_);
  }

  /// The same by conjugate gradients, divided by the diagonal; as exactly as the left side is small.
  Vec gradient_direction() {
    Vec diagonal = delta_;
    for_entries([&](Index j, Index i, double a) { diagonal(i) += slope_(j) * a * a; });
    Vec x = Vec::Zero(rows_);
    Vec r = -residual_;
    Vec z = r.cwiseQuotient(diagonal);
    Vec p = z;
    double energy = r.dot(z);
    const double wanted = 1e-6 * energy;
    for (int step = 0; step < 400 && energy > wanted && products_left_ > 0; ++step) {
      Vec hp = delta_.cwiseProduct(p);
      for (Index j = 0; j < p_.records(); ++j) {
        if (slope_(j) != 0) add(j, slope_(j) * along(j, p), hp);
      }
      --products_left_;
      const double curvature = p.dot(hp);
      if (!(curvature > 0)) break;
      const double length = energy / curvature;
      x += length * p;
      r -= length * hp;
      z = r.cwiseQuotient(diagonal);
      const double next = r.dot(z);
      p = z + (next / energy) * p;
      energy = next;
    }
    return x;
  }

  const DualProblem& p_;
  std::vector<Law> laws_;
  Index products_left_;
  Index rows_;
  Vec lambda_, centre_, delta_, residual_, scale_;
  Vec weight_, slope_;
  SparseNormalEquations<Dependent<double, Law>> equations_;
  bool is_sparse_ = false;
  double unit_ = 1;
};

}  // namespace l0::detail
