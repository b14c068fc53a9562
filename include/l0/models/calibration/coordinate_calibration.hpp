// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include <l0/models/calibration/coordinate_problem.hpp>
#include <l0/models/calibration/run_control.hpp>
#include <l0/models/calibration/start.hpp>
#include <l0/models/gate_proposal.hpp>

namespace l0::detail {

/// Chooses records and fits their weights by sweeps over the records (`CalibrationMethod::coordinate`).
///
/// With b = s E[z] the mean weight of a record, the expectation over its gate adds h b² (1/m − 1) to the loss, where
/// m = E[z]²/E[z²] and h = Σ κ M² is the record's curvature: exact for the squared and relative losses. For given
/// gates, each b has a closed minimum (`coordinate_change`); a record whose gate closes costs h b² at first order.
/// Gates start where the keep probabilities put them, harden over the first part of the run (m → 1), and close when
/// their h b² falls below the price: λ, approached from below, or the price at which a falling number of records stays,
/// down to the budget. Every few sweeps the closed records are looked at again and those worth more than the price
/// reopened. Every minimum of the objective has its gates at 0 or 1, so nothing is lost by deciding.
///
/// The refit sweeps over the chosen records alone, with the loss itself.
template <class Scalar>
class CoordinateCalibration {
 public:
  CoordinateCalibration(const CompactMatrix<Scalar>& m, const CalibrationTerms& terms,
                        const CalibrationOptions& options, const CalibrationStart& start, RunControl& control)
      : options_(options), start_(start), control_(control), workers_(options.threads), problem_(m, terms),
        records_(m.columns()), is_capped_(terms.loss() == CalibrationLoss::capped),
        epochs_(options.epochs > 0 ? options.epochs : 200) {
    const auto size = static_cast<std::size_t>(records_);
    for (auto* array : {&weight_, &worth_, &curvature_, &shrinkage_, &ridge_, &lowest_, &highest_}) {
      array->assign(size, Scalar(0));
    }
    log_alpha_ = start.log_alpha;
    is_open_.assign(size, 0);
    budget_ = options.gates == GateMode::off ? -1 : options.max_records.value_or(-1);
    prices_ = options.gates != GateMode::off && options.lambda_l0.value_or(0) > 0;
    if (options.total_weight) total_ = {1 / *options.total_weight, 10 * total_row_weight(terms), 0, 0};
    begin();
  }

  /// Runs what is left of both stages.
  template <class Save>
  void run(const Save& save) {
    while (control_.running() && stage_ != done) {
      if (stage_ == choosing) {
        choose_once();
      } else {
        refit_once();
      }
      control_.checkpoint(save);
    }
    if (stage_ != done) settle();
  }

  /// Goes straight to the refit, of these records from these weights.
  void choose(const std::vector<Index>& records, const std::vector<Scalar>& weight) {
    std::fill(is_open_.begin(), is_open_.end(), char(0));
    std::fill(weight_.begin(), weight_.end(), Scalar(0));
    for (const Index j : records) {
      is_open_[at(j)] = 1;
      weight_[at(j)] = std::min(weight[at(j)], highest_[at(j)]);
    }
    list_open();
    begin_refit();
  }

  const std::vector<Scalar>& weight() const { return weight_; }
  const std::vector<double>& log_alpha() const { return log_alpha_; }
  Index open() const { return static_cast<Index>(open_.size()); }
  double lambda() const { return price_; }

  template <class Archive>
  void archive(Archive& archive) {
    archive(stage_);
    archive(epoch_);
    archive(weight_);
    archive(worth_);
    archive(curvature_);
    archive(lowest_);
    archive(log_alpha_);
    archive(is_open_);
    archive(open_);
    archive(total_);
    archive(price_);
    archive(best_);
    archive(best_loss_);
    archive(recent_loss_);
    problem_.archive(archive);
  }

