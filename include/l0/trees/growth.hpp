// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <l0/trees/oblivious_tree.hpp>
#include <l0/trees/samples.hpp>

namespace l0::detail {

/// Grows a hard oblivious tree, level by level: among all features and thresholds the split, common to all nodes, with
/// the largest second-order gain Σ_nodes G²/(H + λ) of its two sides (G, H sums of the loss's slope and curvature), and
/// the side of the missing values that goes with it. Histograms find the bins that a split lies between; of the samples
/// in these two every one may be its threshold.
template <class Scalar>
class TreeGrowth {
 public:
  explicit TreeGrowth(const RankedSamples<Scalar>& data) : data_(&data) {}

  /// On the given rows, whose slopes and curvatures these are (one per row), with splits on the given features. The
  /// tree has fewer than `levels` levels, or none, where no split gains anything. Leaves are not filled.
  ObliviousTree<Scalar> grow(const std::vector<Index>& rows, const Vector<Scalar>& slope,
                             const Vector<Scalar>& curvature, const std::vector<Index>& features, Index levels,
                             double lambda) {
    ObliviousTree<Scalar> tree;
    rows_ = &rows;
    lambda_ = lambda;
    node_.assign(rows.size(), 0);
    sample_.resize(rows.size());
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const auto i = static_cast<Index>(k);
      sample_[k] = {static_cast<double>(slope(i)), static_cast<double>(curvature(i))};
    }
    if (is_first_) unit_ = most_gain();
    is_first_ = false;
    for (Index level = 0; level < levels; ++level) {
      const Split best = best_split(features, Index{1} << level);
      if (best.feature < 0) break;
      const Scalar threshold = threshold_of(best, Index{1} << level);
      const auto rank = data_->rank.col(best.feature);
      for (std::size_t k = 0; k < rows.size(); ++k) {
        const Scalar u = rank(rows[k]);
        const bool right = u == Scalar(missing_rank) ? best.missing_right : u >= threshold;
        node_[k] = static_cast<std::uint16_t>(2 * node_[k] + (right ? 1 : 0));
      }
      tree.features.push_back(best.feature);
      tree.thresholds.push_back(threshold);
      tree.widths.push_back(0);
      tree.missing.push_back(best.missing_right ? 1 : 0);
    }
    return tree;
  }

 private:
  struct Split {
    Index feature = -1;
    Index border = 0;  // bins from here on go right
    bool missing_right = false;
    double gain = 0;
  };
  struct Sums {
    double slope = 0;
    double curvature = 0;
    double worth(double lambda) const { return curvature + lambda > 0 ? slope * slope / (curvature + lambda) : 0; }
    void add(const Sums& other) { slope += other.slope, curvature += other.curvature; }
    Sums without(const Sums& other) const { return {slope - other.slope, std::max(0.0, curvature - other.curvature)}; }
  };

  /// No split gains more: (Σg)²/Σh ≤ Σ g²/h.
  double most_gain() const {
    double sum = 0;
    for (const Sums& at : sample_) {
      if (at.curvature > 0) sum += at.slope * at.slope / at.curvature;
    }
    return sum;
  }

