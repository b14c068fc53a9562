// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include <l0/annealing/schedules.hpp>
#include <l0/callbacks/run.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/sort_stably.hpp>
#include <l0/gates/gate.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/optimizers/lbfgs.hpp>
#include <l0/optimizers/objective.hpp>
#include <l0/penalties/budget_price.hpp>

namespace l0 {

/// Options of `minimize`.
struct MinimizeOptions {
  double lambda_l0 = 0;              ///< price of one open gate, ≥ 0; where a budget is given, its first value
  Index max_active = -1;             ///< budget: keep this many weights; −1: none
  Index epochs = 1000;               ///< steps with gates
  double learning_rate = 0.01;       ///< of the weights
  double gate_learning_rate = 0.05;  ///< of log α
  double init_sparsity = 0.5;        ///< see GateOptions
  std::function<double(Index)> temperature_schedule{};  ///< β per step; empty: 2/3 to 0.1, exponentially
  bool refit = true;         ///< minimise f over the chosen weights once the gates are read off
  Index refit_epochs = 500;  ///< at most; L-BFGS, or Adam where f takes the step number
  std::uint64_t seed = 0;    ///< of the gates' noise
  AnyCallback callback{};    ///< after every step; may stop the run
};

/// What `minimize` returns.
template <class Scalar>
struct MinimizeResult {
  Vector<Scalar> weights;      ///< of w0's size, exactly 0 where the gate is closed
  std::vector<Index> active;   ///< the indices of the open gates, ascending
  Vector<Scalar> probability;  ///< P(z ≠ 0) of each gate when the gates were read off
  TrainingReport report;       ///< what the run did
};

namespace detail {

/// One run of `minimize`.
template <class Scalar, class F>
class Minimization {
 public:
  Minimization(F& f, const Vector<Scalar>& start, const MinimizeOptions& options)
      : call_(f), options_(options), weight_(ParameterKind::weight, "weight", start.size(), 1),
        gate_(start.size(), {.init_sparsity = static_cast<Scalar>(options.init_sparsity)}), rng_(options.seed),
        price_(std::max<Index>(options.max_active, 0), options.max_active < 0 ? 0 : start.size(), options.epochs,
               options.lambda_l0),
        run_(options.callback) {
    weight_.value() = start;
  }

  MinimizeResult<Scalar> run() {
    train_gates();
    MinimizeResult<Scalar> result;
    result.probability = gate_.active_probability();
    result.active = select();
    result.report.expected_l0 = static_cast<double>(gate_.expected_l0());
    read_off(result);
    if (options_.refit && stop_ == StopReason::completed) refit(result);
    Vector<Scalar> gradient(result.weights.size());
    result.report.loss = static_cast<double>(evaluate(result.weights, gradient));
    if (stop_ == StopReason::completed && !std::isfinite(result.report.loss)) stop_ = StopReason::not_finite;
    result.report.stop = stop_;
    result.report.steps = steps_;
    result.report.lambda = price_.value();
    result.report.seconds = run_.seconds();
    return result;
  }

 private:
  static constexpr bool stepped = SteppedObjective<F, Scalar>;

  Scalar evaluate(const Vector<Scalar>& w, Vector<Scalar>& gradient) { return call_(w, gradient, steps_); }

  double temperature(Index step) const {
    if (options_.temperature_schedule) return options_.temperature_schedule(step);
    return ExponentialAnnealing<double>{2.0 / 3, 0.1, options_.epochs}(step);
  }

