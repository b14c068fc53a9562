// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <l0/factorization/alternation.hpp>
#include <l0/factorization/held_out.hpp>

namespace l0::detail {

/// Chooses what is not given, L2 price and rank (or price of an entry), and fits.
template <class Scalar>
class FactorSelection {
 public:
  FactorSelection(const Ratings<Scalar>& ratings, const FactorizationOptions& options, FactorizationReport& report)
      : ratings_(ratings), options_(options), report_(report), run_(options.callback), passes_{run_, options.epochs},
        workers_(options.threads) {}

  Factors<Scalar> fit() {
    Plan plan = given();
    if (is_constant()) {
      // No factor has anything to tell, and held-out labels that are all alike would praise each that adds certainty.
      plan.rank = 0;
      if (plan.sparse && !options_.lambda_l0) plan.price = 0;
      report_.notes.push_back("no two entries differ: no factors");
    } else if (needs_choice()) {
      const Reserve reserve(passes_);
      choose(plan);
    }
    FactorTrainer<Scalar> trainer(ratings_, options_, plan.ridge, passes_, workers_);
    bool settled = false;
    if (run_.stopped()) {
      if (plan.start.stride > 0) trainer.factors() = std::move(plan.start);
    } else {
      reach(trainer, plan);
      settled = finish(trainer, plan);
    }
    report_.stop = run_.stopped() ? StopReason::callback : settled ? StopReason::converged : StopReason::completed;
    report_.epochs = passes_.taken();
    report_.seconds = run_.seconds();
    report_.lambda_l2 = plan.ridge / l2_scale();
    describe(trainer, plan);
    return std::move(trainer.factors());
  }

 private:
  static constexpr double loose = 1e-3;       ///< tolerance of a rank on the way
  static constexpr std::size_t patience = 3;  ///< prices without a better held-out loss before the search ends
  static constexpr Index block = 4;           ///< factors that are added at once, at least
  static constexpr Index spare = 2;           ///< factors beyond the budget at the start, at least
  static constexpr Index least_growth = 4;    ///< passes after new factors: a random start wins little at first
  static constexpr Index most_growth = 12;
  static constexpr Index least_start = 8;  ///< passes without which there are no spare factors
  static constexpr double clearly = 4;     ///< standard errors at which a lower rank is out of the question
  static constexpr double price_step = 1.5;
  static constexpr Index least_judges = 10;  ///< entries held out, or there is nothing to choose by

  struct Plan {
    double ridge = 0;
    Index rank = -1;  ///< −1: by the price
    double price = std::numeric_limits<double>::quiet_NaN();
    bool sparse = false;    ///< gates per entry
    Factors<Scalar> start;  ///< where the search was best; without a stride, the fit starts anew
  };

  /// A rank as the held-out entries saw it.
  struct Seen {
    Dependent<RankPoint, Scalar> point;
    std::vector<Double<Scalar>> losses;
    Factors<Scalar> factors;
  };

  /// While it lives, a quarter of the passes that are left, one at least, is kept for later stages.
  struct Reserve {
    PassCount& passes;
    Index limit;
    explicit Reserve(PassCount& count) : passes(count), limit(count.limit) {
      passes.limit -= std::min(passes.left(), std::max<Index>(passes.left() / 4, 1));
    }
    ~Reserve() { passes.limit = limit; }
    Reserve(const Reserve&) = delete;
    Reserve& operator=(const Reserve&) = delete;
  };

  bool is_constant() const {
    const EntryLines<Scalar>& rows = ratings_.by_row;
    std::size_t first = 0;
    while (first < rows.value.size() && rows.weight_of(first) == 0) ++first;
    if (first == rows.value.size()) return true;
    if (ratings_.dense) return false;
    for (std::size_t k = first; k < rows.value.size(); ++k) {
      if (rows.weight_of(k) != 0 && rows.value[k] != rows.value[first]) return false;
    }
    return true;
  }

