// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/gram.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/likelihood/likelihood.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/likelihood/support_fit.hpp>
#include <l0/regression/search/active_set.hpp>
#include <l0/regression/search/constants.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_oracle.hpp>
#include <l0/regression/search/least_squares_problem.hpp>
#include <l0/regression/search/likelihood_expansion.hpp>
#include <l0/regression/search/likelihood_oracle.hpp>
#include <l0/regression/search/screening.hpp>
#include <l0/regression/search/selection.hpp>
#include <l0/regression/search/support_search.hpp>

/// \file
/// From data to supports: the search that fits the loss, the number of columns and a price.

namespace l0::detail {

/// Completes the options of a least-squares search that knows its problem, and returns the largest size to look at.
/// `options.score` knows the samples; their number of rows is a limit as well.
template <class Precise>
Index complete_for_squares(SelectionOptions& options, const LeastSquaresProblem<Precise>& problem, Index rows) {
  SupportScore& score = options.score;
  score.rounding = std::max(1e-300, problem.squares * 1e-12);
  const Index columns = problem.columns().columns();
  if (score.kind == SupportScore::Kind::exact)
    return std::min({options.rules.units.count(columns), rows, beyond(score.size)});
  const auto samples = static_cast<Index>(std::min(score.samples, static_cast<double>(rows)));
  score.limit = std::max(support_limit(samples, columns, options), static_cast<Index>(options.rules.keep.size()));
  return score.limit;
}

/// Searches from the empty support, or from the units of `start`.
template <class Precise>
SelectionResult search_least_squares(const LeastSquaresProblem<Precise>& problem, SelectionOptions options, Index limit,
                                     const std::vector<Index>& start = {}) {
  GramRows<Precise> gram(problem.columns(), options.score.samples * options.lambda_l2);
  ActiveSet<Precise> state(gram, options.rules);
  state.reset(problem.correlation, problem.squares, column_capacity(options, limit));
  LeastSquaresOracle<Precise> oracle(problem, state, options.score);
  SupportSearch search(oracle, options, limit, options.run);
  const bool from_start = !start.empty() && !options.whole_path;
  if (!start.empty() && options.whole_path) options.start = start;
  from_start ? search.run_from(start) : search.run();
  return oracle.finish();
}

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

/// The search for a likelihood on the columns of a design. Where that is a part of a larger one,
/// `options.score.features` says how many columns the whole has.
template <class Precise>
class LikelihoodSearch {
 public:
  using Result = typename LikelihoodOracle<Precise>::Result;

  /// Design and likelihood must outlive this object. `options.score` is complete.
  LikelihoodSearch(const Design<Precise>& x, const Likelihood<Precise>& likelihood, SelectionOptions options)
      : options_(limited(std::move(options), x)), limit_(largest_support(options_, x)),
        oracle_(x, likelihood, options_, limit_), search_(oracle_, options_, limit_, options_.run) {}
  LikelihoodSearch(const LikelihoodSearch&) = delete;
  LikelihoodSearch& operator=(const LikelihoodSearch&) = delete;

  /// From the kept units alone, and from the units of an earlier fit.
  Result run() {
    search_.run();
    return oracle_.finish();
  }
  /// From a known support and the kept units.
  Result run_from(const std::vector<Index>& start) {
    search_.run_from(start);
    return oracle_.finish();
  }

 private:
  static SelectionOptions limited(SelectionOptions options, const Design<Precise>& x) {
    if (options.score.kind != SupportScore::Kind::exact)
      options.score.limit = std::max(largest_support(options, x), static_cast<Index>(options.rules.keep.size()));
    return options;
  }

  /// A sample of a likelihood tells less than one of a Gaussian response: at most a quarter of n.
  static Index largest_support(const SelectionOptions& options, const Design<Precise>& x) {
    const SupportScore& score = options.score;
    const Index units = options.rules.units.count(x.columns());
    if (score.kind == SupportScore::Kind::exact) return std::min({units, x.rows(), beyond(score.size)});
    const auto room =
        static_cast<Index>(std::min(score.samples, static_cast<double>(x.rows())) / (4 * score.unit_width));
    return std::min({units, options.max_size, std::max<Index>(room, 1)});
  }

  SelectionOptions options_;
  Index limit_;
  LikelihoodOracle<Precise> oracle_;
  SupportSearch<LikelihoodOracle<Precise>> search_;
};

/// Its supports, from a support unless that is empty.
template <class Precise>
SelectionResult search_likelihood(const Design<Precise>& x, const Likelihood<Precise>& likelihood,
                                  const SelectionOptions& options, const std::vector<Index>& start = {}) {
  LikelihoodSearch<Precise> search(x, likelihood, options);
  auto found = start.empty() ? search.run() : search.run_from(start);
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
