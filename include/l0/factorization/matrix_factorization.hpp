// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// factorization/: R ≈ mean + biases + U diag(z) Vᵀ from the entries that R stores.
///
///     R                  ratings: checked, once by rows and once by columns
///       ▼
///     rank_selection     chooses what is not given by entries held out (held_out): adds blocks of factors, takes the
///       │                weakest out again, for several L2 prices; with gates per entry raises the price
///       ▼
///     alternation        rows given columns, columns given rows, gates from what these passes summed up;
///       ▼                line_solver: one line's least squares; factors: how U and V lie in memory
///     rank_selection     refits the factors or entries that are kept
///       ▼
///     Factors, report    predict, importance; top_columns: top_k by blocks; ranking: precision and recall at k
///
/// objective has what is minimised as a function of its own, for other optimizers.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/compiled.hpp>
#include <l0/core/number_list.hpp>
#include <l0/core/stored.hpp>
#include <l0/factorization/rank_selection.hpp>
#include <l0/factorization/top_columns.hpp>

namespace l0 {

namespace detail {

template <class Scalar>
Factors<Scalar> fit_factors(const Ratings<Scalar>& ratings, const FactorizationOptions& options,
                            FactorizationReport& report) {
  return FactorSelection<Scalar>(ratings, options, report).fit();
}

/// The lines of new rows, the columns' being fixed. `ridge` and `price` as in the fit: times the weight of its entries.
template <class Scalar>
FactorSide<Scalar> fold_factors(const Ratings<Scalar>& ratings, const Factors<Scalar>& fitted,
                                const FactorSide<Scalar>& fixed, const FactorizationOptions& options, double ridge,
                                double price) {
  FactorizationOptions fold = options;
  fold.max_rank = fitted.rank;
  FitRun run(fold.callback);
  PassCount passes{run, 0};
  Workers workers(fold.threads);
  FactorTrainer<Scalar> trainer(ratings, fold, ridge, passes, workers);
  Factors<Scalar>& factors = trainer.factors();
  factors.rank = fitted.rank;
  factors.mean = fitted.mean;
  factors.column.bias = fixed.bias;
  for (Index f = 1; f <= fitted.rank; ++f) factors.factor(factors.column, f) = fitted.factor(fixed, f);
  trainer.fold_rows(price / trainer.entries());
  return std::move(factors.row);
}

L0_COMPILED(FactorSide<float> fold_factors(const Ratings<float>&, const Factors<float>&, const FactorSide<float>&,
                                           const FactorizationOptions&, double, double));
L0_COMPILED(FactorSide<double> fold_factors(const Ratings<double>&, const Factors<double>&, const FactorSide<double>&,
                                            const FactorizationOptions&, double, double));
L0_COMPILED(Factors<float> fit_factors(const Ratings<float>&, const FactorizationOptions&, FactorizationReport&));
L0_COMPILED(Factors<double> fit_factors(const Ratings<double>&, const FactorizationOptions&, FactorizationReport&));

}  // namespace detail

/// Few factors for the observed entries of a matrix R, say ratings of items (columns) by users (rows):
///
///     r_ij ≈ û_ij = mean + b_i + c_j + Σ_f z_f u_if v_jf,
///
/// with the least mean loss + λ Σ P(z ≠ 0) + λ₂(‖U‖² + ‖V‖²), in expectation over the gates z. There is a gate for each
/// factor, so that the rank is chosen, or one for each entry of U and V, so that factors can be read (`FactorGates`).
///
///     l0::MatrixFactorization<float> mf({.max_rank = 20, .lambda_l0 = 0.01f});   // or .target_rank, or neither
///     mf.fit(R);  mf.rank();  mf.predict(i, j);  mf.top_k(i, 10);
///
/// Entries may have weights, `fit(R, weights)`: means are then weighted ones. With `FactorizationLoss::implicit` the
/// entries are counts, and every cell of R matters, at the cost of the entries alone.
///
/// All that R stores is observed, zeros too; what it does not store is unknown. Rows and columns without entries have
/// neither factors nor bias. Two fits of the same data with one seed have the same bits, whatever `threads`.
/// Before the first fit the model has no rows and no columns.
template <std::floating_point Scalar_>
class MatrixFactorization {
 public:
  using Scalar = Scalar_;                                                 ///< float or double
  static constexpr std::string_view stored_name = "MatrixFactorization";  ///< what a file of `save` calls it

  /// Throws `Error` for options outside their ranges.
  explicit MatrixFactorization(FactorizationOptions options = {}) : options_(std::move(options)) {
    detail::validate(options_);
  }

  /// The options, as given.
  const FactorizationOptions& options() const { return options_; }
  /// Whether there was a successful fit.
  bool is_fitted() const { return fitted_; }

