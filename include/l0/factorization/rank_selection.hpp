// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <l0/factorization/alternation.hpp>

namespace l0::detail {

/// Loss of one entry at û.
inline double entry_loss(FactorizationLoss loss, double value, double prediction) {
  if (loss == FactorizationLoss::squared) return (value - prediction) * (value - prediction);
  return std::max(prediction, 0.0) - value * prediction + std::log1p(std::exp(-std::abs(prediction)));
}

/// Entries for fitting and entries for judging.
template <class Scalar>
struct HeldOut {
  struct Entry {
    Index row;
    Index column;
    double value;
  };
  Ratings<Scalar> rest;
  std::vector<Entry> entries;

  HeldOut(const Ratings<Scalar>& all, double share, std::uint64_t seed) {
    std::vector<double> u(static_cast<std::size_t>(all.entries()));
    fill_uniform(Rng(seed), 2, 0, u.data(), all.entries());
    EntryLines<Scalar> kept;
    for (Index i = 0; i < all.by_row.lines(); ++i) {
      for (Index k = all.by_row.start[at(i)]; k < all.by_row.start[at(i) + 1]; ++k) {
        if (u[at(k)] < share) {
          entries.push_back({i, all.by_row.other[at(k)], static_cast<double>(all.by_row.value[at(k)])});
        } else {
          kept.push(all.by_row.other[at(k)], all.by_row.value[at(k)]);
        }
      }
      kept.end_line();
    }
    rest = Ratings<Scalar>::of(std::move(kept), all.by_column.lines());
  }

  /// The loss of every entry held out, and their mean.
  double judge(const Factors<Scalar>& factors, FactorizationLoss loss, std::vector<double>& losses) const {
    losses.resize(entries.size());
    double sum = 0;
    for (std::size_t k = 0; k < entries.size(); ++k) {
      const Entry& e = entries[k];
      losses[k] = entry_loss(loss, e.value, static_cast<double>(factors.predict(e.row, e.column)));
      sum += losses[k];
    }
    return sum / static_cast<double>(entries.size());
  }

 private:
  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }
};

/// Chooses what is not given, L2 price and rank (or price of an entry), and fits.
template <class Scalar>
class FactorSelection {
 public:
  FactorSelection(const Ratings<Scalar>& ratings, const FactorizationOptions& options, FactorizationReport& report)
      : ratings_(ratings), options_(options), report_(report), run_(options.callback), workers_(options.threads) {}

  Factors<Scalar> fit() {
    Plan plan = given();
    if (is_constant()) {
      // No factor has anything to tell, and held-out labels that are all alike would praise each that adds certainty.
      plan.rank = 0;
      if (plan.sparse && !options_.lambda_l0) plan.price = 0;
      report_.notes.push_back("no two entries differ: no factors");
    } else if (needs_choice()) {
      choose(plan);
    }
    FactorTrainer<Scalar> trainer(ratings_, options_, plan.ridge, run_, workers_);
    bool settled = false;
    if (run_.stopped()) {
      if (interim_.stride > 0) trainer.factors() = std::move(interim_);
    } else {
      reach(trainer, plan);
      settled = finish(trainer, plan);
    }
    report_.stop = run_.stopped() ? StopReason::callback : settled ? StopReason::converged : StopReason::completed;
    report_.epochs = run_.reports();
    report_.seconds = run_.seconds();
    report_.lambda_l2 = plan.ridge / l2_scale();
    describe(trainer, plan);
    return std::move(trainer.factors());
  }

 private:
  static constexpr double loose = 1e-3;       ///< tolerance of a rank on the way
  static constexpr std::size_t patience = 3;  ///< ranks without a better held-out loss before the search ends
  static constexpr int most_swaps = 5;        ///< factors exchanged at the end, at most
  static constexpr Index spare = 2;           ///< factors that the gates may choose from beyond the budget
  static constexpr double price_step = 1.5;
  static constexpr Index least_judges = 10;  ///< entries held out, or there is nothing to choose by

