// SPDX-License-Identifier: MIT
#pragma once

#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/gram.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/search/group_blocks.hpp>

namespace l0::detail {

/// A least-squares problem of standardized columns on a support S, with every neighbour of S in view. For all columns j
/// at once it keeps
///
///     C_j  = x_jᵀ R, R the residuals of the responses on S (one or more),
///     d_j  = ‖x_j‖² with the span of S projected out,
///     B_ji = the coefficient of column i in the regression of x_j on S,
///
/// and H = (X_Sᵀ X_S)⁻¹ and the coefficients β. A column is added or dropped in O(kp): these are the sweeps of
/// regression by leaps and bounds (Furnival & Wilson, Technometrics 16, 1974), held for one support and all its
/// neighbours. X is read only for the Gram rows of the columns that enter.
template <class Precise>
class SweptProblem {
 public:
  SweptProblem(GramRows<Precise>& gram, const SelectionUnits& units) : gram_(&gram), units_(&units) {}

  /// `correlation` = X̃ᵀ D Y and `squares` = Σ Y² D of the centred responses. At most `capacity` columns at once.
  void reset(Matrix<Precise> correlation, double squares, Index capacity) {
    capacity_ = capacity;
    start_ = std::move(correlation);
    squares_ = squares;
    const Index p = start_.rows();
    if (b_.rows() != p || b_.cols() < capacity) b_.resize(p, capacity);
    d_.resize(p);
    h_.setZero(capacity, capacity);
    beta_.setZero(capacity, start_.cols());
    clear();
  }

  /// Back to the empty support.
  void clear() {
    active_.clear();
    inside_.assign(static_cast<std::size_t>(features()), 0);
    c_ = start_;
    for (Index j = 0; j < features(); ++j) {
      d_(j) = gram_->diagonal(j);
      if (gram_->columns().scale(j) == 0) bar(j);
    }
    blocks_.reset(*gram_, *units_);
    loss_ = squares_;
  }

  Index features() const { return start_.rows(); }
  Index width() const { return static_cast<Index>(active_.size()); }
  /// Room for columns.
  Index capacity() const { return capacity_; }
  double loss() const { return loss_; }
  const std::vector<Index>& columns() const { return active_; }
  bool contains_column(Index j) const { return inside_[index(j)] != 0; }

  const Matrix<Precise>& c() const { return c_; }
  const Vector<Precise>& d() const { return d_; }
  const Matrix<Precise>& b() const { return b_; }
  const Matrix<Precise>& h() const { return h_; }
  const Matrix<Precise>& beta() const { return beta_; }
  const GroupBlocks<Precise>& blocks() const { return blocks_; }

  /// False, and nothing changed, where the column is in, in the span of the others, or there is no room. Its Gram row
  /// must be there.
  bool add(Index j) {
    if (inside_[index(j)] != 0 || width() >= capacity_ || is_barred(j)) return false;
    const Index k = width();
    // The part of x_j outside the span of S, against all columns: from Gram rows, which are exact, not from C and d.
    u_ = gram_->row(j);
    for (Index i = 0; i < k; ++i) u_.noalias() -= b_(j, i) * gram_->row(active_[index(i)]);
    const Precise dj = u_(j);
    if (!(dj > spanned())) return false;
    row_ = b_.row(j).head(k).transpose();
    response_ = c_.row(j) / dj;
    beta_.topRows(k).noalias() -= row_ * response_;
    beta_.row(k) = response_;
    for (Index i = 0; i < k; ++i) b_.col(i).noalias() -= (row_(i) / dj) * u_;
    h_.topLeftCorner(k, k).noalias() += row_ * row_.transpose() / dj;
    h_.col(k).head(k) = -row_ / dj;
    h_.row(k).head(k) = h_.col(k).head(k).transpose();
    h_(k, k) = 1 / dj;
    const auto inverse = 1 / dj;
    b_.col(k) = inverse * u_;
    d_.noalias() -= (inverse * u_).cwiseProduct(u_);
    for (Index m = 0; m < c_.cols(); ++m) c_.col(m).noalias() -= (response_(m)) * u_;
    loss_ -= dj * response_.squaredNorm();
    active_.push_back(j);
    inside_[index(j)] = 1;
    blocks_.update(*units_, u_, -inverse);
    hide(j);
    return true;
  }