  /// Fits to R (sparse, either storage order, compressed or not). Throws `Error` for an entry that is not finite or,
  /// with logistic loss, not 0 or 1 or, with implicit feedback, below 0; the model is then as it was.
  template <class R>
  MatrixFactorization& fit(const Eigen::SparseMatrixBase<R>& r) {
    return fit_ratings(read(r));
  }
  /// Fits to R with a weight ≥ 0 for each entry: `weights` stores the same entries as R. One of weight 2 counts as two
  /// entries with its value; one of weight 0 is observed, and that is all. Throws `Error` as above, for other entries
  /// than R's, for a weight that is negative or not finite, and for implicit feedback, where counts say the weights.
  template <class R, class W>
  MatrixFactorization& fit(const Eigen::SparseMatrixBase<R>& r, const Eigen::SparseMatrixBase<W>& weights) {
    return fit_ratings(read(r, weights));
  }

  /// What is observed is what a sparse matrix stores; a dense one does not say, and the compiler says so.
  template <class R>
  MatrixFactorization& fit(const Eigen::DenseBase<R>& /*r*/) {
    static_assert(!std::is_class_v<R>,
                  "l0: ratings come as a sparse matrix, whose stored entries are the observed ones");
    return *this;
  }

  /// Adds rows (new users) to the fitted model, each with the bias and factors that fit its entries best while columns,
  /// mean and prices stay; returns the number of the first. R has the model's columns. An entry's weight is 1. The fit
  /// would have given the same to a row whose entries move nothing else. Throws `Error` before the first fit and for
  /// what `fit` refuses.
  template <class R>
  Index fold_in_users(const Eigen::SparseMatrixBase<R>& r) {
    require_fitted();
    detail::require_shape("R", r.rows(), r.cols(), r.rows(), columns());
    return append_rows(read(r));
  }
  /// Adds columns (new items) in the same way; R has the model's rows.
  template <class R>
  Index fold_in_items(const Eigen::SparseMatrixBase<R>& r) {
    require_fitted();
    detail::require_shape("R", r.rows(), r.cols(), rows(), r.cols());
    return append_columns(read(r));
  }

  /// What the last fit did.
  const FactorizationReport& report() const { return report_; }
  /// Number of rows.
  Index rows() const { return factors_.rows(); }
  /// Number of columns.
  Index columns() const { return factors_.columns(); }

  /// Factors kept.
  Index rank() const { return factors_.rank; }
  /// U (rows × rank). With gates per factor the columns are those of the singular value decomposition of U Vᵀ, the
  /// strongest first, either side times the root of the singular value; with gates per entry there are exact zeros.
  Matrix<Scalar> user_factors() const { return matrix(factors_.row); }
  /// V (columns × rank).
  Matrix<Scalar> item_factors() const { return matrix(factors_.column); }
  /// A constant per row of R.
  const std::vector<Scalar>& user_biases() const { return factors_.row.bias; }
  /// A constant per column of R.
  const std::vector<Scalar>& item_biases() const { return factors_.column.bias; }
  /// The constant for all entries.
  Scalar mean() const { return factors_.mean; }
  /// ‖u_f‖‖v_f‖ of each factor: with gates per factor the singular values of U Vᵀ.
  Vector<Scalar> importance() const {
    return (user_factors().colwise().norm().array() * item_factors().colwise().norm().array()).matrix().transpose();
  }
  /// Share of the entries of U and V that are 0.
  double sparsity() const {
    const Index all = (rows() + columns()) * rank();
    if (all == 0) return 0;
    const Index open = (user_factors().array() != Scalar(0)).count() + (item_factors().array() != Scalar(0)).count();
    return 1 - static_cast<double>(open) / static_cast<double>(all);
  }

  /// û_ij: with logistic loss, the log odds of a 1.
  Scalar score(Index i, Index j) const {
    require_row(i);
    detail::require(j >= 0 && j < columns(), "column", j, "a column that was fitted, from 0 to columns() - 1");
    return factors_.predict(i, j);
  }
  /// The expected r_ij: û_ij or, with logistic loss, the probability of a 1. Throws `Error` where R had no row i or no
  /// column j.
  Scalar predict(Index i, Index j) const { return to_mean(score(i, j)); }
  /// The same for pairs (i_k, j_k).
  Vector<Scalar> predict(const NumberList<Index>& i, const NumberList<Index>& j) const {
    if (i.size() != j.size()) {
      detail::fail("columns", detail::to_text(j.size()) + " entries",
                   detail::to_text(i.size()) + ", one for each of rows");
    }
    Vector<Scalar> result(static_cast<Index>(i.size()));
    for (std::size_t k = 0; k < i.size(); ++k) result(static_cast<Index>(k)) = predict(i[k], j[k]);
    return result;
  }
  /// The expected row i of R.
  Vector<Scalar> predict_row(Index i) const {
    require_row(i);
    Vector<Scalar> result(columns());
    for (Index j = 0; j < columns(); ++j) result(j) = to_mean(factors_.predict(i, j));
    return result;
  }

