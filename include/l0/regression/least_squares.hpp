// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include <Eigen/QR>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/response.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_oracle.hpp>
#include <l0/regression/search/least_squares_search.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// Solutions of G C = A for a symmetric G ≥ 0 of columns of about unit length: those of least norm where some are made
/// up by others. A squared length below 1e-13 of the largest counts as none.
template <class Precise>
class LeastNormSolver {
 public:
  explicit LeastNormSolver(const Matrix<Precise>& gram) {
    decomposition_.setThreshold(Precise(1e-13));
    decomposition_.compute(gram);
  }
  Index rank() const { return decomposition_.rank(); }
  Matrix<Precise> solve(const Matrix<Precise>& a) const { return decomposition_.solve(a); }

 private:
  Eigen::CompleteOrthogonalDecomposition<Matrix<Precise>> decomposition_;
};

/// The deviation of targets, of all responses together: in units of it nothing depends on theirs.
template <class Precise>
Precise unit_of(const Matrix<Precise>& y, const Vector<Precise>& weight, bool centre) {
  Precise squares = 0;
  const Precise total = weight.sum();
  const Precise size = y.size() > 0 ? y.cwiseAbs().maxCoeff() : Precise(0);
  if (!(size > 0)) return 1;
  for (Index m = 0; m < y.cols(); ++m) {
    const Precise mean = centre ? y.col(m).dot(weight) / total : Precise(0);
    squares += (((y.col(m).array() - mean) / size).square() * weight.array()).sum() / total;
  }
  const Precise deviation = std::sqrt(squares / static_cast<Precise>(std::max<Index>(1, y.cols())));
  // Less than 1e-15 of the size of y is the rounding of its mean: y is constant.
  return deviation > 1e-15 ? deviation * size : Precise(1);
}

/// Squared loss ‖y − η‖² of one response, or of several that share their features.
template <class Precise>
class SquaredResponse final : public Response<Precise> {
 public:
  /// `weight` sums to what the samples are worth. Targets are divided by a unit, so that nothing depends on theirs.
  SquaredResponse(Matrix<Precise> y, Vector<Precise> weight, bool centre)
      : unit_(unit_of(y, weight, centre)), y_(y / unit_), weight_(std::move(weight)) {}

  const Vector<Precise>& weights() const override { return weight_; }
  Index predictors() const override { return y_.cols(); }
  bool unknown_variance() const override { return true; }
  Precise unit() const override { return unit_; }
  Precise loss_unit() const override { return unit_ * unit_; }

  SelectionResult select(const Design<Precise>& x, const SelectionOptions& options) const override {
    return select_least_squares(x, y_, weight_, options);
  }

  /// By the normal equations of the support, twice corrected by the residuals on the samples: to the digits of an
  /// orthogonal decomposition (Golub & Wilkinson 1966), for one pass of products.
  FitPoint<Precise> refit(const Design<Precise>& x, std::vector<Index> support,
                          const SelectionOptions& options) const override {
    std::sort(support.begin(), support.end());
    const auto k = static_cast<Index>(support.size());
    const Precise total = weight_.sum();
    const Vector<Precise> root = weight_.cwiseSqrt();
    Vector<Precise> mean = Vector<Precise>::Zero(k);
    RowVector<Precise> target_mean = RowVector<Precise>::Zero(y_.cols());
    if (options.centre) target_mean = weight_.transpose() * y_ / total;
    Matrix<Precise> a(x.rows(), k);
    for (Index i = 0; i < k; ++i) {
      const Index j = support[static_cast<std::size_t>(i)];
      if (options.centre) mean(i) = x.sum(j, weight_) / total;
      a.col(i).setConstant(-mean(i));
      x.add_column(j, 1, a.col(i));
      a.col(i).array() *= root.array();
    }
    const Matrix<Precise> b = (y_.rowwise() - target_mean).array().colwise() * root.array();
    const Precise ridge = total * options.lambda_l2;
    FitPoint<Precise> point;
    Matrix<Precise> coefficients = Matrix<Precise>::Zero(k, y_.cols());
    Matrix<Precise> residual = b;
    if (k > 0) {
      Matrix<Precise> gram = a.transpose() * a;
      gram.diagonal().array() += ridge;
      const LeastNormSolver<Precise> solver(gram);
      point.dependent = k - solver.rank();
      for (int round = 0; round < 3; ++round) {
        coefficients += solver.solve(a.transpose() * residual - ridge * coefficients);
        residual.noalias() = b - a * coefficients;
      }
    }
    point.support = std::move(support);
    point.intercept = target_mean - mean.transpose() * coefficients;
    point.coefficients = std::move(coefficients);
    point.loss = residual.squaredNorm() / total;
    return point;
  }

  double criterion(const SupportScore& score, double mean_loss, SupportSize size) const override {
    return score.of_squares(mean_loss * score.samples, size);
  }

  Expansion<Precise> expansion(const Design<Precise>& x, const FitPoint<Precise>&,
                               const SelectionOptions& options) const override {
    return {pose(x, y_, weight_, options.centre), this->samples() * options.lambda_l2, by_squares};
  }

  double slope(const Matrix<Precise>& eta, Matrix<Precise>& result) const override {
    result = eta - y_;
    const Precise n = weight_.sum();
    const double loss = (result.rowwise().squaredNorm().array() * weight_.array()).sum() / n;
    result.array().colwise() *= weight_.array() * (2 / n);
    return loss;
  }

  std::unique_ptr<Response<Precise>> rows_at(const std::vector<Index>& wanted) const override {
    auto part = std::make_unique<SquaredResponse>(*this);
    part->y_ = rows_of(y_, wanted);
    part->weight_ = rows_of(weight_, wanted);
    return part;
  }

 private:
  Precise unit_;
  Matrix<Precise> y_;
  Vector<Precise> weight_;
};

/// The squared loss of data that were read.
template <class Precise>
std::unique_ptr<Response<Precise>> squared_response(const RegressionData<Precise>& data, bool centre) {
  Matrix<Precise> y = data.y;
  if (data.offset.size() > 0) y.colwise() -= data.offset;
  return std::make_unique<SquaredResponse<Precise>>(std::move(y), data.weight, centre);
}

}  // namespace l0::detail
