// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/trees/samples.hpp>

namespace l0::detail {

/// Refuses ±∞; NaN is a missing value.
template <class X>
void require_not_infinite(const Eigen::DenseBase<X>& x) {
  for (Index j = 0; j < x.cols(); ++j) {
    for (Index i = 0; i < x.rows(); ++i) {
      const auto value = x.derived().coeff(i, j);
      if (std::isinf(value)) {
        fail("X(" + to_text(i) + ", " + to_text(j) + ")", to_text(value), "a number, or NaN where it is missing");
      }
    }
  }
}

/// The rows of a fit that weigh something, with y in double.
template <class Scalar>
class WeightedRows {
 public:
  /// Of samples that `check_samples` let pass.
  WeightedRows(const Vector<Double<Scalar>>& y, const Samples<Scalar>& samples, WeightKind kind) {
    const bool weighted = samples.weight.size() > 0;
    for (Index i = 0; i < y.size(); ++i) {
      if (!weighted || samples.weight(i) > 0) rows_.push_back(i);
    }
    // In the order of what they contain: no sum depends on the order in which they came.
    std::sort(rows_.begin(), rows_.end(), [&](Index a, Index b) {
      if (y(a) != y(b)) return y(a) < y(b);
      if (weighted && samples.weight(a) != samples.weight(b)) return samples.weight(a) < samples.weight(b);
      return samples.offset.size() > 0 && samples.offset(a) < samples.offset(b);
    });
    y_ = y(rows_);
    weight_.setOnes(y_.size());
    if (weighted) {
      weight_ = normalized<Double<Scalar>>(
          Vector<Double<Scalar>>(samples.weight(rows_).template cast<Double<Scalar>>()), kind);
    }
    if (samples.offset.size() > 0) offset_ = samples.offset(rows_).template cast<Double<Scalar>>();
    if (!samples.fold.empty()) {
      for (const Index i : rows_) fold_.push_back(samples.fold[static_cast<std::size_t>(i)]);
    }
  }

  /// Of what is to be explained beside the offset.
  double mean() const { return residual().dot(weight_) / weight_.sum(); }
  double deviation(double mean) const {
    return std::sqrt((residual().array() - mean).square().matrix().dot(weight_) / weight_.sum());
  }
  /// With targets (y − shift)/unit.
  RankedSamples<Scalar> ranked(const Matrix<Scalar>& x, double shift, double unit) const {
    const Vector<Scalar> target = ((y_.array() - shift) / unit).matrix().template cast<Scalar>();
    const Vector<Scalar> weight = weight_.template cast<Scalar>();
    Vector<Scalar> offset;
    if (offset_.size() > 0) offset = (offset_ / unit).template cast<Scalar>();
    return RankedSamples<Scalar>(Matrix<Scalar>(x(rows_, Eigen::seqN(0, x.cols()))), target, weight, offset, fold_);
  }

 private:
  Vector<Double<Scalar>> residual() const { return offset_.size() > 0 ? y_ - offset_ : y_; }

  std::vector<Index> rows_;
  Vector<Double<Scalar>> y_;
  Vector<Double<Scalar>> weight_;
  Vector<Double<Scalar>> offset_;
  std::vector<Index> fold_;
};

}  // namespace l0::detail
