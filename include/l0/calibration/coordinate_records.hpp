// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <l0/calibration/coordinate_problem.hpp>
#include <l0/calibration/start.hpp>

namespace l0::detail {

/// The records of a calibration by coordinates: weights, bounds, gates, and the residuals that they leave.
template <class Scalar>
class CoordinateRecords {
 public:
  const std::vector<Scalar>& weight() const { return weight_; }
  const std::vector<double>& log_alpha() const { return log_alpha_; }
  /// d of every record: what it stands for, where it is kept.
  const std::vector<Double<Scalar>>& reference() const { return reference_; }
  /// How many records have an open gate.
  Index open() const { return static_cast<Index>(open_.size()); }

 protected:
  static constexpr double hard = 8;             // |log α| of a gate that is decided: P(z ≠ 0) within 1e-3 of 0 or 1
  static constexpr double lowest_share = 1e-6;  // of w₀, that chosen records keep at least

  static std::size_t at(Index j) { return static_cast<std::size_t>(j); }

  /// All records with a starting weight take part, at the scale that fits best.
  CoordinateRecords(const CompactMatrix<Scalar>& m, const CalibrationTerms& terms, const CalibrationOptions& options,
                    const CalibrationStart& start)
      : options_(options), start_(start), workers_(options.threads), problem_(m, terms), records_(m.columns()),
        log_alpha_(start.log_alpha), is_open_(start.weight.size(), 0) {
    for (auto* array : {&weight_, &worth_, &curvature_, &shrinkage_, &ridge_, &anchor_, &lowest_, &highest_}) {
      array->assign(at(records_), Scalar(0));
    }
    if (options.total_weight) total_ = {1 / *options.total_weight, 10 * total_row_weight(terms), 0, 0};
    if (problem_.is_uniform()) problem_.fill_curvature(curvature_, workers_);
    reference_.assign(at(records_), 0.0);
    for (Index j = 0; j < records_; ++j) {
      const double w0 = start_.weight[at(j)];
      weight_[at(j)] = static_cast<Scalar>(w0 > 0 ? start_.jittered[at(j)] : 0);
      highest_[at(j)] = highest_of(j);
      is_open_[at(j)] = w0 > 0;
    }
    list_open();
    const double scale = options_.total_weight ? *options_.total_weight / weight_sum()
                                               : problem_.best_scale(open_, weight_.data(), workers_);
    for (const Index j : open_) {
      reference_[at(j)] = as_given(scale) * static_cast<double>(weight_[at(j)]);
      weight_[at(j)] = std::min(static_cast<Scalar>(scale * static_cast<double>(weight_[at(j)])), highest_[at(j)]);
    }
    refresh();
  }

  /// The price of the mean of (w/d − 1)² over the open records: `concentration` and so many parts of the whole loss.
  void set_pull(double parts) {
    pull_ = options_.concentration + parts * problem_.whole_loss();
    if (!open_.empty()) pull_ /= static_cast<double>(open());
    for (Index j = 0; j < records_; ++j) {
      const double d = reference_[at(j)];
      if (!(d > 0)) continue;
      ridge_[at(j)] = static_cast<Scalar>(options_.lambda_l2 + pull_ / (d * d));
      anchor_[at(j)] = static_cast<Scalar>(pull_ / d);
    }
  }

  /// Starting weights are in the unit of the targets, or in one of their own: a factor near 1 says the first, and then
  /// they are taken as they are.
  double as_given(double scale) const { return !options_.total_weight && scale > 0.5 && scale < 2 ? 1 : scale; }

