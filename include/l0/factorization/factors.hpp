// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include <l0/core/symmetric_eigen.hpp>
#include <l0/core/types.hpp>
#include <l0/factorization/line_solver.hpp>

namespace l0::detail {

/// Factors and biases of one side. A line is 1, v_1, ..., v_k, then zeros up to the stride.
template <class Scalar>
struct FactorSide {
  std::vector<Scalar> lines;
  std::vector<Scalar> bias;
};

/// Over the lines x_j of a side with the targets t_j = −mean − bias_j: Σ x xᵀ, Σ t x, Σ t².
template <class Real>
struct LineSums {
  Matrix<Real> gram;
  Vector<Real> moment;
  Real square = 0;
};

/// A factorization while it is fitted: û = mean + bias_i + bias_j + Σ_f z_f u_if v_jf.
template <class Scalar>
struct Factors {
  using Real = Double<Scalar>;

  Factors() = default;
  Factors(Index rows, Index columns, Index most) : stride(padded(most + 1)) {
    for (auto [side, count] : {std::pair{&row, rows}, std::pair{&column, columns}}) {
      side->lines.assign(static_cast<std::size_t>(count * stride), Scalar(0));
      side->bias.assign(static_cast<std::size_t>(count), Scalar(0));
      for (Index i = 0; i < count; ++i) side->lines[static_cast<std::size_t>(i * stride)] = 1;
    }
  }

  Index rows() const { return static_cast<Index>(row.bias.size()); }
  Index columns() const { return static_cast<Index>(column.bias.size()); }
  Index size() const { return rank + 1; }

  /// Factor f = 1..k of a side, a vector with a step.
  auto factor(FactorSide<Scalar>& side, Index f) const {
    return Eigen::Map<Vector<Scalar>, 0, Eigen::InnerStride<>>(
        side.lines.data() + f, static_cast<Index>(side.bias.size()), Eigen::InnerStride<>(stride));
  }
  auto factor(const FactorSide<Scalar>& side, Index f) const {
    return Eigen::Map<const Vector<Scalar>, 0, Eigen::InnerStride<>>(
        side.lines.data() + f, static_cast<Index>(side.bias.size()), Eigen::InnerStride<>(stride));
  }

  /// û with every gate at 1.
  Scalar predict(Index i, Index j) const {
    const Scalar* const u = row.lines.data() + i * stride;
    const Scalar* const v = column.lines.data() + j * stride;
    Scalar sum = 0;
    for (Index f = 1; f <= rank; ++f) sum += u[f] * v[f];
    return mean + row.bias[static_cast<std::size_t>(i)] + column.bias[static_cast<std::size_t>(j)] + sum;
  }

  LineSums<Real> line_sums(const FactorSide<Scalar>& side) const {
    LineSums<Real> sums{Matrix<Real>::Zero(size(), size()), Vector<Real>::Zero(size())};
    const auto count = static_cast<Index>(side.bias.size());
    for (Index first = 0; first < count; first += block_lines) {
      const Index lines = std::min(block_lines, count - first);
      using Lines = Eigen::Map<const Matrix<Scalar>, 0, Eigen::OuterStride<>>;
      const Matrix<Real> x =
          Lines(side.lines.data() + first * stride, size(), lines, Eigen::OuterStride<>(stride)).template cast<Real>();
      const Vector<Real> target =
          -(Eigen::Map<const Vector<Scalar>>(side.bias.data() + first, lines).array() + mean).template cast<Real>();
      sums.gram.noalias() += x * x.transpose();
      sums.moment.noalias() += x * target;
      sums.square += target.squaredNorm();
    }
    return sums;
  }

  /// Σ û² over all cells: the inner product of the Gram matrices of (mean + b_i, 1, u_i) and (1, c_j, v_j).
  double cell_squares() const {
    const auto gram_of = [&](const FactorSide<Scalar>& side, Real constant, bool leads) {
      Matrix<Real> sum = Matrix<Real>::Zero(rank + 2, rank + 2);
      Vector<Real> line(rank + 2);
      for (std::size_t i = 0; i < side.bias.size(); ++i) {
        const Scalar* const values = side.lines.data() + static_cast<Index>(i) * stride;
        line(leads ? 0 : 1) = static_cast<Real>(side.bias[i]) + constant;
        line(leads ? 1 : 0) = 1;
        for (Index f = 1; f <= rank; ++f) line(f + 1) = static_cast<Real>(values[f]);
        sum.noalias() += line * line.transpose();
      }
      return sum;
    };
    return gram_of(row, static_cast<Real>(mean), true).cwiseProduct(gram_of(column, Real(0), false)).sum();
  }