  double total() const {
    const double sum = ratings_.total_weight();
    return sum > 0 ? sum : 1;
  }

  double l2_scale() const { return total() * (options_.loss == FactorizationLoss::logistic ? 2 : 1); }

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
    if (options_.lambda_l2) return {*options_.lambda_l2 * l2_scale()};
    FactorTrainer<Scalar> biases(ratings, options_, 0, passes_, workers_);
    biases.settle("biases", loose, 2, 20);
    const double unit = options_.loss == FactorizationLoss::logistic ? 0.25 : std::sqrt(biases.loss());
    return {0.01 * unit, unit, 3 * unit, 10 * unit};
  }

  /// Rank (or, where that is given, nothing) at one L2 price, then the L2 price uphill, or else downhill, from the
  /// factors found, then the rank again where that led to another price. A price has a few passes from its neighbour's
  /// factors, a rank from those of the rank above.
  void choose(Plan& plan) {
    const HeldOut<Scalar> held(ratings_, options_.held_out, options_.seed);
    if (static_cast<Index>(held.entries.size()) < least_judges) {
      report_.notes.push_back("too few entries to hold some out: no rank and no L2 price chosen by them");
      if (!options_.lambda_l2) plan.ridge = ridges(ratings_).front();
      if (!options_.lambda_l0 && !options_.target_rank) plan.rank = 0;
      if (plan.sparse && !options_.lambda_l0) plan.price = 0;
      return;
    }
    const bool ranks = plan.rank < 0 && (plan.sparse || std::isnan(plan.price));
    const std::vector<double> strengths = ridges(held.rest);
    const std::size_t first = strengths.size() / 4;
    std::size_t at = first;
    FactorTrainer<Scalar> trainer(held.rest, options_, strengths[at], passes_, workers_);
    std::vector<Seen> seen;
    if (ranks) {
      grow_to_see(held, trainer);
      see_ranks(held, trainer, seen);
    } else {
      reach(trainer, plan);
      trainer.settle("search", loose, 1, most_growth);
      seen.push_back(see(held, trainer));
    }
    Seen best = *std::min_element(seen.begin(), seen.end(), less);
    for (const bool up : {true, false}) {
      while (!passes_.over() && (up ? at + 1 < strengths.size() : at > 0 && at <= first)) {
        trainer.set_ridge(strengths[up ? at + 1 : at - 1]);
        trainer.factors() = best.factors;
        trainer.settle("search", loose, 2, most_growth);
        Seen next = see(held, trainer);
        if (!less(next, best)) break;
        best = std::move(next);
        at = up ? at + 1 : at - 1;
      }
    }
    if (ranks && at != first && !passes_.over()) {
      trainer.set_ridge(strengths[at]);
      trainer.factors() = best.factors;
      if (best.factors.rank < most()) extend(trainer);
      seen.clear();
      see_ranks(held, trainer, seen);
    }
    plan.ridge = strengths[at];
    if (ranks) {
      const std::size_t chosen = least_rank(seen);
      plan.rank = seen[chosen].point.rank;
      plan.start = std::move(seen[chosen].factors);
      for (auto s = seen.rbegin(); s != seen.rend(); ++s) report_.ranks.push_back(s->point);
    } else {
      plan.start = std::move(best.factors);
    }
    if (plan.sparse && std::isnan(plan.price) && !passes_.over()) choose_price(held, plan);
  }

  static bool less(const Seen& a, const Seen& b) { return a.point.held_out_loss < b.point.held_out_loss; }

  Seen see(const HeldOut<Scalar>& held, const FactorTrainer<Scalar>& trainer) const {
    Seen seen;
    seen.factors = trainer.factors();
    seen.point.rank = seen.factors.rank;
    seen.point.train_loss = trainer.loss();
    seen.point.held_out_loss = held.judge(seen.factors, options_.loss, seen.losses);
    return seen;
  }