  struct Plan {
    double ridge = 0;
    Index rank = -1;  ///< −1: by the price
    double price = std::numeric_limits<double>::quiet_NaN();
    bool sparse = false;    ///< gates per entry
    Factors<Scalar> start;  ///< where the search was best; with no factors, the fit starts anew
  };

  bool is_constant() const {
    const std::vector<Scalar>& values = ratings_.by_row.value;
    return std::all_of(values.begin(), values.end(), [&](Scalar value) { return value == values.front(); });
  }

  double l2_scale() const {
    return static_cast<double>(std::max<Index>(ratings_.entries(), 1)) *
           (options_.loss == FactorizationLoss::logistic ? 2 : 1);
  }

  Plan given() const {
    Plan plan;
    plan.sparse = options_.gates == FactorGates::per_entry;
    plan.ridge = options_.lambda_l2.value_or(0) * l2_scale();
    if (options_.lambda_l0) plan.price = *options_.lambda_l0;
    if (options_.target_rank) plan.rank = *options_.target_rank;
    return plan;
  }

  bool needs_choice() const {
    return !options_.lambda_l2 || (!options_.lambda_l0 && !options_.target_rank) ||
           (options_.gates == FactorGates::per_entry && !options_.lambda_l0);
  }

  /// Strengths of the L2 price relative to the deviation that the biases leave: the ridge of an entry's weight in a
  /// line's problem at which a factor counts as much as so many entries.
  std::vector<double> ridges(const Ratings<Scalar>& ratings) {
    if (options_.lambda_l2) return {*options_.lambda_l2 * l2_scale() * share(ratings)};
    FactorTrainer<Scalar> biases(ratings, options_, 0, run_, workers_);
    biases.settle("biases", loose, 2, 20);
    const double unit = options_.loss == FactorizationLoss::logistic ? 0.25 : std::sqrt(biases.loss());
    return {0.01 * unit, unit, 3 * unit, 10 * unit};
  }

  double share(const Ratings<Scalar>& ratings) const {
    return static_cast<double>(ratings.entries()) / static_cast<double>(std::max<Index>(ratings_.entries(), 1));
  }

  void choose(Plan& plan) {
    const HeldOut<Scalar> held(ratings_, options_.held_out, options_.seed);
    if (static_cast<Index>(held.entries.size()) < least_judges) {
      report_.notes.push_back("too few entries to hold some out: no rank and no L2 price chosen by them");
      if (!options_.lambda_l2) plan.ridge = ridges(ratings_).front();
      if (!options_.lambda_l0 && !options_.target_rank) plan.rank = 0;
      if (plan.sparse && !options_.lambda_l0) plan.price = 0;
      return;
    }
    const Plan asked = plan;
    double best = std::numeric_limits<double>::infinity();
    for (const double ridge : ridges(held.rest)) {
      if (run_.stopped()) break;
      Plan trial = asked;
      trial.ridge = ridge;
      std::vector<RankPoint> points;
      const double loss = judge(held, trial, points);
      if (loss < best) {
        best = loss;
        plan = trial;
        report_.ranks = std::move(points);
      }
    }
    if (plan.sparse && std::isnan(plan.price) && !run_.stopped()) choose_price(held, plan);
  }

  /// Rising prices of an entry, from what one more parameter is worth by chance, 2σ²/n by Akaike's count, on. The
  /// choice is the highest that is no worse than the best by more than the standard error of the difference.
  void choose_price(const HeldOut<Scalar>& held, Plan& plan) {
    FactorTrainer<Scalar> trainer(held.rest, options_, plan.ridge, run_, workers_);
    reach(trainer, plan);
    std::vector<std::vector<Double<Scalar>>> losses(1);
    std::vector<double> prices{0};
    std::vector<double> means{held.judge(trainer.factors(), options_.loss, losses[0])};
    const double noise = options_.loss == FactorizationLoss::logistic ? 1 : means[0];
    std::size_t best = 0;
    for (double price = 2 * noise / trainer.entries(); !run_.stopped(); price *= price_step) {
      trainer.settle("prices", loose, 3, options_.epochs, LineStep::threshold, price);
      losses.emplace_back();
      prices.push_back(price);
      means.push_back(held.judge(trainer.factors(), options_.loss, losses.back()));
      if (means.back() < means[best]) best = means.size() - 1;
      if (means.size() - best > patience || trainer.open_entries() == 0) break;
    }
    if (run_.stopped()) interim_ = trainer.factors();
    std::size_t chosen = best;
    for (std::size_t k = best + 1; k < means.size(); ++k) {
      if (means[k] <= means[best] + standard_error(losses[k], losses[best])) chosen = k;
    }
    plan.price = prices[chosen];
  }

