// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <l0/callbacks/run.hpp>
#include <l0/factorization/factors.hpp>
#include <l0/factorization/options.hpp>
#include <l0/factorization/ratings.hpp>
#include <l0/gates/hard_concrete.hpp>
#include <l0/parallel/threads.hpp>
#include <l0/random/rng.hpp>

namespace l0::detail {

/// Alternating least squares under factor gates: with one side and the gates fixed, the noise-free objective is a
/// quadratic of each line of the other side and is minimised exactly. The same Gram matrices, weighted by the lines
/// they gave, add up to the quadratic of the gates, so that their steps cost no look at the entries.
template <class Scalar>
class FactorTrainer {
 public:
  /// `ridge` is n λ₂ of the squared loss (2 n λ₂ of the logistic): what is added to the diagonal of every line's
  /// problem.
  FactorTrainer(const Ratings<Scalar>& ratings, const FactorizationOptions& options, double ridge, FitRun& run,
                Workers& workers)
      : ratings_(ratings), options_(options), ridge_(ridge), run_(run), workers_(workers),
        logistic_(options.loss == FactorizationLoss::logistic),
        factors_(ratings.by_row.lines(), ratings.by_column.lines(), options.max_rank),
        gate_rule_(HardConcrete<Double<Scalar>>{options.temperature, options.gamma, options.zeta}.moment_rule()),
        distribution_{options.temperature, options.gamma, options.zeta}, rng_(options.seed) {
    const Index stride = factors_.stride;
    gate_mean_.assign(static_cast<std::size_t>(stride), Scalar(1));
    gate_variance_.assign(static_cast<std::size_t>(stride), Scalar(0));
    ridges_.assign(static_cast<std::size_t>(stride), static_cast<Scalar>(ridge));
    gate_mean_[0] = options.biases ? Scalar(1) : Scalar(0);
    ridges_[0] = static_cast<Scalar>(options.bias_prior * (logistic_ ? 0.25 : 1));
    cut(ratings.by_row, row_cuts_);
    cut(ratings.by_column, column_cuts_);
    const auto size = static_cast<std::size_t>(options.max_rank + 1);
    pieces_.resize(pieces);
    for (Piece& piece : pieces_) {
      piece.gram.resize(size * size);
      piece.moment.resize(size);
      piece.work.resize(static_cast<std::size_t>(line_work_size(options.max_rank + 1)));
    }
    start_mean();
  }

  Factors<Scalar>& factors() { return factors_; }
  const Factors<Scalar>& factors() const { return factors_; }
  double entries() const { return std::max(1.0, static_cast<double>(ratings_.entries())); }
  double ridge() const { return ridge_; }

  /// The mean loss after the last pass; its expectation over the gates.
  double loss() const { return loss_; }
  double objective() const { return loss_ + penalty_; }

  /// One pass over all entries: the rows given the columns, then the columns given the rows.
  double pass(const char* stage, LineStep step = LineStep::solve, double threshold = 0) {
    side(ratings_.by_row, row_cuts_, factors_.row, factors_.column, step, threshold);
    // The logistic loss is that before the columns' step, so that must be the penalty too, or the sum may rise.
    if (logistic_) penalty_ = penalty();
    side(ratings_.by_column, column_cuts_, factors_.column, factors_.row, step, threshold);
    if (!logistic_) penalty_ = penalty();
    if (options_.fit_mean && totals_[2] > 0) factors_.mean += static_cast<Scalar>(totals_[1] / totals_[2]);
    StepReport report;
    report.step = run_.reports() + 1;
    report.stage = stage;
    report.loss = loss_;
    report.objective = objective();
    report.expected_l0 = static_cast<double>(factors_.rank);
    report.temperature = options_.temperature;
    run_.proceeds(report);
    return objective();
  }

  /// Passes until one lowers the objective by less than `tolerance` of it. Returns whether that came.
  bool settle(const char* stage, double tolerance, Index least, Index most, LineStep step = LineStep::solve,
              double threshold = 0) {
    double last = std::numeric_limits<double>::infinity();
    for (Index k = 0; k < most && !run_.stopped(); ++k) {
      const double now = pass(stage, step, threshold);
      if (k + 1 >= least && last - now <= tolerance * std::abs(now)) return true;
      last = now;
    }
    return false;
  }

  /// One more factor with a random start.
  void grow() {
    ++factors_.rank;
    auto start = factors_.factor(factors_.column, factors_.rank);
    Vector<Scalar> noise(start.size());
    fill_normal(rng_, 1, static_cast<std::uint64_t>(factors_.rank), noise.data(), noise.size());
    start = noise * static_cast<Scalar>(std::sqrt(std::sqrt(std::max(loss_, 1e-12 * spread_))));
    factors_.factor(factors_.row, factors_.rank).setZero();
    log_alpha_.push_back(log_alpha_limit);
  }