  /// Takes the column at position i out; the last one takes its place.
  void drop(Index i) {
    const Index k = width();
    const Index last = k - 1;
    const double h = h_(i, i);
    response_ = beta_.row(i) / h;
    loss_ += h * response_.squaredNorm();
    const Precise inverse = 1 / h;
    for (Index m = 0; m < c_.cols(); ++m) c_.col(m).noalias() += (response_(m)) * b_.col(i);
    d_.noalias() += (inverse * b_.col(i)).cwiseProduct(b_.col(i));
    blocks_.update(*units_, b_.col(i), inverse);
    row_ = h_.col(i).head(k) / h;
    row_(i) = 0;
    beta_.topRows(k).noalias() -= h * row_ * response_;
    for (Index l = 0; l < k; ++l) {
      if (l != i) b_.col(l).noalias() -= (row_(l)) * b_.col(i);
    }
    h_.topLeftCorner(k, k).noalias() -= h * row_ * row_.transpose();
    const Index j = active_[index(i)];
    inside_[index(j)] = 0;
    for (const Index l : active_) hide(l);
    c_.row(j) = response_;  // what adding it again would undo
    d_(j) = inverse;
    if (i != last) {
      active_[index(i)] = active_[index(last)];
      beta_.row(i) = beta_.row(last);
      b_.col(i) = b_.col(last);
      h_.col(i).head(k) = h_.col(last).head(k);
      h_.row(i).head(k) = h_.row(last).head(k);
      h_(i, i) = h_(last, last);
    }
    active_.pop_back();
  }

  /// Once all columns of a group have been dropped.
  void renew_block(Index unit) { blocks_.renew(*gram_, units_->of(unit), unit, active_, b_); }

  /// Copies of the changing state, to come back after an excursion.
  struct Saved {
    std::vector<Index> active;
    std::vector<char> inside;
    GroupBlocks<Precise> blocks;
    Matrix<Precise> c, b;
    Vector<Precise> d;
    Matrix<Precise> h, beta;
    double loss = 0;
  };
  void save(Saved& to) const {
    const Index k = width();
    to.active = active_;
    to.inside = inside_;
    to.blocks = blocks_;
    to.c = c_;
    to.b = b_.leftCols(k);
    to.d = d_;
    to.h = h_.topLeftCorner(k, k);
    to.beta = beta_.topRows(k);
    to.loss = loss_;
  }
  void restore(const Saved& from) {
    const auto k = static_cast<Index>(from.active.size());
    active_ = from.active;
    inside_ = from.inside;
    blocks_ = from.blocks;
    c_ = from.c;
    b_.leftCols(k) = from.b;
    d_ = from.d;
    h_.topLeftCorner(k, k) = from.h;
    beta_.topRows(k) = from.beta;
    loss_ = from.loss;
  }

  /// A squared length below this, of 1, counts as "in the span of the active columns": what is left of 16 digits where
  /// Gram rows lose up to three (see `Design`), so that years, their squares and their cubes can be told apart.
  static constexpr Precise spanned() { return Precise(1e-11); }

 private:
  static std::size_t index(Index i) { return static_cast<std::size_t>(i); }

  /// Active columns look like ones that gain nothing, constant ones like ones that are spanned.
  void hide(Index j) {
    c_.row(j).setZero();
    d_(j) = 1;
  }
  void bar(Index j) {
    c_.row(j).setZero();
    d_(j) = 0;
  }
  bool is_barred(Index j) const { return gram_->columns().scale(j) == 0; }

  GramRows<Precise>* gram_;
  const SelectionUnits* units_;
  Index capacity_ = 0;
  Matrix<Precise> start_;
  double squares_ = 0;

  std::vector<Index> active_;
  std::vector<char> inside_;
  GroupBlocks<Precise> blocks_;
  Matrix<Precise> c_;
  Vector<Precise> d_;
  Matrix<Precise> b_;
  Matrix<Precise> h_;
  Matrix<Precise> beta_;
  double loss_ = 0;

  // Scratch.
  Vector<Precise> u_;
  Vector<Precise> row_;
  Eigen::Matrix<Precise, 1, Eigen::Dynamic> response_;
};

}  // namespace l0::detail