  void train_gates() {
    Adam<Scalar> optimizer({weight_.ref()}, {.learning_rate = static_cast<Scalar>(options_.learning_rate)});
    optimizer.add_group(gate_.parameters(), {.learning_rate = static_cast<Scalar>(options_.gate_learning_rate)});
    Vector<Scalar> gated(weight_.size());
    Vector<Scalar> gradient(weight_.size());
    Vector<Scalar> gate_upstream(weight_.size());
    const Parameter<Vector<Scalar>>& weight = weight_;
    StepReport report{.steps = options_.epochs, .stage = "gates"};
    for (Index epoch = 0; epoch < options_.epochs && stop_ == StopReason::completed; ++epoch) {
      gate_.set_temperature(static_cast<Scalar>(temperature(epoch)));
      const Vector<Scalar>& z = gate_.sample(rng_);
      gated = weight.value().cwiseProduct(z);
      const Scalar loss = evaluate(gated, gradient);
      if (!std::isfinite(loss) || !gradient.allFinite()) {
        stop_ = StopReason::not_finite;
        break;
      }
      optimizer.zero_grad();
      weight_.gradient() = gradient.cwiseProduct(z);
      gate_upstream = gradient.cwiseProduct(weight.value());
      gate_.backward(gate_upstream);
      const double price = options_.max_active < 0 ? price_.value() : price_.update(std::as_const(gate_), epoch);
      const auto expected = static_cast<double>(gate_.accumulate_expected_l0(static_cast<Scalar>(price)));
      optimizer.step();
      ++steps_;
      report.step = epoch + 1;
      report.loss = static_cast<double>(loss);
      report.expected_l0 = expected;
      report.lambda = price;
      report.temperature = static_cast<double>(gate_.temperature());
      report.objective = report.loss + price * expected;
      pass_on(report);
    }
  }

  void pass_on(const StepReport& report) {
    if (!run_.proceeds(report)) stop_ = StopReason::callback;
  }

  /// The open gates; with a budget the `max_active` of them with the largest |w| E[z].
  std::vector<Index> select() const {
    const Vector<Scalar> z = gate_.deterministic();
    std::vector<Index> active;
    if (options_.max_active < 0) {
      for (Index j = 0; j < z.size(); ++j) {
        if (z(j) > 0) active.push_back(j);
      }
      return active;
    }
    const Vector<Scalar> mean = gate_.mean();
    const Vector<Scalar> score = weight_.value().cwiseAbs().cwiseProduct(mean);
    active.resize(static_cast<std::size_t>(z.size()));
    std::iota(active.begin(), active.end(), Index{0});
    const auto keep = static_cast<std::ptrdiff_t>(std::min(options_.max_active, z.size()));
    detail::sort_stably(active, [&](Index a, Index b) { return score(a) > score(b); });
    active.resize(static_cast<std::size_t>(keep));
    std::sort(active.begin(), active.end());
    return active;
  }

  void read_off(MinimizeResult<Scalar>& result) const {
    const Vector<Scalar> z = gate_.deterministic();
    result.weights = Vector<Scalar>::Zero(z.size());
    for (const Index j : result.active) {
      // A gate that the budget keeps although it is closed takes part with its full weight.
      result.weights(j) = weight_.value()(j) * (z(j) > 0 ? z(j) : Scalar(1));
    }
  }

  /// Minimises f over the active weights.
  void refit(MinimizeResult<Scalar>& result) {
    if (result.active.empty()) return;
    const auto count = static_cast<Index>(result.active.size());
    Vector<Scalar> chosen(count);
    for (Index c = 0; c < count; ++c) chosen(c) = result.weights(result.active[static_cast<std::size_t>(c)]);
    Vector<Scalar> full = Vector<Scalar>::Zero(result.weights.size());
    Vector<Scalar> full_gradient(full.size());
    StepReport report{.steps = options_.refit_epochs, .stage = "refit", .expected_l0 = static_cast<double>(count)};
    const auto restricted = [&](const Vector<Scalar>& w, Vector<Scalar>& gradient) {
      for (Index c = 0; c < count; ++c) full(result.active[static_cast<std::size_t>(c)]) = w(c);
      const Scalar value = evaluate(full, full_gradient);
      for (Index c = 0; c < count; ++c) gradient(c) = full_gradient(result.active[static_cast<std::size_t>(c)]);
      return value;
    };
    if constexpr (stepped) {
      refit_stochastic(restricted, chosen, report);
    } else {
      const LbfgsResult fit = minimize_smooth<Scalar>(
          restricted, chosen,
          {.max_iterations = options_.refit_epochs, .tolerance = std::sqrt(std::numeric_limits<Scalar>::epsilon())},
          [&](Index iterations, double value) {
            report.step = iterations;
            report.loss = report.objective = value;
            pass_on(report);
            return stop_ == StopReason::completed;
          });
      steps_ += fit.iterations;
      if (!fit.finite) stop_ = StopReason::not_finite;
    }
    for (Index c = 0; c < count; ++c) result.weights(result.active[static_cast<std::size_t>(c)]) = chosen(c);
  }