  void remove(Index f) {
    for (FactorSide<Scalar>* side : {&row, &column}) {
      for (Index g = f; g < rank; ++g) factor(*side, g) = factor(*side, g + 1);
      factor(*side, rank).setZero();
    }
    --rank;
  }

  /// Turns the factors into those of the singular value decomposition of U Vᵀ, strongest first, either side bearing
  /// the root of the singular value: the least ‖U‖² + ‖V‖² for this product.
  void balance() {
    if (rank == 0) return;
    const Matrix<Real> rows_gram = gram(row);
    const auto [d, p] = symmetric_eigen(rows_gram);
    const Vector<Real> root = d.cwiseMax(0).cwiseSqrt();
    const Matrix<Real> middle = root.asDiagonal() * p.transpose() * gram(column) * p * root.asDiagonal();
    const auto [values, q] = symmetric_eigen(middle);
    Vector<Real> inverse = Vector<Real>::Zero(rank);
    Vector<Real> up = inverse;
    Vector<Real> down = inverse;
    for (Index f = 0; f < rank; ++f) {
      if (root(f) > 1e-7 * root(0)) inverse(f) = 1 / root(f);
      if (values(f) > 1e-14 * values(0) && values(f) > 0) {
        up(f) = std::pow(values(f), 0.25);
        down(f) = 1 / up(f);
      }
    }
    turn(row, p * inverse.asDiagonal() * q * up.asDiagonal());
    turn(column, p * root.asDiagonal() * q * down.asDiagonal());
  }

  /// Turns the factors, one pair after the other, to where the variance of the squared entries of both sides is
  /// largest, which draws entries to 0 (varimax: Kaiser, Psychometrika 23, 1958). U Vᵀ and ‖U‖² + ‖V‖² stay.
  void turn_to_few() {
    const auto count = static_cast<Real>(rows() + columns());
    for (int sweep = 0; sweep < 100; ++sweep) {
      Real widest = 0;
      for (Index f = 1; f <= rank; ++f) {
        for (Index g = f + 1; g <= rank; ++g) {
          Real first = 0, second = 0, even = 0, odd = 0;
          for (const FactorSide<Scalar>* side : {&row, &column}) {
            const Vector<Real> x = factor(*side, f).template cast<Real>();
            const Vector<Real> y = factor(*side, g).template cast<Real>();
            const Vector<Real> a = x.cwiseAbs2() - y.cwiseAbs2();
            const Vector<Real> b = 2 * x.cwiseProduct(y);
            first += a.sum();
            second += b.sum();
            even += a.squaredNorm() - b.squaredNorm();
            odd += 2 * a.dot(b);
          }
          const Real sine = odd - 2 * first * second / count;
          const Real angle = std::atan2(sine, even - (first * first - second * second) / count) / 4;
          widest = std::max(widest, std::abs(angle));
          for (FactorSide<Scalar>* side : {&row, &column}) {
            const Vector<Real> x = factor(*side, f).template cast<Real>();
            const Vector<Real> y = factor(*side, g).template cast<Real>();
            factor(*side, f) = (std::cos(angle) * x + std::sin(angle) * y).template cast<Scalar>();
            factor(*side, g) = (std::cos(angle) * y - std::sin(angle) * x).template cast<Scalar>();
          }
        }
      }
      if (widest < Real(1e-4)) break;
    }
  }

  FactorSide<Scalar> row;
  FactorSide<Scalar> column;
  Scalar mean = 0;
  Index stride = 0;
  Index rank = 0;

 private:
  /// The factors of some lines, without their leading 1.
  template <class Lines>
  auto block(Lines& lines, Index first, Index count) const {
    using Block = std::conditional_t<std::is_const_v<Lines>, const Matrix<Scalar>, Matrix<Scalar>>;
    return Eigen::Map<Block, 0, Eigen::OuterStride<>>(lines.data() + first * stride + 1, rank, count,
                                                      Eigen::OuterStride<>(stride));
  }

  static constexpr Index block_lines = 256;

  Matrix<Real> gram(const FactorSide<Scalar>& side) const {
    Matrix<Real> sum = Matrix<Real>::Zero(rank, rank);
    const auto count = static_cast<Index>(side.bias.size());
    for (Index first = 0; first < count; first += block_lines) {
      const Matrix<Real> part = block(side.lines, first, std::min(block_lines, count - first)).template cast<Real>();
      sum.noalias() += part * part.transpose();
    }
    return sum;
  }

  void turn(FactorSide<Scalar>& side, const Matrix<Real>& by) {
    const auto count = static_cast<Index>(side.bias.size());
    for (Index first = 0; first < count; first += block_lines) {
      auto part = block(side.lines, first, std::min(block_lines, count - first));
      const Matrix<Real> turned = by.transpose() * part.template cast<Real>();
      part = turned.template cast<Scalar>();
    }
  }
};

}  // namespace l0::detail
