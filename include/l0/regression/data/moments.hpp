// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/standardized.hpp>

namespace l0::detail {

/// What least squares needs to know of samples that are seen once and then forgotten: the weighted sums of products of
/// all columns and of a target, p² numbers for p columns whatever the number of samples. Columns are taken from a fixed
/// origin, the mean of the first samples, so that large means cost no digits.
///
/// A likelihood joins as its quadratic expansion at the present coefficients (see `working_response`).
template <class Scalar_>
class Moments {
 public:
  using Scalar = Scalar_;

  Index rows() const { return rows_; }
  Index columns() const { return origin_.size(); }
  bool empty() const { return rows_ == 0; }

  /// Adds samples X with weights d, products t = d·target and `squares` = Σ d·target².
  template <class Design>
  void add(const Design& x, const Vector<Scalar>& d, const Matrix<Scalar>& t, double squares, bool centre) {
    const Index p = x.columns();
    if (empty()) {
      origin_.setZero(p);
      for (Index j = 0; centre && j < p; ++j) origin_(j) = d.sum() > 0 ? x.sum(j, typed<Design>(d)) / d.sum() : 0.0;
      sum_.setZero(p);
      product_.setZero(p, p);
      target_.setZero(p, t.cols());
      target_sum_.setZero(t.cols());
    }
    // Blocks of rows bound the copy that is in double.
    const Index block = 256;
    std::vector<Index> wanted;
    for (Index first = 0; first < x.rows(); first += block) {
      const Index count = std::min(block, x.rows() - first);
      wanted.resize(static_cast<std::size_t>(count));
      for (Index i = 0; i < count; ++i) wanted[static_cast<std::size_t>(i)] = first + i;
      const Design part = x.rows_at(wanted);
      Matrix<Scalar> rows(count, p);
      Vector<typename Design::Scalar> column(count);
      for (Index j = 0; j < p; ++j) {
        column.setZero();
        part.add_column(j, 1, column);
        rows.col(j) = column.template cast<Scalar>().array() - origin_(j);
      }
      const auto weight = d.segment(first, count);
      sum_.noalias() += rows.transpose() * weight;
      target_.noalias() += rows.transpose() * t.middleRows(first, count);
      const Matrix<Scalar> root = weight.cwiseSqrt().asDiagonal() * rows;
      product_.template selfadjointView<Eigen::Lower>().rankUpdate(root.transpose());
    }
    target_sum_ += t.colwise().sum();
    total_ += d.sum();
    squares_ += squares;
    rows_ += x.rows();
  }

  double mean(Index j, bool centre) const { return centre && total_ > 0 ? sum_(j) / total_ : 0.0; }
  /// Entry (i, j) of the centred sums of products.
  double product(Index i, Index j, bool centre) const {
    return product_(std::max(i, j), std::min(i, j)) - mean(i, centre) * (centre ? sum_(j) : 0.0);
  }
  RowVector<Scalar> target(Index j, bool centre) const { return target_.row(j) - mean(j, centre) * target_sum_; }
  double squares(bool centre) const {
    return squares_ - (centre && total_ > 0 ? target_sum_.squaredNorm() / total_ : 0.0);
  }
  Index responses() const { return target_.cols(); }

  /// The intercept that goes with coefficients of some columns.
  template <class Coefficients>
  RowVector<Scalar> intercept(const std::vector<Index>& support, const Coefficients& coefficients) const {
    RowVector<Scalar> value = target_sum_ / total_;
    for (std::size_t i = 0; i < support.size(); ++i) {
      const Index j = support[i];
      value -= coefficients.row(static_cast<Index>(i)) * (origin_(j) + sum_(j) / total_);
    }
    return value;
  }

 private:
  template <class Design>
  static Vector<typename Design::Scalar> typed(const Vector<Scalar>& d) {
    return d.template cast<typename Design::Scalar>();
  }

  Index rows_ = 0;
  double total_ = 0;
  double squares_ = 0;
  Vector<Scalar> origin_, sum_;
  Matrix<Scalar> product_;  // lower half
  Matrix<Scalar> target_;
  RowVector<Scalar> target_sum_;
};

/// The standardized columns of moments: a Gram row is a column of the products, scaled.
template <class Scalar>
class StandardizedMoments final : public StandardizedColumns<Scalar> {
 public:
  StandardizedMoments(const Moments<Scalar>& moments, bool centre)
      : StandardizedColumns<Scalar>(moments.rows(), moments.columns()), moments_(&moments), centre_(centre) {
    for (Index j = 0; j < this->columns(); ++j) {
      const double spread = moments.product(j, j, centre);
      // Of samples of unit weight about the origin; rounding leaves a relative 1e-13.
      const double floor =
          1e-13 * (spread + moments.mean(j, centre) * moments.mean(j, centre) * static_cast<double>(moments.rows()));
      scale_(j) = spread > floor && spread > 0 ? 1 / std::sqrt(spread) : 0.0;
    }
  }

  void weighted_columns(const std::vector<Index>& wanted, Matrix<Scalar>& block) const override {
    block.resize(this->columns(), static_cast<Index>(wanted.size()));
    for (Index a = 0; a < block.cols(); ++a) {
      const Index j = wanted[static_cast<std::size_t>(a)];
      for (Index i = 0; i < block.rows(); ++i) block(i, a) = moments_->product(i, j, centre_) * scale_(j);
    }
  }
  using StandardizedColumns<Scalar>::correlate;
  Matrix<Scalar> correlate(const Matrix<Scalar>& block, Index first, Index count) const override {
    return scale_.segment(first, count).asDiagonal() * block.middleRows(first, count);
  }

 private:
  const Moments<Scalar>* moments_;
  bool centre_;
  using StandardizedColumns<Scalar>::scale_;
};

}  // namespace l0::detail
