// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <l0/trees/binning.hpp>
#include <l0/trees/oblivious_tree.hpp>

namespace l0::detail {

/// Grows a hard oblivious tree, level by level: among all features and bin borders the split, common to all nodes, with
/// the largest second-order gain Σ_nodes G²/(H + λ) of its two sides (G, H sums of the loss's slope and curvature).
template <class Scalar>
class TreeGrowth {
 public:
  explicit TreeGrowth(const RankedSamples<Scalar>& data) : data_(&data) {}

  /// On the given rows, whose slopes and curvatures these are, with splits on the given features. The tree has fewer
  /// than `levels` levels, or none, where no split gains anything. Leaves are not filled.
  ObliviousTree<Scalar> grow(const std::vector<Index>& rows, const Vector<Scalar>& slope,
                             const Vector<Scalar>& curvature, const std::vector<Index>& features, Index levels,
                             double lambda) {
    ObliviousTree<Scalar> tree;
    node_.assign(rows.size(), 0);
    if (is_first_) unit_ = most_gain(rows, slope, curvature);
    is_first_ = false;
    for (Index level = 0; level < levels; ++level) {
      const Split best = best_split(rows, slope, curvature, features, Index{1} << level, lambda);
      if (best.feature < 0) break;
      const auto bin = data_->bin.col(best.feature);
      for (std::size_t k = 0; k < rows.size(); ++k) {
        node_[k] = static_cast<std::uint16_t>(2 * node_[k] + (bin(rows[k]) >= best.border ? 1 : 0));
      }
      tree.features.push_back(best.feature);
      tree.thresholds.push_back(static_cast<Scalar>(best.border) / static_cast<Scalar>(bins));
      tree.widths.push_back(0);
    }
    return tree;
  }

 private:
  static constexpr Index bins = RankedSamples<Scalar>::bins;

  struct Split {
    Index feature = -1;
    Index border = 0;  // bins from here on go right
    double gain = 0;
  };
  struct Sums {
    double slope = 0;
    double curvature = 0;
    double worth(double lambda) const { return curvature + lambda > 0 ? slope * slope / (curvature + lambda) : 0; }
  };

  /// No split gains more: (Σg)²/Σh ≤ Σ g²/h.
  double most_gain(const std::vector<Index>& rows, const Vector<Scalar>& slope, const Vector<Scalar>& curvature) const {
    double sum = 0;
    for (const Index i : rows) {
      const auto g = static_cast<double>(slope(i));
      if (curvature(i) > 0) sum += g * g / static_cast<double>(curvature(i));
    }
    return sum;
  }

  Split best_split(const std::vector<Index>& rows, const Vector<Scalar>& slope, const Vector<Scalar>& curvature,
                   const std::vector<Index>& features, Index nodes, double lambda) {
    std::vector<Sums> whole(static_cast<std::size_t>(nodes));
    for (std::size_t k = 0; k < rows.size(); ++k) {
      whole[node_[k]].slope += static_cast<double>(slope(rows[k]));
      whole[node_[k]].curvature += static_cast<double>(curvature(rows[k]));
    }
    double before = 0;
    for (const Sums& sums : whole) before += sums.worth(lambda);
    Split best;
    best.gain = 1e-10 * unit_;  // less would be rounding
    double gain[bins];
    for (const Index j : features) {
      if (data_->scales[static_cast<std::size_t>(j)].is_constant()) continue;
      histogram_.assign(static_cast<std::size_t>(nodes * bins), Sums{});
      const auto bin = data_->bin.col(j);
      for (std::size_t k = 0; k < rows.size(); ++k) {
        Sums& at = histogram_[static_cast<std::size_t>(node_[k] * bins + bin(rows[k]))];
        at.slope += static_cast<double>(slope(rows[k]));
        at.curvature += static_cast<double>(curvature(rows[k]));
      }
      std::fill(gain, gain + bins, -before);
      for (Index node = 0; node < nodes; ++node) {
        const Sums* at = histogram_.data() + node * bins;
        const Sums& all = whole[static_cast<std::size_t>(node)];
        Sums left;
        for (Index b = 1; b < bins; ++b) {
          left.slope += at[b - 1].slope;
          left.curvature += at[b - 1].curvature;
          const Sums right{all.slope - left.slope, std::max(0.0, all.curvature - left.curvature)};
          gain[b] += left.worth(lambda) + right.worth(lambda);
        }
      }
      for (Index b = 1; b < bins; ++b) {
        if (gain[b] > best.gain) best = {j, b, gain[b]};
      }
    }
    return best;
  }

  const RankedSamples<Scalar>* data_;
  bool is_first_ = true;
  double unit_ = 0;  ///< `most_gain` of the first tree
  std::vector<Dependent<std::uint16_t, Scalar>> node_;
  std::vector<Sums> histogram_;
};

}  // namespace l0::detail
