// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <l0/factorization/factors.hpp>
#include <l0/factorization/options.hpp>
#include <l0/factorization/pass_count.hpp>
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
  FactorTrainer(const Ratings<Scalar>& ratings, const FactorizationOptions& options, double ridge, PassCount& passes,
                Workers& workers)
      : ratings_(ratings), options_(options), passes_(passes), workers_(workers),
        logistic_(options.loss == FactorizationLoss::logistic), total_(ratings.total_weight()),
        factors_(ratings.by_row.lines(), ratings.by_column.lines(), options.max_rank),
        gate_rule_(HardConcrete<Double<Scalar>>{options.temperature, options.gamma, options.zeta}.moment_rule()),
        distribution_{options.temperature, options.gamma, options.zeta}, rng_(options.seed) {
    if (!(total_ > 0)) total_ = 1;
    const auto stride = static_cast<std::size_t>(factors_.stride);
    gate_mean_.assign(stride, Scalar(1));
    gate_variance_.assign(stride, Scalar(0));
    ridges_.resize(stride);
    set_ridge(ridge);
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
  /// What the entries weigh together.
  double entries() const { return total_; }
  void set_ridge(double ridge) {
    ridge_ = ridge;
    std::fill(ridges_.begin() + 1, ridges_.end(), static_cast<Scalar>(ridge));
  }

  /// The mean loss after the last pass; its expectation over the gates.
  double loss() const { return loss_; }
  double objective() const { return loss_ + penalty_; }
  /// One pass over all entries: the rows given the columns, then the columns given the rows. Between the two the
  /// factors are balanced, as the scales of the two sides alone would take long to agree under the L2 price.
  double pass(const char* stage, LineStep step = LineStep::solve, double threshold = 0) {
    side(ratings_.by_row, row_cuts_, factors_.row, factors_.column, step, threshold);
    if (step == LineStep::solve && !half_open_) factors_.balance();
    // The logistic loss is that before the columns' step, so that must be the penalty too, or the sum may rise.
    if (logistic_) penalty_ = penalty();
    side(ratings_.by_column, column_cuts_, factors_.column, factors_.row, step, threshold);
    if (!logistic_) penalty_ = penalty();
    if (options_.fit_mean && totals_[2] > 0) factors_.mean += static_cast<Scalar>(totals_[1] / totals_[2]);
    StepReport report;
    report.step = passes_.taken() + 1;
    report.steps = options_.epochs;
    report.stage = stage;
    report.loss = loss_;
    report.objective = objective();
    report.expected_l0 = static_cast<double>(factors_.rank);
    report.temperature = options_.temperature;
    passes_.run.proceeds(report);
    return objective();
  }

  /// The rows given the columns, which stay: with logistic loss a few times, as each is a step of its majorisation;
  /// with a price of an entry first which entries are open.
  void fold_rows(double price) {
    const auto rows = [&](LineStep step) {
      for (int k = 0; k < (logistic_ ? 50 : 1); ++k) {
        side(ratings_.by_row, row_cuts_, factors_.row, factors_.column, step, price);
      }
    };
    rows(LineStep::solve);
    if (!(price > 0)) return;
    rows(LineStep::threshold);
    if (options_.refit) rows(LineStep::support);
  }

  /// Passes until one lowers the objective by less than `tolerance` of it. Returns whether that came.
  bool settle(const char* stage, double tolerance, Index least, Index most, LineStep step = LineStep::solve,
              double threshold = 0) {
    double last = std::numeric_limits<double>::infinity();
    for (Index k = 0; k < most && !passes_.over(); ++k) {
      const double now = pass(stage, step, threshold);
      if (k + 1 >= least && last - now <= tolerance * std::abs(now)) return true;
      last = now;
    }
    return false;
  }

  /// More factors, each with a random start.
  void grow(Index count) {
    Vector<Scalar> noise(factors_.columns());
    const auto size = static_cast<Scalar>(std::sqrt(std::sqrt(std::max(loss_, 1e-12 * spread_))));
    for (const Index last = factors_.rank + count; factors_.rank < last;) {
      const Index f = ++factors_.rank;
      fill_normal(rng_, 1, static_cast<std::uint64_t>(f), noise.data(), noise.size());
      factors_.factor(factors_.column, f) = noise * size;
      factors_.factor(factors_.row, f).setZero();
    }
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
  /// is gone. All gates half open at once would be no good: copies of a factor lower the variance, so each would be
  /// fitted twice.
  void choose(double price) {
    open_all();
    pass("gates");
    while (factors_.rank > 0 && !passes_.over()) {
      const Index weakest = weakest_factor();
      if (worth(weakest) >= price || !close(weakest, price)) break;
      pass("gates");
    }
    open_all();
  }

  /// Takes the factors out that are worth least, until `most` are left.
  void keep(Index most) {
    factors_.balance();
    while (factors_.rank > most) factors_.remove(factors_.rank);
    open_all();
  }

  /// Drops the factors that have a side without any entry.
  void drop_empty() {
    for (Index f = factors_.rank; f >= 1; --f) {
      const bool empty = factors_.factor(factors_.row, f).isZero(0) || factors_.factor(factors_.column, f).isZero(0);
      if (empty) factors_.remove(f);
    }
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
    std::fill(gate_mean_.begin() + 1, gate_mean_.end(), Scalar(1));
    std::fill(gate_variance_.begin(), gate_variance_.end(), Scalar(0));
    half_open_ = false;
  }

  /// The factor worth least; of use right after a pass.
  Index weakest_factor() const {
    Index weakest = 1;
    for (Index f = 2; f <= factors_.rank; ++f) weakest = worth(f) < worth(weakest) ? f : weakest;
    return weakest;
  }

 private:
  static constexpr double first_log_alpha = 2;  ///< of a gate that is to close, open with probability 0.97
  static constexpr double log_alpha_step = 3;
  static constexpr int most_gate_steps = 12;  ///< a gate that has not made up its mind by then closes

  /// Whether the factor is gone.
  bool close(Index f, double price) {
    double log_alpha = first_log_alpha;
    for (int step = 0; step < most_gate_steps && !passes_.over(); ++step) {
      set_gate(f, log_alpha);
      pass("gates");
      log_alpha += worth(f) < price ? -log_alpha_step : log_alpha_step;
      if (log_alpha > first_log_alpha || distribution_.active_probability(log_alpha) < closed_probability) break;
    }
    const bool closed = log_alpha < first_log_alpha;
    if (closed) factors_.remove(f);
    open_all();
    return closed;
  }

  static constexpr Index pieces = 32;
  static constexpr double closed_probability = 0.01;

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

  void set_gate(Index f, double log_alpha) {
    const GateMoments moments = gate_rule_.evaluate(log_alpha);
    gate_mean_[static_cast<std::size_t>(f)] = static_cast<Scalar>(moments.mean);
    gate_variance_[static_cast<std::size_t>(f)] = static_cast<Scalar>(moments.variance);
    half_open_ = true;
  }

  /// The constant that fits best alone.
  void start_mean() {
    const std::vector<Scalar>& values = ratings_.by_row.value;
    const double cell = ratings_.dense ? 1 : 0;
    double sum = 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      sum += (ratings_.by_row.weight_of(k) + cell) * static_cast<double>(values[k]);
    }
    const double mean = sum / total_;
    double squares = ratings_.dense ? static_cast<double>(factors_.rows() * factors_.columns()) * mean * mean : 0;
    for (std::size_t k = 0; k < values.size(); ++k) {
      const double e = static_cast<double>(values[k]) - mean;
      squares += (ratings_.by_row.weight_of(k) + cell) * e * e - cell * mean * mean;
    }
    loss_ = spread_ = squares / total_;
    if (!options_.fit_mean) return;
    const double bounded = (sum + 0.5) / (ratings_.total_weight() + 1);
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
    task.weight = lines.weight.empty() ? nullptr : lines.weight.data();
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
    if (ratings_.dense) {
      sum_cells(other);
      task.base_gram = base_gram_.data();
      task.base_moment = base_moment_.data();
      task.base_square = base_square_;
    }
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
        dispatch<SolveLines<LineLoss::logistic>>(given, cuts[place], cuts[place + 1]);
      } else if (given->weight != nullptr) {
        dispatch<SolveLines<LineLoss::weighted>>(given, cuts[place], cuts[place + 1]);
      } else {
        dispatch<SolveLines<LineLoss::squared>>(given, cuts[place], cuts[place + 1]);
      }
    });
    gather();
  }

  /// What every line's problem has where all cells count: the sums over the lines of the other side.
  void sum_cells(const FactorSide<Scalar>& other) {
    const Index size = factors_.size();
    const Index width = padded(size);
    const LineSums<Double<Scalar>> sums = factors_.line_sums(other);
    base_square_ = sums.square;
    base_gram_.assign(static_cast<std::size_t>(width * width), Scalar(0));
    base_moment_.assign(static_cast<std::size_t>(width), Scalar(0));
    for (Index f = 0; f < size; ++f) {
      base_moment_[static_cast<std::size_t>(f)] = static_cast<Scalar>(sums.moment(f));
      for (Index g = 0; g <= f; ++g) {
        base_gram_[static_cast<std::size_t>(f * width + g)] = static_cast<Scalar>(sums.gram(f, g));
      }
    }
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
  double ridge_ = 0;
  PassCount& passes_;
  Workers& workers_;
  bool logistic_;
  double total_;
  Factors<Scalar> factors_;
  MomentRule gate_rule_;
  HardConcrete<Double<Scalar>> distribution_;
  Rng rng_;
  std::vector<Scalar> gate_mean_;
  std::vector<Scalar> gate_variance_;
  std::vector<Scalar> ridges_;
  std::vector<Index> row_cuts_;
  std::vector<Index> column_cuts_;
  std::vector<Piece> pieces_;
  std::vector<Scalar> base_gram_;
  std::vector<Scalar> base_moment_;
  double base_square_ = 0;
  Matrix<Double<Scalar>> gram_;
  Vector<Double<Scalar>> moment_;
  double totals_[4] = {0, 0, 0, 0};
  double loss_ = 0;
  double spread_ = 0;  ///< mean square of the ratings about their mean
  double penalty_ = 0;
  bool half_open_ = false;
};

}  // namespace l0::detail
