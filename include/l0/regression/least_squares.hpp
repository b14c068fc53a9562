// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/QR>

#include <l0/core/types.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_oracle.hpp>
#include <l0/regression/search/least_squares_search.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// Squared loss ‖y − η‖² of one response, or of several that share their features.
template <int Responses>
struct SquaredFamily {
  static constexpr int responses = Responses;
  static constexpr int target_columns = Responses;
  static constexpr bool unknown_variance = true;

  template <class Y>
  Index free_responses(const Y& y) const {
    return y.cols();
  }
  template <class Y>
  Index predictors(const Y& y) const {
    return y.cols();
  }
  template <class Eta, class Target>
  double loss(const Eta& eta, const Target& y) const {
    return static_cast<double>((y - eta).squaredNorm());
  }
  /// The mean loss and its slope in η.
  template <class Scalar, class Y>
  double slope(const Matrix<Scalar>& eta, const Y& y, const Vector<Scalar>& weight, Matrix<Scalar>& result) const {
    result = eta - y;
    const double n = static_cast<double>(eta.rows());
    const double loss = static_cast<double>((result.rowwise().squaredNorm().array() * weight.array()).sum()) / n;
    result.array().colwise() *= weight.array() * static_cast<Scalar>(2 / n);
    return loss;
  }
  double criterion(const SupportScore& score, double mean_loss, SupportSize size) const {
    return score.of_squares(mean_loss * score.samples, size);
  }

  template <class Design, class Y, class Scalar>
  SelectionResult select(const Design& x, const Y& y, const Vector<Scalar>& weight,
                         const SelectionOptions& options) const {
    return select_least_squares(x, Matrix<Scalar>(y), weight, options);
  }

  template <class Design, class Y, class Scalar, class Use>
  void with_expansion(const Design& x, const Y& y, const Vector<Scalar>& weight, const PathPoint<Scalar, Responses>&,
                      const SelectionOptions& options, Use use) const {
    const LeastSquaresProblem<Scalar> problem = pose(x, Matrix<Scalar>(y), weight, options.centre);
    use(problem, static_cast<double>(x.rows()) * options.lambda_l2, by_squares);
  }

  /// Least squares on the support by a rank-revealing QR decomposition; L2 by extra rows.
  template <class Design, class Y, class Scalar>
  PathPoint<Scalar, Responses> refit(const Design& x, const Y& y, const Vector<Scalar>& weight,
                                     std::vector<Index> support, const SelectionOptions& options) const {
    using Precise = std::common_type_t<Scalar, double>;
    std::sort(support.begin(), support.end());
    const Index n = x.rows();
    const auto k = static_cast<Index>(support.size());
    const Vector<Precise> w = weight.template cast<Precise>();
    const Precise total = w.sum();
    Vector<Precise> mean = Vector<Precise>::Zero(k);
    Matrix<Precise> target = y.template cast<Precise>();
    Eigen::Matrix<Precise, 1, Eigen::Dynamic> target_mean =
        Eigen::Matrix<Precise, 1, Eigen::Dynamic>::Zero(target.cols());
    if (options.centre) {
      for (Index i = 0; i < k; ++i)
        mean(i) = static_cast<Precise>(x.sum(support[static_cast<std::size_t>(i)], weight)) / total;
      target_mean = w.transpose() * target / total;
    }
    const Vector<Precise> root = w.cwiseSqrt();
    const bool ridge = options.lambda_l2 > 0 && k > 0;
    Vector<Scalar> column(n);
    const auto weighted_column = [&](Index i) {
      column.setZero();
      x.add_column(support[static_cast<std::size_t>(i)], 1, column);
      return ((column.template cast<Precise>().array() - mean(i)) * root.array()).matrix();
    };
    Matrix<Precise> a = Matrix<Precise>::Zero(n + (ridge ? k : 0), k);
    for (Index i = 0; i < k; ++i) a.col(i).head(n) = weighted_column(i);
    if (ridge) a.bottomRows(k).diagonal().setConstant(std::sqrt(static_cast<Precise>(n) * options.lambda_l2));
    Matrix<Precise> b = Matrix<Precise>::Zero(a.rows(), target.cols());
    b.topRows(n) = (target.rowwise() - target_mean).array().colwise() * root.array();
    PathPoint<Scalar, Responses> point;
    Matrix<Precise> coefficients = Matrix<Precise>::Zero(k, target.cols());
    if (k > 0) {
      // In place: of n × k numbers there is one copy.
      const Eigen::ColPivHouseholderQR<Eigen::Ref<Matrix<Precise>>> decomposition(a);
      coefficients = decomposition.solve(b);
    }
    for (Index i = 0; i < k; ++i) b.topRows(n).noalias() -= weighted_column(i) * coefficients.row(i);
    point.support = std::move(support);
    point.coefficients = coefficients.template cast<Scalar>();
    point.intercept = to_intercept<Scalar, Responses>(target_mean - mean.transpose() * coefficients);
    point.loss = b.topRows(n).squaredNorm() / static_cast<Precise>(n);
    return point;
  }
};

}  // namespace l0::detail