  /// The k columns with the highest predictions for row i, the highest first, equals by number; fewer where fewer are
  /// left. `clamp` bounds the predictions, not the order.
  std::vector<TopEntry<Scalar>> top_k(Index i, Index k, TopOptions options = {}) const {
    return std::move(top_k(std::vector<Index>{i}, k, options).front());
  }
  /// The same for several rows at once, in blocks and on `threads`, which is faster by far.
  std::vector<std::vector<TopEntry<Scalar>>> top_k(const std::vector<Index>& i, Index k,
                                                   TopOptions options = {}) const {
    for (const Index row : i) require_row(row);
    detail::require(k >= 0, "k", k, "a number >= 0");
    const detail::TopColumns<Scalar> top(factors_, observed_start_, observed_, options.exclude_observed);
    auto result = top.find(i, k, options_.threads);
    for (auto& entries : result) {
      for (TopEntry<Scalar>& entry : entries) entry.prediction = to_mean(entry.prediction);
    }
    return result;
  }

 private:
  friend struct detail::StoredAccess;

  template <class Self, class Archive>
  static void archive(Self& self, Archive& a) {
    a("options", self.options_);
    auto u = self.user_factors();
    auto v = self.item_factors();
    a("user_factors", u);
    a("item_factors", v);
    a("user_biases", self.factors_.row.bias);
    a("item_biases", self.factors_.column.bias);
    a("mean", self.factors_.mean);
    a("lowest", self.lowest_);
    a("highest", self.highest_);
    a("observed_start", self.observed_start_);
    a("observed", self.observed_);
    a("report", self.report_);
    if constexpr (Archive::reads) self.finish_reading(a, u, v);
  }

  template <class Archive>
  void finish_reading(const Archive& a, const Matrix<Scalar>& u, const Matrix<Scalar>& v) {
    a.require_checked([&] { detail::validate(options_); });
    detail::Factors<Scalar> factors(factors_.rows(), factors_.columns(), u.cols());
    const auto finite = [](Scalar value) { return value - value == 0; };
    a.require(u.rows() == factors.rows() && v.rows() == factors.columns() && u.cols() == v.cols() && u.allFinite() &&
                  v.allFinite() && finite(factors_.mean) && finite(lowest_) && finite(highest_) &&
                  lowest_ <= highest_ && std::all_of(factors_.row.bias.begin(), factors_.row.bias.end(), finite) &&
                  std::all_of(factors_.column.bias.begin(), factors_.column.bias.end(), finite),
              "factors and biases of other sizes, or not finite");
    factors.row.bias = factors_.row.bias;
    factors.column.bias = factors_.column.bias;
    factors.mean = factors_.mean;
    factors.rank = u.cols();
    for (Index f = 0; f < u.cols(); ++f) {
      factors.factor(factors.row, f + 1) = u.col(f);
      factors.factor(factors.column, f + 1) = v.col(f);
    }
    factors_ = std::move(factors);
    bool good = static_cast<Index>(observed_start_.size()) == rows() + 1 && observed_start_.front() == 0 &&
                observed_start_.back() == static_cast<Index>(observed_.size());
    for (std::size_t i = 1; good && i < observed_start_.size(); ++i) {
      const Index first = observed_start_[i - 1];
      good = first <= observed_start_[i] && observed_start_[i] <= observed_start_.back();
      for (Index e = first; good && e < observed_start_[i]; ++e) {
        const std::int32_t column = observed_[static_cast<std::size_t>(e)];
        good = column < columns() && column > (e == first ? -1 : observed_[static_cast<std::size_t>(e - 1)]);
      }
    }
    a.require(good, "observed entries that are none of the matrix");
    fitted_ = true;
  }

  bool is_logistic() const { return options_.loss == FactorizationLoss::logistic; }

  bool is_implicit() const { return options_.loss == FactorizationLoss::implicit; }

  /// The entries, checked.
  template <class R>
  detail::Ratings<Scalar> read(const Eigen::SparseMatrixBase<R>& r) const {
    const auto accepts = [logistic = is_logistic(), implicit = is_implicit()](Scalar value) {
      return logistic ? value == 0 || value == 1 : value - value == 0 && (!implicit || value >= 0);
    };
    auto ratings = detail::Ratings<Scalar>::read(r, accepts,
                                                 is_logistic()   ? "0 or 1"
                                                 : is_implicit() ? "a finite count >= 0"
                                                                 : "a finite number");
    if (is_implicit()) ratings.make_preferences(options_.confidence);
    return ratings;
  }
  template <class R, class W>
  detail::Ratings<Scalar> read(const Eigen::SparseMatrixBase<R>& r, const Eigen::SparseMatrixBase<W>& weights) const {
    if (is_implicit()) detail::fail("weights", "given", "none with implicit feedback: the counts say them");
    auto ratings = read(r);
    ratings.set_weights(detail::Ratings<Scalar>::read(
        weights, [](Scalar value) { return value >= 0 && value - value == 0; }, "a finite weight >= 0", "weights"));
    return ratings;
  }

