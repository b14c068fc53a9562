// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <limits>
#include <string_view>
#include <vector>

#include <l0/callbacks/report.hpp>
#include <l0/callbacks/run.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/move.hpp>

namespace l0::detail {

/// What a selection needs to know beside the data.
struct SelectionOptions {
  SupportScore score;  ///< samples, features, responses and unit_width are filled in
  SupportRules rules;
  double lambda_l2 = 0;        ///< on the coefficients, beside the mean loss
  bool centre = true;          ///< the model has an intercept
  Index max_size = 100;        ///< of the supports looked at, where no size is asked for
  bool whole_path = false;     ///< look at every size up to max_size, not only until the score stops falling
  bool polish = true;          ///< look around the supports found for exchanges that pay only together
  std::vector<Index> start{};  ///< units of an earlier fit: one more support to search from
  FitRun* run = nullptr;       ///< hears of the steps; null: nobody does

  bool stopped() const { return run != nullptr && run->stopped(); }
};

/// The score for what n samples are worth, p columns in their units, and so many free coefficients per column.
inline SupportScore complete_score(const SelectionOptions& options, double samples, Index columns, Index responses) {
  SupportScore score = options.score;
  const Index units = options.rules.units.count(columns);
  score.samples = samples;
  score.features = static_cast<double>(units);
  score.responses = static_cast<double>(responses);
  score.unit_width = units > 0 ? static_cast<double>(columns) / static_cast<double>(units) : 1.0;
  return score;
}

/// The largest support worth looking at, in units: where the columns are not far fewer than the samples, larger ones
/// fit noise.
inline Index support_limit(Index samples, Index columns, const SelectionOptions& options) {
  const Index units = options.rules.units.count(columns);
  Index room = units;
  if (columns > samples / 2) {
    room = std::max<Index>(static_cast<Index>(static_cast<double>(samples / 2) / options.score.unit_width), 1);
  }
  return std::min({units, options.max_size, room});
}

/// The columns a search needs room for when it looks at `limit` units.
template <std::same_as<SelectionOptions> Options>
Index column_capacity(const Options& options, Index limit) {
  return options.rules.units.widest(std::max(limit, static_cast<Index>(options.rules.keep.size())) + 1);
}

/// A support of units, its residual sum of squares and its score.
struct FoundSupport {
  double score = std::numeric_limits<double>::infinity();
  double loss = std::numeric_limits<double>::infinity();
  std::vector<Index> support;
  RoughFit fit{};
};

/// The best support found; `by_size` has the best of every size that was met. Supports are of units while a search
/// goes on, and of columns in what `select_least_squares` and `select_glm` return.
struct SelectionResult {
  FoundSupport best;
  std::vector<FoundSupport> by_size;
};

/// A price says itself how large a support may get: where one of the largest size pays, twice that is looked at.
template <class Search>
SelectionResult search_at_price(SelectionOptions options, Index room, Search search) {
  if (options.score.kind != SupportScore::Kind::price) return search(options);
  room = std::max(room, options.max_size);
  for (;;) {
    SelectionResult result = search(options);
    const auto size = static_cast<Index>(result.best.support.size());
    if (size < options.max_size || options.max_size >= room || options.stopped()) return result;
    options.start = result.best.support;
    options.max_size = std::min(room, std::max<Index>(16, 2 * size));
  }
}

/// What a search tells of a support.
inline StepReport search_report(std::string_view stage, Index step, Index steps, const SupportScore& score,
                                double squares, Index size) {
  StepReport report{.step = step, .steps = steps, .stage = stage, .loss = score.mean_loss(squares)};
  report.expected_l0 = static_cast<double>(size);
  report.lambda = score.lambda * score.loss_unit;
  report.objective = report.loss + report.lambda * report.expected_l0;
  return report;
}

/// Supports of units as supports of columns.
template <class Units>
SelectionResult in_columns(SelectionResult result, const Units& units) {
  result.best.support = units.columns_of(result.best.support);
  for (FoundSupport& found : result.by_size) found.support = units.columns_of(found.support);
  return result;
}

}  // namespace l0::detail
