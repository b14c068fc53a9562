// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include <l0/calibration/compact_matrix.hpp>
#include <l0/calibration/options.hpp>
#include <l0/gates/hard_concrete.hpp>
#include <l0/random/rng.hpp>

namespace l0::detail {

/// What a calibration starts from, one value per record.
struct CalibrationStart {
  std::vector<double> weight;     ///< w₀
  std::vector<double> jittered;   ///< w₀ with its jitter: where training starts
  std::vector<double> log_alpha;  ///< of the gates
};

/// One value per record from a list of one, of all, or of none.
template <class List>
std::vector<double> per_record(const List& list, const char* name, Index records, double otherwise) {
  const auto size = static_cast<std::size_t>(records);
  using Values = std::vector<Dependent<double, List>>;
  if (list.empty()) return Values(size, otherwise);
  if (list.size() != 1 && list.size() != size) {
    fail(name, to_text(list.size()) + " entries", "1 or " + to_text(records) + ", one per record");
  }
  Values values(size, list[0]);
  if (list.size() == size) std::copy(list.begin(), list.end(), values.begin());
  return values;
}

/// Checks the options and makes the start of them, in the order of the file and without jitter. Throws `Error`.
template <class Options>
CalibrationStart calibration_start(Index records, const Options& options) {
  require(records >= 0, "n_records", records, "a number of records >= 0");
  if (options.lambda_l0) require_non_negative("lambda_l0", *options.lambda_l0);
  if (options.lambda_l0 && options.max_records) fail("lambda_l0", "given together with max_records", "one of the two");
  Dependent<HardConcrete<double>, Options>{
      .temperature = options.temperature, .gamma = options.gamma, .zeta = options.zeta}
      .validate();
  require(options.epochs >= 0, "epochs", options.epochs, "a number >= 0");
  require(options.refit_epochs >= 0, "refit_epochs", options.refit_epochs, "a number >= 0");
  require_positive("learning_rate", options.learning_rate);
  require_positive("gate_learning_rate", options.gate_learning_rate);
  require_non_negative("log_weight_jitter", options.log_weight_jitter);
  require_non_negative("log_alpha_jitter", options.log_alpha_jitter);
  require_non_negative("lambda_l2", options.lambda_l2);
  require_non_negative("max_weight_ratio", options.max_weight_ratio);
  require_non_negative("min_weight_ratio", options.min_weight_ratio);
  if (options.max_weight_ratio > 0 && options.min_weight_ratio > options.max_weight_ratio) {
    fail("min_weight_ratio", to_text(options.min_weight_ratio),
         "at most max_weight_ratio, " + to_text(options.max_weight_ratio));
  }
  require_non_negative("concentration", options.concentration);
  require(options.distance_lower >= 0 && options.distance_lower < 1, "distance_lower", options.distance_lower,
          "a ratio in [0, 1)");
  require(options.distance_upper > 1 && std::isfinite(options.distance_upper), "distance_upper", options.distance_upper,
          "a ratio > 1");
  require(options.threads >= 1, "threads", options.threads, "a number >= 1");
  Dependent<CalibrationStart, Options> start;
  start.weight = per_record(options.initial_weights, "initial_weights", records, 1);
  start.log_alpha = per_record(options.keep_probability, "keep_probability", records, 0.5);
  Index usable = 0;
  for (const double w : start.weight) {
    require_non_negative("an initial weight", w);
    usable += w > 0 ? 1 : 0;
  }
  for (double& p : start.log_alpha) {
    require(p > 0 && p < 1, "a keep_probability", p, "a probability in (0, 1)");
    p = std::log(p) - std::log1p(-p);
  }
  if (options.max_records && (*options.max_records < 1 || *options.max_records > usable)) {
    fail("max_records", to_text(*options.max_records),
         "a number from 1 to the " + to_text(usable) + " records with an initial weight > 0");
  }
  if (options.total_weight) {
    require_positive("total_weight", *options.total_weight);
    auto sorted = start.weight;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(sorted.begin(), std::find_if(sorted.begin(), sorted.end(), [](double w) { return w > 0; }));
    const bool chooses = options.gates != GateMode::off && (options.max_records || options.lambda_l0.value_or(0) > 0);
    const auto kept = static_cast<std::ptrdiff_t>(options.max_records && chooses ? *options.max_records : usable);
    const double most = options.max_weight_ratio * std::accumulate(sorted.end() - kept, sorted.end(), 0.0);
    if (options.max_weight_ratio > 0 && most < *options.total_weight) {
      fail("total_weight", to_text(*options.total_weight),
           "at most the sum of the capped weights of as many records as are kept, " + to_text(most));
    }
    // A price may keep a single record.
    const auto fewest = chooses && !options.max_records ? std::min<std::ptrdiff_t>(usable, 1) : kept;
    const double least = options.min_weight_ratio * std::accumulate(sorted.begin(), sorted.begin() + fewest, 0.0);
    if (least > *options.total_weight) {
      fail("total_weight", to_text(*options.total_weight),
           "at least the sum of the least weights of as many records as are kept, " + to_text(least));
    }
  }
  start.jittered = start.weight;
  return start;
}

/// What a record is beside its entries: part of what its place in the drawn order depends on.
template <class Start>
auto record_keys(const Start& start, std::uint64_t seed) {
  std::vector<Dependent<std::uint64_t, Start>> keys(start.weight.size());
  for (std::size_t j = 0; j < keys.size(); ++j) {
    keys[j] = scrambled(scrambled(seed ^ std::bit_cast<std::uint64_t>(start.weight[j])) ^
                        std::bit_cast<std::uint64_t>(start.log_alpha[j]));
  }
  return keys;
}

/// The start in the order of the columns of m, with its jitter: noise belongs to places in that order, for it would
/// tell the parts of a file apart.
template <class Matrix, class Options>
CalibrationStart jittered_start(const Dependent<CalibrationStart, Matrix>& file, const Matrix& m,
                                const Options& options) {
  const Index records = m.columns();
  Dependent<CalibrationStart, Matrix> start = file;
  for (Index j = 0; j < records; ++j) {
    const auto from = static_cast<std::size_t>(m.record(j));
    start.weight[static_cast<std::size_t>(j)] = file.weight[from];
    start.log_alpha[static_cast<std::size_t>(j)] = file.log_alpha[from];
  }
  start.jittered = start.weight;
  const Rng rng(options.seed);
  std::vector<double> noise(static_cast<std::size_t>(records));
  const auto add_jitter = [&](std::uint64_t stream, double deviation, std::vector<double>& to, bool as_factor) {
    if (deviation == 0) return;
    fill_normal(rng, stream, initial_draw, noise.data(), records);
    for (std::size_t j = 0; j < to.size(); ++j) {
      to[j] = as_factor ? to[j] * std::exp(deviation * noise[j]) : to[j] + deviation * noise[j];
    }
  };
  add_jitter(1, options.log_alpha_jitter, start.log_alpha, false);
  add_jitter(2, options.log_weight_jitter, start.jittered, true);
  return start;
}

}  // namespace l0::detail