  /// By how much the mean loss, with its L2 price, rises without factor f = 1..k, were its scale free and the rest
  /// fixed: C²/H_ff with C = Σ_Ω w e⁽⁻ᶠ⁾uv and H_ff = Σ_Ω w u²v². Of use right after a pass.
  double worth(Index f) const {
    const double curvature = gram(f, f);
    if (!(curvature > 0)) return 0;
    double gain = moment_(f);
    for (Index g = 0; g < factors_.size(); ++g) {
      if (g != f) gain -= gram(f, g) * static_cast<double>(gate_mean_[static_cast<std::size_t>(g)]);
    }
    const double squares = factor_squares(f);
    return ((gain > 0 ? gain * gain / curvature : 0) - ridge_ * squares) * scale() / entries();
  }

  /// Closes gates one after the other: that of the factor worth least moves down by steps of log α, which shrinks the
  /// factor while the others take over what they can, and up again if its worth rises above the price. A closed factor
  /// is gone. With a price of NaN factors close until `keep` are left. All gates half open at once would be no good:
  /// copies of a factor lower the variance, so each would be fitted twice.
  void choose(double price, Index keep) {
    const bool budget = std::isnan(price);
    factors_.balance();
    open_all();
    pass("gates");
    for (Index round = 0; factors_.rank > (budget ? keep : 0) && round < options_.epochs && !run_.stopped(); ++round) {
      Index weakest = 1;
      for (Index f = 2; f <= factors_.rank; ++f) {
        if (worth(f) < worth(weakest)) weakest = f;
      }
      if (!budget && worth(weakest) >= price) break;
      close(weakest, budget ? std::numeric_limits<double>::infinity() : price);
      factors_.balance();
      pass("gates");
    }
    open_all();
  }

  /// Drops the factors that have a side without any entry.
  void drop_empty() {
    for (Index f = factors_.rank; f >= 1; --f) {
      if (factors_.factor(factors_.row, f).isZero(0) || factors_.factor(factors_.column, f).isZero(0)) {
        factors_.remove(f);
      }
    }
    open_all();
  }

  /// Entries of U and V that are not 0.
  Index open_entries() const {
    Index count = 0;
    for (Index f = 1; f <= factors_.rank; ++f) {
      count += (factors_.factor(factors_.row, f).array() != Scalar(0)).count();
      count += (factors_.factor(factors_.column, f).array() != Scalar(0)).count();
    }
    return count;
  }

  /// What the L2 price and the prior of the biases add to the mean loss.
  double penalty() const {
    double sum = 0;
    for (Index f = 1; f <= factors_.rank; ++f) sum += ridge_ * factor_squares(f);
    for (const FactorSide<Scalar>* side : {&factors_.row, &factors_.column}) {
      for (const Scalar b : side->bias) sum += static_cast<double>(ridges_[0]) * static_cast<double>(b * b);
    }
    return sum * scale() / entries();
  }

  void open_all() {
    log_alpha_.assign(static_cast<std::size_t>(factors_.rank), 1.0 * log_alpha_limit);
    std::fill(gate_mean_.begin() + 1, gate_mean_.end(), Scalar(1));
    std::fill(gate_variance_.begin(), gate_variance_.end(), Scalar(0));
  }

 private:
  static constexpr double first_log_alpha = 4;  ///< of a gate that is to close, open with probability 0.996
  static constexpr double log_alpha_step = 1.5;
  static constexpr int most_gate_steps = 24;  ///< a gate that has not made up its mind by then closes

  void close(Index f, double price) {
    double& log_alpha = log_alpha_[static_cast<std::size_t>(f) - 1];
    log_alpha = first_log_alpha;
    for (int step = 0; step < most_gate_steps && !run_.stopped(); ++step) {
      set_gate(f);
      pass("gates");
      log_alpha += worth(f) < price ? -log_alpha_step : log_alpha_step;
      if (log_alpha > first_log_alpha || distribution_.active_probability(log_alpha) < closed_probability) break;
    }
    if (log_alpha < first_log_alpha && !run_.stopped()) factors_.remove(f);
    open_all();
  }

  static constexpr Index pieces = 32;
  static constexpr double closed_probability = 1e-3;

  struct Piece {
    std::vector<double> gram;
    std::vector<double> moment;
    double totals[4];
    std::vector<Scalar> work;
  };

  double scale() const { return logistic_ ? 0.5 : 1; }

  double factor_squares(Index f) const {
    return static_cast<double>(factors_.factor(factors_.row, f).squaredNorm()) +
           static_cast<double>(factors_.factor(factors_.column, f).squaredNorm());
  }

  double gram(Index f, Index g) const { return f >= g ? gram_(f, g) : gram_(g, f); }

  void set_gate(Index f) {
    const GateMoments moments = gate_rule_.evaluate(log_alpha_[static_cast<std::size_t>(f) - 1]);
    gate_mean_[static_cast<std::size_t>(f)] = static_cast<Scalar>(moments.mean);
    gate_variance_[static_cast<std::size_t>(f)] = static_cast<Scalar>(moments.variance);
  }

