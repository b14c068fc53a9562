// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/models/criterion.hpp>
#include <l0/training/report.hpp>

namespace l0 {

/// Options of the regression estimators. How sparse the model is, is said in one of three ways: by a price
/// (`lambda_l0`), by a budget (`max_features`), or by neither: then the criterion, or cross validation, chooses.
struct RegressionOptions {
  std::optional<double> lambda_l0{};      ///< price of one feature on the mean loss, ≥ 0
  std::optional<Index> max_features{};    ///< exactly so many features, fewer only where fewer suffice; from 0 to all
  Criterion criterion = Criterion::ebic;  ///< chooses the size where neither of the above is given
  Index folds = 0;                        ///< ≥ 2: cross validation with so many folds chooses instead
  double lambda_l2 = 0;                   ///< λ₂ ‖w‖² on the kept coefficients, beside the mean loss, ≥ 0
  bool fit_intercept = true;              ///< the intercept is never gated
  bool non_negative = false;              ///< no coefficient below 0
  std::vector<Index> must_keep{};         ///< features that are always in
  std::vector<Index> groups{};            ///< group 0, 1, ... of every feature, for `max_per_group`
  Index max_per_group = 0;                ///< at most so many features of each group; 0: no such rule
  Index max_size = 100;                   ///< largest model looked at where neither price nor budget is given
  std::uint64_t seed = 0;                 ///< of the folds
  int threads = 1;                        ///< for folds; the result does not depend on it
  std::vector<std::string> feature_names{};  ///< for `summary` and `feature_name`; empty: x0, x1, ...
};

/// How a fit went.
struct RegressionReport {
  StopReason stop = StopReason::converged;
  Index size = 0;        ///< features kept
  double loss = 0;       ///< mean loss at the reported coefficients: squared error, or deviance / (2n)
  double criterion = 0;  ///< deviance + price of the size, see `Criterion`
  double lambda = 0;     ///< price of a feature: as given, or what the last feature was worth
  double seconds = 0;
  std::vector<std::string> notes;  ///< what deserves a look: constant columns, separable data, ...

  bool converged() const { return stop == StopReason::converged; }
};

namespace detail {

inline void validate(const RegressionOptions& options, Index features) {
  if (options.lambda_l0) require_non_negative("lambda_l0", *options.lambda_l0);
  if (options.max_features) {
    if (*options.max_features < 0 || *options.max_features > features) {
      fail("max_features", to_text(*options.max_features),
           "a number from 0 to the " + to_text(features) + " features of X");
    }
    if (options.lambda_l0) fail("lambda_l0", "given together with max_features", "one of the two");
  }
  require(options.folds == 0 || options.folds >= 2, "folds", options.folds, "0 or at least 2");
  require_non_negative("lambda_l2", options.lambda_l2);
  for (const Index j : options.must_keep) {
    if (j < 0 || j >= features) fail("must_keep", to_text(j), "a feature in [0, " + to_text(features) + ")");
  }
  if (options.max_features && static_cast<Index>(options.must_keep.size()) > *options.max_features) {
    fail("must_keep", to_text(options.must_keep.size()) + " features", "no more than max_features");
  }
  require(options.max_per_group >= 0, "max_per_group", options.max_per_group, "a number >= 0");
  if (options.max_per_group > 0) {
    if (static_cast<Index>(options.groups.size()) != features) {
      fail("groups", to_text(options.groups.size()) + " entries", to_text(features) + ", one per feature");
    }
    for (const Index g : options.groups) require(g >= 0, "group", g, "a group >= 0");
  }
  require(options.max_size >= 0, "max_size", options.max_size, "a number >= 0");
  require(options.threads >= 1, "threads", options.threads, "a number >= 1");
  if (!options.feature_names.empty() && static_cast<Index>(options.feature_names.size()) != features) {
    fail("feature_names", to_text(options.feature_names.size()) + " names", to_text(features) + ", one per feature");
  }
}

}  // namespace detail
}  // namespace l0
