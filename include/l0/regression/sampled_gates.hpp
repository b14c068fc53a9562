// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/annealing/schedules.hpp>
#include <l0/callbacks/report.hpp>
#include <l0/core/sort_stably.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/gate.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/penalties/budget_price.hpp>
#include <l0/random/rng.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/data/standardized.hpp>
#include <l0/regression/options.hpp>
#include <l0/regression/response.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// Training of sampled Hard Concrete gates, one per unit, in front of the coefficients of standardized columns: one
/// draw of all gates and one step of Adam per epoch. Columns whose gate is closed in a draw are not read.
template <class Precise>
class SampledGates {
 public:
  SampledGates(const Response<Precise>& response, const Design<Precise>& x, const RegressionOptions& options,
               const SelectionOptions& settings)
      : response_(response), x_(x), options_(options), settings_(settings), columns_(x) {
    columns_.set_weights(response.weights(), settings.centre);
  }

  /// The size of every unit's effect, E[z] times the length of its coefficients, and whether its gate ended open.
  struct Outcome {
    std::vector<double> effect;
    std::vector<char> open;
  };

  /// `budget` < 0: the price stays as it is; else it begins with `price`, or by itself at 0.
  Outcome train(double price, Index budget) {
    const Index units = settings_.rules.units.count(x_.columns());
    const Index predictors = response_.predictors();
    Parameter<Matrix<Precise>> weight(ParameterKind::weight, "weight", x_.columns(), predictors);
    Parameter<Matrix<Precise>> intercept(ParameterKind::weight, "intercept", 1, predictors);
    if (settings_.centre) intercept.value() = response_.refit(x_, {}, settings_).intercept;
    HardConcreteGate<Precise> gate(units, {.init_sparsity = Precise(0.5)});
    Adam<Precise> optimizer({weight.ref(), intercept.ref()},
                            {.learning_rate = static_cast<Precise>(options_.learning_rate)});
    optimizer.add_group(gate.parameters(), {.learning_rate = Precise(0.05)});
    Rng rng(options_.seed);
    std::vector<char> kept(static_cast<std::size_t>(units), 0);
    for (const Index unit : settings_.rules.keep) kept[static_cast<std::size_t>(unit)] = 1;
    Matrix<Precise> eta, slope;
    Vector<Precise> upstream(units);
    BudgetPrice budget_price(std::max<Index>(budget, 0), budget < 0 ? 0 : units, options_.epochs, price);
    const ExponentialAnnealing<double> cooling{2.0 / 3, 0.1, options_.epochs};
    for (Index epoch = 0; epoch < options_.epochs; ++epoch) {
      const double temperature = options_.temperature_schedule ? options_.temperature_schedule(epoch) : cooling(epoch);
      gate.set_temperature(static_cast<Precise>(temperature));
      const Vector<Precise>& z = gate.sample(rng);
      const auto opening = [&](Index j) {
        const Index unit = settings_.rules.units.unit_of(j);
        return kept[static_cast<std::size_t>(unit)] ? Precise(1) : z(unit);
      };
      eta = settings_.centre ? Matrix<Precise>(std::as_const(intercept).value().replicate(x_.rows(), 1))
                             : Matrix<Precise>(Matrix<Precise>::Zero(x_.rows(), predictors));
      for (Index j = 0; j < x_.columns(); ++j) {
        const Precise step = opening(j) * unit_scale(j);
        if (step == 0) continue;
        for (Index m = 0; m < predictors; ++m) {
          const Precise coefficient = step * std::as_const(weight).value()(j, m);
          x_.add_column(j, coefficient, eta.col(m));
          eta.col(m).array() -= coefficient * columns_.mean(j);
        }
      }
      const double loss = response_.slope(eta, slope);
      if (!std::isfinite(loss)) break;
      optimizer.zero_grad();
      upstream.setZero();
      const Eigen::Matrix<Precise, 1, Eigen::Dynamic> total = slope.colwise().sum();
      if (settings_.centre) intercept.gradient() = total;
      for (Index j = 0; j < x_.columns(); ++j) {
        const Precise open = opening(j);
        const Precise scale = unit_scale(j);
        if (open * scale == 0) continue;
        const auto ridge = static_cast<Precise>(2 * settings_.lambda_l2) * scale * scale;
        for (Index m = 0; m < predictors; ++m) {
          const Precise w = std::as_const(weight).value()(j, m);
          const auto correlation = static_cast<Precise>(x_.sum(j, slope.col(m))) - columns_.mean(j) * total(m);
          const Precise gradient = scale * correlation + ridge * w * open;
          weight.gradient()(j, m) = open * gradient;
          upstream(settings_.rules.units.unit_of(j)) += w * gradient;
        }
      }
      gate.backward(upstream);
      if (budget >= 0) price = budget_price.update(std::as_const(gate), epoch);
      const auto expected = static_cast<double>(gate.accumulate_expected_l0(static_cast<Precise>(price)));
      optimizer.step();
      if (settings_.rules.non_negative) weight.value() = weight.value().cwiseMax(Precise(0));
      if (settings_.run != nullptr) {
        const double unit = settings_.score.loss_unit;
        StepReport report{.step = epoch + 1, .steps = options_.epochs, .stage = "gates", .loss = loss * unit};
        report.expected_l0 = expected;
        report.lambda = price * unit;
        report.objective = (loss + price * expected) * unit;
        report.temperature = temperature;
        if (!settings_.run->proceeds(report)) break;
      }
    }
    const Vector<Precise> open = gate.deterministic();
    const Vector<Precise> mean = gate.mean();
    Outcome outcome{std::vector<double>(kept.size(), 0.0), std::vector<char>(kept.size(), 0)};
    for (Index j = 0; j < x_.columns(); ++j) {
      const Index unit = settings_.rules.units.unit_of(j);
      if (unit_scale(j) > 0) {
        outcome.effect[static_cast<std::size_t>(unit)] +=
            static_cast<double>(std::as_const(weight).value().row(j).norm() * mean(unit));
      }
    }
    for (std::size_t unit = 0; unit < kept.size(); ++unit) {
      if (kept[unit]) outcome.effect[unit] = std::numeric_limits<double>::infinity();
      outcome.open[unit] = kept[unit] || open(static_cast<Index>(unit)) > 0;
    }
    return outcome;
  }

