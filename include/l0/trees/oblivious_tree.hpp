// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <l0/core/simd.hpp>
#include <l0/core/types.hpp>
#include <l0/trees/binning.hpp>
#include <l0/trees/options.hpp>

namespace l0 {

/// A tree of a boosted ensemble. It is oblivious: level l asks every sample the same question, s((u − t)/w) of one
/// feature u on the scale of its ranks in training (0 the smallest, 1 the largest), and the answers are the bits of the
/// leaf, the first level's the highest.
template <class Scalar>
struct ObliviousTree {
  std::vector<Index> features;     ///< one per level, as numbered where the tree stands: see `SoftTreeBoosting::trees`
  std::vector<Scalar> thresholds;  ///< t, on the scale of ranks
  std::vector<Scalar> widths;      ///< w, on the scale of ranks; 0: a hard split
  std::vector<Scalar> missing;     ///< the answer where the feature is missing, 0 or 1
  std::vector<Scalar> shares;      ///< that went right on average in training: what a closed split answers
  Vector<Scalar> leaves;           ///< 2^levels values

  /// How many questions are asked.
  Index levels() const { return static_cast<Index>(features.size()); }
  /// Whether every split is a threshold.
  bool is_hard() const {
    return std::all_of(widths.begin(), widths.end(), [](Scalar w) { return w == 0; });
  }
  /// Whether its members are those of one tree on so many features.
  bool is_sound(Index count) const {
    const auto depth = static_cast<std::size_t>(levels());
    bool good = levels() <= detail::most_levels && thresholds.size() == depth && widths.size() == depth &&
                missing.size() == depth && shares.size() == depth && leaves.size() == Index{1} << levels() &&
                leaves.allFinite();
    for (std::size_t l = 0; good && l < depth; ++l) {
      good = features[l] >= 0 && features[l] < count && thresholds[l] - thresholds[l] == 0 &&
             widths[l] - widths[l] == 0 && widths[l] >= 0 && (missing[l] == 0 || missing[l] == 1) && shares[l] >= 0 &&
             shares[l] <= 1;
    }
    return good;
  }
  /// Whether a level asks for the feature, numbered as in `features`.
  bool uses(Index feature) const { return std::find(features.begin(), features.end(), feature) != features.end(); }
};

namespace detail {

/// Kernels over samples work in blocks of this many.
inline constexpr Index tree_block = 64;

/// A threshold that no rank reaches: only missing values may go right.
inline constexpr int above_all_ranks = 4;

/// The share of a sample that goes right at a split: a smooth step (3s² − 2s³, Hazimeh et al. 2020, eq. 4) of width w
/// around the threshold t, exactly 0 and 1 outside; at width 0, whether u ≥ t.
template <class Scalar>
L0_ALWAYS_INLINE Scalar smooth_step(Scalar u, Scalar threshold, Scalar inverse_width) {
  Scalar s = (u - threshold) * inverse_width + Scalar(0.5);
  s = s < 0 ? Scalar(0) : s;
  s = s > 1 ? Scalar(1) : s;
  return s * s * (3 - 2 * s);
}

/// Centre and 1/w of a split. A hard one is a step so steep, just below the threshold, that no rank lies on it.
template <class Scalar>
struct StepShape {
  StepShape(Scalar threshold, Scalar width)
      : centre(width > 0 ? threshold : std::nextafter(threshold, Scalar(-1))),
        inverse_width(width > 0 ? 1 / width : Scalar(1e30)) {}
  Scalar centre;
  Scalar inverse_width;
};

/// What a tree kernel needs of its splits.
template <class Scalar>
struct SplitPointers {
  const Scalar* column[most_levels];  ///< ranks of the samples
  Scalar centre[most_levels];
  Scalar inverse_width[most_levels];
  Scalar missing[most_levels];       ///< where the rank is that of a missing value
  Scalar closed_share[most_levels];  ///< ≥ 0: everyone goes right with this share, whatever his rank
  int levels = 0;

