// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <limits>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>

namespace l0::detail {

/// X as a quadratic problem sees it: columns centred by their weighted means and scaled to unit weighted length,
/// without touching X. A column that is constant has scale 0 and takes part in nothing. The search knows no more than
/// this: samples or sums over them are the same to it.
template <class Precise>
class StandardizedColumns {
 public:
  virtual ~StandardizedColumns() = default;

  Index columns() const { return scale_.size(); }
  Precise scale(Index j) const { return scale_(j); }

  /// X̃ᵀ r on the standardized columns first..first+count; the weights are already in r.
  virtual Matrix<Precise> correlate(const Matrix<Precise>& r, Index first, Index count) const = 0;
  /// The same for all columns.
  Matrix<Precise> correlate(const Matrix<Precise>& r) const { return correlate(r, 0, columns()); }
  /// block.col(a) = weights ∘ standardized column wanted[a].
  virtual void weighted_columns(const std::vector<Index>& wanted, Matrix<Precise>& block) const = 0;

 protected:
  explicit StandardizedColumns(Index columns) : scale_(Vector<Precise>::Zero(columns)) {}
  StandardizedColumns(const StandardizedColumns&) = default;
  StandardizedColumns& operator=(const StandardizedColumns&) = default;

  Vector<Precise> scale_;
};

/// Those of a design.
template <class Precise>
class StandardizedDesign final : public StandardizedColumns<Precise> {
 public:
  explicit StandardizedDesign(const Design<Precise>& x) : StandardizedColumns<Precise>(x.columns()), x_(&x) {}

  /// For sample weights d ≥ 0. Without `centre` the means are taken as 0 (a model without intercept).
  void set_weights(const Vector<Precise>& d, bool centre) {
    weight_ = d;
    const Precise total = d.sum();
    mean_.resize(x_->columns());
    for (Index j = 0; j < x_->columns(); ++j) {
      const Precise m = centre && total > 0 ? x_->sum(j, d) / total : Precise(0);
      const Precise spread = x_->spread(j, d, m, total);
      // Rounding alone leaves a relative variance of about ε²: where weights leave a column no variation.
      constexpr Precise epsilon = std::numeric_limits<Precise>::epsilon();
      const Precise floor = 64 * epsilon * epsilon * total * m * m;
      mean_(j) = m;
      scale_(j) = spread > floor ? 1 / std::sqrt(spread) : Precise(0);
    }
  }

  const Design<Precise>& design() const { return *x_; }
  const Vector<Precise>& weights() const { return weight_; }
  Precise mean(Index j) const { return mean_(j); }

  using StandardizedColumns<Precise>::correlate;
  Matrix<Precise> correlate(const Matrix<Precise>& r, Index first, Index count) const override {
    Matrix<Precise> result;
    x_->transpose_times(r, first, count, result);
    // Σr is nearly 0 where r is a centred residual; subtracting it makes means harmless.
    for (Index m = 0; m < r.cols(); ++m) {
      result.col(m) =
          (result.col(m) - mean_.segment(first, count) * r.col(m).sum()).cwiseProduct(scale_.segment(first, count));
    }
    return result;
  }

  void weighted_columns(const std::vector<Index>& wanted, Matrix<Precise>& block) const override {
    block.resize(x_->rows(), static_cast<Index>(wanted.size()));
    for (Index a = 0; a < block.cols(); ++a) {
      const Index j = wanted[static_cast<std::size_t>(a)];
      block.col(a).setConstant(-mean_(j) * scale_(j));
      x_->add_column(j, scale_(j), block.col(a));
      block.col(a).array() *= weight_.array();
    }
  }

 private:
  const Design<Precise>* x_;
  Vector<Precise> weight_;
  Vector<Precise> mean_;
  using StandardizedColumns<Precise>::scale_;
};

}  // namespace l0::detail
