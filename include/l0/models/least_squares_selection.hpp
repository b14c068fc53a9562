// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include <Eigen/Cholesky>

#include <l0/models/gate_proposal.hpp>
#include <l0/models/subset_search.hpp>

namespace l0::detail {

/// What a selection needs to know beside the data.
struct SelectionOptions {
  SupportScore score;  ///< samples and features are filled in
  SupportRules rules;
  double lambda_l2 = 0;     ///< on the coefficients, beside the mean loss
  bool centre = true;       ///< the model has an intercept
  Index max_size = 100;     ///< of the supports looked at, where no size is asked for
  bool whole_path = false;  ///< look at every size up to max_size, not only until the score stops falling
};

/// The largest support worth looking at: where p is not far below n, larger ones fit noise.
inline Index support_limit(Index samples, Index features, Index max_size) {
  const Index room = features > samples / 2 ? std::max<Index>(samples / 2, 1) : features;
  return std::min({features, max_size, room});
}

/// The best support found; `by_size` has the best of every size that was met.
struct SelectionResult {
  FoundSupport best;
  std::vector<FoundSupport> by_size;
};

/// A least-squares problem of standardized columns: their correlations with the responses, and Σ D(Y−Ȳ)².
template <class Design>
struct LeastSquaresProblem {
  using Scalar = typename Design::Scalar;

  StandardizedColumns<Design> columns;
  Matrix<Scalar> correlation;
  double squares = 0;

  /// `y` is n × responses, `weight` has mean 1. The design must outlive the problem.
  LeastSquaresProblem(const Design& x, const Matrix<Scalar>& y, const Vector<Scalar>& weight, bool centre)
      : columns(x) {
    columns.set_weights(weight, centre);
    Matrix<Scalar> weighted = y;
    for (Index m = 0; m < y.cols(); ++m) {
      if (centre) weighted.col(m).array() -= y.col(m).dot(weight) / weight.sum();
      squares += static_cast<double>((weighted.col(m).array().square() * weight.array()).sum());
      weighted.col(m).array() *= weight.array();
    }
    correlation = columns.correlate(weighted);
  }
};

/// The search on all columns of one problem: a path up and down with swaps at every size, descent on the score,
/// supports proposed by the gates, and ejection chains from the best of all.
template <class Design>
class SupportSelection {
 public:
  using Scalar = typename Design::Scalar;

  SupportSelection(const LeastSquaresProblem<Design>& problem, const SelectionOptions& options, Index limit)
      : problem_(problem), options_(options), limit_(limit),
        gram_(problem.columns, static_cast<double>(problem.columns.rows()) * options.lambda_l2),
        state_(gram_, options_.rules) {
    const auto kept = static_cast<Index>(options_.rules.keep.size());
    state_.reset(problem.correlation, problem.squares, std::max(limit_, kept) + 1);
    search_.emplace(state_, options_.score);
  }

  /// From the empty support.
  SelectionResult run() {
    const bool exact = options_.score.kind == SupportScore::Kind::exact;
    state_.set(options_.rules.keep);
    search_->forward(limit_, exact || options_.whole_path ? limit_ + 1 : patience);
    const auto best_size = static_cast<Index>(search_->best().support.size());
    search_->backward(exact ? options_.score.size : std::max<Index>(1, best_size / 2));
    return polish();
  }

  /// From a known support.
  SelectionResult run_from(const std::vector<Index>& start) {
    state_.set(start);
    search_->record();
    search_->descend();
    return polish();
  }

 private:
  static constexpr Index patience = 10;     // sizes without improvement before the path ends
  static constexpr Index chain_moves = 20;  // excursions per round
  static constexpr Index most_gates = 256;  // columns the gates compete on

  SelectionResult polish() {
    if (std::isfinite(search_->best().score)) {
      state_.set(search_->best().support);
      search_->descend();
      if (options_.rules.empty()) try_proposals();
      for (int round = 0; round < 20 && search_->chain(chain_moves); ++round) {
      }
    }
    SelectionResult result{search_->best(), search_->by_size()};
    if (!std::isfinite(result.best.score)) result.best = nearest_below(result.by_size);
    return result;
  }

  /// Where the wanted size is out of reach (rank, rules): the largest support below it.
  FoundSupport nearest_below(const std::vector<FoundSupport>& by_size) const {
    for (Index k = std::min(options_.score.size, static_cast<Index>(by_size.size()) - 1); k > 0; --k) {
      const FoundSupport& found = by_size[static_cast<std::size_t>(k)];
      if (std::isfinite(found.loss)) return found;
    }
    return {0, problem_.squares, {}};
  }