  /// Adam with a rate that falls to 0, for objectives that differ from step to step.
  template <class Restricted>
  void refit_stochastic(const Restricted& restricted, Vector<Scalar>& chosen, StepReport& report) {
    Parameter<Vector<Scalar>> weight(ParameterKind::weight, "weight", chosen.size(), 1);
    weight.value() = chosen;
    const CosineAnnealing<Scalar> decay{1, 0, options_.refit_epochs};
    Adam<Scalar> optimizer({weight.ref()},
                           {.learning_rate = static_cast<Scalar>(options_.learning_rate), .schedule = decay});
    Vector<Scalar> gradient(chosen.size());
    for (Index epoch = 0; epoch < options_.refit_epochs && stop_ == StopReason::completed; ++epoch) {
      chosen = weight.value();
      const Scalar loss = restricted(chosen, gradient);
      if (!std::isfinite(loss) || !gradient.allFinite()) {
        stop_ = StopReason::not_finite;
        return;
      }
      weight.gradient() = gradient;
      optimizer.step();
      ++steps_;
      report.step = epoch + 1;
      report.loss = report.objective = static_cast<double>(loss);
      pass_on(report);
    }
    chosen = weight.value();
  }

  ObjectiveCall<Scalar, F> call_;
  const MinimizeOptions& options_;
  Parameter<Vector<Scalar>> weight_;
  HardConcreteGate<Scalar> gate_;
  Rng rng_;
  BudgetPrice price_;
  Index steps_ = 0;
  StopReason stop_ = StopReason::completed;
  FitRun run_;
};

inline void validate(const MinimizeOptions& options) {
  require_non_negative("lambda_l0", options.lambda_l0);
  require(options.max_active >= -1, "max_active", options.max_active, "a number of weights >= 0, or -1 for no budget");
  require(options.epochs >= 0, "epochs", options.epochs, "a number of steps >= 0");
  require_positive("learning_rate", options.learning_rate);
  require_positive("gate_learning_rate", options.gate_learning_rate);
  require(options.init_sparsity > 0 && options.init_sparsity < 1, "init_sparsity", options.init_sparsity,
          "a probability in (0, 1)");
  require(options.refit_epochs >= 0, "refit_epochs", options.refit_epochs, "a number of steps >= 0");
}

}  // namespace detail

/// Minimises f(w∘z) over w and the gates z of a differentiable objective, E f(w∘z) + λ E‖z‖₀, or E f(w∘z) subject to
/// E‖z‖₀ ≤ max_active, with one sampled Hard Concrete gate per weight; then reads off the open gates and minimises f
/// over their weights.
///
///     auto sparse = l0::minimize(f, w0, {.lambda_l0 = 0.01, .epochs = 2000});
///     sparse.weights;  sparse.active;  sparse.report.loss;
///
/// `f(w, gradient)` returns the value and writes the gradient (the convention of LBFGS++); `f(w, gradient, step)` also
/// hears the number of the step. λ is on the scale of f. With `max_active` the price is a dual variable, and exactly
/// that many weights are kept (fewer only if w0 has fewer). Throws `Error` for options outside their ranges, for NaN or
/// infinity in w0, and where f leaves its gradient unwritten (`check_gradient` finds wrong ones); an objective that
/// turns NaN or infinite ends the run with `StopReason::not_finite`.
template <class F, class Derived>
MinimizeResult<typename Derived::Scalar> minimize(F&& f, const Eigen::DenseBase<Derived>& w0,
                                                  const MinimizeOptions& options = {}) {
  using Scalar = typename Derived::Scalar;
  if constexpr (detail::require_objective<std::remove_reference_t<F>, Scalar>()) {
    detail::validate(options);
    detail::require_shape("w0", w0.rows(), w0.cols(), w0.rows(), 1);
    detail::require_finite("w0", w0);
    const Vector<Scalar> start = detail::as_matrix(w0);
    return detail::Minimization<Scalar, std::remove_reference_t<F>>(f, start, options).run();
  } else {
    return {};
  }
}

}  // namespace l0
