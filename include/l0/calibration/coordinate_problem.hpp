// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <l0/calibration/column_sums.hpp>
#include <l0/calibration/coordinate_sweep.hpp>
#include <l0/calibration/loss.hpp>

namespace l0::detail {

/// The loss as weighted squares Σ κ_j e_j² over targets and aggregates, as sweeps see it. Squares are themselves. The
/// capped loss is majorised at the present residuals, κ = ω/(2 max(|e|, floor)) (iteratively reweighted squares), with
/// targets beyond the cap let go as 1/e².
///
/// The rows of M have been multiplied by `CalibrationTerms::row_factors`.
template <class Scalar>
class CoordinateProblem {
 public:
  CoordinateProblem(const CompactMatrix<Scalar>& m, const CalibrationTerms& terms)
      : m_(&m), terms_(&terms), uniform_(terms.is_uniform()), factor_(terms.row_factors()) {
    const auto size = static_cast<std::size_t>(terms.size());
    sums_.resize(size);
    residual_.resize(size);
    kappa_.assign(size, 1.0);
    pull_.assign(uniform_ ? size : 2 * size, Scalar(0));
    aggregate_sum_.assign(size, untouched);
  }

  const CompactMatrix<Scalar>& matrix() const { return *m_; }
  bool is_uniform() const { return uniform_; }
  const CalibrationTerms& terms() const { return *terms_; }
  const std::vector<double>& kappa() const { return kappa_; }

  /// Residuals afresh from the weights of the listed records (all others are 0).
  void refresh(const std::vector<Index>& columns, const Scalar* weight, Workers& workers) {
    add_up(columns, weight, sums_, workers);
    for (Index j = 0; j < terms_->size(); ++j) residual_[at(j)] = terms_->residual(j, sums_[at(j)]);
  }

  /// Residuals as the last sweep left them.
  void read_back() {
    for (Index j = 0; j < terms_->size(); ++j) {
      if (uniform_) {
        const double root = std::sqrt((*terms_)[j].weight);
        if (root > 0) residual_[at(j)] = static_cast<double>(pull_[at(j)]) / root;
      } else if (kappa_[at(j)] > 0) {
        residual_[at(j)] = static_cast<double>(pull_[2 * at(j)]) / kappa_[at(j)];
      }
    }
  }

  /// What sweeps work on from here; `floor` smooths the capped loss.
  void reweight(double floor) {
    for (Index j = 0; j < terms_->size(); ++j) {
      const double e = residual_[at(j)];
      const double weight = (*terms_)[j].weight;
      if (uniform_) {
        pull_[at(j)] = static_cast<Scalar>(std::sqrt(weight) * e);
        continue;
      }
      double kappa = weight;
      if (terms_->loss() == CalibrationLoss::capped) {
        const double size = std::max(std::abs(e), floor);
        kappa = weight / (2 * size) * (size > terms_->cap() ? terms_->cap() / (4 * size) : 1);
      }
      kappa_[at(j)] = static_cast<double>(static_cast<Scalar>(kappa));
      pull_[2 * at(j)] = static_cast<Scalar>(kappa_[at(j)] * e);
      pull_[2 * at(j) + 1] = static_cast<Scalar>(kappa_[at(j)]);
    }
  }

  /// The loss at the present residuals.
  double loss() const {
    double total = 0;
    for (Index j = 0; j < terms_->size(); ++j) {
      const double e = std::abs(residual_[at(j)]);
      total += (*terms_)[j].weight * (terms_->loss() == CalibrationLoss::capped ? std::min(e, terms_->cap()) : e * e);
    }
    return total;
  }

  /// The loss if all weights were 0: what a loss is small beside.
  double whole_loss() const {
    double total = 0;
    for (Index j = 0; j < terms_->size(); ++j) {
      const double e = std::abs((*terms_)[j].target / (*terms_)[j].scale);
      total += (*terms_)[j].weight * (terms_->loss() == CalibrationLoss::capped ? std::min(e, terms_->cap()) : e * e);
    }
    return total;
  }

  /// Which rows of M are in the loss.
  std::vector<char> rows_that_count() const {
    std::vector<char> counts(at(m_->rows()), 0);
    for (Index j = 0; j < m_->rows(); ++j) {
      const auto of = terms_->aggregates_of(j);
      counts[at(j)] = (*terms_)[j].weight > 0 || of.first != of.last;
    }
    return counts;
  }

  /// The factor on these weights that brings their sums to the targets on the whole: with it the sums regressed on the
  /// targets, in weighted squares, have the slope 1. (The other way round errors would make it smaller.)
  double best_scale(const std::vector<Index>& columns, const Scalar* weight, Workers& workers) {
    std::vector<Double<Scalar>> sums(at(terms_->size()));
    add_up(columns, weight, sums, workers);
    double cross = 0;
    double square = 0;
    for (Index j = 0; j < terms_->size(); ++j) {
      const CalibrationTerm& term = (*terms_)[j];
      const double t = term.target / term.scale;
      cross += term.weight * t * (sums[at(j)] / term.scale);
      square += term.weight * t * t;
    }
    const double scale = cross > 0 ? square / cross : 1;
    return scale > 0 && std::isfinite(scale) ? scale : 1;
  }

