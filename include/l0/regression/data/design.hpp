// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>

/// \file
/// regression/data/: X by columns, and what least squares asks of it.
///
///     samples       the door: checks of X, y, weights and offsets; rows of weight 0 go; from any Eigen X to a design
///     weights       how many samples they are worth
///     design        the columns of X in standard units, in double, whatever X was; dense_ and sparse_design store them
///     standardized  centred and of unit length under any weights: X̃ = (X − 1mᵀ) diag(s) without touching X
///     gram          rows of X̃ᵀDX̃, made when a search asks for them; moments: all of them, from sums of products
///     groups        units, the columns that are in or out together

namespace l0::detail {

/// Some rows or columns of a dense matrix. (The name of "all" in Eigen's indexed views differs between its versions.)
template <class M>
Eigen::Matrix<typename M::Scalar, Eigen::Dynamic, M::ColsAtCompileTime, Eigen::ColMajor> rows_of(
    const M& x, const std::vector<Index>& wanted) {
  Eigen::Matrix<typename M::Scalar, Eigen::Dynamic, M::ColsAtCompileTime, Eigen::ColMajor> result(
      static_cast<Index>(wanted.size()), x.cols());
  for (Index j = 0; j < x.cols(); ++j) {
    for (std::size_t i = 0; i < wanted.size(); ++i) result(static_cast<Index>(i), j) = x(wanted[i], j);
  }
  return result;
}
template <class M>
Matrix<typename M::Scalar> columns_of(const M& x, const std::vector<Index>& wanted) {
  Matrix<typename M::Scalar> result(x.rows(), static_cast<Index>(wanted.size()));
  for (std::size_t c = 0; c < wanted.size(); ++c) result.col(static_cast<Index>(c)) = x.col(wanted[c]);
  return result;
}

/// The columns of X as a fit sees them: x̂ⱼ = (xⱼ − originⱼ)·unitⱼ, with unit variance under the sample weights (unit
/// mean square without an intercept), 0 where a column is constant. All arithmetic is in `Precise`, at least double,
/// whatever X is stored in, so that everything behind this door is compiled once, and float data give what double data
/// give.
///
/// Origins are 0 but for columns whose mean is so many spreads away that products would lose their digits; those are
/// moved in a copy of X.
template <class Precise>
class Design {
 public:
  virtual ~Design() = default;
  Design(const Design&) = delete;
  Design& operator=(const Design&) = delete;

  virtual Index rows() const = 0;
  Index columns() const { return unit_.size(); }
  Precise unit(Index j) const { return unit_(j); }
  Precise origin(Index j) const { return origin_(j); }
  /// Columns without variation.
  Index constant_columns() const { return (unit_.array() == 0).count(); }

  /// Chooses units and origins by weights d > 0. Without `centre` the means are taken as 0. Throws `Error` for numbers
  /// too large or small to be squared.
  void standardize(const Vector<Precise>& d, bool centre) {
    Vector<Precise> shift = Vector<Precise>::Zero(columns());
    const Precise total = d.sum();
    for (Index j = 0; j < columns(); ++j) {
      const auto [lowest, highest] = raw_range(j);
      const Precise size = std::max(std::abs(lowest), std::abs(highest));
      unit_(j) = 0;
      // Some units in the last place are no variation: 0.1 + 0.2 beside 0.3.
      if (!(size > 0) || (centre && highest - lowest <= 4 * epsilon_ * size)) continue;
      if (!(size > least_size && size < 1 / least_size)) {
        fail("X", to_text(size) + " in column " + to_text(j),
             "0, or numbers from " + to_text(least_size) + " to " + to_text(1 / least_size) + ", which have squares");
      }
      const Precise mean = centre ? raw_sum(j, d) / total : Precise(0);
      const Precise deviation = std::sqrt(raw_spread(j, d, mean, total) / total);
      if (!(deviation > 0)) continue;
      unit_(j) = 1 / deviation;
      if (std::abs(mean) > far * deviation) shift(j) = mean;
    }
    if ((shift.array() != 0).any()) {
      move(shift);
      origin_ += shift;
    }
  }

