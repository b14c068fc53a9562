// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include <l0/core/types.hpp>

namespace l0 {

/// How the number of features is chosen where neither a price nor a budget is given: the smallest value of
/// deviance + price(k) over supports of k features among p, for n samples.
enum class Criterion {
  ebic,  ///< k log n + 2 log C(p, k): Chen & Chen, Biometrika 95, 2008, with γ = 1
  bic,   ///< k log n: Schwarz 1978; for p well below n
  gic,   ///< k log p · log log n: Fan & Tang, JRSS B 75, 2013, as abess uses it
};

namespace detail {

/// What a support is judged by: one number F(k, deviance), the smaller the better. Selection by criterion, by a price
/// per feature, or for exactly `size` features.
struct SupportScore {
  enum class Kind { criterion, price, exact };

  Kind kind = Kind::criterion;
  Criterion criterion = Criterion::ebic;
  double samples = 1;
  double features = 1;
  double lambda = 0;                                ///< price of a feature on the mean loss, for Kind::price
  Index size = 0;                                   ///< for Kind::exact
  Index limit = std::numeric_limits<Index>::max();  ///< larger supports are out of the question
  bool unknown_variance = true;                     ///< of a Gaussian; a likelihood has none to estimate
  double rounding = 1e-300;                         ///< a residual sum below this is rounding

  /// The part of the criterion that depends on the size alone.
  double size_price(Index k) const {
    const auto count = static_cast<double>(k);
    double value = 0;
    if (criterion == Criterion::gic) {
      value = count * std::log(features) * std::log(std::max(std::log(samples), 1.0));
    } else {
      value = count * std::log(samples);
      if (criterion == Criterion::ebic) {
        value += 2 * (std::lgamma(features + 1) - std::lgamma(count + 1) - std::lgamma(features - count + 1));
      }
    }
    // The likelihood with the unbiased variance RSS/(n−k−1): without it large supports look too good when k/n is not
    // small.
    if (unknown_variance) value += samples * std::log(samples / std::max(samples - count - 1, 0.5));
    return value;
  }

  /// F for a residual sum of squares.
  double of_squares(double squares, Index k) const {
    if (k > limit) return std::numeric_limits<double>::infinity();
    if (kind == Kind::price) return squares / samples + lambda * static_cast<double>(k);
    return of_deviance(samples * std::log(std::max(squares, rounding) / samples), k);
  }

  /// F for a deviance, −2 log likelihood.
  double of_deviance(double deviance, Index k) const {
    if (k > limit) return std::numeric_limits<double>::infinity();
    if (kind == Kind::price) return deviance / (2 * samples) + lambda * static_cast<double>(k);
    if (kind == Kind::exact) return k == size ? deviance : std::numeric_limits<double>::infinity();
    return deviance + size_price(k);
  }

  /// What one more feature costs at size k in units of the deviance: the scale of a small difference.
  double next_feature(Index k) const { return size_price(k + 1) - size_price(k); }
};

}  // namespace detail
}  // namespace l0
