// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/models/group_blocks.hpp>

namespace l0::detail {

/// Which supports are allowed.
struct SupportRules {
  SelectionUnits units;       ///< columns that are in or out together
  std::vector<Index> keep;    ///< units that are always in
  bool non_negative = false;  ///< no negative coefficients; only without groups of columns
  std::vector<Index> group;   ///< group of each column, for `most_per_group`; empty: no such rule
  Index most_per_group = 0;

  bool empty() const { return keep.empty() && !non_negative && group.empty(); }
};

/// One step from a support to a neighbour.
struct SupportMove {
  enum class Kind { none, add, drop, swap };

  Kind kind = Kind::none;
  Index out = -1;   ///< position in the active set
  Index in = -1;    ///< unit
  double loss = 0;  ///< residual sum of squares afterwards
};

/// A least-squares problem of standardized columns on a support S, with every neighbour of S in view. For all columns j
/// at once it keeps
///
///     C_j  = x_jᵀ R, R the residuals of the responses on S (one or more),
///     d_j  = ‖x_j‖² with the span of S projected out,
///     B_ji = the coefficient of column i in the regression of x_j on S,
///
/// and H = (X_Sᵀ X_S)⁻¹ and the coefficients β, so that the loss of each single move is a closed formula:
///
///     add j:         − ‖C_j‖²/d_j
///     drop i:        + ‖β_i‖²/H_ii
///     swap i for j:  + ‖β_i‖²/H_ii − ‖C_j + β_i B_ji/H_ii‖² / (d_j + B_ji²/H_ii).
///
/// A scan of all k·p swaps takes k·p fused steps and reads neither X nor a factorisation; a move costs O(kp). X is read
/// only when a column enters for the first time (a Gram row, kept from then on). These are the sweeps of regression by
/// leaps and bounds (Furnival & Wilson, Technometrics 16, 1974), held for one support and all its neighbours.
///
/// Moves are of units. Where those are groups of columns, j and i above stand for groups, d_j is the matrix D_j of the
/// group's columns, also kept, and every quotient a solution with it: ‖C_j‖²/d_j becomes tr(C_jᵀ D_j⁻¹ C_j). Columns of
/// a group that depend on the others stay out of its span.
template <class Design>
class SubsetState {
 public:
  using Scalar = typename Design::Scalar;
  /// Of everything that is k × k: at least double.
  using Precise = std::common_type_t<Scalar, double>;

  /// `correlation` = X̃ᵀ D Y and `squares` = Σ Y² D of the centred responses. At most `capacity` columns at once.
  SubsetState(GramRows<Design>& gram, const SupportRules& rules) : gram_(&gram), rules_(&rules) {}

  void reset(Matrix<Scalar> correlation, double squares, Index capacity) {
    capacity_ = capacity;
    start_ = std::move(correlation);
    squares_ = squares;
    const Index p = start_.rows();
    if (b_.rows() != p || b_.cols() < capacity) b_.resize(p, capacity);
    d_.resize(p);
    h_.setZero(capacity, capacity);
    beta_.setZero(capacity, start_.cols());
    clear();
  }

  void clear() {
    active_.clear();
    active_units_.clear();
    inside_.assign(static_cast<std::size_t>(features()), 0);
    c_ = start_;
    for (Index j = 0; j < features(); ++j) {
      d_(j) = gram_->diagonal(j);
      if (gram_->columns().scale(j) == 0) bar(j);
    }
    blocks_.reset(*gram_, units());
    loss_ = squares_;
    count_groups();
  }

  Index features() const { return start_.rows(); }
  Index unit_count() const { return units().count(features()); }
  const SelectionUnits& units() const { return rules_->units; }
  /// Active units.
  Index size() const { return units().trivial() ? width() : static_cast<Index>(active_units_.size()); }
  SupportSize extent() const { return {size(), width()}; }
  /// Room for columns.
  Index capacity() const { return capacity_; }
  double loss() const { return loss_; }
  const std::vector<Index>& active() const { return units().trivial() ? active_ : active_units_; }
  const std::vector<Index>& active_columns() const { return active_; }
  bool contains(Index unit) const {
    if (units().trivial()) return inside_[index(unit)] != 0;
    return std::find(active_units_.begin(), active_units_.end(), unit) != active_units_.end();
  }
  /// Coefficients of active_columns()[i] on the standardized columns, one per response.
  auto beta(Index i) const { return beta_.row(i); }
  GramRows<Design>& gram() { return *gram_; }
  const GramRows<Design>& gram() const { return *gram_; }
  const SupportRules& rules() const { return *rules_; }
  bool is_kept(Index unit) const {
    return std::find(rules_->keep.begin(), rules_->keep.end(), unit) != rules_->keep.end();
  }

