// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>

#include <l0/core/types.hpp>

namespace l0::detail {

/// What bounds a search: how far it looks, how often it tries, what it takes for progress. What patience and chains
/// are worth is measured in docs/regression-benchmarks.md.
struct SearchConstants {
  Index least_patience = 10;  ///< sizes that a path goes on beyond the best so far, where nobody says how far,
  Index share_patience = 4;   ///< or that share of the best, if that is more
  Index least_beyond = 5;     ///< sizes beyond an exact one from which the search comes back down to it,
  Index share_beyond = 4;     ///< or that share of it
  Index chain_rounds = 20;    ///< times that ejection chains start again from a better support
  Index chain_moves = 20;     ///< excursions of a round
  double slack = 0.5;         ///< the prices of a feature that an excursion may cost at first;
  double slack_by_rules = 2;  ///< the same where rules bar the ways around
  int path_passes = 4;        ///< over the sizes of a path, as long as one gets better
  Index most_gates = 256;     ///< columns that gates compete on
  Index outside_gates = 48;   ///< of them not in the best support, where an expansion has to make their products
  Index fetched = 8;          ///< Gram rows made at once
  double drift = 0.1;         ///< of the objective, before the weights of an expansion are made anew
  double foresight = 0.05;    ///< deviance by which an expansion may miss and still serve the next step
  double swap_gain = 1e-9;    ///< of the loss: what a swap must gain,
  double rough_gain = 1e-5;   ///< by an expansion
  double progress = 1e-6;     ///< what a support must be better by, in units of the deviance
};
inline constexpr SearchConstants search_constants{};

/// How far beyond the best size so far a path goes on where nobody says how far.
template <std::same_as<Index> Number>
constexpr Number path_patience(Number best_size) {
  return std::max<Number>(search_constants.least_patience, best_size / search_constants.share_patience);
}

/// The largest size that a search for exactly `size` units looks at.
template <std::same_as<Index> Number>
constexpr Number beyond(Number size) {
  return size + std::max<Number>(search_constants.least_beyond, size / search_constants.share_beyond);
}

}  // namespace l0::detail