  Split best_split(const std::vector<Index>& features, Index nodes) {
    whole_.assign(static_cast<std::size_t>(nodes), Sums{});
    for (std::size_t k = 0; k < node_.size(); ++k) whole_[node_[k]].add(sample_[k]);
    double before = 0;
    for (const Sums& sums : whole_) before += sums.worth(lambda_);
    Split best;
    best.gain = 1e-10 * unit_;  // less would be rounding
    for (const Index j : features) {
      const QuantileScale<Scalar>& scale = data_->scales[static_cast<std::size_t>(j)];
      if (scale.is_constant()) continue;
      const Index bins = scale.bins();
      const bool missing = scale.has_missing();
      const Index stride = missing ? QuantileScale<Scalar>::most_bins + 1 : bins;
      histogram_.assign(static_cast<std::size_t>(nodes * stride), Sums{});
      const auto* bin = data_->bin.col(j).data();
      for (std::size_t k = 0; k < node_.size(); ++k) {
        histogram_[static_cast<std::size_t>(node_[k] * stride + bin[(*rows_)[k]])].add(sample_[k]);
      }
      // Right of the last border are only missing values.
      for (const bool right : {false, true}) {
        if (right && !missing) break;
        gain_.assign(static_cast<std::size_t>(bins) + 1, -before);
        for (Index node = 0; node < nodes; ++node) {
          const Sums* at = histogram_.data() + node * stride;
          const Sums& all = whole_[static_cast<std::size_t>(node)];
          Sums left;
          if (missing && !right) left = at[QuantileScale<Scalar>::most_bins];
          if (missing && !right) gain_[0] += left.worth(lambda_) + all.without(left).worth(lambda_);
          for (Index b = 1; b <= bins; ++b) {
            left.add(at[b - 1]);
            gain_[static_cast<std::size_t>(b)] += left.worth(lambda_) + all.without(left).worth(lambda_);
          }
        }
        const Index first = missing && !right ? 0 : 1;
        const Index last = right ? bins : bins - 1;
        for (Index b = first; b <= last; ++b) {
          if (gain_[static_cast<std::size_t>(b)] > best.gain) best = {j, b, right, gain_[static_cast<std::size_t>(b)]};
        }
      }
    }
    return best;
  }

  /// The best threshold between the first sample of the bin below the border and the last of the one above it.
  Scalar threshold_of(const Split& split, Index nodes) {
    const QuantileScale<Scalar>& scale = data_->scales[static_cast<std::size_t>(split.feature)];
    // Between missing and other values.
    if (split.border == 0) return 0;
    if (split.border == scale.bins()) return above_all_ranks;
    const Scalar border = scale.border(split.border);
    if (scale.is_single(split.border - 1) && scale.is_single(split.border)) return border;
    const auto rank = data_->rank.col(split.feature);
    const auto* bin = data_->bin.col(split.feature).data();
    near_.clear();
    left_.assign(static_cast<std::size_t>(nodes), Sums{});
    for (std::size_t k = 0; k < node_.size(); ++k) {
      const Index i = (*rows_)[k];
      const Index at = bin[i];
      if (at == split.border - 1 || at == split.border) {
        near_.push_back({rank(i), k});
      } else if (at == QuantileScale<Scalar>::most_bins ? !split.missing_right : at < split.border) {
        left_[node_[k]].add(sample_[k]);
      }
    }
    std::sort(near_.begin(), near_.end());
    double gain = 0;
    for (std::size_t node = 0; node < left_.size(); ++node) gain += node_gain(node);
    double best = -1;
    Scalar threshold = border;
    for (std::size_t k = 0; k + 1 < near_.size(); ++k) {
      const std::size_t sample = near_[k].second;
      const std::size_t node = node_[sample];
      gain -= node_gain(node);
      left_[node].add(sample_[sample]);
      gain += node_gain(node);
      const Scalar here = near_[k].first;
      const Scalar next = near_[k + 1].first;
      if (!(next > here) || !(gain > best)) continue;
      best = gain;
      const Scalar middle = here + (next - here) / 2;
      threshold = middle > here ? middle : next;
    }
    return threshold;
  }
  double node_gain(std::size_t node) const {
    return left_[node].worth(lambda_) + whole_[node].without(left_[node]).worth(lambda_);
  }

  const RankedSamples<Scalar>* data_;
  const std::vector<Index>* rows_ = nullptr;
  double lambda_ = 0;
  bool is_first_ = true;
  double unit_ = 0;  ///< `most_gain` of the first tree
  std::vector<Dependent<std::uint16_t, Scalar>> node_;
  std::vector<Sums> sample_;
  std::vector<Sums> whole_;
  std::vector<Sums> left_;
  std::vector<Sums> histogram_;
  std::vector<Double<Scalar>> gain_;
  std::vector<std::pair<Scalar, Dependent<std::size_t, Scalar>>> near_;
};

}  // namespace l0::detail
