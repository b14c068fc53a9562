// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/groups.hpp>

namespace l0::detail {

/// Which supports are allowed.
struct SupportRules {
  SelectionUnits units;       ///< columns that are in or out together
  std::vector<Index> keep;    ///< units that are always in
  bool non_negative = false;  ///< no negative coefficients; only without groups of columns
  std::vector<Index> group;   ///< group of each column, for `most_per_group`; empty: no such rule
  Index most_per_group = 0;

  bool empty() const { return keep.empty() && !non_negative && group.empty(); }
  template <std::same_as<Index> Number>
  bool is_kept(Number unit) const {
    return std::find(keep.begin(), keep.end(), unit) != keep.end();
  }
  /// The kept units, then those of `more` that are not among them.
  template <std::same_as<Index> Number>
  std::vector<Number> with_kept(const std::vector<Number>& more) const {
    std::vector<Number> support = keep;
    for (const Number unit : more) {
      if (!is_kept(unit)) support.push_back(unit);
    }
    return support;
  }
};

/// One step from a support to a neighbour.
struct SupportMove {
  enum class Kind { none, add, drop, swap };

  Kind kind = Kind::none;
  Index out = -1;   ///< position in the active set
  Index in = -1;    ///< unit
  double loss = 0;  ///< residual sum of squares afterwards
};

/// Who may enter a support, by the rules and by what is already in.
class Admission {
 public:
  explicit Admission(const SupportRules& rules) : rules_(&rules) {}

  const SupportRules& rules() const { return *rules_; }

  /// Whether column l may enter when `leaving` goes (−1: none does).
  bool may_enter(Index l, Index leaving) const {
    if (l == banned_) return false;
    if (rules_->group.empty()) return true;
    const Index g = rules_->group[index(l)];
    const Index freed = leaving >= 0 && rules_->group[index(leaving)] == g ? 1 : 0;
    return group_count_[index(g)] - freed < rules_->most_per_group;
  }
  template <class Scalar>
  bool sign_allows(Scalar correlation) const {
    return !rules_->non_negative || correlation > 0;
  }

  /// Keeps one unit from entering until `unban`.
  void ban(Index unit) { banned_ = unit; }
  void unban() { banned_ = -1; }
  /// The unit that may not enter, or −1.
  Index banned() const { return banned_; }

  /// To be told whenever the columns in the support change.
  template <std::same_as<Index> Number>
  void count(const std::vector<Number>& columns) {
    if (rules_->group.empty()) return;
    group_count_.assign(index(1 + *std::max_element(rules_->group.begin(), rules_->group.end())), 0);
    for (const Number j : columns) ++group_count_[index(rules_->group[index(j)])];
  }

 private:
  static std::size_t index(Index i) { return static_cast<std::size_t>(i); }

  const SupportRules* rules_;
  std::vector<Index> group_count_;
  Index banned_ = -1;
};

}  // namespace l0::detail
