// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <numeric>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>

#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// The closed formulas of `SubsetState` on one support, for all columns once and in chunks, so that no features × k
/// numbers are kept. `ridge` is what GramRows adds to the diagonal, times scale².
template <class Design>
class NeighbourScan {
 public:
  using Scalar = typename Design::Scalar;
  using Precise = std::common_type_t<Scalar, double>;

  /// A projected length below this counts as "in the span of the support".
  static constexpr Scalar spanned = Scalar(1e-6);

  NeighbourScan(const LeastSquaresProblem<Design>& problem, double ridge, const std::vector<Index>& support)
      : problem_(problem), ridge_(static_cast<Scalar>(ridge)) {
    const StandardizedColumns<Design>& columns = problem.columns;
    const auto k = static_cast<Index>(support.size());
    columns.weighted_columns(support, block_);
    Matrix<Precise> gram(k, k);
    for (Index i = 0; i < k; ++i) {
      const Index j = support[static_cast<std::size_t>(i)];
      gram.row(i) = columns.correlate(block_, j, 1).template cast<Precise>();
      gram(i, i) = columns.scale(j) > 0 ? Precise(1 + added(j)) + Precise(1e-10) : Precise(1);
    }
    inverse = gram.ldlt().solve(Matrix<Precise>::Identity(k, k));
    const Matrix<Precise> start = rows_of(problem.correlation, support).template cast<Precise>();
    beta = inverse * start;
    loss = problem.squares - beta.cwiseProduct(start).sum();
  }

  Matrix<Precise> inverse;  ///< H
  Matrix<Precise> beta;     ///< on the standardized columns
  double loss = 0;

  /// Calls visit(first, B, C, d) for one chunk of columns after another; d is 0 for constant columns.
  template <class Visit>
  void each_chunk(Visit visit) const {
    const StandardizedColumns<Design>& columns = problem_.columns;
    const Index chunk = std::max<Index>(4096, columns.columns() / 64);
    for (Index first = 0; first < columns.columns(); first += chunk) {
      const Index count = std::min(chunk, columns.columns() - first);
      const Matrix<Scalar> g = columns.correlate(block_, first, count);
      const Matrix<Scalar> b = g * inverse.template cast<Scalar>();
      const Matrix<Scalar> c = problem_.correlation.middleRows(first, count) - g * beta.template cast<Scalar>();
      Vector<Scalar> d(count);
      for (Index l = 0; l < count; ++l) {
        d(l) = columns.scale(first + l) > 0 ? 1 + added(first + l) - b.row(l).dot(g.row(l)) : Scalar(0);
      }
      visit(first, b, c, d);
    }
  }

 private:
  Scalar added(Index j) const { return ridge_ * problem_.columns.scale(j) * problem_.columns.scale(j); }

  const LeastSquaresProblem<Design>& problem_;
  Scalar ridge_;
  Matrix<Scalar> block_;
};

/// Columns outside the working set that would lower the score as an add or in exchange for an active column, the best
/// `most` of them. `judge(squares, size)` is the score.
template <class Design, class Judge>
std::vector<Index> improving_columns(const LeastSquaresProblem<Design>& problem, double ridge, Judge judge,
                                     const std::vector<Index>& support, const std::vector<char>& inside,
                                     std::size_t most) {
  using Scan = NeighbourScan<Design>;
  using Scalar = typename Design::Scalar;
  const Scan scan(problem, ridge, support);
  const auto k = static_cast<Index>(support.size());
  const double here = judge(scan.loss, SupportSize{k, k});
  std::vector<std::pair<Double<Scalar>, Index>> found;
  scan.each_chunk([&](Index first, const auto& b, const auto& c, const auto& d) {
    const Vector<Scalar> add = c.rowwise().squaredNorm().cwiseQuotient(d.cwiseMax(Scan::spanned));
    Vector<Scalar> swap = Vector<Scalar>::Zero(d.size());
    for (Index i = 0; i < k; ++i) {
      const auto inverse = static_cast<Scalar>(1 / scan.inverse(i, i));
      const auto cost = static_cast<Scalar>(scan.beta.row(i).squaredNorm() / scan.inverse(i, i));
      const Vector<Scalar> reach =
          (c + inverse * b.col(i) * scan.beta.row(i).template cast<Scalar>()).rowwise().squaredNorm();
      const Vector<Scalar> length = d + inverse * b.col(i).cwiseAbs2();
      swap = swap.cwiseMax((reach.cwiseQuotient(length.cwiseMax(Scan::spanned)).array() - cost).matrix());
    }
    for (Index l = 0; l < d.size(); ++l) {
      if (inside[static_cast<std::size_t>(first + l)] || !(d(l) > Scan::spanned)) continue;
      const double added = judge(std::max(scan.loss - static_cast<double>(add(l)), 0.0), SupportSize{k + 1, k + 1});
      const double swapped = judge(std::max(scan.loss - static_cast<double>(swap(l)), 0.0), SupportSize{k, k});
      const double better = std::min(added, swapped) - here;
      if (better < -1e-6) found.emplace_back(better, first + l);
    }
  });
  std::sort(found.begin(), found.end());
  std::vector<Index> result;
  for (const auto& [better, j] : found) {
    if (result.size() < most) result.push_back(j);
  }
  return result;
}

inline constexpr Index screened_columns = 1024;