  /// The least held-out loss for this L2 price; `trial` gets the rank or the price that it chooses.
  double judge(const HeldOut<Scalar>& held, Plan& trial, std::vector<RankPoint>& points) {
    FactorTrainer<Scalar> trainer(held.rest, options_, trial.ridge, run_, workers_);
    std::vector<double> losses;
    double best = 0;
    if (trial.rank >= 0 || (!trial.sparse && !std::isnan(trial.price))) {
      reach(trainer, trial);
      best = held.judge(trainer.factors(), options_.loss, losses);
      trial.start = trainer.factors();
    } else {
      best = judge_ranks(held, trainer, trial, points);
    }
    if (run_.stopped()) interim_ = trainer.factors();
    return best;
  }

  /// Rank after rank until the held-out loss stops to fall. The choice is the least rank that is no worse than the best
  /// by more than the standard error of the difference.
  double judge_ranks(const HeldOut<Scalar>& held, FactorTrainer<Scalar>& trainer, Plan& trial,
                     std::vector<RankPoint>& points) {
    std::vector<std::vector<Double<Scalar>>> losses;
    std::size_t best = 0;
    trainer.settle("search", loose, 2, options_.epochs);
    for (Index rank = 0;; ++rank) {
      losses.emplace_back();
      Dependent<RankPoint, Scalar> point;
      point.rank = rank;
      point.train_loss = trainer.loss();
      point.held_out_loss = held.judge(trainer.factors(), options_.loss, losses.back());
      points.push_back(point);
      if (rank == 0 || point.held_out_loss < points[best].held_out_loss) {
        best = static_cast<std::size_t>(rank);
        trial.start = trainer.factors();
      }
      const bool improving = rank - static_cast<Index>(best) < static_cast<Index>(patience);
      if (rank == most() || !improving || run_.stopped()) break;
      extend(trainer);
    }
    std::size_t chosen = best;
    for (std::size_t k = points.size(); k-- > 0;) {
      points[k].standard_error = standard_error(losses[k], losses[best]);
      if (k < best && points[k].held_out_loss <= points[best].held_out_loss + points[k].standard_error) chosen = k;
    }
    trial.rank = points[chosen].rank;
    return points[best].held_out_loss;
  }

  static double standard_error(const std::vector<double>& a, const std::vector<double>& b) {
    const auto n = static_cast<double>(a.size());
    double sum = 0;
    double squares = 0;
    for (std::size_t k = 0; k < a.size(); ++k) {
      sum += a[k] - b[k];
      squares += (a[k] - b[k]) * (a[k] - b[k]);
    }
    return std::sqrt(std::max(squares - sum * sum / n, 0.0)) / n;
  }

  Index most() const { return std::min({options_.max_rank, ratings_.by_row.lines(), ratings_.by_column.lines()}); }

  /// One more factor, and everything fitted again.
  void extend(FactorTrainer<Scalar>& trainer) {
    trainer.factors().balance();
    trainer.grow();
    trainer.settle("search", loose, 6, std::max<Index>(options_.epochs / 4, 1));
  }

