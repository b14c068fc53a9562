// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include <l0/calibration/coordinate_calibration.hpp>
#include <l0/calibration/expected_loss.hpp>
#include <l0/core/sort_stably.hpp>
#include <l0/penalties/budget_price.hpp>

namespace l0::detail {

/// Trains log weights and gates of all records at once by Adam (`CalibrationMethod::gradient`), with drawn gates or on
/// the noise-free objective; then hands the chosen records to the refit.
///
/// An epoch goes through M once: block by block the slopes are gathered, the parameters stepped, and the new weights
/// scattered into the sums of the next epoch while the block's entries are still in the cache. Records whose gate is
/// drawn shut cost nothing, exactly; without noise, gates with P(z ≠ 0) below 1e-3 are passed over but for one epoch in
/// twenty. Pieces of M go to the workers; their sums are added in a fixed order.
///
/// A budget moves the price (`BudgetPrice`); its target arrives after two thirds of the run.
template <class Scalar>
class GradientCalibration {
 public:
  GradientCalibration(const CompactMatrix<Scalar>& m, const CalibrationTerms& terms, const CalibrationOptions& options,
                      const CalibrationStart& start, RunControl& control)
      : options_(options), control_(control), loss_(m, terms, options, start),
        refit_(m, terms, options, start, control),
        usable_(static_cast<Index>(
            std::count_if(start.weight.begin(), start.weight.end(), [](double w) { return w > 0; }))),
        epochs_(options.epochs > 0 ? options.epochs : 1000),
        price_(options.max_records.value_or(0), has_budget() ? usable_ : 0, epochs_,
               gated() ? options.lambda_l0.value_or(0) : 0, 2.0 / 3, has_budget() ? loss_.records() : 0) {
    const std::size_t size = loss_.log_weight.size();
    for (auto* array : {&weight_first_, &weight_second_, &alpha_first_, &alpha_second_}) array->assign(size, Scalar(0));
    loss_.forward(0);
  }

  template <class Save>
  void run(const Save& save) {
    while (control_.running() && epoch_ < epochs_) {
      step();
      control_.checkpoint(save);
    }
    if (!handed_over_) {
      handed_over_ = true;
      refit_.choose(chosen(), weights());
    }
    refit_.run(save);
  }

  const std::vector<Scalar>& weight() const { return refit_.weight(); }
  std::vector<double> log_alpha() const {
    return {loss_.log_alpha.begin(), loss_.log_alpha.begin() + static_cast<std::ptrdiff_t>(loss_.records())};
  }
  const std::vector<Double<Scalar>>& reference() const { return refit_.reference(); }
  Index open() const { return refit_.open(); }
  double lambda() const { return price_.value(); }
  template <class Report>
  void describe(Report& report) {
    refit_.describe(report);
  }

  template <class Archive>
  void archive(Archive& archive) {
    archive(epoch_);
    archive(handed_over_);
    if constexpr (Archive::reads) archive.require(epoch_ >= 0 && epoch_ <= epochs_);
    price_.archive(archive);
    for (auto* array : {&weight_first_, &weight_second_, &alpha_first_, &alpha_second_}) archive(*array);
    loss_.archive(archive);
    refit_.archive(archive);
  }

 private:
  static constexpr double decay = 0.01;  // of the learning rates over the run
  static constexpr Index look_every = 20;

  bool gated() const { return options_.gates != GateMode::off; }
  bool looks() const { return epoch_ % look_every == 0; }
  bool has_budget() const { return gated() && options_.max_records.has_value(); }