  void try_proposals() {
    const FoundSupport start = search_->best();
    const SupportScore& score = options_.score;
    const auto k = static_cast<Index>(start.support.size());
    const double freedom = std::max(score.samples - static_cast<double>(k) - 1, 1.0);
    const double variance = std::max(start.loss / freedom, score.rounding / score.samples);
    const double price =
        score.kind == SupportScore::Kind::price ? score.samples * score.lambda : variance * score.next_feature(k);
    if (!(price > 0)) return;
    const std::vector<Index> contenders = known_columns();
    const Matrix<Scalar> gram = gram_of(gram_, contenders);
    const Matrix<Scalar> correlation = rows_of(problem_.correlation, contenders);
    std::vector<std::vector<Index>> seen;
    for (const double factor : {1.0, 0.5, 2.0}) {
      std::vector<Index> support = propose_support(gram, correlation, price * factor);
      for (Index& j : support) j = contenders[static_cast<std::size_t>(j)];
      std::sort(support.begin(), support.end());
      const bool known = std::find(seen.begin(), seen.end(), support) != seen.end();
      if (static_cast<Index>(support.size()) > limit_ || known) continue;
      seen.push_back(support);
      state_.set(support);
      if (score.kind == SupportScore::Kind::exact) search_->resize(score.size);
      search_->descend();
    }
  }

  /// The columns whose Gram rows the path has asked for, at most those `most_gates` that correlate best with the
  /// responses.
  std::vector<Index> known_columns() const {
    std::vector<Index> known;
    for (Index j = 0; j < gram_.size(); ++j) {
      if (gram_.has(j) && problem_.columns.scale(j) > 0) known.push_back(j);
    }
    if (static_cast<Index>(known.size()) > most_gates) {
      std::stable_sort(known.begin(), known.end(), [&](Index a, Index b) {
        return problem_.correlation.row(a).squaredNorm() > problem_.correlation.row(b).squaredNorm();
      });
      known.resize(static_cast<std::size_t>(most_gates));
    }
    return known;
  }