 private:
  enum Stage : std::int32_t { choosing, refitting, done };
  static constexpr double choosing_share = 0.6;  // of the sweeps, for closing gates; the rest swaps and settles
  static constexpr double hard = 8;              // |log α| of a gate that is decided: P(z ≠ 0) within 1e-3 of 0 or 1
  static constexpr Index look_every = 4;
  static constexpr Index settling = 10;          // last sweeps without swaps
  static constexpr Index refresh_every = 8;      // sweeps between two exact residuals
  static constexpr double stand_in_floor = 0.3;  // of |e|, in the capped loss while records are chosen
  static constexpr double lowest_share = 1e-6;   // of w₀, that chosen records keep at least

  static std::size_t at(Index j) { return static_cast<std::size_t>(j); }
  static double total_row_weight(const CalibrationTerms& terms) {
    double largest = 0;
    for (Index j = 0; j < terms.size(); ++j) {
      const double scaled = terms.loss() == CalibrationLoss::squared ? terms[j].target * terms[j].target : 1.0;
      largest = std::max(largest, terms[j].weight * scaled);
    }
    return largest > 0 ? largest : 1;
  }
  bool has_choice() const { return budget_ >= 0 || prices_; }

  /// All records with a starting weight take part, at the scale that fits best.
  void begin() {
    if (problem_.is_uniform()) problem_.fill_curvature(curvature_, workers_);
    const double total = static_cast<double>(std::max<Index>(records_, 1));
    for (Index j = 0; j < records_; ++j) {
      const double w0 = start_.weight[at(j)];
      weight_[at(j)] = static_cast<Scalar>(w0 > 0 ? start_.jittered[at(j)] : 0);
      highest_[at(j)] = highest_of(j);
      if (w0 > 0) ridge_[at(j)] = static_cast<Scalar>(options_.lambda_l2 + options_.concentration / (total * w0 * w0));
      is_open_[at(j)] = w0 > 0;
    }
    list_open();
    problem_.refresh(open_, weight_.data(), workers_);
    const double scale = options_.total_weight ? *options_.total_weight / weight_sum() : problem_.best_scale();
    for (const Index j : open_) {
      weight_[at(j)] = std::min(static_cast<Scalar>(scale * static_cast<double>(weight_[at(j)])), highest_[at(j)]);
    }
    refresh();
    stage_ = choosing;
    epoch_ = 0;
    if (!has_choice()) begin_refit();
  }

  double weight_sum() const {
    double sum = 0;
    for (const Index j : open_) sum += static_cast<double>(weight_[at(j)]);
    return sum;
  }

  void refresh() {
    problem_.refresh(open_, weight_.data(), workers_);
    if (total_.kappa > 0) total_.residual = weight_sum() * total_.inverse - 1;
  }

  SweepArrays<Scalar> arrays(double step) {
    return {weight_.data(), worth_.data(),   curvature_.data(), shrinkage_.data(), ridge_.data(),
            lowest_.data(), highest_.data(), nullptr,           &total_,           static_cast<Scalar>(step)};
  }

  void list_open() {
    open_.clear();
    for (Index j = 0; j < records_; ++j) {
      if (is_open_[at(j)]) open_.push_back(j);
    }
  }

  Scalar highest_of(Index j) const {
    return options_.max_weight_ratio > 0 ? static_cast<Scalar>(options_.max_weight_ratio * start_.weight[at(j)])
                                         : std::numeric_limits<Scalar>::max();
  }

