// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <limits>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>

#include <l0/core/symmetric_eigen.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/weights.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/response.hpp>

namespace l0 {

/// What standard errors of coefficients rest on.
enum class Covariance {
  by_weights,  ///< sandwich where sampling weights that differ were given, else model
  model,  ///< the model holds: σ̂² (XᵀWX)⁻¹ with σ̂² = Σ we²/(n − k) for least squares, else the inverse of the Fisher
          ///< information at what the samples are worth
  sandwich,  ///< H⁻¹ (Σ sᵢsᵢᵀ) H⁻¹ of each sample's score sᵢ, whatever the variance is (Huber 1967, White 1980; with
             ///< sampling weights the linearisation of surveys, Binder 1983), times n/(n − k) for least squares (HC1),
             ///< else n/(n − 1)
};

namespace detail {

/// Standard errors of the coefficients of a support: row 0 the intercept's, then one per column; a column per linear
/// predictor that the model reports. On the user's scale; NaN where the samples do not tell a coefficient.
template <class Scalar>
struct StandardErrors {
  Matrix<Scalar> model;
  Matrix<Scalar> sandwich;  ///< empty where samples were not kept
  bool weights_differ = false;
  double degrees = std::numeric_limits<double>::infinity();  ///< of Student's t; a normal where they are infinite

  template <class Other>
  StandardErrors<Other> cast() const {
    return {model.template cast<Other>(), sandwich.template cast<Other>(), weights_differ, degrees};
  }
};

/// Coordinates θ = basis·φ in which a quadratic with this Gram matrix is well posed, and the directions that it leaves
/// open. The threshold is that of `LeastNormSolver`.
template <class Precise>
struct Coordinates {
  Matrix<Precise> basis;
  Matrix<Precise> open;
  bool are_own = true;  ///< basis is 1

  explicit Coordinates(const Matrix<Precise>& gram) {
    const Index q = gram.rows();
    basis = Matrix<Precise>::Identity(q, q);
    open.resize(q, 0);
    if (q == 0) return;
    const Vector<Precise> pivots = gram.ldlt().vectorD();
    // Products of the columns themselves then keep ten of sixteen digits.
    if (pivots.minCoeff() > Precise(1e-6) * pivots.maxCoeff()) return;
    are_own = false;
    const auto [values, vectors] = symmetric_eigen(gram);  // descending
    const Precise least = Precise(1e-13) * std::max(values(0), Precise(0));
    const auto kept = static_cast<Index>((values.array() > least).count());
    open = vectors.rightCols(q - kept);
    basis = vectors.leftCols(kept);
    for (Index i = 0; i < kept; ++i) basis.col(i) /= std::sqrt(values(i));
  }
};

/// Variances of several linear functions (rows of `functions`) of coefficients: diagonals of F C Fᵀ.
template <class Precise>
Vector<Precise> variances(const Matrix<Precise>& functions, const Matrix<Precise>& covariance) {
  return (functions * covariance).cwiseProduct(functions).rowwise().sum();
}

/// Standard errors where C_dd' are the blocks of a covariance, one per pair of free predictors; `reported` (reported ×
/// free) makes predictors of free ones. NaN for functions that are not told.
template <class Precise>
Matrix<Precise> errors_of(const Matrix<Precise>& covariance, const Matrix<Precise>& functions,
                          const Matrix<Precise>& reported, const std::vector<char>& told) {
  const Index free = reported.cols();
  const Index r = functions.cols();
  Matrix<Precise> squares = Matrix<Precise>::Zero(functions.rows(), reported.rows());
  for (Index d = 0; d < free; ++d) {
    for (Index e = 0; e < free; ++e) {
      const Vector<Precise> block = variances<Precise>(functions, covariance.block(d * r, e * r, r, r));
      for (Index c = 0; c < reported.rows(); ++c) squares.col(c) += reported(c, d) * reported(c, e) * block;
    }
  }
  Matrix<Precise> errors = squares.cwiseMax(Precise(0)).cwiseSqrt();
  for (Index i = 0; i < errors.rows(); ++i) {
    if (!told[static_cast<std::size_t>(i)]) errors.row(i).setConstant(std::numeric_limits<Precise>::quiet_NaN());
  }
  return errors;
}

/// What a support's coefficients are as functions of those of centred columns in the design's units: the intercept,
/// then each column's. `level` is the mean of a column and its origin, in these units.
template <class Precise>
Matrix<Precise> users_functions(const Vector<Precise>& level, const Vector<Precise>& unit, bool centre, Precise scale) {
  const Index k = level.size();
  const Index first = centre ? 1 : 0;
  Matrix<Precise> functions = Matrix<Precise>::Zero(1 + k, first + k);
  if (centre) {
    functions(0, 0) = 1;
    functions.row(0).tail(k) = -level.transpose();
  }
  functions.block(1, first, k, k) = unit.asDiagonal();
  return functions * scale;
}

/// Which functions do not move along the open directions.
template <class Precise>
std::vector<char> told_by(const Matrix<Precise>& functions, const Matrix<Precise>& open) {
  std::vector<char> told(static_cast<std::size_t>(functions.rows()), 1);
  if (open.cols() == 0) return told;
  const Matrix<Precise> moved = functions * open;
  for (Index i = 0; i < functions.rows(); ++i) {
    told[static_cast<std::size_t>(i)] = moved.row(i).norm() <= Precise(1e-6) * functions.row(i).norm() ? 1 : 0;
  }
  return told;
}

/// The inverse of a matrix > 0, of which the lower half counts.
template <class Precise>
Matrix<Precise> inverse_of(const Matrix<Precise>& matrix) {
  return matrix.ldlt().solve(Matrix<Precise>::Identity(matrix.rows(), matrix.cols()));
}

/// Standard errors of a fit given its support: both covariances, on the columns of the support. What the search did to
/// find it is not in them.
template <class Precise>
class SupportCovariance {
 public:
  SupportCovariance(const Response<Precise>& response, const Design<Precise>& x, const FitPoint<Precise>& point,
                    bool centre, double lambda_l2, WeightKind kind)
      : response_(response), weight_(response.weights()), first_(centre ? 1 : 0), total_(weight_.sum()),
        count_(kind == WeightKind::frequency ? total_ : static_cast<Precise>(x.rows())),
        is_frequency_(kind == WeightKind::frequency) {
    result_.weights_differ = !is_frequency_ && weight_.maxCoeff() > weight_.minCoeff();
    gather(x, point, centre);
    const Index q = columns_.cols();
    const Coordinates<Precise> coordinates(weighted_gram(weight_) / total_);
    told_ = told_by(functions_, coordinates.open);
    penalty_ = Matrix<Precise>::Zero(q, q);
    penalty_.diagonal().tail(q - first_).setConstant(total_ * lambda_l2);
    if (!coordinates.are_own) {
      move_to(coordinates.basis);
      functions_ = functions_ * coordinates.basis;
      penalty_ = (coordinates.basis.transpose() * penalty_ * coordinates.basis).eval();
    }
    if (point.separable) std::fill(told_.begin(), told_.end(), char(0));
    eta_ = linear_predictor(x, point);
  }