  /// Block after block of factors until the held-out loss stops to fall.
  void grow_to_see(const HeldOut<Scalar>& held, FactorTrainer<Scalar>& trainer) {
    trainer.settle("search", loose, 1, most_growth);
    std::vector<Double<Scalar>> losses;
    double last = held.judge(trainer.factors(), options_.loss, losses);
    while (trainer.factors().rank < most() && !passes_.over()) {
      extend(trainer);
      const double now = held.judge(trainer.factors(), options_.loss, losses);
      if (!(now < last)) break;
      last = now;
    }
  }

  /// The rank at hand and, the weakest factor taken out and the rest fitted again, those below, until one is clearly
  /// too low.
  void see_ranks(const HeldOut<Scalar>& held, FactorTrainer<Scalar>& trainer, std::vector<Seen>& seen) {
    std::size_t best = 0;
    for (;;) {
      seen.push_back(see(held, trainer));
      const Seen& now = seen.back();
      if (less(now, seen[best])) best = seen.size() - 1;
      const double error = standard_error(now.losses, seen[best].losses);
      const bool too_low = now.point.held_out_loss > seen[best].point.held_out_loss + clearly * error;
      if (too_low || now.point.rank == 0 || passes_.over()) break;
      trainer.keep(now.point.rank - 1);
      trainer.settle("search", loose, 2, 3);
    }
    for (Seen& s : seen) s.point.standard_error = standard_error(s.losses, seen[best].losses);
  }

  /// The least rank that is no worse than the best by more than the standard error of the difference.
  static std::size_t least_rank(const std::vector<Seen>& seen) {
    const auto best = static_cast<std::size_t>(std::min_element(seen.begin(), seen.end(), less) - seen.begin());
    std::size_t chosen = best;
    for (std::size_t k = best + 1; k < seen.size(); ++k) {
      if (seen[k].point.held_out_loss <= seen[best].point.held_out_loss + seen[k].point.standard_error) chosen = k;
    }
    return chosen;
  }