  const LeastSquaresProblem<Design>& problem_;
  SelectionOptions options_;
  Index limit_;
  GramRows<Design> gram_;
  SubsetState<Design> state_;
  std::optional<SubsetSearch<Design>> search_;
};

/// Columns outside the working set that would lower the score as an add or in exchange for an active column, the best
/// `most` of them: the closed formulas of `SubsetState` for all columns once, in chunks, keeping no features × k
/// numbers.
template <class Design>
std::vector<Index> improving_columns(const LeastSquaresProblem<Design>& problem, const SelectionOptions& options,
                                     const std::vector<Index>& support, const std::vector<char>& inside,
                                     std::size_t most) {
  using Scalar = typename Design::Scalar;
  using Precise = std::common_type_t<Scalar, double>;
  const StandardizedColumns<Design>& columns = problem.columns;
  const auto k = static_cast<Index>(support.size());
  const auto ridge = static_cast<Scalar>(static_cast<double>(columns.rows()) * options.lambda_l2);
  Matrix<Scalar> block;
  columns.weighted_columns(support, block);
  Matrix<Precise> gram(k, k);
  for (Index i = 0; i < k; ++i) {
    gram.row(i) = columns.correlate(block, support[static_cast<std::size_t>(i)], 1).template cast<Precise>();
    const auto scale = static_cast<double>(columns.scale(support[static_cast<std::size_t>(i)]));
    gram(i, i) = 1 + static_cast<double>(ridge) * scale * scale;
  }
  const Matrix<Precise> h = gram.ldlt().solve(Matrix<Precise>::Identity(k, k));
  const Matrix<Precise> start = rows_of(problem.correlation, support).template cast<Precise>();
  const Matrix<Precise> beta = h * start;
  const double loss = problem.squares - beta.cwiseProduct(start).sum();
  const double here = options.score.of_squares(loss, k);
  constexpr Scalar spanned = Scalar(1e-6);
  const Index chunk = std::max<Index>(4096, columns.columns() / 8);
  std::vector<std::pair<double, Index>> found;
  for (Index first = 0; first < columns.columns(); first += chunk) {
    const Index count = std::min(chunk, columns.columns() - first);
    const Matrix<Scalar> g = columns.correlate(block, first, count);
    const Matrix<Scalar> b = g * h.template cast<Scalar>();
    const Matrix<Scalar> c = problem.correlation.middleRows(first, count) - g * beta.template cast<Scalar>();
    Vector<Scalar> d(count);
    for (Index l = 0; l < count; ++l) {
      const Scalar scale = columns.scale(first + l);
      d(l) = scale > 0 ? 1 + ridge * scale * scale - b.row(l).dot(g.row(l)) : Scalar(0);
    }
    const Vector<Scalar> add = c.rowwise().squaredNorm().cwiseQuotient(d.cwiseMax(spanned));
    Vector<Scalar> swap = Vector<Scalar>::Zero(count);
    for (Index i = 0; i < k; ++i) {
      const auto inverse = static_cast<Scalar>(1 / h(i, i));
      const auto cost = static_cast<Scalar>(beta.row(i).squaredNorm() / h(i, i));
      const Vector<Scalar> reach =
          (c + inverse * b.col(i) * beta.row(i).template cast<Scalar>()).rowwise().squaredNorm();
      const Vector<Scalar> length = d + inverse * b.col(i).cwiseAbs2();
      swap = swap.cwiseMax((reach.cwiseQuotient(length.cwiseMax(spanned)).array() - cost).matrix());
    }
    for (Index l = 0; l < count; ++l) {
      if (inside[static_cast<std::size_t>(first + l)] || !(d(l) > spanned)) continue;
      const double better = std::min(options.score.of_squares(std::max(loss - static_cast<double>(add(l)), 0.0), k + 1),
                                     options.score.of_squares(std::max(loss - static_cast<double>(swap(l)), 0.0), k)) -
                            here;
      if (better < -1e-6) found.emplace_back(better, first + l);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<Index> result;
  for (const auto& [better, j] : found) {
    if (result.size() < most) result.push_back(j);
  }
  return result;
}

/// Selects a support for least squares. Up to 1024 columns are searched as they are; of more, the search works on those
/// that correlate best with the responses and on the ones it keeps, then looks once through all others for any that
/// would improve the support by an add or a swap, takes those in and goes on: where none is left, the answer is a local
/// optimum over all columns, as without screening.
template <class Design>
SelectionResult select_least_squares(const Design& x, const Matrix<typename Design::Scalar>& y,
                                     const Vector<typename Design::Scalar>& weight, SelectionOptions options) {
  constexpr Index screened = 1024;
  constexpr std::size_t joining = 64;
  constexpr int rounds = 10;
  const LeastSquaresProblem<Design> problem(x, y, weight, options.centre);
  SupportScore& score = options.score;
  score.samples = static_cast<double>(x.rows() * y.cols());
  score.features = static_cast<double>(x.columns());
  score.rounding = std::max(1e-300, problem.squares * (std::is_same_v<typename Design::Scalar, double> ? 1e-12 : 1e-7));
  Index limit = support_limit(x.rows(), x.columns(), options.max_size);
  if (score.kind == SupportScore::Kind::exact) {
    limit = std::min({x.columns(), x.rows(), score.size + std::max<Index>(5, score.size / 4)});
  } else {
    limit = std::max(limit, static_cast<Index>(options.rules.keep.size()));
    score.limit = limit;
  }
  if (x.columns() <= screened) return SupportSelection<Design>(problem, options, limit).run();

  std::vector<Index> working(static_cast<std::size_t>(x.columns()));
  std::iota(working.begin(), working.end(), Index{0});
  std::nth_element(working.begin(), working.begin() + screened, working.end(), [&](Index a, Index b) {
    const auto first = problem.correlation.row(a).squaredNorm();
    const auto second = problem.correlation.row(b).squaredNorm();
    return first != second ? first > second : a < b;
  });
  working.resize(static_cast<std::size_t>(screened));
  working.insert(working.end(), options.rules.keep.begin(), options.rules.keep.end());
  std::vector<char> inside(static_cast<std::size_t>(x.columns()), 0);
  SelectionResult result;
  for (int round = 0; round < rounds; ++round) {
    std::sort(working.begin(), working.end());
    working.erase(std::unique(working.begin(), working.end()), working.end());
    for (const Index j : working) inside[static_cast<std::size_t>(j)] = 1;
    const Design chosen = x.columns_at(working);
    const LeastSquaresProblem<Design> part(chosen, y, weight, options.centre);
    const auto place = [&](Index j) { return std::lower_bound(working.begin(), working.end(), j) - working.begin(); };
    SelectionOptions local = options;
    for (Index& j : local.rules.keep) j = place(j);
    if (!options.rules.group.empty()) {
      local.rules.group.clear();
      for (const Index j : working) local.rules.group.push_back(options.rules.group[static_cast<std::size_t>(j)]);
    }
    SupportSelection<Design> selection(part, local, limit);
    std::vector<Index> start = result.best.support;
    for (Index& j : start) j = place(j);
    SelectionResult found = round == 0 ? selection.run() : selection.run_from(start);
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
    const auto more = improving_columns(problem, options, result.best.support, inside, joining);
    if (more.empty()) break;
    working.insert(working.end(), more.begin(), more.end());
  }
  return result;
}

}  // namespace l0::detail