  StandardErrors<Precise> errors() {
    if (const Likelihood<Precise>* likelihood = response_.likelihood()) {
      by_likelihood(*likelihood);
    } else {
      by_squares();
    }
    if (first_ == 0) result_.model.row(0).setZero();
    if (first_ == 0 && result_.sandwich.size() > 0) result_.sandwich.row(0).setZero();
    return std::move(result_);
  }

 private:
  static constexpr Index block_rows = 1024;

  void gather(const Design<Precise>& x, const FitPoint<Precise>& point, bool centre) {
    const auto k = static_cast<Index>(point.support.size());
    columns_.resize(x.rows(), first_ + k);
    if (centre) columns_.col(0).setOnes();
    Vector<Precise> level(k), unit(k);
    for (Index i = 0; i < k; ++i) {
      const Index j = point.support[static_cast<std::size_t>(i)];
      const Precise mean = centre ? x.sum(j, weight_) / total_ : Precise(0);
      unit(i) = x.unit(j);
      level(i) = mean + unit(i) * x.origin(j);
      auto column = columns_.col(first_ + i);
      column.setConstant(-mean);
      x.add_column(j, 1, column);
    }
    functions_ = users_functions<Precise>(level, unit, centre, response_.unit());
  }

  void move_to(const Matrix<Precise>& basis) {
    Matrix<Precise> moved(columns_.rows(), basis.cols());
    for (Index i = 0; i < moved.rows(); i += block_rows) {
      const Index rows = std::min(block_rows, moved.rows() - i);
      moved.middleRows(i, rows).noalias() = columns_.middleRows(i, rows) * basis;
    }
    columns_.swap(moved);
  }

  /// Columnsᵀ D Columns.
  Matrix<Precise> weighted_gram(const Vector<Precise>& d) const {
    Matrix<Precise> gram = Matrix<Precise>::Zero(columns_.cols(), columns_.cols());
    Matrix<Precise> part;
    for (Index i = 0; i < columns_.rows(); i += block_rows) {
      const Index rows = std::min(block_rows, columns_.rows() - i);
      part = d.segment(i, rows).asDiagonal() * columns_.middleRows(i, rows);
      gram.noalias() += columns_.middleRows(i, rows).transpose() * part;
    }
    return gram;
  }