  MatrixFactorization& fit_ratings(detail::Ratings<Scalar> ratings) {
    FactorizationReport report;
    factors_ = detail::fit_factors(ratings, options_, report);
    report_ = std::move(report);
    const std::vector<Scalar>& values = ratings.by_row.value;
    lowest_ = is_implicit() || values.empty() ? Scalar(0) : *std::min_element(values.begin(), values.end());
    highest_ = is_implicit() ? Scalar(1) : values.empty() ? Scalar(0) : *std::max_element(values.begin(), values.end());
    observed_start_ = std::move(ratings.by_row.start);
    observed_ = std::move(ratings.by_row.other);
    fitted_ = true;
    return *this;
  }

  /// What `side` has, with more lines.
  void append(const detail::Ratings<Scalar>& lines, detail::FactorSide<Scalar>& side,
              const detail::FactorSide<Scalar>& fixed) {
    const double weight = report_.weight > 0 ? report_.weight : 1;
    const bool sparse = options_.gates == FactorGates::per_entry;
    const detail::FactorSide<Scalar> more =
        detail::fold_factors(lines, factors_, fixed, options_, report_.lambda_l2 * weight * (is_logistic() ? 2 : 1),
                             sparse ? report_.lambda * weight : 0);
    const Index first = static_cast<Index>(side.bias.size());
    const auto count = static_cast<Index>(more.bias.size());
    const Index stride = count == 0 ? 0 : static_cast<Index>(more.lines.size()) / count;
    side.lines.resize(static_cast<std::size_t>((first + count) * factors_.stride), Scalar(0));
    for (Index i = 0; i < count; ++i) {
      std::copy_n(more.lines.begin() + i * stride, rank() + 1, side.lines.begin() + (first + i) * factors_.stride);
    }
    side.bias.insert(side.bias.end(), more.bias.begin(), more.bias.end());
  }

  Index append_rows(const detail::Ratings<Scalar>& ratings) {
    const Index first = rows();
    append(ratings, factors_.row, factors_.column);
    const Index before = observed_start_.back();
    for (std::size_t i = 1; i < ratings.by_row.start.size(); ++i) {
      observed_start_.push_back(before + ratings.by_row.start[i]);
    }
    observed_.insert(observed_.end(), ratings.by_row.other.begin(), ratings.by_row.other.end());
    return first;
  }

  Index append_columns(detail::Ratings<Scalar> ratings) {
    const Index first = columns();
    const detail::EntryLines<Scalar> by_row = ratings.by_row;
    ratings.turn();
    append(ratings, factors_.column, factors_.row);
    std::vector<std::int32_t> observed;
    observed.reserve(observed_.size() + by_row.other.size());
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows()); ++i) {
      observed.insert(observed.end(), observed_.begin() + observed_start_[i],
                      observed_.begin() + observed_start_[i + 1]);
      for (Index k = by_row.start[i]; k < by_row.start[i + 1]; ++k) {
        observed.push_back(static_cast<std::int32_t>(first + by_row.other[static_cast<std::size_t>(k)]));
      }
    }
    for (std::size_t i = 0; i < observed_start_.size(); ++i) observed_start_[i] += by_row.start[i];
    observed_ = std::move(observed);
    return first;
  }

  Scalar to_mean(Scalar score) const {
    if (is_logistic()) return 1 / (1 + std::exp(-score));
    return options_.clamp ? std::clamp(score, lowest_, highest_) : score;
  }

  void require_fitted() const {
    if (!fitted_) detail::fail("model", "not fitted", "a fit first");
  }

  void require_row(Index i) const {
    detail::require(i >= 0 && i < rows(), "row", i, "a row that was fitted, from 0 to rows() - 1");
  }

  Matrix<Scalar> matrix(const detail::FactorSide<Scalar>& side) const {
    Matrix<Scalar> result(static_cast<Index>(side.bias.size()), rank());
    for (Index f = 0; f < rank(); ++f) result.col(f) = factors_.factor(side, f + 1);
    return result;
  }

  FactorizationOptions options_;
  FactorizationReport report_;
  detail::Factors<Scalar> factors_;
  Scalar lowest_ = 0;  ///< least and greatest entry, for `clamp`
  Scalar highest_ = 0;
  std::vector<Index> observed_start_{0};
  std::vector<std::int32_t> observed_;  ///< columns of each row, ascending
  bool fitted_ = false;
};

}  // namespace l0
