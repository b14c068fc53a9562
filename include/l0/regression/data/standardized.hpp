// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include <l0/core/types.hpp>

namespace l0::detail {

/// X as a quadratic problem sees it: columns centred by their weighted means and scaled to unit weighted length,
/// without touching X. A column that is constant (to rounding) has scale 0 and takes part in nothing.
template <class Design>
class StandardizedColumns {
 public:
  using Scalar = typename Design::Scalar;

  explicit StandardizedColumns(const Design& x) : x_(&x) {}

  /// For sample weights d ≥ 0. Without `centre` the means are taken as 0 (a model without intercept).
  void set_weights(const Vector<Scalar>& d, bool centre) {
    weight_ = d;
    const auto total = static_cast<double>(d.sum());
    mean_.resize(columns());
    scale_.resize(columns());
    for (Index j = 0; j < columns(); ++j) {
      const double m = centre && total > 0 ? x_->sum(j, d) / total : 0.0;
      const double spread = x_->spread(j, d, m, total);
      // Rounding alone leaves a relative variance of about ε².
      constexpr auto epsilon = static_cast<double>(std::numeric_limits<Scalar>::epsilon());
      const double floor = 64 * epsilon * epsilon * total * m * m;
      mean_(j) = static_cast<Scalar>(m);
      scale_(j) = spread > floor ? static_cast<Scalar>(1 / std::sqrt(spread)) : Scalar(0);
    }
  }

  const Design& design() const { return *x_; }
  Index rows() const { return x_->rows(); }
  Index columns() const { return x_->columns(); }
  const Vector<Scalar>& weights() const { return weight_; }
  Scalar mean(Index j) const { return mean_(j); }
  Scalar scale(Index j) const { return scale_(j); }

  /// result = X̃ᵀ r on the standardized columns; the weights are already in r.
  template <class R>
  Matrix<Scalar> correlate(const R& r) const {
    return correlate(r, 0, columns());
  }
  /// The same for columns first..first+count only.
  template <class R>
  Matrix<Scalar> correlate(const R& r, Index first, Index count) const {
    Matrix<Scalar> result(count, r.cols());
    x_->transpose_times(r, first, count, result);
    // Σr is nearly 0 where r is a centred residual; subtracting it makes large means harmless.
    for (Index m = 0; m < r.cols(); ++m) {
      result.col(m) =
          (result.col(m) - mean_.segment(first, count) * r.col(m).sum()).cwiseProduct(scale_.segment(first, count));
    }
    return result;
  }

  /// block.col(a) = weights ∘ standardized column wanted[a].
  void weighted_columns(const std::vector<Index>& wanted, Matrix<Scalar>& block) const {
    block.resize(rows(), static_cast<Index>(wanted.size()));
    for (Index a = 0; a < block.cols(); ++a) {
      const Index j = wanted[static_cast<std::size_t>(a)];
      block.col(a).setConstant(-mean_(j) * scale_(j));
      x_->add_column(j, scale_(j), block.col(a));
      block.col(a).array() *= weight_.array();
    }
  }

 private:
  const Design* x_;
  Vector<Scalar> weight_;
  Vector<Scalar> mean_;
  Vector<Scalar> scale_;
};

}  // namespace l0::detail