  /// A sample that stands for f ones has f scores s, not one of f s.
  void share_out(Matrix<Precise>& residual) const {
    if (is_frequency_) residual.array().colwise() /= weight_.array().sqrt();
  }

  /// One response after the other: they share H, and each has a variance of its own.
  void by_squares() {
    const Matrix<Precise> gram = weighted_gram(weight_);
    const Matrix<Precise> inverse = inverse_of<Precise>(gram + penalty_);
    const Matrix<Precise> spread = inverse * gram * inverse;
    Matrix<Precise> residual;
    response_.slope(eta_, residual);
    residual *= -total_ / 2;  // weight times error
    const Precise degrees = count_ - static_cast<Precise>(columns_.cols());
    const bool has_degrees = degrees > Precise(1e-9) * count_;
    result_.degrees = has_degrees ? static_cast<double>(degrees) : 0.0;
    const Matrix<Precise> one = Matrix<Precise>::Ones(1, 1);
    result_.model.resize(functions_.rows(), residual.cols());
    result_.sandwich = result_.model;
    if (!has_degrees) std::fill(told_.begin(), told_.end(), char(0));
    Matrix<Precise> score = residual;
    share_out(score);
    for (Index m = 0; m < residual.cols(); ++m) {
      const Precise squares = (residual.col(m).array().square() / weight_.array()).sum();
      result_.model.col(m) = errors_of<Precise>(spread * (squares / degrees), functions_, one, told_);
      const Matrix<Precise> meat = weighted_gram(score.col(m).cwiseAbs2());
      result_.sandwich.col(m) =
          errors_of<Precise>(inverse * meat * inverse * (count_ / degrees), functions_, one, told_);
    }
  }

  void by_likelihood(const Likelihood<Precise>& likelihood) {
    if (!likelihood.has_information()) {
      result_.model.setConstant(functions_.rows(), likelihood.predictors(), std::numeric_limits<Precise>::quiet_NaN());
      result_.sandwich = result_.model;
      return;
    }
    const Index r = columns_.cols();
    const Index free = likelihood.responses();
    Matrix<Precise> hessian, scratch, inverse;
    LikelihoodPoint<Precise> point;
    point.eta = likelihood.free_of(eta_);
    Matrix<Precise> penalty = Matrix<Precise>::Zero(r * free, r * free);
    for (Index d = 0; d < free; ++d) penalty.block(d * r, d * r, r, r) = penalty_;
    // A fit stops where its loss does; Newton's step from there brings the curvature to all its digits.
    for (int round = 0; round < 2; ++round) {
      likelihood.evaluate(point);
      likelihood.hessian(columns_, point, scratch, hessian);
      hessian = Matrix<Precise>(hessian.template selfadjointView<Eigen::Lower>());
      inverse = inverse_of<Precise>(hessian + penalty);
      if (round > 0 || penalty_.diagonal().maxCoeff() > 0) break;
      const Matrix<Precise> slope = columns_.transpose() * point.residual;
      const Vector<Precise> step = inverse * slope.reshaped();
      const Matrix<Precise> moved = columns_ * step.reshaped(r, free);
      if (!(moved.size() > 0 && moved.cwiseAbs().maxCoeff() < Precise(1e-2))) break;
      point.eta += moved;
    }
    const Matrix<Precise> reported = likelihood.reported(Matrix<Precise>::Identity(free, free)).transpose();
    if (!likelihood.has_scores()) told_[0] = 0;  // the baseline takes any constant
    result_.model = errors_of<Precise>(inverse * hessian * inverse, functions_, reported, told_);
    if (!likelihood.has_scores()) return;
    Matrix<Precise> residual = point.residual;
    share_out(residual);
    Matrix<Precise> meat(r * free, r * free);
    for (Index d = 0; d < free; ++d) {
      for (Index e = 0; e <= d; ++e) {
        meat.block(d * r, e * r, r, r) = weighted_gram(residual.col(d).cwiseProduct(residual.col(e)));
        if (e < d) meat.block(e * r, d * r, r, r) = meat.block(d * r, e * r, r, r).transpose();
      }
    }
    const Precise correction = count_ > 1 ? count_ / (count_ - 1) : std::numeric_limits<Precise>::quiet_NaN();
    result_.sandwich = errors_of<Precise>(inverse * meat * inverse * correction, functions_, reported, told_);
  }

  const Response<Precise>& response_;
  const Vector<Precise>& weight_;
  Index first_;
  Precise total_;
  Precise count_;
  bool is_frequency_;
  Matrix<Precise> columns_;  // of the support, centred, the intercept's first
  Matrix<Precise> functions_;
  Matrix<Precise> penalty_;
  Matrix<Precise> eta_;
  std::vector<char> told_;
  StandardErrors<Precise> result_;
};

}  // namespace detail
}  // namespace l0