/// The search for more columns than `screened_columns`: on those that correlate best with the responses and on the ones
/// it starts from or keeps. Then it looks once through all others for any that would improve the support by an add or a
/// swap, takes those in and goes on: where none is left, the answer is a local optimum over all columns, as without
/// screening.
///
/// `search(part, options, start)` searches a part of the columns, from a support unless that is empty;
/// `improving(support, inside)` names columns to join.
template <class Design, class Search, class Improving>
SelectionResult search_screened(const Design& x, const Matrix<typename Design::Scalar>& correlation,
                                const SelectionOptions& options, Search search, Improving improving) {
  constexpr int rounds = 10;
  std::vector<Dependent<Index, Design>> working(static_cast<std::size_t>(x.columns()));
  std::iota(working.begin(), working.end(), Index{0});
  std::nth_element(working.begin(), working.begin() + screened_columns, working.end(), [&](Index a, Index b) {
    const auto first = correlation.row(a).squaredNorm();
    const auto second = correlation.row(b).squaredNorm();
    return first != second ? first > second : a < b;
  });
  working.resize(static_cast<std::size_t>(screened_columns));
  working.insert(working.end(), options.rules.keep.begin(), options.rules.keep.end());
  working.insert(working.end(), options.start.begin(), options.start.end());
  std::vector<char> inside(static_cast<std::size_t>(x.columns()), 0);
  SelectionResult result;
  for (int round = 0; round < rounds; ++round) {
    std::sort(working.begin(), working.end());
    working.erase(std::unique(working.begin(), working.end()), working.end());
    for (const Index j : working) inside[static_cast<std::size_t>(j)] = 1;
    const auto place = [&](Index j) { return std::lower_bound(working.begin(), working.end(), j) - working.begin(); };
    SelectionOptions local = options;
    for (Index& j : local.rules.keep) j = place(j);
    for (Index& j : local.start) j = place(j);
    if (!options.rules.group.empty()) {
      local.rules.group.clear();
      for (const Index j : working) local.rules.group.push_back(options.rules.group[static_cast<std::size_t>(j)]);
    }
    std::vector<Index> start = result.best.support;
    for (Index& j : start) j = place(j);
    SelectionResult found = search(x.columns_at(working), local, start);
    for (Index& j : found.best.support) j = working[static_cast<std::size_t>(j)];
    for (FoundSupport& support : found.by_size) {
      for (Index& j : support.support) j = working[static_cast<std::size_t>(j)];
    }
    if (round == 0) {
      result = std::move(found);
    } else {
      result.best = found.best;
      for (std::size_t k = 0; k < found.by_size.size(); ++k) {
        if (found.by_size[k].loss < result.by_size[k].loss) result.by_size[k] = found.by_size[k];
      }
    }
    if (options.stopped()) break;
    const std::vector<Index> more = improving(result.best.support, inside);
    if (more.empty()) break;
    working.insert(working.end(), more.begin(), more.end());
  }
  return result;
}

/// Columns that join a screened search in one round.
inline constexpr std::size_t joining_columns = 64;

/// Supports of units as supports of columns.
template <class Units>
SelectionResult in_columns(SelectionResult result, const Units& units) {
  result.best.support = units.columns_of(result.best.support);
  for (FoundSupport& found : result.by_size) found.support = units.columns_of(found.support);
  return result;
}

/// Completes the options of a least-squares search that knows its problem, and returns the largest size to look at.
template <class Design>
Index complete_for_squares(SelectionOptions& options, const LeastSquaresProblem<Design>& problem, Index samples,
                           Index columns) {
  SupportScore& score = options.score;
  score.rounding = std::max(1e-300, problem.squares * (std::is_same_v<typename Design::Scalar, double> ? 1e-12 : 1e-7));
  const Index units = options.rules.units.count(columns);
  if (score.kind == SupportScore::Kind::exact) {
    return std::min({units, samples, score.size + std::max<Index>(5, score.size / 4)});
  }
  score.limit = std::max(support_limit(samples, columns, options), static_cast<Index>(options.rules.keep.size()));
  return score.limit;
}

/// Selects a support for least squares of one or more responses. `part_of(design)` poses the problem again on a part of
/// the columns.
template <class Design, class PartOf>
SelectionResult select_least_squares(const Design& x, const LeastSquaresProblem<Design>& problem,
                                     SelectionOptions options, PartOf part_of) {
  options.score = complete_score(options, x.rows(), x.columns(), problem.correlation.cols());
  const Index limit = complete_for_squares(options, problem, x.rows(), x.columns());
  const SupportScore& score = options.score;
  if (x.columns() <= screened_columns || !options.rules.units.trivial()) {
    return in_columns(SupportSelection<Design>(problem, options, limit).run(), options.rules.units);
  }
  const double ridge = static_cast<double>(x.rows()) * options.lambda_l2;
  return search_screened(
      x, problem.correlation, options,
      [&](const Design& part, const SelectionOptions& local, const std::vector<Index>& start) {
        const LeastSquaresProblem<Design> posed = part_of(part);
        SupportSelection<Design> selection(posed, local, limit);
        return start.empty() ? selection.run() : selection.run_from(start);
      },
      [&](const std::vector<Index>& support, const std::vector<char>& inside) {
        return improving_columns(
            problem, ridge, [&](double squares, SupportSize size) { return score.of_squares(squares, size); }, support,
            inside, joining_columns);
      });
}

/// The same from data.
template <class Design>
SelectionResult select_least_squares(const Design& x, const Matrix<typename Design::Scalar>& y,
                                     const Vector<typename Design::Scalar>& weight, const SelectionOptions& options) {
  using Problem = LeastSquaresProblem<Design>;
  const Problem problem(x, y, weight, options.centre);
  return select_least_squares(x, problem, options,
                              [&](const Design& part) { return Problem(part, y, weight, options.centre); });
}

}  // namespace l0::detail
