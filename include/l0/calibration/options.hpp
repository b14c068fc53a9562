// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <l0/calibration/state.hpp>
#include <l0/callbacks/report.hpp>
#include <l0/core/number_list.hpp>
#include <l0/gates/gate_mode.hpp>

namespace l0 {

/// How the weights and gates are trained.
enum class CalibrationMethod {
  coordinate,  ///< record by record to the minimum of the noise-free objective; one thread, fewest sweeps
  gradient,    ///< Adam on log weights and log α, all records at once; any number of threads. Sampled gates use it
};

/// What a calibration minimises over the targets, with residuals e_j = (t̂_j − t_j)/scale_j. Group and target weights
/// g_j multiply each term.
enum class CalibrationLoss {
  squared,   ///< Σ g_j (t̂_j − t_j)²
  relative,  ///< Σ g_j ((t̂_j − t_j)/scale_j)², see `RelativeScale`
  capped,    ///< Σ g_j min(|t̂_j − t_j|/max(|t_j|, 1), cap) / Σ g_j
};

/// What an error is relative to in the relative loss.
enum class RelativeScale {
  from_data,  ///< |t_j|, but at least a hundredth of the row's size, f Σ w₀ |m_j|; f: the median of |t|/Σ w₀ |m|. No
              ///< unit
  plus_one,  ///< t_j + 1 as in l0-python; targets ≥ 0 or ≤ −2, for between the guard + 1 would magnify errors
};

/// How the distance of weights w from what the records stand for, d, is measured where the targets leave a choice: the
/// sum of d G(w/d), see distance.hpp. Weights stay > 0 in all of them.
enum class CalibrationDistance {
  linear,     ///< χ², G = (r − 1)²/2
  raking,     ///< entropy, G = r log r − r + 1
  logit,      ///< smooth between the bounds `distance_lower` and `distance_upper` of w/d
  truncated,  ///< χ² between these bounds
  none,       ///< any weights of least loss
};

/// Options of `SparseCalibrationWeights`. How many records are kept is said by a budget (`max_records`) or by a price
/// (`lambda_l0`); with neither, and with `GateMode::off`, all are.
struct CalibrationOptions {
  std::optional<double> lambda_l0{};     ///< price of one open gate on the loss, ≥ 0
  std::optional<Index> max_records{};    ///< keep exactly so many records, from 1 to all
  NumberList<double> initial_weights{};  ///< w₀ ≥ 0, one per record or one for all; empty: 1. A record with 0 is out
  NumberList<double>
      keep_probability{};          ///< of the gates at the start, in (0, 1), one per record or one for all; empty: 0.5
  double log_weight_jitter = 0;    ///< standard deviation of noise on log w₀
  double log_alpha_jitter = 0.01;  ///< standard deviation of noise on log α at the start
  GateMode gates = GateMode::noise_free;                     ///< noise-free, sampled, or no gates at all
  CalibrationMethod method = CalibrationMethod::coordinate;  ///< how the minimum is looked for
  Index epochs = 0;                 ///< passes over M; 0: 200 by coordinates, 1000 by gradients
  double learning_rate = 0.1;       ///< of log weights, method gradient; decays to a hundredth
  double gate_learning_rate = 0.1;  ///< of log α, method gradient
  double temperature = 2.0 / 3;     ///< β of the gates
  double gamma = -0.1;              ///< γ < 0
  double zeta = 1.1;                ///< ζ > 1
  double lambda_l2 = 0;             ///< price of Σ w² (method gradient: of Σ exp(2 log w), as l0-python), ≥ 0
  double max_weight_ratio = 0;      ///< w ≤ ratio · w₀ for every record, a hard cap; 0: none
  double concentration = 0;  ///< price of the mean of (w/d − 1)² over the chosen, ≥ 0; d: what a record stands for.
                             ///< Method gradient: of (w/w₀)² over all
  std::optional<double> total_weight{};  ///< Σ w is this sum, a constraint
  bool refit = true;                     ///< the weights of the chosen records are fitted again without gates
  Index refit_epochs = 200;              ///< passes of the refit, at most
  int threads = 1;              ///< of method gradient and of looks at closed records; results do not depend on it
  std::uint64_t seed = 0;       ///< of jitter and sampled gates, and of the order in which records are taken
  double min_weight_ratio = 0;  ///< w ≥ ratio · w₀ for every record that is kept, in [0, max_weight_ratio]
  CalibrationDistance distance = CalibrationDistance::linear;  ///< of the refit, from w₀ scaled to what is kept
  double distance_lower = 0;  ///< least w/d of the logit and truncated distances, in [0, 1)
  double distance_upper = 3;  ///< largest w/d of these, > 1
};

/// Some targets whose sum is held to a target of its own, e.g. the districts of a state. Costs no row of M.
struct TargetAggregate {
  NumberList<Index> members{};     ///< the targets that are summed
  std::optional<double> target{};  ///< the sum wanted; empty: the sum of the members' targets
  double weight = 1;               ///< g of its term in the loss
};

/// What `fit` is asked to match.
struct CalibrationTask {
  CalibrationLoss loss = CalibrationLoss::relative;  ///< what an error costs
  NumberList<Index> target_groups{};                 ///< group of every target, any whole numbers; empty: no groups
  bool normalize_groups = true;                      ///< each group counts the same: its targets are averaged
  std::map<Index, double> group_multipliers{};       ///< factors ≥ 0 on the groups named
  NumberList<double> target_weights{};               ///< factors ≥ 0 on the targets; empty: 1
  double cap = 1;                                    ///< of the capped loss, > 0
  std::vector<TargetAggregate> aggregates{};         ///< sums of targets that are to be met as well
  AnyCallback callback{};                            ///< after every pass; may stop the run
  Index checkpoint_every = 0;                        ///< passes between two calls of `checkpoint`; 0: none
  std::function<void(const CalibrationState&)> checkpoint{};  ///< gets the state to store
  const CalibrationState* resume = nullptr;  ///< goes on from there: same data, same options, then the same bits
  RelativeScale relative_scale = RelativeScale::from_data;  ///< of the relative loss
};

}  // namespace l0