  /// The extent after a move.
  SupportSize size_after(const SupportMove& move) const {
    SupportSize size = extent();
    if (move.out >= 0) size = size - SupportSize{1, active_width(move.out)};
    if (move.in >= 0) size = size + SupportSize{1, units().width(move.in)};
    return size;
  }

  /// False, and nothing changed, where the unit is in, in the span of the others, or there is no room.
  bool add(Index unit) {
    if (units().trivial()) return add_column(unit);
    if (contains(unit) || width() + units().width(unit) > capacity_) return false;
    fetch(unit);
    bool added = false;
    for (const Index j : units().of(unit)) added = add_column(j) || added;
    if (added) active_units_.push_back(unit);
    return added;
  }

  /// Takes the unit at position i out; the last one takes its place.
  void drop(Index i) {
    if (units().trivial()) {
      drop_column(i);
      return;
    }
    const Index unit = active_units_[index(i)];
    for (const Index j : units().of(unit)) {
      const auto place = std::find(active_.begin(), active_.end(), j);
      if (place != active_.end()) drop_column(place - active_.begin());
    }
    blocks_.renew(*gram_, units().of(unit), unit, active_, b_);
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

  /// The best unit to add and what it gains; −1 where none does.
  Index best_add(double& gain) const {
    Index best = -1;
    gain = 0;
    if (width() >= capacity_) return best;
    gain = units().trivial() ? best_entry(c_, d_, -1, best) : best_group(-1, best);
    return best;
  }

  /// The `most` best units to add, best first.
  std::vector<Index> best_adds(Index most) const {
    std::vector<std::pair<double, Index>> gains;
    for (Index l = 0; l < unit_count(); ++l) {
      const bool open = units().trivial() ? d_(l) > spanned() && may_enter(l, -1) && sign_allows(c_(l, 0))
                                          : l != banned_ && width() + units().width(l) <= capacity_;
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
    return static_cast<double>(c_.row(l).squaredNorm()) / static_cast<double>(d_(l));
  }

  double drop_cost(Index i) const {
    if (is_kept(active()[index(i)])) return std::numeric_limits<double>::infinity();
    if (units().trivial()) return beta_.row(i).squaredNorm() / h_(i, i);
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
    swap_terms(i);
    gain = best_entry(swap_c_, swap_d_, active_[index(i)], best) - cost;
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
        move = {SupportMove::Kind::swap, i, j, loss_ - gain};
      }
    }
    return move;
  }

  /// The best swap of each position that gains more than `least`, the best `most` of them.
  std::vector<SupportMove> best_swaps(std::size_t most, double least) const {
    std::vector<SupportMove> moves;
    for (Index i = 0; i < size(); ++i) {
      if (!swap_may_gain(i, least)) continue;
      double gain = 0;
      const Index j = best_swap_for(i, gain);
      if (j >= 0 && gain > least) moves.push_back({SupportMove::Kind::swap, i, j, loss_ - gain});
    }
    std::stable_sort(moves.begin(), moves.end(), [](const auto& a, const auto& b) { return a.loss < b.loss; });
    if (moves.size() > most) moves.resize(most);
    return moves;
  }

  /// Takes out columns whose coefficients the sign rule forbids, the worst first.
  void obey_signs() {
    while (rules_->non_negative && units().trivial()) {
      Index worst = -1;
      for (Index i = 0; i < size(); ++i) {
        if (beta_(i, 0) < 0 && !is_kept(active_[index(i)]) && (worst < 0 || beta_(i, 0) < beta_(worst, 0))) worst = i;
      }
      if (worst < 0) return;
      drop(worst);
    }
  }

