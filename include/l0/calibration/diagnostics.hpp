// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <l0/calibration/loss.hpp>
#include <l0/callbacks/report.hpp>

namespace l0 {

/// How weights are spread over the records that have one.
struct WeightDiagnostics {
  Index records = 0;                    ///< with a weight > 0
  double sum = 0;                       ///< Σ w
  double smallest = 0;                  ///< least weight > 0
  double median = 0;                    ///< half are below
  double largest = 0;                   ///< the heaviest
  double coefficient_of_variation = 0;  ///< standard deviation / mean
  double effective_sample_size = 0;     ///< (Σw)²/Σw², Kish
  double design_effect = 0;             ///< records/effective_sample_size, 1 for equal weights
  double top_percent_share = 0;         ///< share of the sum that the heaviest 1 % hold
  double largest_ratio = 0;             ///< max w/w₀
};

/// How far a group of targets is met: |t̂ − t|/max(|t|, 1).
struct ErrorSummary {
  Index group = 0;              ///< number of the group
  Index targets = 0;            ///< targets in it
  double loss = 0;              ///< the group's part of the loss
  double mean = 0;              ///< mean error
  double median = 0;            ///< half are below
  double largest = 0;           ///< the worst error
  double within_5_percent = 0;  ///< share of the targets
};

/// How a calibration went.
struct CalibrationReport : TrainingReport {
  double loss_before = 0;                ///< at the starting weights
  Index records = 0;                     ///< with a weight > 0
  Vector<double> predictions;            ///< M w, per target
  Vector<double> errors;                 ///< (t̂ − t)/max(|t|, 1), per target
  Vector<double> errors_before;          ///< the same at the starting weights
  ErrorSummary all;                      ///< over all targets
  std::vector<ErrorSummary> groups;      ///< per target group, ascending
  std::vector<double> aggregate_errors;  ///< per aggregate, as `errors`
  WeightDiagnostics weights;             ///< of the weights > 0
  std::vector<Index> unreachable;        ///< targets ≠ 0 that no record contributes to
  std::vector<Index> empty_records;      ///< records that contribute to no target
  std::vector<std::string> notes;        ///< what deserves a look
  /// How far the loss may be from that of the best weights for the records kept: what it could at first order still
  /// fall by if no weight moved by more than its own size. `stop` is `converged` where the targets are met or this is
  /// at most a thousandth of the loss; for the capped loss, which has other minima, only where the targets are met.
  double gap = 0;
  double total_missed = 0;  ///< `total_weight` − Σ w; 0 but for caps that the records chosen cannot fill
};

/// Σw, spread and effective sample size; `start` gives w₀, and may be empty.
template <class Derived>
WeightDiagnostics weight_diagnostics(const Eigen::DenseBase<Derived>& weights, const std::vector<double>& start = {}) {
  WeightDiagnostics result;
  std::vector<detail::Dependent<double, Derived>> positive;
  double squares = 0;
  for (Index j = 0; j < weights.size(); ++j) {
    const auto w = static_cast<double>(weights.derived()(j));
    if (!(w > 0)) continue;
    positive.push_back(w);
    result.sum += w;
    squares += w * w;
    const double w0 = start.empty() ? 0 : start[static_cast<std::size_t>(j)];
    if (w0 > 0) result.largest_ratio = std::max(result.largest_ratio, w / w0);
  }
  if (positive.empty()) return result;
  std::sort(positive.begin(), positive.end());
  const auto count = static_cast<double>(positive.size());
  result.records = static_cast<Index>(positive.size());
  result.smallest = positive.front();
  result.median = (positive[(positive.size() - 1) / 2] + positive[positive.size() / 2]) / 2;
  result.largest = positive.back();
  const double mean = result.sum / count;
  result.coefficient_of_variation = std::sqrt(std::max(0.0, squares / count - mean * mean)) / mean;
  result.effective_sample_size = result.sum * result.sum / squares;
  result.design_effect = count / result.effective_sample_size;
  const auto top = static_cast<std::ptrdiff_t>(std::max(1.0, std::floor(count / 100)));
  result.top_percent_share = std::accumulate(positive.end() - top, positive.end(), 0.0) / result.sum;
  return result;
}

namespace detail {

template <class Terms>
ErrorSummary summarize_errors(const Terms& terms, const Vector<double>& predictions,
                              const std::vector<Index>& members) {
  ErrorSummary result;
  std::vector<Dependent<double, Terms>> sizes;
  for (const Index j : members) {
    const double error = predictions(j) - terms[j].target;
    const double size = std::abs(error) / std::max(std::abs(terms[j].target), 1.0);
    sizes.push_back(size);
    result.loss += terms.expectation(j, predictions(j), 0).value;
    result.within_5_percent += size <= 0.05 ? 1 : 0;
  }
  result.targets = static_cast<Index>(sizes.size());
  if (sizes.empty()) return result;
  const auto count = static_cast<double>(sizes.size());
  result.within_5_percent /= count;
  result.mean = std::accumulate(sizes.begin(), sizes.end(), 0.0) / count;
  std::sort(sizes.begin(), sizes.end());
  result.median = (sizes[(sizes.size() - 1) / 2] + sizes[sizes.size() / 2]) / 2;
  result.largest = sizes.back();
  return result;
}

/// Errors of all targets, groups and aggregates at the predictions in the report.
template <class Terms>
void describe_errors(const Terms& terms, const CalibrationTask& task, const Vector<double>& before,
                     CalibrationReport& report) {
  const Index targets = terms.targets();
  std::vector<Dependent<double, Terms>> sums(static_cast<std::size_t>(terms.size()), 0.0);
  const auto loss_at = [&](const Vector<double>& predictions) {
    std::copy(predictions.data(), predictions.data() + targets, sums.begin());
    terms.add_up(sums);
    return terms.value(sums);
  };
  report.loss_before = loss_at(before);
  report.loss = loss_at(report.predictions);
  const auto relative = [&](Index j, double sum) {
    return (sum - terms[j].target) / std::max(std::abs(terms[j].target), 1.0);
  };
  report.errors.resize(targets);
  report.errors_before.resize(targets);
  std::vector<Index> everyone;
  std::map<Dependent<Index, Terms>, std::vector<Index>> members;
  for (Index j = 0; j < targets; ++j) {
    report.errors(j) = relative(j, report.predictions(j));
    report.errors_before(j) = relative(j, before(j));
    everyone.push_back(j);
    if (!task.target_groups.empty()) members[task.target_groups[static_cast<std::size_t>(j)]].push_back(j);
  }
  report.all = summarize_errors(terms, report.predictions, everyone);
  for (const auto& [group, list] : members) {
    report.groups.push_back(summarize_errors(terms, report.predictions, list));
    report.groups.back().group = group;
  }
  for (Index a = targets; a < terms.size(); ++a) {
    report.aggregate_errors.push_back(relative(a, sums[static_cast<std::size_t>(a)]));
  }
}

}  // namespace detail
}  // namespace l0
