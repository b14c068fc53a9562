// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/standardized.hpp>
#include <l0/regression/data/weights.hpp>

namespace l0::detail {

/// What least squares needs to know of samples that are seen once and then forgotten: the weighted sums of products of
/// all columns and of a target, p² numbers for p columns whatever the number of samples. Columns and targets are taken
/// from a fixed origin, the mean of the first samples, so that large means cost no digits.
///
/// A likelihood joins as its quadratic expansion at the present coefficients (see `working_response`).
template <class Precise>
class Moments {
 public:
  Index columns() const { return origin_.size(); }
  bool empty() const { return rows_ == 0; }
  Index rows() const { return rows_; }

  /// Adds samples X of weights w > 0 with d > 0, products t = d·target and each target's `squares` Σ d·target². d is w,
  /// or the curvature of a likelihood with those weights.
  void add(const Design<Precise>& x, const Vector<Precise>& weight, const Vector<Precise>& d, const Matrix<Precise>& t,
           const RowVector<Precise>& squares, bool centre) {
    const Index p = x.columns();
    if (empty()) {
      origin_.setZero(p);
      for (Index j = 0; centre && j < p; ++j) origin_(j) = x.sum(j, d) / d.sum();
      lowest_.setConstant(p, std::numeric_limits<Precise>::infinity());
      highest_ = -lowest_;
      sum_ = first_ = second_ = Vector<Precise>::Zero(p);
      product_.setZero(p, p);
      target_.setZero(p, t.cols());
      target_sum_.setZero(t.cols());
      squares_.setZero(t.cols());
    }
    const Index block = 256;
    Matrix<Precise> rows, root;
    for (Index first = 0; first < x.rows(); first += block) {
      rows.resize(std::min(block, x.rows() - first), p);
      x.copy_rows(first, rows);
      lowest_ = lowest_.cwiseMin(rows.colwise().minCoeff().transpose());
      highest_ = highest_.cwiseMax(rows.colwise().maxCoeff().transpose());
      rows.rowwise() -= origin_.transpose();
      const auto part = d.segment(first, rows.rows());
      sum_.noalias() += rows.transpose() * part;
      first_.noalias() += rows.transpose() * weight.segment(first, rows.rows());
      second_.noalias() += rows.cwiseAbs2().transpose() * weight.segment(first, rows.rows());
      target_.noalias() += rows.transpose() * t.middleRows(first, rows.rows());
      root = part.cwiseSqrt().asDiagonal() * rows;
      product_.template selfadjointView<Eigen::Lower>().rankUpdate(root.transpose());
    }
    target_sum_ += t.colwise().sum();
    total_ += d.sum();
    squares_ += squares;
    rows_ += x.rows();
    weights_ += weight.sum();
    weight_squares_ += weight.squaredNorm();
  }

  Precise weights() const { return weights_; }
  /// How many samples the weights are worth (see `worth_of`).
  Precise worth(WeightKind kind) const { return worth_of(kind, weights_, weight_squares_); }

  /// The moments that samples of weights of that sum would have, with columns of unit variance under the weights (unit
  /// mean square without an intercept), as `Design::standardize` has them. `epsilon`: of the numbers in X.
  Moments standardized(WeightKind kind, bool centre, Precise epsilon) const {
    Moments result = *this;
    result.unit_.setZero(columns());
    for (Index j = 0; j < columns(); ++j) {
      const Precise size = std::max(std::abs(lowest_(j)), std::abs(highest_(j)));
      if (!(size > 0) || (centre && highest_(j) - lowest_(j) <= 4 * epsilon * size)) continue;
      const Precise mean = centre ? first_(j) / weights_ : Precise(0);
      const Precise variance = second_(j) / weights_ - mean * mean;
      if (variance > 0) result.unit_(j) = 1 / std::sqrt(variance);
    }
    const Precise by = worth(kind) / weights_;
    result.total_ *= by;
    result.squares_ *= by;
    result.target_sum_ *= by;
    const auto unit = result.unit_.asDiagonal();
    result.origin_ = unit * origin_;
    result.sum_ = by * (unit * sum_);
    result.target_ = by * (unit * target_);
    result.product_ = by * (unit * product_ * unit);
    return result;
  }
  /// Of the standardized columns; 0 for constant ones.
  Precise unit(Index j) const { return unit_(j); }

  Precise mean(Index j, bool centre) const { return centre && total_ > 0 ? sum_(j) / total_ : Precise(0); }
  /// Entry (i, j) of the centred sums of products.
  Precise product(Index i, Index j, bool centre) const {
    return product_(std::max(i, j), std::min(i, j)) - mean(i, centre) * (centre ? sum_(j) : Precise(0));
  }
  RowVector<Precise> target(Index j, bool centre) const { return target_.row(j) - mean(j, centre) * target_sum_; }
  /// Of each target.
  RowVector<Precise> squares(bool centre) const {
    if (!centre || !(total_ > 0)) return squares_;
    return squares_ - target_sum_.cwiseAbs2() / total_;
  }
  Index responses() const { return target_.cols(); }
  Precise total() const { return total_; }
  /// The mean of a column, on its standardized scale and from where it was.
  Precise level(Index j) const { return origin_(j) + sum_(j) / total_; }
  /// The intercept that goes with coefficients of some columns.
  template <class Coefficients>
  RowVector<Precise> intercept(const std::vector<Index>& support, const Coefficients& coefficients) const {
    RowVector<Precise> value = target_sum_ / total_;
    for (std::size_t i = 0; i < support.size(); ++i) {
      const Index j = support[i];
      value -= coefficients.row(static_cast<Index>(i)) * level(j);
    }
    return value;
  }

 private:
  Index rows_ = 0;
  Precise total_ = 0;
  Precise weights_ = 0;
  Precise weight_squares_ = 0;
  Vector<Precise> origin_, lowest_, highest_, sum_;
  Vector<Precise> first_, second_;  // of the columns under the sample weights
  Vector<Precise> unit_;
  Matrix<Precise> product_;  // lower half
  Matrix<Precise> target_;
  RowVector<Precise> target_sum_, squares_;
};

/// The standardized columns of moments: a Gram row is a column of the products, scaled.
template <class Precise>
class StandardizedMoments final : public StandardizedColumns<Precise> {
 public:
  /// Of moments that were `standardized`, which must outlive this object.
  StandardizedMoments(const Moments<Precise>& moments, bool centre)
      : StandardizedColumns<Precise>(moments.columns()), moments_(&moments), centre_(centre) {
    for (Index j = 0; j < this->columns(); ++j) {
      const Precise spread = moments.product(j, j, centre);
      scale_(j) = moments.unit(j) > 0 && spread > 0 ? 1 / std::sqrt(spread) : Precise(0);
    }
  }

  void weighted_columns(const std::vector<Index>& wanted, Matrix<Precise>& block) const override {
    block.resize(this->columns(), static_cast<Index>(wanted.size()));
    for (Index a = 0; a < block.cols(); ++a) {
      const Index j = wanted[static_cast<std::size_t>(a)];
      for (Index i = 0; i < block.rows(); ++i) block(i, a) = moments_->product(i, j, centre_) * scale_(j);
    }
  }
  using StandardizedColumns<Precise>::correlate;
  Matrix<Precise> correlate(const Matrix<Precise>& block, Index first, Index count) const override {
    return scale_.segment(first, count).asDiagonal() * block.middleRows(first, count);
  }

 private:
  const Moments<Precise>* moments_;
  bool centre_;
  using StandardizedColumns<Precise>::scale_;
};

}  // namespace l0::detail