  /// Keeps one unit from entering until `unban`.
  void ban(Index j) { banned_ = j; }
  void unban() { banned_ = -1; }

  /// Copies of the changing state, to come back after an excursion.
  struct Saved {
    std::vector<Index> active, active_units;
    std::vector<char> inside;
    GroupBlocks<Scalar> blocks;
    Matrix<Scalar> c, b;
    Vector<Scalar> d;
    Matrix<Precise> h, beta;
    double loss = 0;
  };
  void save(Saved& to) const {
    const Index k = width();
    to.active = active_;
    to.active_units = active_units_;
    to.inside = inside_;
    to.blocks = blocks_;
    to.c = c_;
    to.b = b_.leftCols(k);
    to.d = d_;
    to.h = h_.topLeftCorner(k, k);
    to.beta = beta_.topRows(k);
    to.loss = loss_;
  }
  void restore(const Saved& from) {
    const auto k = static_cast<Index>(from.active.size());
    active_ = from.active;
    active_units_ = from.active_units;
    inside_ = from.inside;
    blocks_ = from.blocks;
    c_ = from.c;
    b_.leftCols(k) = from.b;
    d_ = from.d;
    h_.topLeftCorner(k, k) = from.h;
    beta_.topRows(k) = from.beta;
    loss_ = from.loss;
    unban();
    count_groups();
  }

 private:
  static std::size_t index(Index i) { return static_cast<std::size_t>(i); }

  Index width() const { return static_cast<Index>(active_.size()); }
  Index active_width(Index i) const { return units().trivial() ? 1 : static_cast<Index>(places_of(i).size()); }

  bool add_column(Index j) {
    if (inside_[index(j)] != 0 || width() >= capacity_ || is_barred(j)) return false;
    fetch(units().unit_of(j));
    const Index k = width();
    // The part of x_j outside the span of S, against all columns: from Gram rows, which are exact, not from C and d.
    u_ = gram_->row(j);
    for (Index i = 0; i < k; ++i) u_.noalias() -= b_(j, i) * gram_->row(active_[index(i)]);
    const auto dj = static_cast<double>(u_(j));
    if (!(dj > spanned())) return false;
    row_ = b_.row(j).head(k).template cast<Precise>().transpose();
    response_ = c_.row(j).template cast<Precise>() / dj;
    beta_.topRows(k).noalias() -= row_ * response_;
    beta_.row(k) = response_;
    for (Index i = 0; i < k; ++i) b_.col(i).noalias() -= static_cast<Scalar>(row_(i) / dj) * u_;
    h_.topLeftCorner(k, k).noalias() += row_ * row_.transpose() / dj;
    h_.col(k).head(k) = -row_ / dj;
    h_.row(k).head(k) = h_.col(k).head(k).transpose();
    h_(k, k) = 1 / dj;
    const auto inverse = static_cast<Scalar>(1 / dj);
    b_.col(k) = inverse * u_;
    d_.noalias() -= (inverse * u_).cwiseProduct(u_);
    for (Index m = 0; m < c_.cols(); ++m) c_.col(m).noalias() -= static_cast<Scalar>(response_(m)) * u_;
    loss_ -= dj * response_.squaredNorm();
    active_.push_back(j);
    inside_[index(j)] = 1;
    blocks_.update(units(), u_, -inverse);
    hide(j);
    count_groups();
    return true;
  }