  /// A copy of some rows or columns, in the same units.
  std::unique_ptr<Design> rows_at(const std::vector<Index>& wanted) const {
    std::unique_ptr<Design> part = raw_rows_at(wanted);
    part->unit_ = unit_;
    part->origin_ = origin_;
    return part;
  }
  std::unique_ptr<Design> columns_at(const std::vector<Index>& wanted) const {
    std::unique_ptr<Design> part = raw_columns_at(wanted);
    part->unit_ = rows_of(unit_, wanted);
    part->origin_ = rows_of(origin_, wanted);
    return part;
  }

  /// Σᵢ vᵢ x̂ᵢⱼ and Σᵢ vᵢ (x̂ᵢⱼ − m)².
  Precise sum(Index j, const Eigen::Ref<const Vector<Precise>>& v) const { return unit_(j) * raw_sum(j, v); }
  /// `weights` is Σ v, which a sparse column should not have to ask for.
  Precise spread(Index j, const Vector<Precise>& v, Precise m, Precise weights) const {
    const Precise u = unit_(j);
    return u > 0 ? u * u * raw_spread(j, v, m / u, weights) : Precise(0);
  }
  /// result = X̂₍first..first+count₎ᵀ r, for one or several r.
  void transpose_times(const Matrix<Precise>& r, Index first, Index count, Matrix<Precise>& result) const {
    result.resize(count, r.cols());
    if (result.size() == 0) return;
    raw_transpose_times(r, first, result);
    for (Index m = 0; m < r.cols(); ++m) result.col(m).array() *= unit_.segment(first, count).array();
  }
  /// result += s · x̂ⱼ.
  void add_column(Index j, Precise s, Eigen::Ref<Vector<Precise>> result) const {
    const Precise step = s * unit_(j);
    if (step != 0) raw_add_column(j, step, result);
  }
  /// Some rows, dense: to = X̂ of first, ..., first + to.rows() − 1.
  void copy_rows(Index first, Matrix<Precise>& to) const {
    raw_copy_rows(first, to);
    for (Index j = 0; j < columns(); ++j) to.col(j) *= unit_(j);
  }

 protected:
  /// `epsilon`: of the stored numbers.
  Design(Index columns, Precise epsilon)
      : unit_(Vector<Precise>::Ones(columns)), origin_(Vector<Precise>::Zero(columns)), epsilon_(epsilon) {}

 private:
  /// A mean beyond so many deviations is taken off: products then lose at most three of sixteen digits.
  static constexpr double far = 1e3;
  /// The squares of smaller deviations, or of larger numbers, are lost in double.
  static constexpr double least_size = 1e-140;

  virtual std::pair<Precise, Precise> raw_range(Index j) const = 0;
  virtual Precise raw_sum(Index j, const Eigen::Ref<const Vector<Precise>>& v) const = 0;
  virtual Precise raw_spread(Index j, const Vector<Precise>& v, Precise m, Precise weights) const = 0;
  virtual void raw_transpose_times(const Matrix<Precise>& r, Index first, Matrix<Precise>& result) const = 0;
  virtual void raw_add_column(Index j, Precise s, Eigen::Ref<Vector<Precise>> result) const = 0;
  virtual void raw_copy_rows(Index first, Matrix<Precise>& to) const = 0;
  virtual std::unique_ptr<Design> raw_rows_at(const std::vector<Index>& wanted) const = 0;
  virtual std::unique_ptr<Design> raw_columns_at(const std::vector<Index>& wanted) const = 0;
  /// X −= 1 byᵀ in a copy.
  virtual void move(const Vector<Precise>& by) = 0;

  Vector<Precise> unit_, origin_;
  Precise epsilon_;
};

}  // namespace l0::detail