  /// h = Σ κ M² of every record, where all κ are 1.
  void fill_curvature(std::vector<Scalar>& curvature, Workers& workers) const {
    const ColumnPieces pieces(m_->columns());
    workers.run(pieces.count(), [&](Index piece) {
      for (Index c = 0; c < pieces.length(piece); ++c) {
        const Index j = pieces.first(piece) + c;
        Scalar h = 0;
        m_->for_column(j, [&](Index, Scalar value) { h += value * value; });
        curvature[at(j)] = h;
      }
    });
  }

  /// One sweep over the listed records.
  void sweep(const Index* columns, Index count, SweepArrays<Scalar> arrays) {
    arrays.pull = pull_.data();
    if (uniform_) {
      m_->template run<SweepColumns<true>>(columns, count, arrays);
    } else if (!terms_->has_aggregates()) {
      m_->template run<SweepColumns<false>>(columns, count, arrays);
    } else {
      for (Index c = 0; c < count; ++c) sweep_with_aggregates(columns[c], arrays);
    }
  }

  /// slope = Σ κ e M and h of one record outside a sweep.
  void look_at(Index j, Scalar& slope, Scalar& h) const {
    slope = 0;
    h = 0;
    const Index width = uniform_ ? 1 : 2;
    m_->for_column(j, [&](Index row, Scalar value) {
      slope += value * pull_[at(width * row)];
      h += value * value * (uniform_ ? Scalar(1) : pull_[at(2 * row + 1)]);
    });
    if (!terms_->has_aggregates()) return;
    m_->for_column(j, [&](Index row, Scalar value) {  // without cross terms: a look may be rough
      const auto of = terms_->aggregates_of(row);
      for (const Index* a = of.first; a != of.last; ++a) {
        const Scalar part = value * lift(row, *a);
        slope += part * pull_[2 * at(*a)];
        h += part * part * pull_[2 * at(*a) + 1];
      }
    });
  }

  /// What a change of one weight outside a sweep does to the pull of its targets.
  void move(Index j, Scalar change) {
    if (change == 0) return;
    m_->for_column(j, [&](Index row, Scalar value) {
      if (uniform_) {
        pull_[at(row)] += value * change;
        return;
      }
      pull_[at(2 * row)] += pull_[at(2 * row + 1)] * value * change;
      const auto of = terms_->aggregates_of(row);
      for (const Index* a = of.first; a != of.last; ++a) {
        pull_[2 * at(*a)] += pull_[2 * at(*a) + 1] * value * lift(row, *a) * change;
      }
    });
  }

  template <class Archive>
  void archive(Archive& archive) {
    archive(residual_);
    archive(pull_);
    archive(kappa_);
  }

 private:
  static constexpr double untouched = std::numeric_limits<double>::infinity();
  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }

  void add_up(const std::vector<Index>& columns, const Scalar* weight, std::vector<double>& sums, Workers& workers) {
    product_.compute(*m_, columns, weight, sums, workers);
    for (Index j = 0; j < terms_->targets(); ++j) sums[at(j)] /= factor_[at(j)] == 0 ? 1 : factor_[at(j)];
    terms_->add_up(sums);
  }

  /// From the scaled entry of a target to its part in an aggregate.
  Scalar lift(Index target, Index aggregate) const {
    return static_cast<Scalar>(factor_[at(aggregate)] / factor_[at(target)]);
  }

  /// As `SweepColumns`, with the record's part in every aggregate added up first: M needs no rows for them.
  void sweep_with_aggregates(Index j, SweepArrays<Scalar>& arrays) {
    Scalar g = 0;
    Scalar h = 0;
    touched_.clear();
    m_->for_column(j, [&](Index row, Scalar value) {
      g += value * pull_[2 * at(row)];
      h += value * value * pull_[2 * at(row) + 1];
      const auto of = terms_->aggregates_of(row);
      for (const Index* a = of.first; a != of.last; ++a) {
        if (aggregate_sum_[at(*a)] == untouched) {
          aggregate_sum_[at(*a)] = 0;
          touched_.push_back(*a);
        }
        aggregate_sum_[at(*a)] += static_cast<double>(value * lift(row, *a));
      }
    });
    for (const Index a : touched_) {
      const auto sum = static_cast<Scalar>(aggregate_sum_[at(a)]);
      g += sum * pull_[2 * at(a)];
      h += sum * sum * pull_[2 * at(a) + 1];
    }
    arrays.curvature[j] = h;
    const Scalar change = coordinate_change(arrays, j, g, h);
    if (change != 0) {
      m_->for_column(j,
                     [&](Index row, Scalar value) { pull_[2 * at(row)] += pull_[2 * at(row) + 1] * value * change; });
      for (const Index a : touched_) {
        pull_[2 * at(a)] += pull_[2 * at(a) + 1] * static_cast<Scalar>(aggregate_sum_[at(a)]) * change;
      }
    }
    for (const Index a : touched_) aggregate_sum_[at(a)] = untouched;
  }

  const CompactMatrix<Scalar>* m_;
  const CalibrationTerms* terms_;
  bool uniform_;
  std::vector<double> factor_;    // of the rows of M
  std::vector<double> sums_;      // M w and the aggregates, unscaled
  std::vector<double> residual_;  // e
  std::vector<double> kappa_;
  std::vector<Scalar> pull_;
  ColumnSums<Scalar> product_;
  std::vector<Index> touched_;
  std::vector<double> aggregate_sum_;
};

}  // namespace l0::detail
