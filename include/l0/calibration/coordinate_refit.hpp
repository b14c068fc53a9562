// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/calibration/coordinate_exchange.hpp>
#include <l0/calibration/dual_newton.hpp>
#include <l0/calibration/swap_polish.hpp>

namespace l0::detail {

/// The weights of chosen records by Newton's method on the dual, where sweeps leave off: the minimum itself, with the
/// sum of the weights as a constraint, and of all minima the one nearest to the starting weights in χ².
template <class Scalar>
class CoordinateRefit : public CoordinateExchange<Scalar> {
  using Base = CoordinateExchange<Scalar>;

 public:
  using Base::open;

  /// What the loss and the prices of the weights could at first order still fall by, if no weight moved by more than
  /// itself or its share of w₀: an upper bound of what is lost within those moves, as both are convex (the capped loss
  /// is not). Terms of the sum held are taken out at the price that suits best.
  double gap() {
    Base::refresh();
    problem_.reweight(sharp_floor);
    std::vector<Double<Scalar>> slope(open_.size()), size(open_.size());
    double cross = 0;
    double square = 0;
    for (std::size_t c = 0; c < open_.size(); ++c) {
      const Index j = open_[c];
      Scalar half = 0;
      Scalar h = 0;
      problem_.look_at(j, half, h);
      const auto w = static_cast<double>(weight_[at(j)]);
      slope[c] = 2 * (static_cast<double>(half - anchor_[at(j)]) + static_cast<double>(ridge_[at(j)]) * w);
      size[c] = std::max(w, reference_[at(j)]);
      const bool is_free = weight_[at(j)] > lowest_[at(j)] && weight_[at(j)] < highest_[at(j)];
      if (is_free) {
        cross += size[c] * size[c] * slope[c];
        square += size[c] * size[c];
      }
    }
    const double price = options_.total_weight && square > 0 ? cross / square : 0;
    double total = 0;
    for (std::size_t c = 0; c < open_.size(); ++c) {
      const Index j = open_[c];
      const auto w = static_cast<double>(weight_[at(j)]);
      const double g = slope[c] - price;
      const double room = g > 0 ? w - static_cast<double>(lowest_[at(j)]) : static_cast<double>(highest_[at(j)]) - w;
      total += std::abs(g) * std::clamp(room, 0.0, size[c]);
    }
    return total;
  }

 protected:
  static constexpr double sharp_floor = 1e-4;  // of |e|, where squares stand for the capped loss as it is

  using Base::at, Base::anchor_, Base::highest_, Base::lowest_, Base::open_, Base::options_, Base::problem_,
      Base::reference_, Base::ridge_, Base::start_, Base::weight_;

  CoordinateRefit(const CompactMatrix<Scalar>& m, const CalibrationTerms& terms, const CalibrationOptions& options,
                  const CalibrationStart& start)
      : Base(m, terms, options, start), has_ridge_(options.lambda_l2 > 0 || options.concentration > 0),
        is_capped_(terms.loss() == CalibrationLoss::capped) {}

  /// Weights that meet every target to rounding, if there are any that are found in so many products with M. If not,
  /// those that come nearest in squares are kept where `nearest_too` says so and they are better. Prices of weights are
  /// not looked at: without `nearest_too` nothing is done where there are any.
  bool meet_targets(Index most_products, bool nearest_too = false) {
    if ((has_ridge_ && !nearest_too) || open_.empty() || options_.distance == CalibrationDistance::none) return false;
    const DualProblem problem = dual_problem(squares(), open_);
    const Nearest nearest = meet_nearest(problem, most_products);
    const bool met = nearest.is_met;
    if (!met && !nearest_too) return false;
    Base::refresh();
    const double before = problem_.loss();
    const std::vector<Scalar> kept = weight_;
    take(nearest.weight);
    if (met || problem_.loss() < before) return met;
    weight_ = kept;
    Base::refresh();
    return false;
  }

