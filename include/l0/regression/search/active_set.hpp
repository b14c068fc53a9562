// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>

#include <l0/core/sort_stably.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/gram.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/search/column_scan.hpp>
#include <l0/regression/search/constants.hpp>
#include <l0/regression/search/group_blocks.hpp>
#include <l0/regression/search/move.hpp>
#include <l0/regression/search/selection.hpp>
#include <l0/regression/search/swept.hpp>

/// \file
/// regression/search/: from a least-squares problem over all columns to the best support of every size.
///
///     move, criterion   what a step is, what a support costs
///     swept             the problem on a support: residual correlations, coefficients, what columns have of their own
///     active_set        every add, drop and swap from there, as closed formulas; column_scan, group_blocks
///     support_search    ups and downs, descent and ejection chains on one score, by an oracle; constants
///     least_squares_*   the problem where it is the loss; likelihood_*: where it is an expansion of it
///     screening         many columns: the likeliest first, then a look at all others
///     select            data, rules and a score to supports, by all of these

namespace l0::detail {

/// A support of a least-squares problem and its neighbours: what every single add, drop and swap would do to the loss,
/// as closed formulas on a `SweptProblem`,
///
///     add j:         − ‖C_j‖²/d_j
///     drop i:        + ‖β_i‖²/H_ii
///     swap i for j:  + ‖β_i‖²/H_ii − ‖C_j + β_i B_ji/H_ii‖² / (d_j + B_ji²/H_ii).
///
/// A scan of all k·p swaps takes k·p fused steps and reads neither X nor a factorisation. Moves are of units. Where
/// those are groups of columns, i and j above stand for groups, d_j for the group's matrix D_j, and quotients for
/// solutions with it: ‖C_j‖²/d_j becomes tr(C_jᵀ D_j⁻¹ C_j). Columns of a group that depend on others stay out.
template <class Precise>
class ActiveSet {
 public:
  ActiveSet(GramRows<Precise>& gram, const SupportRules& rules)
      : gram_(&gram), admission_(rules), problem_(gram, rules.units) {}

  /// See SweptProblem::reset.
  void reset(Matrix<Precise> correlation, double squares, Index capacity) {
    problem_.reset(std::move(correlation), squares, capacity);
    active_units_.clear();
    admission_.count(active_columns());
  }

  void clear() {
    problem_.clear();
    active_units_.clear();
    admission_.count(active_columns());
  }

  Index features() const { return problem_.features(); }
  Index unit_count() const { return units().count(features()); }
  const SelectionUnits& units() const { return rules().units; }
  /// Active units.
  Index size() const { return units().trivial() ? width() : static_cast<Index>(active_units_.size()); }
  SupportSize extent() const { return {size(), width()}; }
  /// Room for columns.
  Index capacity() const { return problem_.capacity(); }
  double loss() const { return problem_.loss(); }
  const std::vector<Index>& active() const { return units().trivial() ? problem_.columns() : active_units_; }
  const std::vector<Index>& active_columns() const { return problem_.columns(); }
  bool contains(Index unit) const {
    if (units().trivial()) return problem_.contains_column(unit);
    return std::find(active_units_.begin(), active_units_.end(), unit) != active_units_.end();
  }
  /// Coefficients of active_columns()[i] on the standardized columns, one per response.
  auto beta(Index i) const { return problem_.beta().row(i); }
  /// The coefficients on the design's columns, without the intercept.
  RoughFit fit() const {
    RoughFit fit;
    fit.columns = active_columns();
    fit.coefficients = problem_.beta().topRows(width()).template cast<double>();
    for (Index i = 0; i < width(); ++i)
      fit.coefficients.row(i) *= static_cast<double>(gram_->columns().scale(fit.columns[index(i)]));
    return fit;
  }
  GramRows<Precise>& gram() { return *gram_; }
  const GramRows<Precise>& gram() const { return *gram_; }
  const SupportRules& rules() const { return admission_.rules(); }
  bool is_kept(Index unit) const { return rules().is_kept(unit); }

  /// The extent after a move.
  SupportSize size_after(const SupportMove& move) const {
    SupportSize size = extent();
    if (move.out >= 0) size = size - SupportSize{1, active_width(move.out)};
    if (move.in >= 0) size = size + SupportSize{1, units().width(move.in)};
    return size;
  }

  /// False, and nothing changed, where the unit is in, in the span of the others, or there is no room.
  bool add(Index unit) {
    if (units().trivial()) {
      if (contains(unit) || width() >= capacity()) return false;
      fetch(unit);
      const bool added = problem_.add(unit);
      admission_.count(active_columns());
      return added;
    }
    if (contains(unit) || width() + units().width(unit) > capacity()) return false;
    fetch(unit);
    bool added = false;
    for (const Index j : units().of(unit)) added = problem_.add(j) || added;
    if (added) active_units_.push_back(unit);
    return added;
  }