  /// One sweep of the first stage.
  void choose_once() {
    const double progress =
        std::min(1.0, static_cast<double>(epoch_ + 1) / std::max(1.0, choosing_share * static_cast<double>(epochs_)));
    harden(progress);
    problem_.reweight(stand_in_floor);
    const double loss = problem_.loss();
    if (!std::isfinite(loss)) {
      control_.stop_because(StopReason::not_finite);
      return;
    }
    // Weights that start far off would pour all that is missing into the records that come first.
    problem_.sweep(open_.data(), open(), arrays(std::min(1.0, 0.1 * static_cast<double>(epoch_ + 1))));
    total_.multiplier += total_.kappa * total_.residual;
    set_price(progress);
    const bool look = epoch_ % look_every == look_every - 1 && epoch_ + settling < epochs_ && open() < records_;
    if (look && progress > 0.5) {
      reopen(progress);
    } else {
      close_cheap(progress);
    }
    ++epoch_;
    next_residuals();
    report("gates", epochs_, loss);
    if (epoch_ >= epochs_) {
      finish_choice();
      begin_refit();
    }
  }

  /// log α of open gates rises from its start to `hard`, so that m rises to 1.
  void harden(double progress) {
    static const GateTable standard(HardConcrete<double>{.temperature = 2.0 / 3});
    const bool is_standard = options_.temperature == 2.0 / 3 && options_.gamma == -0.1 && options_.zeta == 1.1;
    if (!is_standard && !own_table_) {
      own_table_ = std::make_unique<GateTable>(
          HardConcrete<double>{.temperature = options_.temperature, .gamma = options_.gamma, .zeta = options_.zeta});
    }
    const GateTable& table = is_standard ? standard : *own_table_;
    for (const Index j : open_) {
      const double from = start_.log_alpha[at(j)];
      log_alpha_[at(j)] = from + (std::max(from, hard) - from) * progress;
      shrinkage_[at(j)] = progress < 1 ? static_cast<Scalar>(1 / table.at(log_alpha_[at(j)]).share - 1) : Scalar(0);
    }
  }

  Index allowed(double progress) const {
    const auto all = static_cast<double>(records_);
    const auto kept = static_cast<double>(budget_);
    return budget_ + static_cast<Index>((all - kept) * std::pow(1 - progress, 3));
  }

  void set_price(double progress) {
    if (prices_) price_ = *options_.lambda_l0 * std::pow(1e-3, 1 - progress);
  }

  /// Closes gates that are not worth their price, or all but the most worthy that the budget allows by now.
  void close_cheap(double progress) {
    candidates_.clear();
    if (prices_) {
      for (const Index j : open_) {
        if (static_cast<double>(worth_[at(j)]) < price_) candidates_.push_back(j);
      }
    } else if (const Index most = std::max<Index>(allowed(progress), 1); open() > most) {
      order_by_worth(most);
      price_ = static_cast<double>(worth_[at(open_[at(most - 1)])]);
      candidates_.assign(open_.begin() + most, open_.end());
      std::sort(candidates_.begin(), candidates_.end());
    }
    close_candidates();
  }

  /// Takes the weights of the candidates out of the sums, by a sweep in which they may only be 0.
  void close_candidates() {
    if (candidates_.empty()) return;
    for (const Index j : candidates_) {
      highest_[at(j)] = 0;
      lowest_[at(j)] = 0;
    }
    problem_.sweep(candidates_.data(), static_cast<Index>(candidates_.size()), arrays(1));
    for (const Index j : candidates_) {
      is_open_[at(j)] = 0;
      weight_[at(j)] = 0;
      log_alpha_[at(j)] = -hard;
      highest_[at(j)] = highest_of(j);
    }
    list_open();
  }

  /// Brings the `first` most worthy of the open records to the front.
  void order_by_worth(Index first) {
    std::nth_element(open_.begin(), open_.begin() + (first - 1), open_.end(), [&](Index a, Index b) {
      return worth_[at(a)] != worth_[at(b)] ? worth_[at(a)] > worth_[at(b)] : a < b;
    });
  }