  /// Rising prices of an entry, from what one more parameter is worth by chance, 2σ²/n by Akaike's count, on. The
  /// choice is the highest that is no worse than the best by more than the standard error of the difference.
  void choose_price(const HeldOut<Scalar>& held, Plan& plan) {
    FactorTrainer<Scalar> trainer(held.rest, options_, plan.ridge, passes_, workers_);
    reach(trainer, plan);
    trainer.factors().balance();
    trainer.factors().turn_to_few();
    std::vector<std::vector<Double<Scalar>>> losses(1);
    std::vector<double> prices{0};
    std::vector<double> means{held.judge(trainer.factors(), options_.loss, losses[0])};
    const double noise = options_.loss == FactorizationLoss::logistic ? 1 : means[0];
    std::size_t best = 0;
    for (double price = 2 * noise / trainer.entries(); !passes_.over(); price *= price_step) {
      trainer.settle("prices", loose, 3, most_growth, LineStep::threshold, price);
      losses.emplace_back();
      prices.push_back(price);
      means.push_back(held.judge(trainer.factors(), options_.loss, losses.back()));
      if (means.back() < means[best]) best = means.size() - 1;
      if (means.size() - best > patience || trainer.open_entries() == 0) break;
    }
    if (run_.stopped()) plan.start = trainer.factors();
    std::size_t chosen = best;
    for (std::size_t k = best + 1; k < means.size(); ++k) {
      if (means[k] <= means[best] + standard_error(losses[k], losses[best])) chosen = k;
    }
    plan.price = prices[chosen];
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

  /// A block of factors more, and everything fitted again: together they find the strongest directions in a few passes,
  /// one by one each would take as many.
  void extend(FactorTrainer<Scalar>& trainer) {
    const Index rank = trainer.factors().rank;
    trainer.grow(std::min(std::max(block, rank / 2), most() - rank));
    trainer.settle("search", loose, least_growth, most_growth);
  }

  /// The factors that a plan asks for, from where the search was best or from the start: as many as the price allows,
  /// or a few too many, of which the strongest stay.
  void reach(FactorTrainer<Scalar>& trainer, const Plan& plan) {
    const bool goes_on = plan.start.stride > 0;
    if (goes_on) trainer.factors() = plan.start;
    if (plan.rank < 0) {
      const Reserve reserve(passes_);
      trainer.settle("search", loose, 1, most_growth);
      while (trainer.factors().rank < most() && !passes_.over()) {
        extend(trainer);
        if (trainer.worth(trainer.weakest_factor()) < plan.price) break;
      }
      trainer.choose(plan.price);
      return;
    }
    const Index rank = std::min(plan.rank, most());
    const bool roomy = passes_.left() >= least_start;
    if (!goes_on && rank > 0) {
      if (roomy) trainer.settle("search", loose, 1, 1);
      trainer.grow(std::min(most(), rank + (roomy ? std::max(spare, rank / 4) : 0)));
      if (roomy) trainer.settle("search", loose, least_growth, std::min(most_growth, passes_.left() / 2));
    }
    if (trainer.factors().rank > rank) trainer.keep(rank);
    if (!options_.refit && !plan.sparse) trainer.settle("search", loose, 1, most_growth);
  }

  /// Whether the last stage ended by its tolerance.
  bool finish(FactorTrainer<Scalar>& trainer, const Plan& plan) {
    if (plan.sparse) return finish_sparse(trainer, plan.price);
    if (!options_.refit) return true;
    const bool settled = trainer.settle("refit", options_.tolerance, 2, passes_.left());
    if (trainer.factors().rank > 0) report_.lambda = trainer.worth(trainer.weakest_factor());
    trainer.factors().balance();
    return settled;
  }

  bool finish_sparse(FactorTrainer<Scalar>& trainer, double last) {
    bool settled = false;
    trainer.factors().turn_to_few();
    {
      const Reserve reserve(passes_);
      for (double price = last / 64; price < last; price *= price_step) {
        trainer.settle("prices", loose, 3, most_growth, LineStep::threshold, price);
      }
      settled = trainer.settle("prices", options_.tolerance, 2, passes_.left(), LineStep::threshold, last);
    }
    if (options_.refit) settled = trainer.settle("refit", options_.tolerance, 2, passes_.left(), LineStep::support);
    trainer.drop_empty();
    return settled;
  }

  void describe(const FactorTrainer<Scalar>& trainer, const Plan& plan) {
    const Factors<Scalar>& factors = trainer.factors();
    const EntryLines<Scalar>& rows = ratings_.by_row;
    double sum = ratings_.dense ? factors.cell_squares() : 0;
    for (Index i = 0; i < factors.rows(); ++i) {
      for (auto k = static_cast<std::size_t>(rows.start[static_cast<std::size_t>(i)]);
           k < static_cast<std::size_t>(rows.start[static_cast<std::size_t>(i) + 1]); ++k) {
        const auto prediction = static_cast<double>(factors.predict(i, rows.other[k]));
        const double loss = entry_loss(options_.loss, static_cast<double>(rows.value[k]), prediction);
        sum += rows.weight_of(k) * loss;
        if (ratings_.dense) sum += loss - prediction * prediction;
      }
    }
    if (!std::isnan(plan.price)) report_.lambda = plan.price;
    report_.rank = factors.rank;
    report_.entries = ratings_.entries();
    report_.weight = ratings_.total_weight();
    report_.loss = sum / trainer.entries();
    report_.expected_l0 = static_cast<double>(plan.sparse ? trainer.open_entries() : factors.rank);
    report_.objective = report_.loss + trainer.penalty() + report_.lambda * report_.expected_l0;
  }

  const Ratings<Scalar>& ratings_;
  const FactorizationOptions& options_;
  FactorizationReport& report_;
  FitRun run_;
  PassCount passes_;
  Workers workers_;
};

}  // namespace l0::detail
