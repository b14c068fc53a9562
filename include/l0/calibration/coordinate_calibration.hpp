// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include <l0/calibration/coordinate_refit.hpp>
#include <l0/calibration/run_control.hpp>
#include <l0/core/sort_stably.hpp>
#include <l0/gates/moment_table.hpp>

namespace l0::detail {

/// Chooses records and fits their weights by sweeps over the records (`CalibrationMethod::coordinate`).
///
/// A budget draws its records and exchanges them (`CoordinateExchange`): first at their references, then with weights
/// that a falling price pulls towards these. Where the targets can then be met, that is all. Else rounds of two
/// sweeps open the records that serve best and close the least worthy, while the price falls on.
///
/// With a price for records, b = s E[z] is the mean weight of a record, and the expectation over its gate adds
/// h b² (1/m − 1) to the loss, where m = E[z]²/E[z²] and h = Σ κ M² is the record's curvature: exact for the squared
/// and relative losses. For given gates, each b has a closed minimum (`coordinate_change`); a record whose gate closes
/// costs h b² at first order. Gates start where the keep probabilities put them, harden over the first part of the run
/// (m → 1), and close when their h b² falls below λ, approached from below. Every few sweeps the closed records are
/// looked at again and those worth more than the price reopened. Every minimum of the objective has its gates at 0 or
/// 1, so nothing is lost by deciding.
///
/// The refit goes to the dual of the chosen records' problem first (`CoordinateRefit`): where their targets can be met,
/// that is all. Else it sweeps over the chosen records with the loss itself, and lets the dual have the last word.
template <class Scalar>
class CoordinateCalibration : public CoordinateRefit<Scalar> {
  using Base = CoordinateRefit<Scalar>;
  using Table = GateTable<Double<Scalar>>;

 public:
  using Base::open;

  CoordinateCalibration(const CompactMatrix<Scalar>& m, const CalibrationTerms& terms,
                        const CalibrationOptions& options, const CalibrationStart& start, RunControl& control)
      : Base(m, terms, options, start), control_(control), is_capped_(terms.loss() == CalibrationLoss::capped),
        epochs_(options.epochs > 0 ? options.epochs : 200),
        budget_(options.gates == GateMode::off ? -1 : options.max_records.value_or(-1)),
        prices_(options.gates != GateMode::off && options.lambda_l0.value_or(0) > 0) {
    if (is_drawn()) {
      Base::draw(budget_);
      Base::refresh();
    }
    Base::set_pull(0);
    if (!has_choice()) begin_refit();
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
    Base::list_open();
    begin_refit();
  }

  double lambda() const { return price_; }

  /// Says whether the weights of the chosen records are at their minimum, and by what it may be missed.
  template <class Report>
  void describe(Report& report) {
    report.gap = Base::gap();
    const double loss = problem_.loss();
    const double whole = problem_.whole_loss();
    const bool is_met = is_capped_ ? loss <= 1e-6 * whole : loss <= 1e-12 * whole;
    if (control_.running() && (is_met || (!is_capped_ && report.gap <= 1e-3 * Base::objective()))) {
      control_.stop_because(StopReason::converged);
    }
    if (options_.total_weight) report.total_missed = *options_.total_weight - Base::weight_sum();
  }

  template <class Archive>
  void archive(Archive& archive) {
    archive(stage_);
    archive(epoch_);
    archive(price_);
    if constexpr (Archive::reads) {
      archive.require(stage_ >= choosing && stage_ <= done && epoch_ >= 0 &&
                      epoch_ <= std::max(epochs_, options_.refit_epochs) && std::isfinite(price_));
      best_.resize(stage_ == choosing ? 0 : at(records_));
    }
    Base::archive_exchange(archive);
    archive(best_);
    archive(best_loss_);
    archive(recent_loss_);
    if constexpr (Archive::reads) archive.require(stage_ != choosing || (has_choice() && !std::isfinite(best_loss_)));
    Base::archive_records(archive);
    if constexpr (Archive::reads) {
      archive.require(!is_drawn() || open() >= budget_);
      if (stage_ != choosing) {
        set_prices();
        Base::raise_to_lowest(true);
      }
    }
  }