  /// Looks at the closed records and opens the most promising, a fiftieth of the open ones at most.
  void reopen(double progress) {
    gain_.assign(at(records_), 0.0);
    const ColumnPieces pieces(records_);
    workers_.run(pieces.count(), [&](Index piece) {
      for (Index c = 0; c < pieces.length(piece); ++c) {
        const Index j = pieces.first(piece) + c;
        if (!is_open_[at(j)] && start_.weight[at(j)] > 0) gain_[at(j)] = gain(j);
      }
    });
    candidates_.clear();
    const double least = prices_ ? price_ : 0;
    for (Index j = 0; j < records_; ++j) {
      if (gain_[at(j)] > least) candidates_.push_back(j);
    }
    const Index base = budget_ >= 0 ? allowed(progress) : open();
    const Index most = std::min(static_cast<Index>(candidates_.size()), std::max<Index>(1, base / 50));
    if (most == 0) return;
    std::partial_sort(candidates_.begin(), candidates_.begin() + most, candidates_.end(), [&](Index a, Index b) {
      return gain_[at(a)] != gain_[at(b)] ? gain_[at(a)] > gain_[at(b)] : a < b;
    });
    candidates_.resize(at(most));
    for (const Index j : candidates_) {
      is_open_[at(j)] = 1;
      shrinkage_[at(j)] = 0;
      log_alpha_[at(j)] = hard;
    }
    problem_.sweep(candidates_.data(), most, arrays(1));
    list_open();
  }

  /// What the loss would fall by if record j, now at 0, got its best weight.
  double gain(Index j) const {
    Scalar slope = 0;
    Scalar h = 0;
    problem_.look_at(j, slope, h);
    const double g = static_cast<double>(slope) + (total_.kappa * total_.residual + total_.multiplier) * total_.inverse;
    const double curvature = static_cast<double>(h + ridge_[at(j)]) + total_.kappa * total_.inverse * total_.inverse;
    if (g >= 0 || !(curvature > 0)) return 0;
    const double step = std::min(-g / curvature, static_cast<double>(highest_[at(j)]));
    return -step * (2 * g + curvature * step);
  }

  /// Exactly the budget: the most worthy, and where too few are open, closed ones in the order of their curvature.
  void finish_choice() {
    if (budget_ >= 0) {
      candidates_.clear();
      if (open() > budget_) {
        order_by_worth(budget_);
        candidates_.assign(open_.begin() + budget_, open_.end());
      }
      close_candidates();
      list_open();
      if (open() < budget_) fill_up(budget_ - open());
    }
    for (const Index j : open_) log_alpha_[at(j)] = std::max(log_alpha_[at(j)], hard);
  }

  void fill_up(Index missing) {
    candidates_.clear();
    for (Index j = 0; j < records_; ++j) {
      if (!is_open_[at(j)] && start_.weight[at(j)] > 0) candidates_.push_back(j);
    }
    const auto size = [&](Index j) {
      return static_cast<double>(curvature_[at(j)]) * start_.weight[at(j)] * start_.weight[at(j)];
    };
    std::stable_sort(candidates_.begin(), candidates_.end(), [&](Index a, Index b) { return size(a) > size(b); });
    for (Index c = 0; c < missing; ++c) is_open_[at(candidates_[at(c)])] = 1;
    list_open();
  }

  void begin_refit() {
    stage_ = options_.refit || !has_choice() ? refitting : done;
    epoch_ = 0;
    for (const Index j : open_) {
      shrinkage_[at(j)] = 0;
      lowest_[at(j)] = static_cast<Scalar>(lowest_share * start_.weight[at(j)]);
      weight_[at(j)] = std::min(std::max(weight_[at(j)], lowest_[at(j)]), highest_[at(j)]);
    }
    refresh();
    best_ = weight_;
    best_loss_ = std::numeric_limits<double>::infinity();
    recent_loss_ = std::numeric_limits<double>::infinity();
    if (stage_ == done || options_.refit_epochs == 0) settle();
  }