  void drop_column(Index i) {
    const Index k = width();
    const Index last = k - 1;
    const double h = h_(i, i);
    response_ = beta_.row(i) / h;
    loss_ += h * response_.squaredNorm();
    const auto inverse = static_cast<Scalar>(1 / h);
    for (Index m = 0; m < c_.cols(); ++m) c_.col(m).noalias() += static_cast<Scalar>(response_(m)) * b_.col(i);
    d_.noalias() += (inverse * b_.col(i)).cwiseProduct(b_.col(i));
    blocks_.update(units(), b_.col(i), inverse);
    row_ = h_.col(i).head(k) / h;
    row_(i) = 0;
    beta_.topRows(k).noalias() -= h * row_ * response_;
    for (Index l = 0; l < k; ++l) {
      if (l != i) b_.col(l).noalias() -= static_cast<Scalar>(row_(l)) * b_.col(i);
    }
    h_.topLeftCorner(k, k).noalias() -= h * row_ * row_.transpose();
    const Index j = active_[index(i)];
    inside_[index(j)] = 0;
    for (const Index l : active_) hide(l);
    c_.row(j) = response_.template cast<Scalar>();  // what adding it again would undo
    d_(j) = inverse;
    if (i != last) {
      active_[index(i)] = active_[index(last)];
      beta_.row(i) = beta_.row(last);
      b_.col(i) = b_.col(last);
      h_.col(i).head(k) = h_.col(last).head(k);
      h_.row(i).head(k) = h_.row(last).head(k);
      h_(i, i) = h_(last, last);
    }
    active_.pop_back();
    count_groups();
  }

  /// A projected length below this counts as "in the span of the active columns".
  static constexpr Scalar spanned() { return std::is_same_v<Scalar, double> ? Scalar(1e-9) : Scalar(1e-4); }

  /// Active columns look like ones that gain nothing, constant ones like ones that are spanned.
  void hide(Index j) {
    c_.row(j).setZero();
    d_(j) = 1;
  }
  void bar(Index j) {
    c_.row(j).setZero();
    d_(j) = 0;
  }
  bool is_barred(Index j) const { return gram_->columns().scale(j) == 0; }

  /// Fetches the Gram rows of a unit together with those of the next best units, which will likely follow.
  void fetch(Index unit) {
    if (has_rows(unit)) return;
    std::vector<Index> wanted{unit};
    for (const Index l : best_adds(3 * fetch_block)) {
      if (l != unit && !has_rows(l) && static_cast<Index>(wanted.size()) < fetch_block) wanted.push_back(l);
    }
    gram_->fetch(units().columns_of(wanted));
  }
  bool has_rows(Index unit) const {
    if (units().trivial()) return gram_->has(unit);
    const auto columns = units().of(unit);
    return std::all_of(columns.begin(), columns.end(), [&](Index j) { return gram_->has(j); });
  }

  bool sign_allows(Scalar correlation) const { return !rules_->non_negative || correlation > 0; }

  bool may_enter(Index l, Index leaving) const {
    if (l == banned_) return false;
    if (rules_->group.empty()) return true;
    const Index g = rules_->group[index(l)];
    const Index freed = leaving >= 0 && rules_->group[index(leaving)] == g ? 1 : 0;
    return group_count_[index(g)] - freed < rules_->most_per_group;
  }

  void count_groups() {
    if (rules_->group.empty()) return;
    group_count_.assign(index(1 + *std::max_element(rules_->group.begin(), rules_->group.end())), 0);
    for (const Index j : active_) ++group_count_[index(rules_->group[index(j)])];
  }

  /// max over l of ‖c_l‖²/d_l among the columns that may enter when `leaving` goes; `best` is −1 where it is 0.
  double best_entry(const Matrix<Scalar>& c, const Vector<Scalar>& d, Index leaving, Index& best) const {
    best = -1;
    if (features() == 0) return 0;
    if (c.cols() == 1) {
      ratio_ = c.col(0).array().square() / d.array().max(spanned());
    } else {
      ratio_ = c.rowwise().squaredNorm().array() / d.array().max(spanned());
    }
    if (banned_ >= 0) ratio_(banned_) = 0;
    if (!rules_->empty()) {
      for (Index l = 0; l < features(); ++l) {
        if (!may_enter(l, leaving) || !sign_allows(c(l, 0))) ratio_(l) = 0;
      }
    }
    // The largest by vectorised reduction first; only its place is looked for one by one.
    const Scalar largest = ratio_.maxCoeff();
    if (!(largest > 0)) return 0;
    for (Index l = 0; l < features(); ++l) {
      if (ratio_(l) == largest) {
        best = l;
        break;
      }
    }
    if (inside_[index(best)] != 0 || !(d(best) > spanned())) {
      best = -1;
      return 0;
    }
    return static_cast<double>(largest);
  }