 private:
  Precise unit_scale(Index j) const { return columns_.scale(j) > 0 ? Precise(1) : Precise(0); }

  const Response<Precise>& response_;
  const Design<Precise>& x_;
  const RegressionOptions& options_;
  const SelectionOptions& settings_;
  StandardizedDesign<Precise> columns_;
};

/// Supports read off sampled gates: one training at the given price or for the budget; without either one for each of a
/// grid of prices, of which the criterion chooses.
template <class Precise>
SelectionResult select_sampled(const Response<Precise>& response, const Design<Precise>& x,
                               const RegressionOptions& options, const SelectionOptions& settings) {
  SampledGates<Precise> gates(response, x, options, settings);
  const SelectionUnits& units = settings.rules.units;
  SupportScore score = complete_score(settings, response.samples(), x.columns(), response.free_predictors());
  Dependent<SelectionResult, Precise> result;
  result.by_size.resize(static_cast<std::size_t>(units.count(x.columns()) + 1));
  const double samples = score.samples;
  const auto record = [&](std::vector<Index> support) {
    std::vector<Index> columns = units.columns_of(support);
    auto point = response.refit(x, columns, settings);
    while (settings.rules.non_negative && point.coefficients.size() > 0) {
      Index worst = 0;
      if (!(point.coefficients.col(0).minCoeff(&worst) < 0)) break;
      support.erase(std::find(support.begin(), support.end(), point.support[static_cast<std::size_t>(worst)]));
      columns = support;
      point = response.refit(x, columns, settings);
    }
    const double loss = point.loss;
    const SupportSize size = units.size_of(support);
    const double value = score.kind == SupportScore::Kind::criterion ? response.criterion(score, loss, size)
                         : score.kind == SupportScore::Kind::price
                             ? loss + score.lambda * static_cast<double>(size.units)
                             : loss;
    FoundSupport& same = result.by_size[static_cast<std::size_t>(size.units)];
    if (loss * samples < same.loss) same = {value, loss * samples, columns};
    if (value < result.best.score) result.best = {value, loss * samples, columns};
  };
  // The units by their effect, largest first, as far as the rules allow; `most` of them, or those that are open.
  const auto read_off = [&](const typename SampledGates<Precise>::Outcome& outcome, Index most) {
    std::vector<Dependent<Index, Precise>> order(outcome.effect.size());
    std::iota(order.begin(), order.end(), Index{0});
    const auto of = [&](Index unit) { return outcome.effect[static_cast<std::size_t>(unit)]; };
    sort_stably(order, [&](Index a, Index b) { return of(a) > of(b); });
    std::vector<Dependent<Index, Precise>> support, count;
    for (const Index unit : order) {
      if (static_cast<Index>(support.size()) == most || !(of(unit) > 0)) break;  // 0: a constant column
      if (most < 0 && !outcome.open[static_cast<std::size_t>(unit)]) continue;
      if (!settings.rules.group.empty()) {
        const auto g = static_cast<std::size_t>(settings.rules.group[static_cast<std::size_t>(unit)]);
        if (count.size() <= g) count.resize(g + 1, 0);
        if (count[g] >= settings.rules.most_per_group) continue;
        ++count[g];
      }
      support.push_back(unit);
    }
    std::sort(support.begin(), support.end());
    return support;
  };
  record(settings.rules.keep);
  // What the best single unit could lower the loss by is more than any price that keeps one.
  const double most_gain = response.refit(x, units.columns_of(settings.rules.keep), settings).loss;
  if (score.kind == SupportScore::Kind::exact) {
    result.best = FoundSupport();
    record(read_off(gates.train(0, score.size), score.size));
  } else if (score.kind == SupportScore::Kind::price) {
    record(read_off(gates.train(score.lambda, -1), -1));
  } else {
    for (double price = most_gain / 4; price > most_gain / 5000 && !settings.stopped(); price /= 4) {
      std::vector<Index> support = read_off(gates.train(price, -1), -1);
      if (static_cast<Index>(support.size()) <= std::max<Index>(settings.max_size, 1)) record(std::move(support));
    }
  }
  return result;
}

}  // namespace l0::detail