  /// One sweep of the second stage.
  void refit_once() {
    const double loss = problem_.loss();
    if (!std::isfinite(loss)) {
      control_.stop_because(StopReason::not_finite);
      return;
    }
    const double objective = loss + prices_on_weights();
    if (objective < best_loss_) {
      best_loss_ = objective;
      best_ = weight_;
    }
    const bool converged = epoch_ % 20 == 19 && !is_capped_ && best_loss_ >= recent_loss_ * (1 - 1e-4);
    if (epoch_ % 20 == 19) recent_loss_ = best_loss_;
    if (epoch_ >= options_.refit_epochs || converged || open_.empty()) {
      settle();
      return;
    }
    const double floor = std::max(1e-4, stand_in_floor * std::pow(0.95, static_cast<double>(epoch_)));
    problem_.reweight(floor);
    problem_.sweep(open_.data(), open(),
                   arrays(has_choice() ? 1 : std::min(1.0, 0.1 * static_cast<double>(epoch_ + 1))));
    total_.multiplier += total_.kappa * total_.residual;
    ++epoch_;
    next_residuals();
    report("refit", options_.refit_epochs, loss);
  }

  void next_residuals() {
    if (epoch_ % refresh_every == 0) {
      refresh();
    } else {
      problem_.read_back();
    }
  }

  double prices_on_weights() const {
    double price = total_.kappa * total_.residual * total_.residual;
    for (const Index j : open_) {
      price += static_cast<double>(ridge_[at(j)]) * static_cast<double>(weight_[at(j)]) *
               static_cast<double>(weight_[at(j)]);
    }
    return price;
  }

  void report(std::string_view stage, Index steps, double loss) {
    StepReport step{.step = epoch_, .steps = steps, .stage = stage, .loss = loss};
    step.objective = loss + prices_on_weights() + (prices_ ? price_ * static_cast<double>(open()) : 0);
    step.expected_l0 = static_cast<double>(open());
    step.lambda = price_;
    step.temperature = stage_ == choosing ? options_.temperature : 0;
    control_.pass_on(step);
  }

  /// The best weights found, at the total wanted.
  void settle() {
    if (stage_ == choosing) finish_choice();
    if (std::isfinite(best_loss_)) weight_ = best_;
    if (options_.total_weight) hold_total();
    stage_ = done;
  }

  /// Scales the weights to the sum wanted; those that reach their cap stay there and the others take the rest.
  void hold_total() {
    for (int round = 0; round < 100; ++round) {
      double capped = 0;
      double free = 0;
      for (const Index j : open_)
        (weight_[at(j)] < highest_[at(j)] ? free : capped) += static_cast<double>(weight_[at(j)]);
      if (!(free > 0)) return;
      const double scale = (*options_.total_weight - capped) / free;
      if (std::abs(scale - 1) < 1e-15 || scale <= 0) return;
      for (const Index j : open_) {
        if (weight_[at(j)] < highest_[at(j)]) {
          weight_[at(j)] = std::min(static_cast<Scalar>(scale * static_cast<double>(weight_[at(j)])), highest_[at(j)]);
        }
      }
    }
  }

  const CalibrationOptions& options_;
  const CalibrationStart& start_;
  RunControl& control_;
  Workers workers_;
  CoordinateProblem<Scalar> problem_;
  Index records_;
  bool is_capped_;
  Index epochs_;
  Index budget_ = -1;
  bool prices_ = false;

  Stage stage_ = choosing;
  Index epoch_ = 0;
  std::vector<Scalar> weight_, worth_, curvature_, shrinkage_, ridge_, lowest_, highest_;
  std::vector<double> log_alpha_;
  std::vector<char> is_open_;
  std::vector<Index> open_;  // ascending
  TotalTerm total_;
  double price_ = 0;
  std::vector<Scalar> best_;
  double best_loss_ = std::numeric_limits<double>::infinity();
  double recent_loss_ = std::numeric_limits<double>::infinity();

  std::vector<double> gain_;
  std::vector<Index> candidates_;
  std::unique_ptr<GateTable> own_table_;
};

}  // namespace l0::detail
