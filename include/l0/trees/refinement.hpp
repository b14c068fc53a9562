// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <vector>

#include <Eigen/Cholesky>

#include <l0/trees/oblivious_tree.hpp>

namespace l0::detail {

/// Memberships of one block of samples in all nodes of a tree: node k of level l in row 2ˡ − 1 + k.
template <class Scalar>
struct NodeBlock {
  Scalar step[most_levels][tree_block];
  Scalar node[(std::size_t{2} << most_levels) - 1][tree_block];

  L0_ALWAYS_INLINE void fill(const SplitPointers<Scalar>& splits, Index first, Index count) {
    for (Index i = 0; i < tree_block; ++i) node[0][i] = i < count ? Scalar(1) : Scalar(0);
    for (int l = 0; l < splits.levels; ++l) {
      answer(splits, l, first, count, step[l]);
      const int size = 1 << l;
      for (int k = 0; k < size; ++k) {
        const Scalar* parent = node[size - 1 + k];
        Scalar* left = node[2 * size - 1 + 2 * k];
        Scalar* right = node[2 * size + 2 * k];
        for (Index i = 0; i < tree_block; ++i) {
          right[i] = parent[i] * step[l][i];
          left[i] = parent[i] - right[i];
        }
      }
    }
  }
};

/// gram += Mᵀ H M (lower triangle) and slope_sum += Mᵀ g over the samples, M the memberships in the leaves; as partial
/// sums of 16 samples, to be added up by the caller.
struct LeafSums {
  static constexpr Index lanes = 16;

  template <class Scalar>
  L0_ALWAYS_INLINE static void run(SplitPointers<Scalar> splits, NodeBlock<Scalar>* block, const Scalar* slope,
                                   const Scalar* curvature, Scalar* gram, Scalar* slope_sum, Index samples) {
    const int leaves = 1 << splits.levels;
    for (Index first = 0; first < samples; first += tree_block) {
      const Index count = std::min(tree_block, samples - first);
      block->fill(splits, first, count);
      Scalar g[tree_block] = {};
      Scalar h[tree_block] = {};
      for (Index i = 0; i < count; ++i) g[i] = slope[first + i];
      for (Index i = 0; i < count; ++i) h[i] = curvature[first + i];
      Scalar* to = gram;
      for (int k = 0; k < leaves; ++k) {
        const Scalar* a = block->node[leaves - 1 + k];
        Scalar weighted[tree_block];
        for (Index i = 0; i < tree_block; ++i) weighted[i] = a[i] * h[i];
        for (int m = 0; m <= k; ++m, to += lanes) {
          const Scalar* b = block->node[leaves - 1 + m];
          for (Index i = 0; i < lanes; ++i) {
            to[i] += (weighted[i] * b[i] + weighted[i + lanes] * b[i + lanes]) +
                     (weighted[i + 2 * lanes] * b[i + 2 * lanes] + weighted[i + 3 * lanes] * b[i + 3 * lanes]);
          }
        }
        Scalar* sum = slope_sum + k * lanes;
        for (Index i = 0; i < lanes; ++i) {
          sum[i] += (a[i] * g[i] + a[i + lanes] * g[i + lanes]) +
                    (a[i + 2 * lanes] * g[i + 2 * lanes] + a[i + 3 * lanes] * g[i + 3 * lanes]);
        }
      }
    }
  }
};

/// The slopes of Σ (gᵢ + hᵢ f̃ᵢ/2) f̃ᵢ in thresholds and widths of the soft splits, f̃ the tree's values.
struct SplitSlopes {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(SplitPointers<Scalar> splits, NodeBlock<Scalar>* block, const Scalar* leaves,
                                   const Scalar* slope, const Scalar* curvature, double* threshold_slope,
                                   double* width_slope, Index samples) {
    const int size = 1 << splits.levels;
    Scalar value[(std::size_t{1} << most_levels)][tree_block];
    for (Index first = 0; first < samples; first += tree_block) {
      const Index count = std::min(tree_block, samples - first);
      block->fill(splits, first, count);
      // Values of the nodes from the leaves up; their difference at a split, weighted by the parent's membership, is
      // what the split's share is worth.
      Scalar worth[most_levels][tree_block] = {};
      int nodes = size;
      for (int k = 0; k < size; ++k) {
        for (Index i = 0; i < tree_block; ++i) value[k][i] = leaves[k];
      }
      for (int l = splits.levels - 1; l >= 0; --l) {
        nodes /= 2;
        for (int k = 0; k < nodes; ++k) {
          const Scalar* parent = block->node[nodes - 1 + k];
          for (Index i = 0; i < tree_block; ++i) {
            const Scalar rise = value[2 * k + 1][i] - value[2 * k][i];
            worth[l][i] += parent[i] * rise;
            value[k][i] = value[2 * k][i] + block->step[l][i] * rise;
          }
        }
      }
      Scalar residual[tree_block] = {};
      for (Index i = 0; i < count; ++i) residual[i] = slope[first + i] + curvature[first + i] * value[0][i];
      for (int l = 0; l < splits.levels; ++l) {
        Scalar by_threshold = 0;
        Scalar by_width = 0;
        for (Index i = 0; i < count; ++i) {
          const Scalar offset = (splits.column[l][first + i] - splits.centre[l]) * splits.inverse_width[l];
          const Scalar inside = std::max(Scalar(0), Scalar(1.5) - 6 * offset * offset);  // dS/d offset
          const Scalar flow = residual[i] * worth[l][i] * inside * splits.inverse_width[l];
          by_threshold -= flow;
          by_width -= flow * offset;
        }
        threshold_slope[l] += static_cast<double>(by_threshold);
        width_slope[l] += static_cast<double>(by_width);
      }
    }
  }
};

/// Fits one tree to slopes and curvatures: minimises Σ (gᵢ f(xᵢ) + ½ hᵢ f(xᵢ)²) + ½ λ Σ leaf², whose minimum in the
/// leaves is one linear system for given splits; widths and thresholds follow the slope of that minimum.
template <class Scalar>
class TreeFit {
 public:
  /// For the rows whose ranks (rows × levels, column l for level l), slopes and curvatures these are.
  TreeFit(const Matrix<Scalar>& ranks, const Vector<Scalar>& slope, const Vector<Scalar>& curvature, double lambda)
      : ranks_(ranks), slope_(slope), curvature_(curvature), lambda_(lambda) {}

