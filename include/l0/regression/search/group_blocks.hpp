// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include <Eigen/Cholesky>

#include <l0/core/types.hpp>
#include <l0/regression/data/gram.hpp>
#include <l0/regression/data/groups.hpp>

namespace l0::detail {

/// For groups of columns, what ActiveSet keeps as d for single ones: the Gram matrix D_g of each group's columns with
/// the span of the support projected out, and what adding a group gains with it, tr(C_gᵀ D_g⁻¹ C_g).
template <class Precise>
class GroupBlocks {
 public:
  /// An active group that a swap would take out: its columns' places in the state, K = H_aa⁻¹, β_a and K β_a.
  struct Leaving {
    std::vector<Index> places;
    Matrix<Precise> inverse, beta, step;
  };

  /// For the empty support.
  void reset(const GramRows<Precise>& gram, const SelectionUnits& units) {
    if (units.trivial()) return;
    blocks_.resize(static_cast<std::size_t>(units.count(0)));
    for (std::size_t g = 0; g < blocks_.size(); ++g) blocks_[g] = gram.within(units.of(static_cast<Index>(g)));
  }

  /// D += factor · v vᵀ within every group.
  template <class V>
  void update(const SelectionUnits& units, const V& v, Precise factor) {
    for (std::size_t g = 0; g < blocks_.size(); ++g) {
      const auto& columns = units.of(static_cast<Index>(g));
      for (Index b = 0; b < blocks_[g].cols(); ++b) {
        const Precise right = factor * v(at(columns, b));
        for (Index a = 0; a < blocks_[g].rows(); ++a) blocks_[g](a, b) += right * v(at(columns, a));
      }
    }
  }

  /// D of a group that has just left: G_gg − B_g G_Sg, for `active` columns S with coefficients B.
  template <class B>
  void renew(const GramRows<Precise>& gram, const std::vector<Index>& columns, Index unit,
             const std::vector<Index>& active, const B& coefficients) {
    Matrix<Precise>& block = blocks_[static_cast<std::size_t>(unit)];
    block = gram.within(columns);
    for (std::size_t i = 0; i < active.size(); ++i) {
      const auto row = gram.row(active[i]);
      for (Index b = 0; b < block.cols(); ++b) {
        for (Index a = 0; a < block.rows(); ++a) {
          block(a, b) -= coefficients(at(columns, a), static_cast<Index>(i)) * row(at(columns, b));
        }
      }
    }
  }

  /// What adding a group gains, after `leaving` has left where that is not null. Directions in the span of the others,
  /// with a pivot below `spanned`, gain nothing.
  double gain(const std::vector<Index>& columns, Index unit, const Matrix<Precise>& c,
              const Matrix<Precise>& coefficients, const Leaving* leaving, double spanned) const {
    const auto q = static_cast<Index>(columns.size());
    c_.resize(q, c.cols());
    for (Index a = 0; a < q; ++a) c_.row(a) = c.row(at(columns, a));
    d_ = blocks_[static_cast<std::size_t>(unit)];
    if (leaving != nullptr) {
      b_.resize(q, static_cast<Index>(leaving->places.size()));
      for (Index i = 0; i < b_.cols(); ++i) {
        for (Index a = 0; a < q; ++a) b_(a, i) = coefficients(at(columns, a), at(leaving->places, i));
      }
      c_ += b_ * leaving->step;
      d_ += b_ * leaving->inverse * b_.transpose();
    }
    factor_.compute(d_);
    c_ = factor_.transpositionsP() * c_;
    factor_.matrixL().solveInPlace(c_);
    double gained = 0;
    for (Index a = 0; a < q; ++a) {
      const Precise pivot = factor_.vectorD()(a);
      if (pivot > spanned) gained += c_.row(a).squaredNorm() / pivot;
    }
    return gained;
  }

 private:
  static Index at(const std::vector<Index>& indices, Index i) { return indices[static_cast<std::size_t>(i)]; }

  std::vector<Matrix<Precise>> blocks_;
  // Scratch.
  mutable Matrix<Precise> b_, c_, d_;
  mutable Eigen::LDLT<Matrix<Precise>> factor_;
};

}  // namespace l0::detail
