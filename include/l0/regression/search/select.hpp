// SPDX-License-Identifier: MIT
#pragma once

#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/likelihood/support_fit.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_oracle.hpp>
#include <l0/regression/search/least_squares_search.hpp>
#include <l0/regression/search/likelihood_oracle.hpp>
#include <l0/regression/search/likelihood_search.hpp>
#include <l0/regression/search/screening.hpp>
#include <l0/regression/search/selection.hpp>

/// \file
/// From data to supports: the search that fits the loss, the number of columns and a price.

namespace l0::detail {

/// The search for many columns; `problem` is that of all of them.
template <class Precise>
SelectionResult screen_least_squares(const Design<Precise>& x, const Matrix<Precise>& y, const Vector<Precise>& weight,
                                     const LeastSquaresProblem<Precise>& problem, const SelectionOptions& options,
                                     Index limit) {
  return search_screened(
      x, problem.correlation, options, by_squares, 1.0,
      [&](const Design<Precise>& part, const SelectionOptions& local, const std::vector<Index>& start) {
        return search_least_squares(pose(part, y, weight, options.centre), local, limit, start);
      },
      [&](const std::vector<Index>& support, const std::vector<char>& inside, const SupportScore& score) {
        return improving_columns(problem, options.score.samples * options.lambda_l2, score, by_squares, support, inside,
                                 joining_columns);
      });
}

/// Selects a support for least squares of one or more responses. `weight` sums to what the samples are worth.
template <class Precise>
SelectionResult select_least_squares(const Design<Precise>& x, const Matrix<Precise>& y, const Vector<Precise>& weight,
                                     SelectionOptions options) {
  const LeastSquaresProblem<Precise> problem = pose(x, y, weight, options.centre);
  options.score = complete_score(options, weight.sum(), x.columns(), y.cols());
  const Index units = options.rules.units.count(x.columns());
  return in_columns(search_at_price(options, units,
                                    [&](SelectionOptions own) {
                                      const Index limit = complete_for_squares(own, problem, x.rows());
                                      if (x.columns() <= screened_columns || !own.rules.units.trivial())
                                        return search_least_squares(problem, own, limit);
                                      return screen_least_squares(x, y, weight, problem, own, limit);
                                    }),
                    options.rules.units);
}

/// The search on the columns of a design, from a support unless that is empty.
template <class Precise>
SelectionResult search_likelihood(const Design<Precise>& x, const Likelihood<Precise>& likelihood,
                                  const SelectionOptions& options, const std::vector<Index>& start = {}) {
  LikelihoodSearch<Precise> selection(x, likelihood, options);
  auto found = start.empty() ? selection.run() : selection.run_from(start);
  const auto convert = [](GlmFit<Precise>& fit) {
    RoughFit rough{std::move(fit.columns), fit.coefficients.template cast<double>(),
                   fit.intercept.template cast<double>()};
    return FoundSupport{fit.score, fit.deviance / 2, std::move(fit.units), std::move(rough)};
  };
  SelectionResult result;
  result.best = convert(found.best);
  for (auto& fit : found.by_size) result.by_size.push_back(convert(fit));
  return result;
}

/// Selects a support for a likelihood; beyond `screened_columns` as `search_screened` does.
template <class Precise>
SelectionResult select_glm(const Design<Precise>& x, const Likelihood<Precise>& likelihood, SelectionOptions options) {
  options.score = complete_score(options, likelihood.weights().sum(), x.columns(), likelihood.responses());
  options.score.unknown_variance = false;
  const SelectionUnits units = options.rules.units;
  const Index room = units.count(x.columns());
  if (x.columns() <= screened_columns || !units.trivial()) {
    const auto search = [&](const SelectionOptions& own) { return search_likelihood(x, likelihood, own); };
    return in_columns(search_at_price(std::move(options), room, search), units);
  }
  GlmFitter<Precise> fitter(x, likelihood, options.centre, options.lambda_l2);
  const auto part = [&](const Design<Precise>& some, const SelectionOptions& local, const std::vector<Index>& start) {
    return search_likelihood(some, likelihood, local, start);
  };
  const auto improving = [&](const std::vector<Index>& support, const std::vector<char>& inside,
                             const SupportScore& score) {
    return improving_columns(expand_around(fitter.fit(support), fitter), fitter.ridge(), score, by_deviance, support,
                             inside, joining_columns);
  };
  const Matrix<Precise> correlation = expand_around(fitter.fit(std::vector<Index>()), fitter).correlation;
  return search_at_price(std::move(options), room, [&](const SelectionOptions& own) {
    return search_screened(x, correlation, own, by_deviance, 2.0, part, improving);
  });
}

}  // namespace l0::detail