 private:
  using Base::at, Base::hard;
  using Base::curvature_, Base::shrinkage_, Base::highest_, Base::log_alpha_, Base::is_open_, Base::open_;
  using Base::options_, Base::start_, Base::workers_, Base::problem_, Base::records_, Base::weight_, Base::worth_;

  enum Stage : std::int32_t { choosing, refitting, done };
  static constexpr double choosing_share = 0.6;  // of the sweeps, for closing gates; the rest swaps and settles
  static constexpr Index look_every = 4;
  static constexpr Index settling = 10;          // last sweeps without swaps
  static constexpr Index refresh_every = 8;      // sweeps between two exact residuals
  static constexpr double stand_in_floor = 0.3;  // of |e|, in the capped loss while records are chosen by price
  static constexpr double exchange_floor = 1;    // the same where they are drawn and exchanged
  static constexpr Index round = 2;              // sweeps from one look at closed records to the next
  // For a budget. Chosen, with the two before, on the national problem (docs/calibration.md), mostly at 5 %.
  static constexpr double fixed_share = 0.04;    // of the sweeps, for exchanges at the references
  static constexpr double moving_share = 0.09;   // for those where weights may move, at a price that falls from 1
  static constexpr double exchange_fall = 0.01;  // to this
  static constexpr double mending_pull = 1e-3;   // the price while the least worthy are replaced, at first
  static constexpr double mending_fall = 1e-4;   // and what becomes of it
  static constexpr double mending_share = 0.8;   // of the budget, opened in the first round; a tenth of it in the last
  static constexpr double worth_a_look = 0.05;   // mean error from which on targets may be met

  bool has_choice() const { return budget_ >= 0 || prices_; }
  bool is_drawn() const {
    return budget_ >= 0 && options_.method == CalibrationMethod::coordinate && options_.gates == GateMode::noise_free;
  }

  /// One sweep of the first stage.
  void choose_once() {
    const double progress =
        std::min(1.0, static_cast<double>(epoch_ + 1) / std::max(1.0, choosing_share * static_cast<double>(epochs_)));
    if (prices_) harden(progress);
    problem_.reweight(prices_ ? stand_in_floor : exchange_floor);
    const double loss = problem_.loss();
    if (!std::isfinite(loss)) {
      control_.stop_because(StopReason::not_finite);
      return;
    }
    bool is_chosen = false;
    if (prices_) {
      choose_by_price(progress);
    } else {
      is_chosen = choose_by_exchange();
    }
    ++epoch_;
    next_residuals();
    report("gates", epochs_, loss);
    if (is_chosen || epoch_ >= epochs_) {
      finish_choice();
      begin_refit();
    }
  }

  void choose_by_price(double progress) {
    if (options_.concentration > 0) {
      Base::set_references(true);
      Base::set_pull(0);
    }
    // Weights that start far off would pour all that is missing into the records that come first.
    Base::sweep(std::min(1.0, 0.1 * static_cast<double>(epoch_ + 1)));
    price_ = *options_.lambda_l0 * std::pow(1e-3, 1 - progress);
    const bool look = epoch_ % look_every == look_every - 1 && epoch_ + settling < epochs_ && open() < records_;
    if (look && progress > 0.5) {
      reopen_promising();
    } else {
      close_cheap();
    }
  }

