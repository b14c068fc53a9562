// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <iterator>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/QR>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// Solutions of G C = A for a symmetric G ≥ 0 of columns of about unit length: those of least norm where some are made
/// up by others. A squared length below 1e-13 of the largest counts as none.
template <class Precise>
class LeastNormSolver {
 public:
  explicit LeastNormSolver(const Matrix<Precise>& gram) : rank_(gram.rows()) {
    if (rank_ == 0) return;
    factor_.compute(gram);
    if (factor_.info() == Eigen::Success && factor_.rcond() > well_conditioned) return;
    decomposition_.setThreshold(Precise(1e-13));
    decomposition_.compute(gram);
    rank_ = decomposition_.rank();
    definite_ = false;
  }
  Index rank() const { return rank_; }
  Matrix<Precise> solve(const Matrix<Precise>& a) const {
    if (!definite_) return decomposition_.solve(a);
    return rank_ > 0 ? Matrix<Precise>(factor_.solve(a)) : a;
  }

 private:
  /// Above it all columns are their own, whatever the estimate is worth, and Cholesky's factor will do.
  static constexpr double well_conditioned = 1e-11;

  Index rank_;
  bool definite_ = true;
  Eigen::LLT<Matrix<Precise>> factor_;
  Eigen::CompleteOrthogonalDecomposition<Matrix<Precise>> decomposition_;
};

/// Refits supports of least squares by their normal equations, twice corrected by the residuals on the samples: to the
/// digits of an orthogonal decomposition (Golub & Wilkinson 1966). Supports of one path share most of their columns, so
/// those are gathered, and their products made, once for many supports; corrections of all are one product.
template <class Precise>
class SupportRefits {
 public:
  /// The arguments must outlive this object. `weight` sums to what the samples are worth.
  SupportRefits(const Design<Precise>& x, const Matrix<Precise>& y, const Vector<Precise>& weight,
                const SelectionOptions& options)
      : x_(&x), weight_(&weight), centre_(options.centre), total_(weight.sum()), ridge_(total_ * options.lambda_l2),
        root_(weight.cwiseSqrt()), target_mean_(RowVector<Precise>::Zero(y.cols())) {
    if (centre_) target_mean_ = weight.transpose() * y / total_;
    b_ = (y.rowwise() - target_mean_).array().colwise() * root_.array();
  }

  /// Completes points that have nothing but their support, ascending: by runs whose columns together are not many more
  /// than the largest support has.
  void fit(std::vector<FitPoint<Precise>>& points) {
    std::size_t first = 0;
    std::vector<Dependent<Index, Precise>> together, wider;
    for (std::size_t k = 0; k < points.size(); ++k) {
      const auto& support = points[k].support;
      wider.clear();
      std::set_union(together.begin(), together.end(), support.begin(), support.end(), std::back_inserter(wider));
      if (wider.size() > std::max<std::size_t>(64, 2 * support.size()) && k > first) {
        fit(points, first, k);
        first = k;
        wider = support;
      }
      together.swap(wider);
    }
    if (first < points.size()) fit(points, first, points.size());
  }