  void step() {
    const double value = loss_.backward();
    if (!std::isfinite(value)) {
      control_.stop_because(StopReason::not_finite);
      epoch_ = epochs_;
      return;
    }
    const double expected = gated() ? loss_.expected_open() : static_cast<double>(usable_);
    const double price = has_budget() ? price_.move(expected, epoch_) : price_.value();
    const auto t = static_cast<double>(epoch_ + 1);
    const double correction = std::sqrt(1 - std::pow(0.999, t));
    const double pace = std::pow(decay, static_cast<double>(epoch_) / static_cast<double>(epochs_)) * correction /
                        (1 - std::pow(0.9, t));
    const auto weight_rate = static_cast<Scalar>(options_.learning_rate * pace);
    const auto alpha_rate = static_cast<Scalar>(options_.gate_learning_rate * pace);
    const auto epsilon = static_cast<Scalar>(1e-15 * correction);
    loss_.pass(epoch_ + 1, looks(), static_cast<Scalar>(price),
               [&](Index first, const Scalar* by_log_weight, const Scalar* by_log_alpha) {
                 dispatch<StepRecords>(weight_rate, epsilon, loss_.highest.data() + first, Scalar(-60), by_log_weight,
                                       loss_.log_weight.data() + first, weight_first_.data() + first,
                                       weight_second_.data() + first);
                 if (!gated()) return;
                 if (has_budget()) watch(first, by_log_alpha, price);
                 dispatch<StepRecords>(alpha_rate, epsilon, loss_.alpha_limit.data(), Scalar(-log_alpha_limit),
                                       by_log_alpha, loss_.log_alpha.data() + first, alpha_first_.data() + first,
                                       alpha_second_.data() + first);
               });
    ++epoch_;
    StepReport report{.step = epoch_, .steps = epochs_, .stage = "gates", .loss = value};
    report.objective = value + price * expected;
    report.expected_l0 = expected;
    report.lambda = price;
    report.temperature = gated() ? options_.temperature : 0;
    control_.pass_on(report);
  }

  /// Tells the price what the gates of a block are worth, but for those that were passed over.
  void watch(Index first, const Scalar* by_log_alpha, double price) {
    Scalar slopes[noise_block];
    loss_.probability_slopes(first, slopes);
    for (Index j = first; j < std::min(first + noise_block, loss_.records()); ++j) {
      const auto slope = static_cast<double>(slopes[j - first]);
      if (loss_.is_usable(j) && loss_.is_looked_at(j, looks()))
        price_.watch(j, static_cast<double>(by_log_alpha[j - first]) - price * slope, slope);
    }
  }

  /// Weights with the gates as they are read off.
  std::vector<Scalar> weights() const {
    const auto gates = loss_.deterministic();
    std::vector<Scalar> weight(gates.size());
    for (std::size_t j = 0; j < weight.size(); ++j) {
      // A record that the budget keeps although its gate is closed takes part with its full weight.
      weight[j] = std::exp(loss_.log_weight[j]) * (gates[j] > 0 ? gates[j] : Scalar(1));
    }
    return weight;
  }

  /// The open gates; with a budget, those the loss would miss most.
  std::vector<Index> chosen() const {
    const auto gates = loss_.deterministic();
    std::vector<Dependent<Index, Scalar>> records;
    for (Index j = 0; j < loss_.records(); ++j) {
      const auto at = static_cast<std::size_t>(j);
      if (loss_.is_usable(j) && (options_.max_records || !gated() || gates[at] > 0)) records.push_back(j);
    }
    if (!options_.max_records || !gated()) return records;
    const std::vector<double> worth = loss_.worth();
    sort_stably(records, [&](Index a, Index b) {
      return worth[static_cast<std::size_t>(a)] > worth[static_cast<std::size_t>(b)];
    });
    records.resize(static_cast<std::size_t>(*options_.max_records));
    std::sort(records.begin(), records.end());
    return records;
  }

  const CalibrationOptions& options_;
  RunControl& control_;
  ExpectedLoss<Scalar> loss_;
  CoordinateCalibration<Scalar> refit_;
  Index usable_;
  Index epochs_;
  Index epoch_ = 0;
  bool handed_over_ = false;
  BudgetPrice price_;
  std::vector<Scalar> weight_first_, weight_second_, alpha_first_, alpha_second_;
};

}  // namespace l0::detail