  /// References of records that were not drawn: one multiple of w₀ for all of them, that which fits best or that which
  /// the weights have by now.
  void set_references(bool follow_weights = false) {
    double sum = 0;
    std::vector<Scalar> initial(at(follow_weights ? 0 : records_), Scalar(0));
    for (const Index j : open_) {
      if (!follow_weights) initial[at(j)] = static_cast<Scalar>(start_.weight[at(j)]);
      sum += start_.weight[at(j)];
    }
    if (!(sum > 0)) return;
    double scale = follow_weights          ? weight_sum() / sum
                   : options_.total_weight ? *options_.total_weight / sum
                                           : problem_.best_scale(open_, initial.data(), workers_);
    const bool are_all =
        open() == std::count_if(start_.weight.begin(), start_.weight.end(), [](double w) { return w > 0; });
    if (!follow_weights && are_all) scale = as_given(scale);
    for (Index j = 0; j < records_; ++j) reference_[at(j)] = scale * start_.weight[at(j)];
  }

  /// The least weight of a chosen record.
  Scalar least(Index j) const {
    return static_cast<Scalar>(std::max(lowest_share, options_.min_weight_ratio) * start_.weight[at(j)]);
  }

  double total_slope() const { return (total_.kappa * total_.residual + total_.multiplier) * total_.inverse; }
  double total_curvature() const { return total_.kappa * total_.inverse * total_.inverse; }

  /// One sweep over the open records.
  void sweep(double step) {
    problem_.sweep(open_.data(), open(), arrays(step));
    total_.multiplier += total_.kappa * total_.residual;
  }

  double weight_sum() const {
    double sum = 0;
    for (const Index j : open_) sum += static_cast<double>(weight_[at(j)]);
    return sum;
  }

  /// Residuals afresh.
  void refresh() {
    problem_.refresh(open_, weight_.data(), workers_);
    if (total_.kappa > 0) total_.residual = weight_sum() * total_.inverse - 1;
  }

  /// Open records keep a weight above 0 from here on, and their whole one; with `bounds`, within those of the distance.
  void raise_to_lowest(bool bounds = false) {
    const bool bounded = bounds && (options_.distance == CalibrationDistance::logit ||
                                    options_.distance == CalibrationDistance::truncated);
    for (const Index j : open_) {
      log_alpha_[at(j)] = std::max(log_alpha_[at(j)], hard);
      shrinkage_[at(j)] = 0;
      lowest_[at(j)] = least(j);
      if (bounded) {
        highest_[at(j)] = std::min(highest_of(j), static_cast<Scalar>(options_.distance_upper * reference_[at(j)]));
        lowest_[at(j)] = std::max(lowest_[at(j)], static_cast<Scalar>(options_.distance_lower * reference_[at(j)]));
        lowest_[at(j)] = std::min(lowest_[at(j)], highest_[at(j)]);
      }
      weight_[at(j)] = std::min(std::max(weight_[at(j)], lowest_[at(j)]), highest_[at(j)]);
    }
  }

  /// Closes records and takes their weights out of the sums, by a sweep in which they may only be 0.
  void close(const std::vector<Index>& records) {
    if (records.empty()) return;
    for (const Index j : records) {
      highest_[at(j)] = 0;
      lowest_[at(j)] = 0;
    }
    problem_.sweep(records.data(), static_cast<Index>(records.size()), arrays(1));
    for (const Index j : records) {
      is_open_[at(j)] = 0;
      weight_[at(j)] = 0;
      log_alpha_[at(j)] = -hard;
      highest_[at(j)] = highest_of(j);
    }
    list_open();
  }

  /// Opens closed records at their best weights.
  void reopen(const std::vector<Index>& records) {
    for (const Index j : records) {
      is_open_[at(j)] = 1;
      shrinkage_[at(j)] = 0;
      log_alpha_[at(j)] = hard;
    }
    problem_.sweep(records.data(), static_cast<Index>(records.size()), arrays(1));
    list_open();
  }

  /// Brings the `first` most worthy of the open records to the front.
  void order_by_worth(Index first) {
    // What has overflowed to no number is worth nothing: it has no place in an order.
    const auto worth = [&](Index j) { return worth_[at(j)] >= 0 ? worth_[at(j)] : Scalar(0); };
    std::nth_element(open_.begin(), open_.begin() + (first - 1), open_.end(),
                     [&](Index a, Index b) { return worth(a) != worth(b) ? worth(a) > worth(b) : a < b; });
  }