  /// Few of few records, squares, nothing that binds their weights but 0: exchanges ones and pairs of them for others
  /// until no exchange lowers the loss.
  void swap_few() {
    if (is_capped_ || options_.total_weight || options_.max_weight_ratio > 0 || options_.min_weight_ratio > 0 ||
        open_.empty())
      return;
    std::vector<Index> all;
    for (Index j = 0; j < static_cast<Index>(start_.weight.size()); ++j) {
      if (start_.weight[at(j)] > 0) all.push_back(j);
    }
    const double pairs = static_cast<double>(open()) * static_cast<double>(all.size());
    if (pairs * pairs * std::pow(static_cast<double>(open()), 3) > most_swap_work ||
        open() >= static_cast<Index>(all.size()))
      return;
    const DualProblem problem = dual_problem(squares(), all);
    Matrix<Double<Scalar>> m = Matrix<Double<Scalar>>::Zero(problem.rows, problem.records());
    for (Index c = 0; c < problem.records(); ++c) {
      for (Index k = problem.start[at(c)]; k < problem.start[at(c) + 1]; ++k)
        m(problem.row[at(k)], c) += problem.value[at(k)];
    }
    const Eigen::Map<const Vector<Double<Scalar>>> target(problem.target.data(), problem.rows);
    Vector<Double<Scalar>> slope = m.transpose() * target;
    Matrix<Double<Scalar>> gram = m.transpose() * m;
    std::vector<Index> support;
    for (std::size_t c = 0; c < all.size(); ++c) {
      const Index j = all[c];
      gram(static_cast<Index>(c), static_cast<Index>(c)) += static_cast<double>(ridge_[at(j)]);
      slope(static_cast<Index>(c)) += static_cast<double>(anchor_[at(j)]);
      if (Base::is_open_[at(j)]) support.push_back(static_cast<Index>(c));
    }
    for (const Index j : open_) Base::is_open_[at(j)] = 0;
    for (const Index c : SmallSupports<Double<Scalar>>(std::move(gram), std::move(slope)).best_from(support))
      Base::is_open_[at(all[at(c)])] = 1;
    for (Index j = 0; j < static_cast<Index>(start_.weight.size()); ++j) {
      if (!Base::is_open_[at(j)])
        weight_[at(j)] = 0;
      else if (weight_[at(j)] == 0)
        weight_[at(j)] = static_cast<Scalar>(reference_[at(j)]);
    }
    Base::list_open();
    Base::refresh();
  }

  /// The minimum of squares and prices, the nearest where there are several. For the capped loss, that of the squares
  /// which majorise it here. Taken if it is no worse than the weights at hand.
  void improve(Index most_products) {
    if (open_.empty() || (is_capped_ && has_ridge_)) return;
    Base::refresh();
    const double before = objective();
    const std::vector<Scalar> kept = weight_;
    const DualProblem problem = dual_problem(is_capped_ ? majorant() : squares(), open_);
    if (options_.total_weight && !has_ridge_) {
      least_at_total(problem, most_products);
    } else if (has_ridge_) {
      DualNewton<Dependent<QuadraticLaw, Scalar>> newton(problem, ridge_laws(), most_products);
      if (!newton.trade(1) && options_.total_weight) return;
      take(newton.weight());
    } else if (options_.distance != CalibrationDistance::none) {
      const Nearest nearest = meet_nearest(problem, most_products, true);
      if (nearest.weight.size() > 0) take(nearest.weight);
    }
    const double slack = is_capped_ ? 1e-3 * before : 1e-9 * before + 1e-13 * problem_.whole_loss();
    if (!(objective() <= before + slack) || misses_total()) {
      weight_ = kept;
      Base::refresh();
    }
  }

  struct Nearest {
    Vector<Double<Scalar>> weight;
    bool is_met;
  };

  /// The weights nearest to their references of those that meet the targets, or of those that come nearest to them.
  /// With `by_factors` nothing is tried where that takes iterations: sweeps have done as well.
  Nearest meet_nearest(const DualProblem& problem, Index most_products, bool by_factors = false) const {
    const auto solve = [&](auto laws) -> Nearest {
      DualNewton newton(problem, std::move(laws), most_products);
      if (by_factors && !newton.is_direct()) return {{}, false};
      const bool solved = newton.meet();
      return {newton.weight(), solved && newton.is_met()};
    };
    const auto laws_of = [&](const auto& distance) {
      std::vector<DistanceLaw<std::decay_t<decltype(distance)>>> laws;
      for (const Index j : open_) {
        laws.push_back(
            {distance, reference_[at(j)], static_cast<double>(lowest_[at(j)]), static_cast<double>(highest_[at(j)])});
      }
      return laws;
    };
    switch (options_.distance) {
      case CalibrationDistance::raking: return solve(laws_of(RakingDistance{}));
      case CalibrationDistance::logit:
        return solve(laws_of(LogitDistance{.lower = options_.distance_lower, .upper = options_.distance_upper}));
      default: return solve(nearest_laws());
    }
  }

  /// The least loss at the sum wanted, by steps that are each held near the weights before (proximal point).
  void least_at_total(const DualProblem& problem, Index most_products) {
    double last = std::numeric_limits<double>::infinity();
    for (int step = 0; step < 20; ++step) {
      std::vector<QuadraticLaw> laws = nearest_laws();
      for (std::size_t c = 0; c < laws.size(); ++c) laws[c].centre = static_cast<double>(weight_[at(open_[c])]);
      DualNewton<Dependent<QuadraticLaw, Scalar>> newton(problem, std::move(laws), most_products);
      if (!newton.trade_little()) return;
      const std::vector<Scalar> before = weight_;
      take(newton.weight());
      const double now = objective();
      if (!(now < last * (1 - 1e-12)) || misses_total()) {
        if (step > 0) weight_ = before;
        Base::refresh();
        return;
      }
      last = now;
    }
  }

