// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <l0/core/stored.hpp>
#include <l0/core/types.hpp>

namespace l0::detail {

/// The rank of a missing value: below every split, however wide.
inline constexpr int missing_rank = -4;

/// A feature on the scale of its ranks: u(x) is the share of samples below x, and half of those equal to it, linear
/// between knots and constant outside. Splits on this scale do not depend on the units of a feature nor on outliers.
///
/// The samples fall into up to 255 bins, one per distinct value where there are no more; else by counts (64 bins, or as
/// many more as hold 32 samples each), and a value that many samples share has a bin of its own. The first and the last
/// value of a bin are knots, and its border to the next lies halfway between theirs.
template <class Scalar>
class QuantileScale {
 public:
  static constexpr Index most_bins = 255;

  QuantileScale() = default;  // to be read from a file
  /// Of the samples in one column, finite or missing (NaN), at least one; a sample counts as often as its weight says.
  template <class Column>
  QuantileScale(const Eigen::MatrixBase<Column>& column, const Vector<Scalar>& weight) {
    std::vector<Entry> sorted;
    sorted.reserve(static_cast<std::size_t>(column.size()));
    for (Index i = 0; i < column.size(); ++i) {
      const Scalar value = column.derived().coeff(i);
      if (std::isnan(value)) {
        has_missing_ = true;
      } else {
        sorted.push_back({value, static_cast<double>(weight(i))});
      }
    }
    std::sort(sorted.begin(), sorted.end(), [](const Entry& a, const Entry& b) {
      return a.value != b.value ? a.value < b.value : a.weight < b.weight;
    });
    std::size_t runs = 0;  // of equal values, each now one entry
    double total = 0;
    for (const Entry& entry : sorted) {
      total += entry.weight;
      if (runs > 0 && !(entry.value > sorted[runs - 1].value)) {
        sorted[runs - 1].weight += entry.weight;
      } else {
        sorted[runs++] = entry;
      }
    }
    sorted.resize(runs);
    fill_bins(sorted, total);
  }

  bool has_missing() const { return has_missing_; }
  /// Whether no split can tell two of its samples apart.
  bool is_constant() const { return values_.size() < (has_missing_ ? 1U : 2U); }

  Index bins() const { return static_cast<Index>(first_.size()); }
  /// Where bin b > 0 begins, on the scale of ranks.
  Scalar border(Index b) const {
    const auto knot = static_cast<std::size_t>(first_[static_cast<std::size_t>(b)]);
    const Scalar middle = ranks_[knot - 1] + (ranks_[knot] - ranks_[knot - 1]) / 2;
    return middle > ranks_[knot - 1] ? middle : ranks_[knot];
  }
  /// Whether all samples of a bin share one value.
  bool is_single(Index b) const {
    const auto at = static_cast<std::size_t>(b);
    return (at + 1 < first_.size() ? static_cast<std::size_t>(first_[at + 1]) : values_.size()) ==
           static_cast<std::size_t>(first_[at]) + 1;
  }
  /// The bin of a sample by its value; of a missing one, `most_bins`.
  Index bin_of(Scalar x) const {
    if (std::isnan(x)) return most_bins;
    const auto k = std::upper_bound(values_.begin(), values_.end(), x) - values_.begin();
    return (std::upper_bound(first_.begin(), first_.end(), static_cast<std::int32_t>(k - 1)) - first_.begin()) - 1;
  }

  Scalar to_rank(Scalar x) const {
    if (std::isnan(x)) return Scalar(missing_rank);
    if (values_.empty()) return Scalar(0.5);  // only missing values were seen
    if (!(x > values_.front())) return ranks_.front();
    if (x >= values_.back()) return ranks_.back();
    const auto k = static_cast<std::size_t>(std::upper_bound(values_.begin(), values_.end(), x) - values_.begin());
    const Scalar share = (x - values_[k - 1]) / (values_[k] - values_[k - 1]);
    return ranks_[k - 1] + share * (ranks_[k] - ranks_[k - 1]);
  }

 private:
  friend struct StoredAccess;

  struct Entry {
    Scalar value;
    double weight;
  };

  void fill_bins(const std::vector<Entry>& runs, double total) {
    const bool each = runs.size() <= static_cast<std::size_t>(most_bins);
    // Values that two even bins would not hold stand alone; the bins that they cut off early are as many at most.
    double left = std::clamp(total / 32, 64.0, static_cast<double>(most_bins));
    const double heavy = 2 * total / left;
    double rest = 0;
    for (const Entry& run : runs) {
      if (run.weight >= heavy) {
        left -= 2;
      } else {
        rest += run.weight;
      }
    }
    const double even = rest / left;
    double below = 0;
    double inside = 0;
    bool closed = true;  // whether the next run begins a bin
    for (std::size_t k = 0; k < runs.size(); ++k) {
      const bool alone = each || runs[k].weight >= heavy;
      const bool begins = closed || alone;
      if (begins) {
        first_.push_back(static_cast<std::int32_t>(values_.size()));
        inside = 0;
      }
      inside += runs[k].weight;
      closed = alone || inside >= even;
      const bool ends = closed || k + 1 == runs.size() || runs[k + 1].weight >= heavy;
      if (begins || ends) {
        values_.push_back(runs[k].value);
        ranks_.push_back(static_cast<Scalar>((below + runs[k].weight / 2) / total));
      }
      below += runs[k].weight;
    }
  }

  template <class Self, class Archive>
  static void archive(Self& self, Archive& a) {
    a("values", self.values_);
    a("ranks", self.ranks_);
    if constexpr (Archive::reads) {
      bool good = self.values_.size() == self.ranks_.size();
      for (std::size_t k = 0; good && k < self.values_.size(); ++k) {
        good = self.values_[k] - self.values_[k] == 0 && self.ranks_[k] >= 0 && self.ranks_[k] <= 1 &&
               (k == 0 || (self.values_[k] > self.values_[k - 1] && self.ranks_[k] >= self.ranks_[k - 1]));
      }
      a.require(good, "a scale that does not ascend");
    }
  }

  std::vector<Scalar> values_;  // ascending
  std::vector<Scalar> ranks_;   // ascending
  // What only a fit asks for:
  std::vector<std::int32_t> first_;  // knot of each bin
  bool has_missing_ = false;
};

}  // namespace l0::detail