  /// One sweep for a budget; whether the records chosen meet the targets.
  bool choose_by_exchange() {
    const auto all = static_cast<double>(epochs_);
    const Index fixed = std::max<Index>(1, std::lround(fixed_share * all));
    const Index exchanges = fixed + std::max<Index>(1, std::lround(moving_share * all));
    if (epoch_ < exchanges) {
      const double progress = static_cast<double>(epoch_ - fixed) / static_cast<double>(exchanges - fixed);
      Base::set_pull(epoch_ < fixed ? 0 : std::pow(exchange_fall, progress));
      Base::exchange(epoch_ < fixed);
      Base::refresh();
      return epoch_ + 1 == exchanges && are_met();
    }
    const Index sweep = epoch_ - exchanges;
    const double progress = static_cast<double>(sweep - sweep % round) / static_cast<double>(epochs_ - exchanges);
    Base::set_pull(mending_pull * std::pow(mending_fall, progress));
    if (sweep % round == 0) {
      const double share = mending_share * (1 - 0.9 * progress);
      Base::open_best(std::max<Index>(1, std::lround(share * static_cast<double>(budget_))));
    }
    Base::sweep(1);
    if (sweep % round != round - 1) return false;
    close_least_worthy();
    const Index quarter = std::max<Index>(1, (epochs_ - exchanges) / round / 4);
    const Index rounds = sweep / round + 1;
    return (rounds == quarter || rounds == 2 * quarter) && are_met();
  }

  /// Whether the records chosen can meet the targets, as far as is worth a look.
  bool are_met() {
    const double near = (is_capped_ ? worth_a_look : worth_a_look * worth_a_look) * problem_.whole_loss();
    problem_.read_back();
    if (!options_.refit || options_.refit_epochs == 0 || problem_.loss() > near) return false;
    Base::raise_to_lowest();
    is_met_ = Base::meet_targets(options_.refit_epochs, true);
    problem_.reweight(exchange_floor);
    return is_met_;
  }

  /// log α of open gates rises from its start to `hard`, so that m rises to 1.
  void harden(double progress) {
    static const Table standard(HardConcrete<Double<Scalar>>{.temperature = 2.0 / 3});
    const bool is_standard = options_.temperature == 2.0 / 3 && options_.gamma == -0.1 && options_.zeta == 1.1;
    if (!is_standard && !own_table_) {
      own_table_ = std::make_unique<Table>(HardConcrete<Double<Scalar>>{
          .temperature = options_.temperature, .gamma = options_.gamma, .zeta = options_.zeta});
    }
    const Table& table = is_standard ? standard : *own_table_;
    for (const Index j : open_) {
      const double from = start_.log_alpha[at(j)];
      log_alpha_[at(j)] = from + (std::max(from, hard) - from) * progress;
      shrinkage_[at(j)] = progress < 1 ? static_cast<Scalar>(1 / table.at(log_alpha_[at(j)]).share - 1) : Scalar(0);
    }
  }

  /// Closes gates that are not worth their price.
  void close_cheap() {
    candidates_.clear();
    for (const Index j : open_) {
      if (static_cast<double>(worth_[at(j)]) < price_) candidates_.push_back(j);
    }
    Base::close(candidates_);
  }

  /// Closes the least worthy, but for the budget.
  void close_least_worthy() {
    if (open() <= budget_) return;
    Base::order_by_worth(budget_);
    candidates_.assign(open_.begin() + budget_, open_.end());
    std::sort(candidates_.begin(), candidates_.end());
    Base::close(candidates_);
  }

  /// Looks at the closed records and opens the most promising, a fiftieth of the open ones at most.
  void reopen_promising() {
    gain_.assign(at(records_), 0.0);
    const ColumnPieces pieces(records_);
    workers_.run(pieces.count(), [&](Index piece) {
      for (Index c = 0; c < pieces.length(piece); ++c) {
        const Index j = pieces.first(piece) + c;
        if (!is_open_[at(j)] && start_.weight[at(j)] > 0) gain_[at(j)] = Base::gain(j);
      }
    });
    candidates_.clear();
    for (Index j = 0; j < records_; ++j) {
      if (gain_[at(j)] > price_) candidates_.push_back(j);
    }
    const Index most = std::min(static_cast<Index>(candidates_.size()), std::max<Index>(1, open() / 50));
    if (most == 0) return;
    std::partial_sort(candidates_.begin(), candidates_.begin() + most, candidates_.end(), [&](Index a, Index b) {
      return gain_[at(a)] != gain_[at(b)] ? gain_[at(a)] > gain_[at(b)] : a < b;
    });
    candidates_.resize(at(most));
    Base::reopen(candidates_);
  }