  bool misses_total() const {
    return options_.total_weight && std::abs(Base::weight_sum() / *options_.total_weight - 1) > 1e-6;
  }

  double objective() const { return problem_.loss() + Base::weight_prices(); }

 private:
  void take(const Vector<Double<Scalar>>& weight) {
    for (std::size_t c = 0; c < open_.size(); ++c) {
      const Index j = open_[c];
      const auto w = static_cast<Scalar>(weight(static_cast<Index>(c)));
      weight_[at(j)] = std::min(std::max(w, lowest_[at(j)]), highest_[at(j)]);
    }
    Base::refresh();
  }

  std::vector<QuadraticLaw> nearest_laws() const {
    std::vector<QuadraticLaw> laws;
    for (const Index j : open_) {
      const double d = reference_[at(j)];
      laws.push_back({d, d, static_cast<double>(lowest_[at(j)]), static_cast<double>(highest_[at(j)])});
    }
    return laws;
  }
  std::vector<QuadraticLaw> ridge_laws() const {
    std::vector<QuadraticLaw> laws;
    for (const Index j : open_) {
      const auto ridge = static_cast<double>(ridge_[at(j)]);
      laws.push_back({static_cast<double>(anchor_[at(j)]) / ridge, 1 / ridge, static_cast<double>(lowest_[at(j)]),
                      static_cast<double>(highest_[at(j)])});
    }
    return laws;
  }

  /// √ω of all terms.
  std::vector<double> squares() const {
    std::vector<Double<Scalar>> root;
    for (Index i = 0; i < problem_.terms().size(); ++i) root.push_back(std::sqrt(problem_.terms()[i].weight));
    return root;
  }
  /// √κ of the squares that touch the capped loss here.
  std::vector<double> majorant() {
    problem_.reweight(sharp_floor);
    std::vector<Double<Scalar>> root;
    for (const double kappa : problem_.kappa()) root.push_back(std::sqrt(kappa));
    return root;
  }

  /// Records with the rows whose root is > 0, and the sum of the weights as an exact one.
  DualProblem dual_problem(const std::vector<double>& root, const std::vector<Index>& records) const {
    const CalibrationTerms& terms = problem_.terms();
    Dependent<DualProblem, Scalar> problem;
    problem.tolerance = std::max(1e-12, 16 * static_cast<double>(std::numeric_limits<Scalar>::epsilon()));
    std::vector<Index> place(root.size(), -1);
    double largest = 0;
    for (std::size_t i = 0; i < root.size(); ++i) {
      if (!(root[i] > 0)) continue;
      const CalibrationTerm& term = terms[static_cast<Index>(i)];
      place[i] = problem.rows++;
      problem.target.push_back(root[i] * term.target / term.scale);
      largest = std::max(largest, std::abs(problem.target.back()));
    }
    const Index total = options_.total_weight ? problem.rows++ : -1;
    const double total_root = largest > 0 ? largest : 1;
    if (total >= 0) {
      problem.target.push_back(total_root);
      problem.exact.assign(at(problem.rows), 0);
      problem.exact.back() = 1;
    }
    std::vector<double> sum(root.size(), 0.0);
    std::vector<Index> touched;
    for (const Index j : records) {
      const auto put = [&](Index row, double value) {
        problem.row.push_back(static_cast<std::uint32_t>(row));
        problem.value.push_back(value);
      };
      problem_.matrix().for_column(j, [&](Index row, Scalar value) {
        const double e = static_cast<double>(value);  // in units of the residual, and of √ω where that is all
        if (place[at(row)] >= 0) put(place[at(row)], problem_.is_uniform() ? e : root[at(row)] * e);
        const auto of = terms.aggregates_of(row);
        for (const Index* a = of.first; a != of.last; ++a) {
          if (place[at(*a)] < 0) continue;
          if (sum[at(*a)] == 0) touched.push_back(*a);
          sum[at(*a)] += e * terms[row].scale / terms[*a].scale;
        }
      });
      for (const Index a : touched) {
        if (sum[at(a)] != 0) put(place[at(a)], root[at(a)] * sum[at(a)]);
        sum[at(a)] = 0;
      }
      touched.clear();
      if (total >= 0) put(total, total_root / *options_.total_weight);
      problem.start.push_back(static_cast<Index>(problem.row.size()));
    }
    return problem;
  }

  static constexpr double most_swap_work = 1e5;  // products that a round of exchanges by pairs may take

  bool has_ridge_;
  bool is_capped_;
};

}  // namespace l0::detail