  /// Takes the unit at position i out; the last one takes its place.
  void drop(Index i) {
    if (units().trivial()) {
      problem_.drop(i);
      admission_.count(active_columns());
      return;
    }
    const Index unit = active_units_[index(i)];
    for (const Index j : units().of(unit)) {
      const auto& columns = active_columns();
      const auto place = std::find(columns.begin(), columns.end(), j);
      if (place != columns.end()) problem_.drop(static_cast<Index>(place - columns.begin()));
    }
    problem_.renew_block(unit);
    active_units_[index(i)] = active_units_.back();
    active_units_.pop_back();
  }

  void apply(const SupportMove& move) {
    if (move.kind == SupportMove::Kind::swap) {
      fetch(move.in);
      drop(move.out);
      add(move.in);
    } else if (move.kind == SupportMove::Kind::add) {
      add(move.in);
    } else if (move.kind == SupportMove::Kind::drop) {
      drop(move.out);
    }
    obey_signs();
  }

  /// Exactly this support of units, as far as its columns are independent.
  void set(std::vector<Index> support) {
    gram_->fetch(units().columns_of(support));
    clear();
    for (const Index unit : support) add(unit);
  }

  /// Brings the support to `wanted` units by the best single adds or drops, as far as there are any.
  void resize(Index wanted) {
    double change = 0;
    while (size() > wanted) {
      const Index i = best_drop(change);
      if (i < 0) return;
      drop(i);
    }
    while (size() < wanted) {
      const Index j = best_add(change);
      if (j < 0 || !add(j)) return;
    }
  }

  /// The best unit to add and what it gains; −1 where none does.
  Index best_add(double& gain) const {
    Index best = -1;
    gain = 0;
    if (width() >= capacity()) return best;
    gain = units().trivial() ? scan_.best_add(problem_, admission_, best) : best_group(-1, best);
    return best;
  }