  template <class Ranks>
  SplitPointers(const ObliviousTree<Scalar>& tree, const Ranks& ranks, Index closed_feature = -1)
      : levels(static_cast<int>(tree.levels())) {
    for (int l = 0; l < levels; ++l) {
      const auto at = static_cast<std::size_t>(l);
      const StepShape<Scalar> shape(tree.thresholds[at], tree.widths[at]);
      column[l] = ranks.col(tree.features[at]).data();
      centre[l] = shape.centre;
      inverse_width[l] = shape.inverse_width;
      missing[l] = tree.missing[at];
      closed_share[l] = tree.features[at] == closed_feature ? tree.shares[at] : Scalar(-1);
    }
  }
};

/// The answers of level l to the block of samples from `first` on.
template <class Scalar>
L0_ALWAYS_INLINE void answer(const SplitPointers<Scalar>& splits, int l, Index first, Index count, Scalar* step) {
  Scalar u[tree_block] = {};
  for (Index i = 0; i < count; ++i) u[i] = splits.column[l][first + i];
  for (Index i = 0; i < tree_block; ++i) {
    const Scalar present = smooth_step(u[i], splits.centre[l], splits.inverse_width[l]);
    step[i] = u[i] == Scalar(missing_rank) ? splits.missing[l] : present;
  }
}

/// output[i] += the value of a tree: leaves are merged pairwise, the last level first, as V₂ₖ + s(V₂ₖ₊₁ − V₂ₖ).
struct AddTree {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(SplitPointers<Scalar> splits, const Scalar* leaves, Scalar* output, Index samples) {
    Scalar value[std::size_t{1} << (most_levels - 1)][tree_block];
    for (Index first = 0; first < samples; first += tree_block) {
      const Index count = std::min(tree_block, samples - first);
      Index size = Index{1} << splits.levels;
      for (int l = splits.levels - 1; l >= 0; --l) {
        Scalar s[tree_block];
        if (splits.closed_share[l] >= 0) {
          for (Index i = 0; i < tree_block; ++i) s[i] = splits.closed_share[l];
        } else {
          answer(splits, l, first, count, s);
        }
        size /= 2;
        for (Index k = 0; k < size; ++k) {
          if (l == splits.levels - 1) {
            const Scalar low = leaves[2 * k];
            const Scalar rise = leaves[2 * k + 1] - low;
            for (Index i = 0; i < tree_block; ++i) value[k][i] = low + s[i] * rise;
          } else {
            for (Index i = 0; i < tree_block; ++i)
              value[k][i] = value[2 * k][i] + s[i] * (value[2 * k + 1][i] - value[2 * k][i]);
          }
        }
      }
      if (splits.levels == 0) {
        for (Index i = 0; i < count; ++i) output[first + i] += leaves[0];
      } else {
        for (Index i = 0; i < count; ++i) output[first + i] += value[0][i];
      }
    }
  }
};

/// The same for a tree whose splits are all hard: the answers are the number of the leaf.
struct AddHardTree {
  template <class Scalar>
  L0_ALWAYS_INLINE static void run(SplitPointers<Scalar> splits, const Scalar* leaves, Scalar* output, Index samples) {
    for (Index first = 0; first < samples; first += tree_block) {
      const Index count = std::min(tree_block, samples - first);
      std::int32_t leaf[tree_block] = {};
      for (int l = 0; l < splits.levels; ++l) {
        const Scalar* u = splits.column[l] + first;
        const std::int32_t missing = splits.missing[l] > 0 ? 1 : 0;
        for (Index i = 0; i < count; ++i) {
          const std::int32_t present = u[i] > splits.centre[l] ? 1 : 0;
          leaf[i] = 2 * leaf[i] + (u[i] == Scalar(missing_rank) ? missing : present);
        }
      }
      for (Index i = 0; i < count; ++i) output[first + i] += leaves[leaf[i]];
    }
  }
};

/// output += the tree's value for every row of `ranks`, its splits on `closed_feature` closed.
template <class Scalar>
void add_tree(const ObliviousTree<Scalar>& tree, const Matrix<Scalar>& ranks, Vector<Scalar>& output,
              Index closed_feature = -1) {
  const SplitPointers<Scalar> splits(tree, ranks, closed_feature);
  if (tree.is_hard() && closed_feature < 0) {
    dispatch<AddHardTree>(splits, tree.leaves.data(), output.data(), output.size());
  } else {
    dispatch<AddTree>(splits, tree.leaves.data(), output.data(), output.size());
  }
}

}  // namespace detail
}  // namespace l0
