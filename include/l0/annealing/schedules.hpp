// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// annealing/: the temperature β as a function of the step.
///
///     step 0, 1, ...
///       ▼ schedule(step)             a small struct or any callable
///     β ─ set_temperature(β) of a gate, a layer or a network; counts from the next draw on
///
/// A high β makes gates soft and their gradients even, a low one makes them nearly 0 or 1. Schedules know no gates:
/// whoever owns the loop asks for β and sets it.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <numbers>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>

namespace l0 {

/// The temperature as a function of the step: any callable that takes a step number.
template <class S>
concept AnnealingSchedule = requires(const S schedule, Index step) {
  { schedule(step) } -> std::convertible_to<double>;
};

namespace detail {

/// step/steps cut to [0, 1]; 1 where there are no steps.
template <class Scalar>
Scalar annealing_progress(Index step, Index steps) {
  require(steps >= 0, "steps", steps, "a number of steps >= 0");
  const Index taken = std::max<Index>(step, 0);
  return taken >= steps ? Scalar(1) : static_cast<Scalar>(taken) / static_cast<Scalar>(steps);
}

}  // namespace detail

/// The same temperature at every step. Also the pattern for a schedule of one's own.
template <std::floating_point Scalar>
struct ConstantAnnealing {
  Scalar temperature = Scalar(0.5);  ///< β > 0

  Scalar operator()(Index /*step*/) const { return temperature; }  ///< β at a step, counted from 0.
};

/// from + (to − from) t, t = step/steps; `to` from step `steps` on.
template <std::floating_point Scalar>
struct LinearAnnealing {
  Scalar from = Scalar(2);  ///< β at step 0, > 0
  Scalar to = Scalar(0.1);  ///< β from `steps` on, > 0
  Index steps = 100;        ///< steps from one to the other, > 0

  /// β at a step, counted from 0.
  Scalar operator()(Index step) const {
    const auto t = detail::annealing_progress<Scalar>(step, steps);
    return t == 1 ? to : from + (to - from) * t;
  }
};

/// from · (to/from)ᵗ, t = step/steps; `to` from step `steps` on. `from` and `to` are > 0.
template <std::floating_point Scalar>
struct ExponentialAnnealing {
  Scalar from = Scalar(2);  ///< β at step 0, > 0
  Scalar to = Scalar(0.1);  ///< β from `steps` on, > 0
  Index steps = 100;        ///< steps from one to the other, > 0

  /// β at a step, counted from 0.
  Scalar operator()(Index step) const {
    detail::require_positive("from", from);
    detail::require_positive("to", to);
    const auto t = detail::annealing_progress<Scalar>(step, steps);
    return t == 1 ? to : from * std::pow(to / from, t);
  }
};

/// to + (from − to)(1 + cos πt)/2, t = step/steps; `to` from step `steps` on.
template <std::floating_point Scalar>
struct CosineAnnealing {
  Scalar from = Scalar(2);  ///< β at step 0, > 0
  Scalar to = Scalar(0.1);  ///< β from `steps` on, > 0
  Index steps = 100;        ///< steps from one to the other, > 0

  /// β at a step, counted from 0.
  Scalar operator()(Index step) const {
    const auto t = detail::annealing_progress<Scalar>(step, steps);
    return t == 1 ? to : to + (from - to) * (1 + std::cos(std::numbers::pi_v<Scalar> * t)) / 2;
  }
};

}  // namespace l0