  /// Sets the leaves; returns the minimum, ≤ 0.
  double solve(ObliviousTree<Scalar>& tree) {
    const Index leaves = Index{1} << tree.levels();
    const Index pairs = leaves * (leaves + 1) / 2;
    Matrix<Double<Scalar>> gram = Matrix<Double<Scalar>>::Zero(leaves, leaves);
    Vector<Double<Scalar>> sum = Vector<Double<Scalar>>::Zero(leaves);
    for (Index first = 0; first < ranks_.rows(); first += at_once) {
      const Index count = std::min(at_once, ranks_.rows() - first);
      gram_lanes_.setZero(LeafSums::lanes, pairs);
      sum_lanes_.setZero(LeafSums::lanes, leaves);
      dispatch<LeafSums>(splits(tree, first), block_.data(), slope_.data() + first, curvature_.data() + first,
                         gram_lanes_.data(), sum_lanes_.data(), count);
      Index pair = 0;
      for (Index k = 0; k < leaves; ++k) {
        for (Index m = 0; m <= k; ++m, ++pair) gram(k, m) += static_cast<double>(gram_lanes_.col(pair).sum());
        sum(k) += static_cast<double>(sum_lanes_.col(k).sum());
      }
    }
    // A leaf that nobody reaches stays at 0 without ridge too.
    const Double<Scalar> largest = gram.diagonal().maxCoeff();
    gram.diagonal().array() += lambda_ + (largest > 0 ? 1e-9 * largest : 1.0);
    const Vector<Double<Scalar>> value = -gram.template selfadjointView<Eigen::Lower>().llt().solve(sum);
    tree.leaves = value.template cast<Scalar>();
    return value.dot(sum) / 2;
  }

  /// Softens the splits of a tree: the best of a few widths common to all levels, each with its own leaves.
  double soften(ObliviousTree<Scalar>& tree) {
    double best = solve(tree);
    ObliviousTree<Scalar> trial = tree;
    for (const double width : {0.15, 0.4, 0.8, 1.6}) {
      for (std::size_t l = 0; l < trial.widths.size(); ++l) {
        trial.widths[l] = trial.thresholds[l] > 1 ? 0 : static_cast<Scalar>(width);
      }
      const double value = solve(trial);
      if (value < best) {
        best = value;
        tree = trial;
      }
    }
    return best;
  }

