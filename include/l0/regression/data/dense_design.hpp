// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>

namespace l0::detail {

/// A dense X, column-major: referenced where it lies so in memory, else copied once.
template <class Scalar, class Precise>
class DenseDesign final : public Design<Precise> {
 public:
  using View = Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>>;

  template <class Derived>
  explicit DenseDesign(const Eigen::MatrixBase<Derived>& x)
      : Design<Precise>(x.cols(), epsilon()), copy_(copy_unless_columns(x.derived())), x_(view(x.derived())) {}

  Index rows() const override { return x_.rows(); }

 private:
  static constexpr auto epsilon() { return static_cast<Precise>(std::numeric_limits<Scalar>::epsilon()); }

  struct Owned {};
  DenseDesign(Owned, Matrix<Scalar> x)
      : Design<Precise>(x.cols(), epsilon()), copy_(std::move(x)), x_(view_of(copy_)) {}
  static View view_of(const Matrix<Scalar>& x) {
    return {x.data(), x.rows(), x.cols(), Eigen::OuterStride<>(x.outerStride())};
  }

  std::pair<Precise, Precise> raw_range(Index j) const override {
    return {static_cast<Precise>(x_.col(j).minCoeff()), static_cast<Precise>(x_.col(j).maxCoeff())};
  }
  Precise raw_sum(Index j, const Eigen::Ref<const Vector<Precise>>& v) const override {
    return x_.col(j).template cast<Precise>().dot(v);
  }
  Precise raw_spread(Index j, const Vector<Precise>& v, Precise m, Precise /*weights*/) const override {
    return ((x_.col(j).template cast<Precise>().array() - m).square() * v.array()).sum();
  }
  void raw_transpose_times(const Matrix<Precise>& r, Index first, Matrix<Precise>& result) const override {
    const auto columns = x_.middleCols(first, result.rows());
    if constexpr (std::is_same_v<Scalar, Precise>) {
      result.noalias() = columns.transpose() * r;
    } else {
      // In double, by blocks that stay in the cache.
      const Index block = std::max<Index>(64, 32768 / std::max<Index>(1, result.rows()));
      Matrix<Precise> part;
      result.setZero();
      for (Index row = 0; row < rows(); row += block) {
        part = columns.middleRows(row, std::min(block, rows() - row)).template cast<Precise>();
        result.noalias() += part.transpose() * r.middleRows(row, part.rows());
      }
    }
  }
  void raw_add_column(Index j, Precise s, Eigen::Ref<Vector<Precise>> result) const override {
    result += s * x_.col(j).template cast<Precise>();
  }
  void raw_copy_rows(Index first, Matrix<Precise>& to) const override {
    to = x_.middleRows(first, to.rows()).template cast<Precise>();
  }
  std::unique_ptr<Design<Precise>> raw_rows_at(const std::vector<Index>& wanted) const override {
    return std::unique_ptr<Design<Precise>>(new DenseDesign(Owned{}, rows_of(x_, wanted)));
  }
  std::unique_ptr<Design<Precise>> raw_columns_at(const std::vector<Index>& wanted) const override {
    return std::unique_ptr<Design<Precise>>(new DenseDesign(Owned{}, columns_of(x_, wanted)));
  }
  void move(const Vector<Precise>& by) override {
    if (copy_.size() == 0) copy_ = x_;
    for (Index j = 0; j < copy_.cols(); ++j) {
      if (by(j) != 0) copy_.col(j) = (copy_.col(j).template cast<Precise>().array() - by(j)).template cast<Scalar>();
    }
    new (&x_) View(view_of(copy_));  // Eigen's way to point a map elsewhere
  }

  template <class Derived>
  static bool is_columns(const Derived& x) {
    if constexpr (bool(Derived::Flags & Eigen::DirectAccessBit) && !Derived::IsRowMajor &&
                  std::is_same_v<typename Derived::Scalar, Scalar>) {
      return x.innerStride() == 1;
    } else {
      return false;
    }
  }
  template <class Derived>
  static Matrix<Scalar> copy_unless_columns(const Derived& x) {
    Matrix<Scalar> copy;
    if (!is_columns(x)) copy = x;
    return copy;
  }
  template <class Derived>
  View view(const Derived& x) const {
    if constexpr (bool(Derived::Flags & Eigen::DirectAccessBit) && !Derived::IsRowMajor &&
                  std::is_same_v<typename Derived::Scalar, Scalar>) {
      if (x.innerStride() == 1) return {x.data(), x.rows(), x.cols(), Eigen::OuterStride<>(x.outerStride())};
    }
    return view_of(copy_);
  }

  Matrix<Scalar> copy_;
  View x_;
};

}  // namespace l0::detail
