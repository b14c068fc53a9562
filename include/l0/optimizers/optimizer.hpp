// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// optimizers/: from gradients to new parameters.
///
///     model.parameters()         handles: values, gradients, kind (weight, bias, gate), bound
///       ▼ GradientOptimizer      groups of them with options of their own, a state per parameter, one step counter
///       │   zero_grad()          before backward and penalties add
///       │   step()               rate · schedule(step); a rate of their own and no decay for gates
///       ▼ AdamRule, SgdRule      one loop over the numbers of a parameter; what leaves ±bound is put back on it
///     the values, in the model's own storage
///
/// `minimize_smooth` (lbfgs.hpp) stands apart: it minimises a function of a vector, without handles, for refits; what
/// such a function is, and whether its gradient is right, say objective.hpp and check_gradient.hpp.

#include <cmath>
#include <concepts>
#include <functional>
#include <utility>
#include <vector>

#include <l0/core/visit.hpp>

namespace l0 {

/// Something that changes parameters by their gradients.
template <class O>
concept Optimizer = requires(O optimizer) {
  optimizer.zero_grad();
  optimizer.step();
};

/// A factor on the learning rates as a function of the step 0, 1, ...; empty means 1.
template <class Scalar>
using LearningRateSchedule = std::function<Scalar(Index step)>;

/// What one step asks of an update rule for one parameter.
template <class Scalar>
struct UpdateStep {
  Scalar rate;          ///< learning rate, schedule included
  Scalar weight_decay;  ///< of this parameter
  Scalar bound;         ///< values are cut off at ±bound
  Index number;         ///< 1, 2, ... of the parameter's own
};

/// First-order optimization of parameter groups by an update rule (`SgdRule`, `AdamRule` or one of the user's).
///
/// A rule is a struct with `Options` (with learning_rate, gate_learning_rate, weight_decay, schedule and `validate()`),
/// the number of `state_arrays` per parameter, and `update(options, step, value, gradient, state, size)`. All
/// parameters share one step counter, which schedules see; a rule sees how many steps a group has taken, so that one
/// added late starts as others did. Gate parameters do not decay, and each step projects a parameter to its `bound()`,
/// [−20, 20] for gates, where their gradient lives: a gate carried beyond could never come back.
///
/// Handles keep their storage alive (see `ParameterRef`), so the optimizer may outlive the model.
template <class Rule>
class GradientOptimizer {
 public:
  using Scalar = typename Rule::Scalar;    ///< float or double
  using Options = typename Rule::Options;  ///< what can be set

  /// One group of parameters under one set of options. Throws `Error` for options outside their ranges.
  explicit GradientOptimizer(Parameters<Scalar> parameters, Options options = {}) {
    add_group(std::move(parameters), std::move(options));
  }
  /// Not for parameters of another scalar type; the compiler says so.
  template <class Other>
    requires(!std::same_as<Other, Scalar>)
  explicit GradientOptimizer(const Parameters<Other>& /*parameters*/, const Options& /*options*/ = {}) {
    static_assert(!std::floating_point<Other>, "l0: these parameters have another scalar type than the optimizer");
  }

  /// Adds parameters with options of their own.
  void add_group(Parameters<Scalar> parameters, Options options = {}) {
    options.validate();
    Group group{std::move(parameters), {}, std::move(options)};
    for (const auto& parameter : group.parameters) {
      group.state.push_back({Vector<Scalar>::Zero(parameter.size() * Rule::state_arrays)});
    }
    groups_.push_back(std::move(group));
  }

  /// Sets all gradients to 0.
  void zero_grad() {
    for (auto& group : groups_) {
      for (const auto& parameter : group.parameters) parameter.gradients().setZero();
    }
  }

  /// The length of all gradients as one vector; NaN or infinite where a gradient is.
  double gradient_norm() const {
    double square = 0;
    for (const auto& group : groups_) {
      for (const auto& parameter : group.parameters) {
        const auto own = static_cast<double>(parameter.gradients().squaredNorm());
        square +=
            std::isfinite(own) ? own : parameter.gradients().template cast<detail::Double<Scalar>>().squaredNorm();
      }
    }
    return std::sqrt(square);
  }
  /// Multiplies all gradients by a factor, as clipping does.
  void scale_gradients(Scalar factor) {
    for (auto& group : groups_) {
      for (const auto& parameter : group.parameters) parameter.gradients() *= factor;
    }
  }

  /// Changes every parameter by its gradient.
  void step() {
    ++steps_;
    for (auto& group : groups_) {
      ++group.steps;
      const Options& options = group.options;
      const Scalar factor = rate_factor_ * (options.schedule ? options.schedule(steps_ - 1) : Scalar(1));
      for (std::size_t k = 0; k < group.parameters.size(); ++k) {
        const auto& parameter = group.parameters[k];
        const bool is_gate = parameter.kind() == ParameterKind::gate;
        const Scalar rate =
            is_gate && options.gate_learning_rate > 0 ? options.gate_learning_rate : options.learning_rate;
        Rule::update(
            options, {rate * factor, is_gate ? Scalar(0) : options.weight_decay, parameter.bound(), group.steps},
            parameter.values().data(), parameter.gradients().data(), group.state[k].value.data(), parameter.size());
      }
    }
  }

  /// How many steps have been taken.
  Index steps() const { return steps_; }
  /// Sets that number, to resume a run.
  void set_steps(Index steps) {
    detail::require(steps >= 0, "steps", steps, "a number of steps >= 0");
    steps_ = steps;
    for (auto& group : groups_) group.steps = steps;
  }

  /// What it consists of, to store it or to resume a run: what the rule keeps of every parameter, and the counts of
  /// steps.
  void visit(auto&& v) {
    v("steps", steps_, Range{.above = -1, .expectation = "a number of steps >= 0"});
    Index number = 0;
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      v("steps." + detail::to_text(g), groups_[g].steps, Range{.above = -1, .expectation = "a number of steps >= 0"});
      for (auto& state : groups_[g].state) v(detail::to_text(number++), state);
    }
  }

  /// Replaces the learning rates of all groups from the next step on; `gate_learning_rate` 0 means the same rate.
  void set_learning_rate(Scalar learning_rate, Scalar gate_learning_rate = 0) {
    for (auto& group : groups_) {
      Options changed = group.options;
      changed.learning_rate = learning_rate;
      changed.gate_learning_rate = gate_learning_rate;
      changed.validate();
    }
    for (auto& group : groups_) {
      group.options.learning_rate = learning_rate;
      group.options.gate_learning_rate = gate_learning_rate;
    }
  }

  /// Multiplies all learning rates, beside the schedules, from the next step on. Throws `Error` unless ≥ 0.
  void set_rate_factor(Scalar factor) {
    detail::require_non_negative("rate factor", factor);
    rate_factor_ = factor;
  }

 private:
  struct Group {
    Parameters<Scalar> parameters;
    std::vector<Buffer<Vector<Scalar>>> state;
    Options options;
    Index steps = 0;
  };

  std::vector<Group> groups_;
  Index steps_ = 0;
  Scalar rate_factor_ = 1;
};

}  // namespace l0