  /// The points first, ..., last − 1.
  void fit(std::vector<FitPoint<Precise>>& points, std::size_t first, std::size_t last) {
    gather(points, first, last);
    const Index responses = b_.cols();
    const auto count = static_cast<Index>(last - first);
    Matrix<Precise> coefficients = Matrix<Precise>::Zero(a_.cols(), count * responses);
    Vector<Precise> squares;
    std::vector<LeastNormSolver<Precise>> solvers;
    std::vector<std::vector<Index>> places;
    solvers.reserve(last - first);
    for (std::size_t k = first; k < last; ++k) {
      places.push_back(places_of(points[k].support));
      Matrix<Precise> gram = columns_of(rows_of(gram_, places.back()), places.back());
      gram.diagonal().array() += ridge_;
      solvers.emplace_back(gram);
      points[k].dependent = static_cast<Index>(points[k].support.size()) - solvers.back().rank();
    }
    Matrix<Precise> slope = (a_.transpose() * b_).replicate(1, count);
    for (int round = 0; round < 3; ++round) {
      for (Index s = 0; s < count; ++s) {
        const auto& place = places[static_cast<std::size_t>(s)];
        auto all = coefficients.middleCols(s * responses, responses);
        const Matrix<Precise> own = rows_of(all, place);
        const Matrix<Precise> step = solvers[static_cast<std::size_t>(s)].solve(
            rows_of(slope.middleCols(s * responses, responses), place) - ridge_ * own);
        for (Index i = 0; i < step.rows(); ++i) all.row(place[static_cast<std::size_t>(i)]) += step.row(i);
      }
      compare(coefficients, round < 2, slope, squares);
    }
    for (Index s = 0; s < count; ++s) {
      FitPoint<Precise>& point = points[first + static_cast<std::size_t>(s)];
      const auto& place = places[static_cast<std::size_t>(s)];
      point.coefficients = rows_of(coefficients.middleCols(s * responses, responses), place);
      point.intercept = target_mean_;
      for (std::size_t i = 0; i < place.size(); ++i)
        point.intercept -= mean_(place[i]) * point.coefficients.row(static_cast<Index>(i));
      point.loss = squares.segment(s * responses, responses).sum() / total_;
    }
  }

 private:
  std::vector<Index> places_of(const std::vector<Index>& support) const {
    std::vector<Index> places;
    for (const Index j : support)
      places.push_back(static_cast<Index>(std::lower_bound(columns_.begin(), columns_.end(), j) - columns_.begin()));
    return places;
  }

  /// The columns of all supports, centred, times the roots of the weights, and their products.
  void gather(const std::vector<FitPoint<Precise>>& points, std::size_t first, std::size_t last) {
    columns_.clear();
    for (std::size_t k = first; k < last; ++k)
      columns_.insert(columns_.end(), points[k].support.begin(), points[k].support.end());
    std::sort(columns_.begin(), columns_.end());
    columns_.erase(std::unique(columns_.begin(), columns_.end()), columns_.end());
    const auto m = static_cast<Index>(columns_.size());
    a_.resize(x_->rows(), m);
    mean_.setZero(m);
    for (Index i = 0; i < m; ++i) {
      const Index j = columns_[static_cast<std::size_t>(i)];
      if (centre_) mean_(i) = x_->sum(j, *weight_) / total_;
      a_.col(i).setConstant(-mean_(i));
      x_->add_column(j, 1, a_.col(i));
      a_.col(i).array() *= root_.array();
    }
    gram_.setZero(m, m);
    if (m > 0) gram_.template selfadjointView<Eigen::Lower>().rankUpdate(a_.transpose());
    gram_.template triangularView<Eigen::StrictlyUpper>() = gram_.transpose();
  }

  /// Residuals of all supports at once, by blocks of samples: their squares and, where `wanted`, Aᵀ of them.
  void compare(const Matrix<Precise>& coefficients, bool wanted, Matrix<Precise>& slope, Vector<Precise>& squares) {
    constexpr Index block = 512;
    const Index responses = b_.cols();
    squares.setZero(coefficients.cols());
    if (wanted) slope.setZero(coefficients.rows(), coefficients.cols());
    Matrix<Precise> residual;
    for (Index row = 0; row < a_.rows(); row += block) {
      const auto a = a_.middleRows(row, std::min(block, a_.rows() - row));
      residual = b_.middleRows(row, a.rows()).replicate(1, coefficients.cols() / responses);
      residual.noalias() -= a * coefficients;
      squares += residual.colwise().squaredNorm().transpose();
      if (wanted) slope.noalias() += a.transpose() * residual;
    }
  }

  const Design<Precise>* x_;
  const Vector<Precise>* weight_;
  bool centre_;
  Precise total_, ridge_;
  Vector<Precise> root_;
  RowVector<Precise> target_mean_;
  Matrix<Precise> b_;
  std::vector<Dependent<Index, Precise>> columns_;
  Matrix<Precise> a_, gram_;
  Vector<Precise> mean_;
};

}  // namespace l0::detail