  /// The factors that a plan asks for: from where the search was best, or one after the other and a few too many, of
  /// which gates choose.
  void reach(FactorTrainer<Scalar>& trainer, const Plan& plan) {
    const bool priced = plan.rank < 0;
    if (plan.start.rank > 0) trainer.factors() = plan.start;
    trainer.settle("search", loose, 2, options_.epochs);
    const Index goal = priced ? most() : std::min(most(), plan.rank == 0 ? 0 : plan.rank + spare);
    Index failures = 0;
    while (plan.start.rank == 0 && trainer.factors().rank < goal && !run_.stopped()) {
      const double before = trainer.objective();
      extend(trainer);
      if (priced) {
        failures = before - trainer.objective() > plan.price ? 0 : failures + 1;
        if (failures == spare) break;
      }
    }
    const double price = priced ? plan.price : std::numeric_limits<double>::quiet_NaN();
    if (priced || trainer.factors().rank > plan.rank) trainer.choose(price, std::max<Index>(plan.rank, 0));
    polish(trainer, price);
  }

  /// One factor more and the least worthy out, while that lowers the objective at the same price: a way out of local
  /// minima, where a factor serves a single row, say.
  void polish(FactorTrainer<Scalar>& trainer, double price) {
    const bool budget = std::isnan(price);
    const auto cost = [&] {
      return trainer.objective() + (budget ? 0 : price) * static_cast<double>(trainer.factors().rank);
    };
    trainer.settle("search", loose, 2, options_.epochs);
    for (int round = 0; round < most_swaps && trainer.factors().rank > 0 && !run_.stopped(); ++round) {
      const double before = cost();
      const Index rank = trainer.factors().rank;
      if (rank == most()) break;
      const Factors<Scalar> aside = trainer.factors();
      extend(trainer);
      trainer.choose(price, rank);
      trainer.settle("search", loose, 2, options_.epochs);
      if (run_.stopped() || cost() < before * (1 - loose)) continue;
      trainer.factors() = aside;
      trainer.open_all();
      break;
    }
  }

  /// Whether the last stage ended by its tolerance.
  bool finish(FactorTrainer<Scalar>& trainer, const Plan& plan) {
    if (plan.sparse) {
      double price = plan.price / 64;
      for (; price < plan.price; price *= price_step) {
        trainer.settle("prices", loose, 3, options_.epochs, LineStep::threshold, price);
      }
      bool settled = trainer.settle("prices", options_.tolerance, 2, options_.epochs, LineStep::threshold, plan.price);
      if (options_.refit) settled = trainer.settle("refit", options_.tolerance, 2, options_.epochs, LineStep::support);
      trainer.drop_empty();
      return settled;
    }
    if (!options_.refit) return true;
    trainer.factors().balance();
    const bool settled = trainer.settle("refit", options_.tolerance, 2, options_.epochs);
    double weakest = std::numeric_limits<double>::infinity();
    for (Index f = 1; f <= trainer.factors().rank; ++f) weakest = std::min(weakest, trainer.worth(f));
    if (trainer.factors().rank > 0) report_.lambda = weakest;
    trainer.factors().balance();
    return settled;
  }

  void describe(const FactorTrainer<Scalar>& trainer, const Plan& plan) {
    const Factors<Scalar>& factors = trainer.factors();
    double sum = 0;
    for (Index i = 0; i < factors.rows(); ++i) {
      for (Index k = ratings_.by_row.start[static_cast<std::size_t>(i)];
           k < ratings_.by_row.start[static_cast<std::size_t>(i) + 1]; ++k) {
        const auto at = static_cast<std::size_t>(k);
        sum += entry_loss(options_.loss, static_cast<double>(ratings_.by_row.value[at]),
                          static_cast<double>(factors.predict(i, ratings_.by_row.other[at])));
      }
    }
    if (!std::isnan(plan.price)) report_.lambda = plan.price;
    report_.rank = factors.rank;
    report_.entries = ratings_.entries();
    report_.loss = sum / trainer.entries();
    report_.expected_l0 = static_cast<double>(plan.sparse ? trainer.open_entries() : factors.rank);
    report_.objective = report_.loss + trainer.penalty() + report_.lambda * report_.expected_l0;
  }

  const Ratings<Scalar>& ratings_;
  const FactorizationOptions& options_;
  FactorizationReport& report_;
  FitRun run_;
  Workers workers_;
  Factors<Scalar> interim_;  ///< of the search, where a callback stopped it
};

}  // namespace l0::detail
