// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// factorization/: R ≈ mean + biases + U diag(z) Vᵀ from the entries that R stores.
///
///     R                  ratings: checked, once by rows and once by columns
///       ▼
///     rank_selection     chooses what is not given by entries held out: adds factor after factor, for several L2
///       │                prices; with gates per entry raises the price
///       ▼
///     alternation        rows given columns, columns given rows, gates from what these passes summed up;
///       ▼                line_solver: one line's least squares; factors: how U and V lie in memory
///     rank_selection     exchanges factors while that helps, then refits the factors or entries that are kept
///       ▼
///     Factors, report    predict, top_k, importance
///
/// objective has what is minimised as a function of its own, for other optimizers.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/compiled.hpp>
#include <l0/core/number_list.hpp>
#include <l0/core/stored.hpp>
#include <l0/factorization/rank_selection.hpp>

namespace l0 {

namespace detail {

template <class Scalar>
Factors<Scalar> fit_factors(const Ratings<Scalar>& ratings, const FactorizationOptions& options,
                            FactorizationReport& report) {
  return FactorSelection<Scalar>(ratings, options, report).fit();
}

L0_COMPILED(Factors<float> fit_factors(const Ratings<float>&, const FactorizationOptions&, FactorizationReport&));
L0_COMPILED(Factors<double> fit_factors(const Ratings<double>&, const FactorizationOptions&, FactorizationReport&));

}  // namespace detail

/// Options of `MatrixFactorization::top_k`.
struct TopOptions {
  bool exclude_observed = true;  ///< leaves out the columns that R had for this row
};

/// A column of R and what is predicted for it.
template <class Scalar>
struct TopEntry {
  Index column;       ///< of R
  Scalar prediction;  ///< û of this column
};

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
  /// with logistic loss, not 0 or 1; the model is then as it was.
  template <class R>
  MatrixFactorization& fit(const Eigen::SparseMatrixBase<R>& r) {
    const bool logistic = is_logistic();
    auto ratings = detail::Ratings<Scalar>::read(
        r, [&](Scalar value) { return logistic ? value == 0 || value == 1 : value - value == 0; },
        logistic ? "0 or 1" : "a finite number");
    FactorizationReport report;
    factors_ = detail::fit_factors(ratings, options_, report);
    report_ = std::move(report);
    observed_start_ = std::move(ratings.by_row.start);
    observed_ = std::move(ratings.by_row.other);
    fitted_ = true;
    return *this;
  }

  /// What is observed is what a sparse matrix stores; a dense one does not say, and the compiler says so.
  template <class R>
  MatrixFactorization& fit(const Eigen::DenseBase<R>& /*r*/) {
    static_assert(!std::is_class_v<R>,
                  "l0: ratings come as a sparse matrix, whose stored entries are the observed ones");
    return *this;
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
  /// left.
  std::vector<TopEntry<Scalar>> top_k(Index i, Index k, TopOptions options = {}) const {
    require_row(i);
    detail::require(k >= 0, "k", k, "a number >= 0");
    std::vector<TopEntry<Scalar>> entries;
    const auto line = static_cast<std::size_t>(i);
    auto seen = observed_.begin() + observed_start_[line];
    const auto end = observed_.begin() + observed_start_[line + 1];
    for (Index j = 0; j < columns(); ++j) {
      if (seen != end && *seen == j) {
        ++seen;
        if (options.exclude_observed) continue;
      }
      entries.push_back({j, factors_.predict(i, j)});
    }
    const auto kept = entries.begin() + std::min<std::ptrdiff_t>(k, std::ssize(entries));
    std::partial_sort(entries.begin(), kept, entries.end(), [](const auto& a, const auto& b) {
      return a.prediction != b.prediction ? a.prediction > b.prediction : a.column < b.column;
    });
    entries.erase(kept, entries.end());
    for (TopEntry<Scalar>& entry : entries) entry.prediction = to_mean(entry.prediction);
    return entries;
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
                  v.allFinite() && finite(factors_.mean) &&
                  std::all_of(factors_.row.bias.begin(), factors_.row.bias.end(), finite) &&
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

  Scalar to_mean(Scalar score) const { return is_logistic() ? 1 / (1 + std::exp(-score)) : score; }

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
  std::vector<Index> observed_start_{0};
  std::vector<std::int32_t> observed_;  ///< columns of each row, ascending
  bool fitted_ = false;
};

}  // namespace l0