  using Leaving = typename GroupBlocks<Scalar>::Leaving;

  /// What a swap of the active group at position i takes away.
  Leaving leave(Index i) const {
    Leaving leaving;
    leaving.places = places_of(i);
    const auto q = static_cast<Index>(leaving.places.size());
    leaving.beta = rows_of(beta_, leaving.places);
    leaving.inverse =
        columns_of(rows_of(h_, leaving.places), leaving.places).ldlt().solve(Matrix<Precise>::Identity(q, q));
    leaving.step = leaving.inverse * leaving.beta;
    return leaving;
  }

  /// Where the columns of the active group at position i are.
  std::vector<Index> places_of(Index i) const {
    std::vector<Index> places;
    for (const Index j : units().of(active_units_[index(i)])) {
      const auto place = std::find(active_.begin(), active_.end(), j);
      if (place != active_.end()) places.push_back(place - active_.begin());
    }
    return places;
  }

  double group_gain(Index unit, const Leaving* leaving) const {
    return blocks_.gain(units().of(unit), unit, c_, b_, leaving, static_cast<double>(spanned()));
  }

  /// The group that gains most, in place of the active one at position `leaving` where that is not −1.
  double best_group(Index leaving, Index& best) const {
    best = -1;
    double most = 0;
    Leaving gone;
    Index room = capacity_ - width();
    if (leaving >= 0) {
      gone = leave(leaving);
      room += static_cast<Index>(gone.places.size());
    }
    for (Index g = 0; g < unit_count(); ++g) {
      if (g == banned_ || units().width(g) > room || contains(g)) continue;
      const double gain = group_gain(g, leaving >= 0 ? &gone : nullptr);
      if (gain > most) most = gain, best = g;
    }
    return most;
  }

  /// C and d as they would be without active_[i].
  void swap_terms(Index i) const {
    const double h = h_(i, i);
    swap_c_.resize(c_.rows(), c_.cols());
    for (Index m = 0; m < c_.cols(); ++m) {
      swap_c_.col(m) = c_.col(m) + static_cast<Scalar>(beta_(i, m) / h) * b_.col(i);
    }
    swap_d_ = d_ + (static_cast<Scalar>(1 / h) * b_.col(i)).cwiseProduct(b_.col(i));
    swap_c_.row(active_[index(i)]).setZero();
  }

  /// Whether some swap of active_[i] can gain more than `least`: without a division and without storing anything.
  bool swap_may_gain(Index i, double least) const {
    if (is_kept(active()[index(i)])) return false;
    if (c_.cols() != 1 || features() == 0 || !units().trivial()) return true;
    const double h = h_(i, i);
    const auto step = static_cast<Scalar>(beta_(i, 0) / h);
    const auto inverse = static_cast<Scalar>(1 / h);
    const auto threshold = static_cast<Scalar>(drop_cost(i) + least);
    const auto b = b_.col(i).array();
    return ((c_.col(0).array() + step * b).square() - threshold * (d_.array() + inverse * b.square()).max(spanned()))
               .maxCoeff() > Scalar(0);
  }

  static constexpr Index fetch_block = 8;

  GramRows<Design>* gram_;
  const SupportRules* rules_;
  Index capacity_ = 0;
  Matrix<Scalar> start_;
  double squares_ = 0;

  std::vector<Index> active_;        // columns
  std::vector<Index> active_units_;  // with groups only
  std::vector<char> inside_;
  GroupBlocks<Scalar> blocks_;
  Matrix<Scalar> c_;
  Vector<Scalar> d_;
  Matrix<Scalar> b_;
  Matrix<Precise> h_;
  Matrix<Precise> beta_;
  double loss_ = 0;
  std::vector<Index> group_count_;
  Index banned_ = -1;

  // Scratch.
  Vector<Scalar> u_;
  Vector<Precise> row_;
  Eigen::Matrix<Precise, 1, Eigen::Dynamic> response_;
  mutable Matrix<Scalar> swap_c_;
  mutable Vector<Scalar> swap_d_;
  mutable Eigen::Array<Scalar, Eigen::Dynamic, 1> ratio_;
};

}  // namespace l0::detail