  /// Exactly the budget; what a record is worth is read off the least worthy.
  void finish_choice() {
    if (is_drawn()) {
      close_least_worthy();
      Base::set_pull(0);
      if (!is_met_) Base::swap_few();
      price_ = std::numeric_limits<double>::infinity();
      for (Index j = 0; j < records_; ++j) {
        if (start_.weight[at(j)] > 0) log_alpha_[at(j)] = is_open_[at(j)] ? hard : -hard;
      }
      for (const Index j : open_) price_ = std::min(price_, Base::worth(j));
    }
    Base::raise_to_lowest();
  }

  void begin_refit() {
    stage_ = options_.refit || !has_choice() ? refitting : done;
    epoch_ = 0;
    set_prices();
    Base::raise_to_lowest(true);
    Base::refresh();
    best_ = weight_;
    best_loss_ = std::numeric_limits<double>::infinity();
    recent_loss_ = std::numeric_limits<double>::infinity();
    if (stage_ == done || options_.refit_epochs == 0) settle();
  }

  /// References and prices of the refit.
  void set_prices() {
    if (!is_drawn()) Base::set_references();
    Base::set_pull(0);
  }

  /// One sweep of the second stage.
  void refit_once() {
    if (epoch_ == 0) {
      if (Base::meet_targets(options_.refit_epochs)) {
        stage_ = done;
        ++epoch_;
        report("refit", options_.refit_epochs, problem_.loss());
        return;
      }
    }
    const double loss = problem_.loss();
    if (!std::isfinite(loss)) {
      control_.stop_because(StopReason::not_finite);
      return;
    }
    const double objective = loss + Base::prices_on_weights();
    if (objective < best_loss_) {
      best_loss_ = objective;
      best_ = weight_;
    }
    const bool stagnates = epoch_ % 20 == 19 && !is_capped_ && best_loss_ >= recent_loss_ * (1 - 1e-4);
    if (epoch_ % 20 == 19) recent_loss_ = best_loss_;
    if (epoch_ >= options_.refit_epochs || stagnates || open_.empty()) {
      settle();
      return;
    }
    const double floor = std::max(Base::sharp_floor, stand_in_floor * std::pow(0.95, static_cast<double>(epoch_)));
    problem_.reweight(floor);
    Base::sweep(has_choice() ? 1 : std::min(1.0, 0.1 * static_cast<double>(epoch_ + 1)));
    ++epoch_;
    next_residuals();
    report("refit", options_.refit_epochs, loss);
  }

  void next_residuals() {
    if (epoch_ % refresh_every == 0) {
      Base::refresh();
    } else {
      problem_.read_back();
    }
  }

  void report(std::string_view stage, Index steps, double loss) {
    StepReport step{.step = epoch_, .steps = steps, .stage = stage, .loss = loss};
    step.objective = loss + Base::prices_on_weights() + (prices_ ? price_ * static_cast<double>(open()) : 0);
    step.expected_l0 = static_cast<double>(open());
    step.lambda = price_;
    step.temperature = stage_ == choosing ? options_.temperature : 0;
    control_.pass_on(step);
  }

  /// The best weights found, at the total wanted.
  void settle() {
    const bool fits = stage_ == refitting && options_.refit_epochs > 0 && control_.running();
    if (stage_ == choosing) finish_choice();
    if (std::isfinite(best_loss_)) weight_ = best_;
    if (options_.total_weight) Base::hold_total();
    if (fits) {
      Base::improve(options_.refit_epochs);
    }
    stage_ = done;
  }

  RunControl& control_;
  bool is_capped_;
  Index epochs_;
  Index budget_;
  bool prices_;
  bool is_met_ = false;  // by the records chosen so far
  Stage stage_ = choosing;
  Index epoch_ = 0;
  double price_ = 0;
  std::vector<Scalar> best_;
  double best_loss_ = std::numeric_limits<double>::infinity();
  double recent_loss_ = std::numeric_limits<double>::infinity();

  std::vector<Double<Scalar>> gain_;
  std::vector<Dependent<Index, Scalar>> candidates_;
  std::unique_ptr<Table> own_table_;
};

}  // namespace l0::detail
