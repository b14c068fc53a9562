// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include <l0/core/types.hpp>

namespace l0::detail {

/// X as a quadratic problem sees it: columns centred by their weighted means and scaled to unit weighted length,
/// without touching X. A column that is constant (to rounding) has scale 0 and takes part in nothing. The search knows
/// no more than this, so that it is compiled once for all kinds of X.
template <class Scalar>
class StandardizedColumns {
 public:
  virtual ~StandardizedColumns() = default;

  Index rows() const { return rows_; }
  Index columns() const { return scale_.size(); }
  Scalar scale(Index j) const { return scale_(j); }

  /// X̃ᵀ r on the standardized columns first..first+count; the weights are already in r.
  virtual Matrix<Scalar> correlate(const Matrix<Scalar>& r, Index first, Index count) const = 0;
  /// The same for all columns.
  Matrix<Scalar> correlate(const Matrix<Scalar>& r) const { return correlate(r, 0, columns()); }
  /// block.col(a) = weights ∘ standardized column wanted[a].
  virtual void weighted_columns(const std::vector<Index>& wanted, Matrix<Scalar>& block) const = 0;

 protected:
  StandardizedColumns(Index rows, Index columns) : scale_(Vector<Scalar>::Zero(columns)), rows_(rows) {}
  StandardizedColumns(const StandardizedColumns&) = default;
  StandardizedColumns& operator=(const StandardizedColumns&) = default;

  Vector<Scalar> scale_;

 private:
  Index rows_;
};

/// Those of a design.
template <class Design>
class StandardizedDesign final : public StandardizedColumns<typename Design::Scalar> {
 public:
  using Scalar = typename Design::Scalar;

  explicit StandardizedDesign(const Design& x) : StandardizedColumns<Scalar>(x.rows(), x.columns()), x_(&x) {}

  /// For sample weights d ≥ 0. Without `centre` the means are taken as 0 (a model without intercept).
  void set_weights(const Vector<Scalar>& d, bool centre) {
    weight_ = d;
    const auto total = static_cast<double>(d.sum());
    mean_.resize(x_->columns());
    for (Index j = 0; j < x_->columns(); ++j) {
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
  const Vector<Scalar>& weights() const { return weight_; }
  Scalar mean(Index j) const { return mean_(j); }

  using StandardizedColumns<Scalar>::correlate;
  Matrix<Scalar> correlate(const Matrix<Scalar>& r, Index first, Index count) const override {
    Matrix<Scalar> result(count, r.cols());
    x_->transpose_times(r, first, count, result);
    // Σr is nearly 0 where r is a centred residual; subtracting it makes large means harmless.
    for (Index m = 0; m < r.cols(); ++m) {
      result.col(m) =
          (result.col(m) - mean_.segment(first, count) * r.col(m).sum()).cwiseProduct(scale_.segment(first, count));
    }
    return result;
  }

  void weighted_columns(const std::vector<Index>& wanted, Matrix<Scalar>& block) const override {
    block.resize(x_->rows(), static_cast<Index>(wanted.size()));
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
  using StandardizedColumns<Scalar>::scale_;
};

}  // namespace l0::detail