  /// Moves thresholds and widths of soft splits downhill, with steps that grow while they help and shrink where not.
  double descend(ObliviousTree<Scalar>& tree, double value, Index steps) {
    double rate = 0.1;
    bool moved = true;
    double slope[2][most_levels];
    for (Index step = 0; step < steps && rate > 1e-3; ++step) {
      if (moved) slopes(tree, slope[0], slope[1]);
      const auto levels = static_cast<std::size_t>(tree.levels());
      double length = 0;
      for (std::size_t l = 0; l < levels; ++l)
        length = std::max({length, std::abs(slope[0][l]), std::abs(slope[1][l])});
      if (!(length > 0)) break;
      ObliviousTree<Scalar> trial = tree;
      for (std::size_t l = 0; l < levels; ++l) {
        if (tree.widths[l] == 0) continue;
        trial.thresholds[l] =
            std::clamp(tree.thresholds[l] - static_cast<Scalar>(rate * slope[0][l] / length), Scalar(0), Scalar(1));
        trial.widths[l] =
            std::clamp(tree.widths[l] - static_cast<Scalar>(rate * slope[1][l] / length), least_width, most_width);
      }
      const double moved_value = solve(trial);
      moved = moved_value < value;
      if (moved) {
        value = moved_value;
        tree = std::move(trial);
        rate *= 1.3;
      } else {
        rate *= 0.4;
      }
    }
    return value;
  }

  /// The slopes of the minimum that `solve` returned, in the thresholds and widths of soft splits: since the leaves are
  /// at their best, it changes as if they stood still.
  void slopes(const ObliviousTree<Scalar>& tree, double* threshold, double* width) {
    std::fill(threshold, threshold + most_levels, 0.0);
    std::fill(width, width + most_levels, 0.0);
    dispatch<SplitSlopes>(splits(tree, 0), block_.data(), tree.leaves.data(), slope_.data(), curvature_.data(),
                          threshold, width, ranks_.rows());
  }

  /// Records the share of the rows, by their weights, that goes right at every split. Missing values that were not met
  /// go with the larger part.
  void measure_shares(ObliviousTree<Scalar>& tree, const Vector<Scalar>& weight) const {
    const auto total = static_cast<double>(weight.sum());
    tree.shares.clear();
    for (Index l = 0; l < tree.levels(); ++l) {
      const auto at = static_cast<std::size_t>(l);
      const StepShape<Scalar> shape(tree.thresholds[at], tree.widths[at]);
      double sum = 0;
      bool met = false;
      for (Index i = 0; i < ranks_.rows(); ++i) {
        const bool is_missing = ranks_(i, l) == Scalar(missing_rank);
        met = met || is_missing;
        const Scalar share =
            is_missing ? tree.missing[at] : smooth_step(ranks_(i, l), shape.centre, shape.inverse_width);
        sum += static_cast<double>(weight(i) * share);
      }
      const double share = std::clamp(sum / total, 0.0, 1.0);
      tree.shares.push_back(static_cast<Scalar>(share));
      if (!met) tree.missing[at] = share >= 0.5 ? 1 : 0;
    }
  }

 private:
  static constexpr Index at_once = 4096;
  static constexpr Scalar least_width = Scalar(0.02);
  static constexpr Scalar most_width = Scalar(2);

  SplitPointers<Scalar> splits(const ObliviousTree<Scalar>& tree, Index first) const {
    ObliviousTree<Scalar> local = tree;
    for (std::size_t l = 0; l < local.features.size(); ++l) local.features[l] = static_cast<Index>(l);
    SplitPointers<Scalar> result(local, ranks_);
    for (int l = 0; l < result.levels; ++l) result.column[l] += first;
    return result;
  }

  const Matrix<Scalar>& ranks_;
  const Vector<Scalar>& slope_;
  const Vector<Scalar>& curvature_;
  double lambda_;
  std::vector<NodeBlock<Scalar>> block_ = std::vector<NodeBlock<Scalar>>(1);  // too large for the stack
  Matrix<Scalar> gram_lanes_;
  Matrix<Scalar> sum_lanes_;
};

}  // namespace l0::detail
