// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/search/least_squares_problem.hpp>
#include <l0/regression/search/selection.hpp>

namespace l0::detail {

/// Columns outside the working set that would lower the score as an add or in exchange for an active column, the best
/// `most` of them. `judge` tells the score of squares.
template <class Precise>
std::vector<Index> improving_columns(const LeastSquaresProblem<Precise>& problem, Precise ridge,
                                     const SupportScore& score, Judge* judge, const std::vector<Index>& support,
                                     const std::vector<char>& inside, std::size_t most) {
  using Scan = NeighbourScan<Precise>;
  const Scan scan(problem, ridge, support);
  const auto k = static_cast<Index>(support.size());
  const double here = judge(score, scan.loss, SupportSize{k, k});
  std::vector<std::pair<Precise, Index>> found;
  scan.each_chunk([&](Index first, const auto& b, const auto& c, const auto& d) {
    const Vector<Precise> add = c.rowwise().squaredNorm().cwiseQuotient(d.cwiseMax(Scan::spanned));
    Vector<Precise> swap = Vector<Precise>::Zero(d.size());
    for (Index i = 0; i < k; ++i) {
      const auto inverse = 1 / scan.inverse(i, i);
      const auto cost = scan.beta.row(i).squaredNorm() / scan.inverse(i, i);
      const Vector<Precise> reach = (c + inverse * b.col(i) * scan.beta.row(i)).rowwise().squaredNorm();
      const Vector<Precise> length = d + inverse * b.col(i).cwiseAbs2();
      swap = swap.cwiseMax((reach.cwiseQuotient(length.cwiseMax(Scan::spanned)).array() - cost).matrix());
    }
    for (Index l = 0; l < d.size(); ++l) {
      if (inside[static_cast<std::size_t>(first + l)] || !(d(l) > Scan::spanned)) continue;
      const double added = judge(score, std::max(scan.loss - add(l), 0.0), SupportSize{k + 1, k + 1});
      const double swapped = judge(score, std::max(scan.loss - swap(l), 0.0), SupportSize{k, k});
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
/// screening. Where sizes are compared (no polish) the support to improve is the one that the extended criterion
/// prefers: with many columns the largest is no more than the noise that it fits.
///
/// `search(part, options, start)` searches a part of the columns, from a support unless that is empty;
/// `improving(support, inside, score)` names columns to join; `judge` tells the score of squares, `FoundSupport::loss`
/// times `squares_per_loss`.
template <class Precise, class Search, class Improving>
SelectionResult search_screened(const Design<Precise>& x, const Matrix<Precise>& correlation,
                                const SelectionOptions& options, Judge* judge, double squares_per_loss, Search search,
                                Improving improving) {
  const int rounds = options.polish ? 10 : 3;
  SupportScore extended = options.score;
  extended.kind = SupportScore::Kind::criterion;
  extended.criterion = Criterion::ebic;
  const auto to_improve = [&](const SelectionResult& known) -> const FoundSupport& {
    if (options.polish) return known.best;
    const auto value = [&](const FoundSupport& found) {
      const auto k = static_cast<Index>(found.support.size());
      return std::isfinite(found.loss) ? judge(extended, squares_per_loss * found.loss, SupportSize{k, k}) : found.loss;
    };
    return *std::min_element(known.by_size.begin(), known.by_size.end(),
                             [&](const FoundSupport& a, const FoundSupport& b) { return value(a) < value(b); });
  };
  std::vector<Dependent<Index, Precise>> working(static_cast<std::size_t>(x.columns()));
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
    const auto place = [&](Index j) {
      return static_cast<Index>(std::lower_bound(working.begin(), working.end(), j) - working.begin());
    };
    SelectionOptions local = options;
    for (Index& j : local.rules.keep) j = place(j);
    for (Index& j : local.start) j = place(j);
    if (!options.rules.group.empty()) {
      local.rules.group.clear();
      for (const Index j : working) local.rules.group.push_back(options.rules.group[static_cast<std::size_t>(j)]);
    }
    std::vector<Index> start;
    if (options.polish) start = result.best.support;
    for (Index& j : start) j = place(j);
    const auto part = x.columns_at(working);
    SelectionResult found = search(*part, local, start);
    const auto to_whole = [&](FoundSupport& support) {
      for (Index& j : support.support) j = working[static_cast<std::size_t>(j)];
      for (Index& j : support.fit.columns) j = working[static_cast<std::size_t>(j)];
    };
    to_whole(found.best);
    for (FoundSupport& support : found.by_size) to_whole(support);
    if (round == 0) {
      result = std::move(found);
    } else {
      result.best = found.best;
      for (std::size_t k = 0; k < found.by_size.size(); ++k) {
        if (k >= result.by_size.size()) result.by_size.emplace_back();
        if (found.by_size[k].loss < result.by_size[k].loss) result.by_size[k] = found.by_size[k];
      }
    }
    if (options.stopped()) break;
    const std::vector<Index> more =
        improving(to_improve(result).support, inside, options.polish ? options.score : extended);
    if (more.empty()) break;
    working.insert(working.end(), more.begin(), more.end());
  }
  return result;
}

/// Columns that join a screened search in one round.
inline constexpr std::size_t joining_columns = 64;

}  // namespace l0::detail