  /// The constant that fits best alone.
  void start_mean() {
    double sum = 0;
    for (const Scalar value : ratings_.by_row.value) sum += static_cast<double>(value);
    const double mean = sum / entries();
    loss_ = 0;
    for (const Scalar value : ratings_.by_row.value) {
      const double e = static_cast<double>(value) - mean;
      loss_ += e * e / entries();
    }
    spread_ = loss_;
    if (!options_.fit_mean) return;
    const double bounded = (sum + 0.5) / (static_cast<double>(ratings_.entries()) + 1);
    factors_.mean = static_cast<Scalar>(logistic_ ? std::log(bounded / (1 - bounded)) : mean);
  }

  /// Pieces of about equally many entries.
  static void cut(const EntryLines<Scalar>& lines, std::vector<Index>& cuts) {
    cuts.assign(1, 0);
    for (Index p = 1; p < pieces; ++p) {
      const Index goal = lines.entries() / pieces * p;
      const auto place = std::lower_bound(lines.start.begin(), lines.start.end(), goal);
      cuts.push_back(std::clamp(static_cast<Index>(place - lines.start.begin()), cuts.back(), lines.lines()));
    }
    cuts.push_back(lines.lines());
  }

  void side(const EntryLines<Scalar>& lines, const std::vector<Index>& cuts, FactorSide<Scalar>& own,
            const FactorSide<Scalar>& other, LineStep step, double threshold) {
    LineTask<Scalar> task;
    task.start = lines.start.data();
    task.other = lines.other.data();
    task.value = lines.value.data();
    task.features = other.lines.data();
    task.other_bias = other.bias.data();
    task.own = own.lines.data();
    task.own_bias = own.bias.data();
    task.gate_mean = gate_mean_.data();
    task.gate_variance = gate_variance_.data();
    task.ridge = ridges_.data();
    task.step = step;
    task.mean = factors_.mean;
    task.floor = 16 * std::numeric_limits<Scalar>::epsilon();
    task.threshold = static_cast<Scalar>(threshold * entries() / scale());
    task.stride = factors_.stride;
    task.size = factors_.size();
    workers_.run(pieces, [&](Index p) {
      Piece& piece = pieces_[static_cast<std::size_t>(p)];
      std::fill(piece.gram.begin(), piece.gram.end(), 0.0);
      std::fill(piece.moment.begin(), piece.moment.end(), 0.0);
      std::fill(piece.totals, piece.totals + 4, 0.0);
      LineTask<Scalar> mine = task;
      mine.gram = piece.gram.data();
      mine.moment = piece.moment.data();
      mine.totals = piece.totals;
      mine.work = piece.work.data();
      const auto place = static_cast<std::size_t>(p);
      const LineTask<Scalar>* const given = &mine;
      if (logistic_) {
        dispatch<SolveLines<true>>(given, cuts[place], cuts[place + 1]);
      } else {
        dispatch<SolveLines<false>>(given, cuts[place], cuts[place + 1]);
      }
    });
    gather();
  }

  /// Adds the pieces in their order, and the loss from the quadratic of the gates.
  void gather() {
    const Index size = factors_.size();
    gram_.setZero(size, size);
    moment_.setZero(size);
    std::fill(totals_, totals_ + 4, 0.0);
    for (const Piece& piece : pieces_) {
      for (Index f = 0; f < size; ++f) {
        moment_(f) += piece.moment[static_cast<std::size_t>(f)];
        for (Index g = 0; g <= f; ++g) gram_(f, g) += piece.gram[static_cast<std::size_t>(f * size + g)];
      }
      for (int k = 0; k < 4; ++k) totals_[k] += piece.totals[k];
    }
    if (logistic_) {
      loss_ = totals_[3] / entries();
      return;
    }
    double sum = totals_[0];
    for (Index f = 0; f < size; ++f) {
      const auto m = static_cast<double>(gate_mean_[static_cast<std::size_t>(f)]);
      sum += static_cast<double>(gate_variance_[static_cast<std::size_t>(f)]) * gram_(f, f) - 2 * m * moment_(f);
      for (Index g = 0; g < size; ++g)
        sum += m * static_cast<double>(gate_mean_[static_cast<std::size_t>(g)]) * gram(f, g);
    }
    loss_ = std::max(sum, 0.0) / entries();
  }

  const Ratings<Scalar>& ratings_;
  const FactorizationOptions& options_;
  double ridge_;
  FitRun& run_;
  Workers& workers_;
  bool logistic_;
  Factors<Scalar> factors_;
  MomentRule gate_rule_;
  HardConcrete<Double<Scalar>> distribution_;
  Rng rng_;
  std::vector<double> log_alpha_;
  std::vector<Scalar> gate_mean_;
  std::vector<Scalar> gate_variance_;
  std::vector<Scalar> ridges_;
  std::vector<Index> row_cuts_;
  std::vector<Index> column_cuts_;
  std::vector<Piece> pieces_;
  Matrix<Double<Scalar>> gram_;
  Vector<Double<Scalar>> moment_;
  double totals_[4] = {0, 0, 0, 0};
  double loss_ = 0;
  double spread_ = 0;  ///< mean square of the ratings about their mean
  double penalty_ = 0;
};

}  // namespace l0::detail
