// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include <l0/core/types.hpp>
#include <l0/regression/data/groups.hpp>

namespace l0 {

/// How the number of features is chosen where neither a price nor a budget is given: the smallest value of
/// deviance + price(k) over supports of k features among p, for n samples. Where a feature stands for several
/// coefficients (a group of columns, several responses), k counts the coefficients, and C(p, k) features or groups.
enum class Criterion {
  ebic,  ///< k log n + 2 log C(p, k): Chen & Chen, Biometrika 95, 2008, with γ = 1
  bic,   ///< k log n: Schwarz 1978; for p well below n
  gic,   ///< k log p · log log n: Fan & Tang, JRSS B 75, 2013, as abess uses it
  aic,   ///< 2k: Akaike 1974; for prediction, with p well below n
};

namespace detail {

/// What a support is judged by: one number F(size, deviance), the smaller the better. Selection by criterion, by a
/// price per unit, or for exactly `size` units.
struct SupportScore {
  enum class Kind { criterion, price, exact };

  Kind kind = Kind::criterion;
  Criterion criterion = Criterion::ebic;
  double samples = 1;                               ///< what the rows of X are worth
  double features = 1;                              ///< units to choose from
  double responses = 1;                             ///< free coefficients per column
  double unit_width = 1;                            ///< columns of a unit, on average
  double lambda = 0;                                ///< price of a unit on the mean loss, for Kind::price
  Index size = 0;                                   ///< for Kind::exact
  Index limit = std::numeric_limits<Index>::max();  ///< larger supports are out of the question
  bool unknown_variance = true;                     ///< of a Gaussian; a likelihood has none to estimate
  bool squares_are_deviance = false;                ///< of a likelihood's quadratic expansion
  double rounding = 1e-300;                         ///< a residual sum below this is rounding
  double loss_unit = 1;                             ///< of the user's mean loss, in what the search calls 1

  /// The part of the criterion that depends on the size alone.
  double size_price(SupportSize size_of) const {
    return price(static_cast<double>(size_of.units), static_cast<double>(size_of.columns));
  }

  /// F for a residual sum of squares over all responses.
  double of_squares(double squares, SupportSize size_of) const {
    if (squares_are_deviance) return of_deviance(squares, size_of);
    if (size_of.units > limit) return std::numeric_limits<double>::infinity();
    if (kind == Kind::price) return squares / samples + lambda * static_cast<double>(size_of.units);
    const double residuals = samples * responses;
    return of_deviance(residuals * std::log(std::max(squares, rounding) / residuals), size_of);
  }

  /// The mean loss of a residual sum of squares, or of a deviance.
  double mean_loss(double squares) const { return loss_unit * squares / (unknown_variance ? samples : 2 * samples); }

  /// F for a deviance, −2 log likelihood.
  double of_deviance(double deviance, SupportSize size_of) const {
    if (size_of.units > limit) return std::numeric_limits<double>::infinity();
    if (kind == Kind::price) return deviance / (2 * samples) + lambda * static_cast<double>(size_of.units);
    if (kind == Kind::exact) return size_of.units == size ? deviance : std::numeric_limits<double>::infinity();
    return deviance + size_price(size_of);
  }

  /// How much a unit of the deviance counts in the score.
  double deviance_unit() const { return kind == Kind::price ? 1 / (2 * samples) : 1.0; }

  /// What one more unit costs, in units of the deviance: the scale of a small difference.
  double next_unit(SupportSize size_of) const {
    const auto units = static_cast<double>(size_of.units);
    const auto columns = static_cast<double>(size_of.columns);
    return price(units + 1, columns + unit_width) - price(units, columns);
  }

 private:
  double price(double units, double columns) const {
    const double coefficients = columns * responses;
    double value = 0;
    if (criterion == Criterion::gic) {
      value = coefficients * std::log(features) * std::log(std::max(std::log(samples), 1.0));
    } else if (criterion == Criterion::aic) {
      value = 2 * coefficients;
    } else {
      value = coefficients * std::log(samples);
      if (criterion == Criterion::ebic) {
        value += 2 * (std::lgamma(features + 1) - std::lgamma(units + 1) - std::lgamma(features - units + 1));
      }
    }
    // The likelihood with the unbiased variance RSS/(n−k−1): without it large supports look too good when k/n is not
    // small.
    if (unknown_variance) {
      const double residuals = samples * responses;
      value += residuals * std::log(samples / std::max(samples - columns - 1, 0.5));
    }
    return value;
  }
};

/// F by the residual sum of squares or by the deviance of a least-squares problem.
using Judge = double(const SupportScore& score, double value, SupportSize size);
inline double by_squares(const SupportScore& score, double squares, SupportSize size) {
  return score.of_squares(squares, size);
}
inline double by_deviance(const SupportScore& score, double deviance, SupportSize size) {
  return score.of_deviance(deviance, size);
}

}  // namespace detail
}  // namespace l0