  /// What the loss would fall by if record j, now at 0, got its best weight.
  double gain(Index j) const {
    Scalar slope = 0;
    Scalar h = 0;
    problem_.look_at(j, slope, h);
    const double g = static_cast<double>(slope - anchor_[at(j)]) + total_slope();
    const double curvature = static_cast<double>(h + ridge_[at(j)]) + total_curvature();
    if (g >= 0 || !(curvature > 0)) return 0;
    const double step = std::min(-g / curvature, static_cast<double>(highest_[at(j)]));
    return -step * (2 * g + curvature * step);
  }

  /// What the loss would rise by without an open record, its slope apart.
  double worth(Index j) const {
    Scalar slope = 0;
    Scalar h = 0;
    problem_.look_at(j, slope, h);
    const auto w = static_cast<double>(weight_[at(j)]);
    return static_cast<double>(h) * w * w;
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

  /// The prices of the weights.
  double weight_prices() const {
    double price = pull_ * static_cast<double>(open());
    for (const Index j : open_) {
      const auto w = static_cast<double>(weight_[at(j)]);
      price += w * (static_cast<double>(ridge_[at(j)]) * w - 2 * static_cast<double>(anchor_[at(j)]));
    }
    return price;
  }
  /// Those and the part of the total.
  double prices_on_weights() const { return weight_prices() + total_.kappa * total_.residual * total_.residual; }

  template <class Archive>
  void archive_records(Archive& archive) {
    archive(weight_);
    archive(worth_);
    archive(curvature_);
    archive(lowest_);
    archive(log_alpha_);
    archive(is_open_);
    archive(total_.residual);
    archive(total_.multiplier);
    problem_.archive(archive);
    if constexpr (Archive::reads) {
      for (Index j = 0; j < records_; ++j) {
        archive.require(is_open_[at(j)] == 0 || (is_open_[at(j)] == 1 && start_.weight[at(j)] > 0));
      }
      list_open();
    }
  }

  void list_open() {
    open_.clear();
    for (Index j = 0; j < records_; ++j) {
      if (is_open_[at(j)]) open_.push_back(j);
    }
  }

  const CalibrationOptions& options_;
  const CalibrationStart& start_;
  Workers workers_;
  CoordinateProblem<Scalar> problem_;
  Index records_;
  std::vector<Scalar> weight_, worth_, curvature_, shrinkage_, ridge_, anchor_, lowest_, highest_;
  std::vector<Double<Scalar>> reference_;  // what a record's weight is where the targets have no say
  std::vector<double> log_alpha_;
  std::vector<char> is_open_;
  std::vector<Index> open_;  // ascending
  TotalTerm total_;
  double pull_ = 0;  // price of (w/d − 1)² of one record

 private:
  static double total_row_weight(const CalibrationTerms& terms) {
    double largest = 0;
    for (Index j = 0; j < terms.size(); ++j) {
      const double scaled = terms.loss() == CalibrationLoss::squared ? terms[j].target * terms[j].target : 1.0;
      largest = std::max(largest, terms[j].weight * scaled);
    }
    return largest > 0 ? largest : 1;
  }

  Scalar highest_of(Index j) const {
    return options_.max_weight_ratio > 0 ? static_cast<Scalar>(options_.max_weight_ratio * start_.weight[at(j)])
                                         : std::numeric_limits<Scalar>::max();
  }

  SweepArrays<Scalar> arrays(double step) {
    return {weight_.data(), worth_.data(),  curvature_.data(),        shrinkage_.data(),
            ridge_.data(),  anchor_.data(), lowest_.data(),           highest_.data(),
            nullptr,        &total_,        static_cast<Scalar>(step)};
  }
};

}  // namespace l0::detail