  /// The `most` best units to add, best first.
  std::vector<Index> best_adds(Index most) const {
    std::vector<std::pair<Precise, Index>> gains;
    for (Index l = 0; l < unit_count(); ++l) {
      const bool open = units().trivial()
                            ? problem_.d()(l) > SweptProblem<Precise>::spanned() && admission_.may_enter(l, -1) &&
                                  admission_.sign_allows(problem_.c()(l, 0))
                            : l != admission_.banned() && width() + units().width(l) <= capacity();
      if (open && !contains(l)) {
        const double gain = add_gain(l);
        if (gain > 0) gains.emplace_back(gain, l);
      }
    }
    const auto count = std::min(gains.size(), static_cast<std::size_t>(most));
    const auto end = gains.begin() + static_cast<std::ptrdiff_t>(count);
    std::partial_sort(gains.begin(), end, gains.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    std::vector<Index> result;
    for (auto entry = gains.begin(); entry != end; ++entry) result.push_back(entry->second);
    return result;
  }

  double add_gain(Index l) const {
    if (!units().trivial()) return group_gain(l, nullptr);
    return problem_.c().row(l).squaredNorm() / problem_.d()(l);
  }

  double drop_cost(Index i) const {
    if (is_kept(active()[index(i)])) return std::numeric_limits<double>::infinity();
    if (units().trivial()) return problem_.beta().row(i).squaredNorm() / problem_.h()(i, i);
    const Leaving leaving = leave(i);
    return leaving.beta.cwiseProduct(leaving.step).sum();
  }

  Index best_drop(double& cost) const {
    Index best = -1;
    cost = std::numeric_limits<double>::infinity();
    for (Index i = 0; i < size(); ++i) {
      const double candidate = drop_cost(i);
      if (candidate < cost) cost = candidate, best = i;
    }
    return best;
  }

  /// The best unit in place of active()[i] and what the swap gains, which may be negative; −1 where none may enter.
  Index best_swap_for(Index i, double& gain) const {
    Index best = -1;
    const double cost = drop_cost(i);
    if (!units().trivial()) {
      gain = best_group(i, best) - cost;
      return best;
    }
    gain = scan_.best_swap_for(problem_, admission_, i, best) - cost;
    return best;
  }

  /// The best swap; none where no swap gains more than `least`.
  SupportMove best_swap(double least) const {
    SupportMove move;
    double best = least;
    for (Index i = 0; i < size(); ++i) {
      if (!swap_may_gain(i, best)) continue;
      double gain = 0;
      const Index j = best_swap_for(i, gain);
      if (j >= 0 && gain > best) {
        best = gain;
        move = {SupportMove::Kind::swap, i, j, loss() - gain};
      }
    }
    return move;
  }

  /// The best swap of each position that gains more than `least`, the best `most` of them.
  std::vector<SupportMove> best_swaps(std::size_t most, double least) const {
    std::vector<Dependent<SupportMove, Precise>> moves;
    for (Index i = 0; i < size(); ++i) {
      if (!swap_may_gain(i, least)) continue;
      double gain = 0;
      const Index j = best_swap_for(i, gain);
      if (j >= 0 && gain > least) moves.push_back({SupportMove::Kind::swap, i, j, loss() - gain});
    }
    sort_stably(moves, [](const auto& a, const auto& b) { return a.loss < b.loss; });
    if (moves.size() > most) moves.resize(most);
    return moves;
  }

  /// Takes out columns whose coefficients the sign rule forbids, the worst first; kept ones come back where their
  /// coefficients would be positive.
  void obey_signs() {
    if (!rules().non_negative || !units().trivial()) return;
    constexpr int most_returns = 10;  // taking out and back may go round in circles
    for (int returned = 0;; ++returned) {
      while (drop_most_negative()) continue;
      if (returned == most_returns || !return_kept()) return;
    }
  }

  /// Keeps one unit from entering until `unban`.
  void ban(Index unit) { admission_.ban(unit); }
  void unban() { admission_.unban(); }

  /// Copies of the changing state, to come back after an excursion.
  struct Saved {
    typename SweptProblem<Precise>::Saved problem;
    std::vector<Index> active_units;
  };
  void save(Saved& to) const {
    problem_.save(to.problem);
    to.active_units = active_units_;
  }
  void restore(const Saved& from) {
    problem_.restore(from.problem);
    active_units_ = from.active_units;
    unban();
    admission_.count(active_columns());
  }

 private:
  static std::size_t index(Index i) { return static_cast<std::size_t>(i); }

  Index width() const { return problem_.width(); }
  Index active_width(Index i) const { return units().trivial() ? 1 : static_cast<Index>(places_of(i).size()); }

  bool drop_most_negative() {
    Index worst = -1;
    for (Index i = 0; i < size(); ++i) {
      if (problem_.beta()(i, 0) < 0 && (worst < 0 || problem_.beta()(i, 0) < problem_.beta()(worst, 0))) worst = i;
    }
    if (worst >= 0) drop(worst);
    return worst >= 0;
  }
  bool return_kept() {
    bool any = false;
    for (const Index j : rules().keep) any = (!contains(j) && problem_.c()(j, 0) > 0 && add(j)) || any;
    return any;
  }

  /// Fetches the Gram rows of a unit together with those of the next best units, which will likely follow.
  void fetch(Index unit) {
    if (has_rows(unit)) return;
    std::vector<Index> wanted{unit};
    for (const Index l : best_adds(3 * search_constants.fetched)) {
      if (l != unit && !has_rows(l) && static_cast<Index>(wanted.size()) < search_constants.fetched)
        wanted.push_back(l);
    }
    gram_->fetch(units().columns_of(wanted));
  }
  bool has_rows(Index unit) const {
    if (units().trivial()) return gram_->has(unit);
    const auto& columns = units().of(unit);
    return std::all_of(columns.begin(), columns.end(), [&](Index j) { return gram_->has(j); });
  }

  using Leaving = typename GroupBlocks<Precise>::Leaving;

  /// What a swap of the active group at position i takes away.
  Leaving leave(Index i) const {
    Leaving leaving;
    leaving.places = places_of(i);
    const auto q = static_cast<Index>(leaving.places.size());
    leaving.beta = rows_of(problem_.beta(), leaving.places);
    leaving.inverse =
        columns_of(rows_of(problem_.h(), leaving.places), leaving.places).ldlt().solve(Matrix<Precise>::Identity(q, q));
    leaving.step = leaving.inverse * leaving.beta;
    return leaving;
  }

  /// Where the columns of the active group at position i are.
  std::vector<Index> places_of(Index i) const {
    std::vector<Index> places;
    for (const Index j : units().of(active_units_[index(i)])) {
      const auto& columns = active_columns();
      const auto place = std::find(columns.begin(), columns.end(), j);
      if (place != columns.end()) places.push_back(static_cast<Index>(place - columns.begin()));
    }
    return places;
  }

  double group_gain(Index unit, const Leaving* leaving) const {
    return problem_.blocks().gain(units().of(unit), unit, problem_.c(), problem_.b(), leaving,
                                  SweptProblem<Precise>::spanned());
  }

  /// The group that gains most, in place of the active one at position `leaving` where that is not −1.
  double best_group(Index leaving, Index& best) const {
    best = -1;
    double most = 0;
    Leaving gone;
    Index room = capacity() - width();
    if (leaving >= 0) {
      gone = leave(leaving);
      room += static_cast<Index>(gone.places.size());
    }
    for (Index g = 0; g < unit_count(); ++g) {
      if (g == admission_.banned() || units().width(g) > room || contains(g)) continue;
      const double gain = group_gain(g, leaving >= 0 ? &gone : nullptr);
      if (gain > most) most = gain, best = g;
    }
    return most;
  }

  /// Whether some swap of the unit at position i can gain more than `least`; true where finding out costs as much.
  bool swap_may_gain(Index i, double least) const {
    if (is_kept(active()[index(i)])) return false;
    if (problem_.c().cols() != 1 || features() == 0 || !units().trivial()) return true;
    return scan_.swap_may_gain(problem_, i, drop_cost(i) + least);
  }

  GramRows<Precise>* gram_;
  Admission admission_;
  SweptProblem<Precise> problem_;
  std::vector<Index> active_units_;  // with groups only
  ColumnScan<Precise> scan_;
};

}  // namespace l0::detail
