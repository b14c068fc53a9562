// SPDX-License-Identifier: MIT
// Supports of logistic and Poisson regression: against the truth, against all subsets, and what rules, weights and
// awkward data do to them.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/regression/data/dense_design.hpp>
#include <l0/regression/data/sparse_design.hpp>
#include <l0/regression/search/select.hpp>

#include "support/catch.hpp"

namespace tests::regression::likelihood_search {

namespace {

using Catch::Matchers::Message;
using l0::Index;
using l0::Matrix;
using l0::Vector;
using DenseDesign = l0::detail::DenseDesign<double, double>;
using SparseDesign = l0::detail::SparseDesign<double, double>;
using GlmFit = l0::detail::GlmFit<double>;
using GlmFitter = l0::detail::GlmFitter<double>;
using Design = l0::detail::Design<double>;
using LikelihoodSearch = l0::detail::LikelihoodSearch<double>;
using l0::Bernoulli;
using l0::Poisson;
using l0::detail::PointwiseLikelihood;
using l0::detail::SelectionOptions;
using l0::detail::SupportScore;

struct Problem {
  Matrix<double> x;
  Matrix<double> y;
  std::vector<Index> truth;
};

/// Uniform in (0, 1), the same with every standard library.
double uniform(std::mt19937_64& rng) { return (static_cast<double>(rng() >> 11) + 0.5) * 0x1p-53; }

double normal(std::mt19937_64& rng) {
  return std::sqrt(-2 * std::log(uniform(rng))) * std::cos(6.283185307179586 * uniform(rng));
}

template <class Family>
double draw(double eta, std::mt19937_64& rng) {
  const double mean = Family{}.mean(eta);
  if constexpr (std::is_same_v<Family, Bernoulli>) {
    return uniform(rng) < mean ? 1 : 0;
  } else {
    double count = 0;
    for (double product = uniform(rng); product > std::exp(-mean); product *= uniform(rng)) ++count;
    return count;
  }
}

/// Columns with correlation ρ^|i−j|, `k` of them with a coefficient of ±size.
template <class Family>
Problem make_problem(Index n, Index p, Index k, double rho, double size, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  Problem problem{Matrix<double>(n, p), Matrix<double>(n, 1), {}};
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < p; ++j) {
      const double noise = normal(rng);
      problem.x(i, j) = j == 0 ? noise : rho * problem.x(i, j - 1) + std::sqrt(1 - rho * rho) * noise;
    }
  }
  Vector<double> eta = Vector<double>::Constant(n, 0.4);
  for (Index a = 0; a < k; ++a) {
    const Index j = (2 * a + 1) * p / (2 * k);
    problem.truth.push_back(j);
    eta += (a % 2 == 0 ? size : -size) * problem.x.col(j);
  }
  for (Index i = 0; i < n; ++i) problem.y(i, 0) = draw<Family>(eta(i), rng);
  return problem;
}

template <class Family>
constexpr double effect = std::is_same_v<Family, Bernoulli> ? 1.3 : 0.4;

template <class Family>
PointwiseLikelihood<Family, double> likelihood_of(const Matrix<double>& y) {
  return {{}, Vector<double>(y.col(0)), Vector<double>::Ones(y.rows()), {}};
}

SelectionOptions completed(SelectionOptions options, const Design& design) {
  options.score = l0::detail::complete_score(options, static_cast<double>(design.rows()), design.columns(), 1);
  options.score.unknown_variance = false;
  return options;
}

/// A search and the likelihood that it is of.
template <class Family>
struct Selection {
  Selection(const Design& design, const Matrix<double>& y, const SelectionOptions& options = {})
      : likelihood(likelihood_of<Family>(y)), search(design, likelihood, completed(options, design)) {}
  auto run() { return search.run(); }
  auto run_from(const std::vector<Index>& start) { return search.run_from(start); }

  PointwiseLikelihood<Family, double> likelihood;
  LikelihoodSearch search;
};

template <class Family>
auto select(const Design& design, const Matrix<double>& y, const SelectionOptions& options) {
  return Selection<Family>(design, y, options).run();
}

template <class Family>
auto select(const Problem& problem, const SelectionOptions& options = {}) {
  return select<Family>(DenseDesign(problem.x), problem.y, options);
}

SelectionOptions exactly(Index size) {
  SelectionOptions options;
  options.score.kind = SupportScore::Kind::exact;
  options.score.size = size;
  return options;
}

SelectionOptions priced(double lambda) {
  SelectionOptions options;
  options.score.kind = SupportScore::Kind::price;
  options.score.lambda = lambda;
  return options;
}

std::vector<Index> members(unsigned subset) {
  std::vector<Index> support;
  for (Index j = 0; subset >> j != 0; ++j) {
    if (subset >> j & 1U) support.push_back(j);
  }
  return support;
}

/// The lowest score of all subsets for which `allowed(fit)`.
template <class Family, class Allowed>
double exhaustive(const Problem& problem, const SelectionOptions& options, Allowed allowed) {
  const DenseDesign design(problem.x);
  const auto likelihood = likelihood_of<Family>(problem.y);
  GlmFitter fitter(design, likelihood, options.centre, options.lambda_l2);
  const SupportScore score = completed(options, design).score;
  double lowest = std::numeric_limits<double>::infinity();
  for (unsigned subset = 0; subset < 1U << problem.x.cols(); ++subset) {
    if (score.kind == SupportScore::Kind::exact && std::popcount(subset) != score.size) continue;
    const GlmFit fit = fitter.fit(members(subset));
    if (allowed(fit)) lowest = std::min(lowest, score.of_deviance(fit.objective, fit.extent()));
  }
  return lowest;
}

template <class Family>
double exhaustive(const Problem& problem, const SelectionOptions& options) {
  return exhaustive<Family>(problem, options, [](const GlmFit&) { return true; });
}

Vector<double> predict(const Matrix<double>& x, const GlmFit& fit) {
  Vector<double> eta = Vector<double>::Constant(x.rows(), fit.intercept(0));
  for (Index i = 0; i < fit.size(); ++i) eta += fit.coefficients(i) * x.col(fit.units[static_cast<std::size_t>(i)]);
  return eta;
}

}  // namespace

TEMPLATE_TEST_CASE("The selection of a likelihood finds the true support", "", Bernoulli, Poisson) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    const Problem problem = make_problem<TestType>(800, 60, 5, 0.4, effect<TestType>, seed);
    const auto result = select<TestType>(problem);
    CHECK(result.best.units == problem.truth);
    CHECK(select<TestType>(problem, exactly(5)).best.units == problem.truth);
    CHECK_FALSE(result.best.separable);
    for (Index i = 0; i < result.best.size(); ++i) {
      const double truth = (i % 2 == 0 ? 1 : -1) * effect<TestType>;
      CHECK(result.best.coefficients(i) == Approx(truth).margin(0.4));
    }
    CHECK(result.by_size[5].units == problem.truth);
    for (std::size_t k = 1; k < result.by_size.size(); ++k) {
      if (!std::isfinite(result.by_size[k].deviance)) continue;
      CHECK(result.by_size[k].size() == static_cast<Index>(k));
      CHECK(result.by_size[k].deviance < result.by_size[k - 1].deviance);
    }
  }
}

TEMPLATE_TEST_CASE("The selection of a likelihood is as good as a look at all subsets", "", Bernoulli, Poisson) {
  for (const double rho : {0.3, 0.9}) {
    for (const std::uint64_t seed : {1U, 2U, 3U, 4U}) {
      const Problem problem = make_problem<TestType>(100, 10, 4, rho, effect<TestType> / 2, seed);
      for (const SelectionOptions& options : {SelectionOptions{}, priced(0.02), exactly(3)}) {
        const double expected = exhaustive<TestType>(problem, options);
        CHECK(select<TestType>(problem, options).best.score == Approx(expected).margin(1e-5));
      }
    }
  }
}

TEMPLATE_TEST_CASE("Without an intercept, and with an L2 penalty, all subsets agree as well", "", Bernoulli, Poisson) {
  for (const std::uint64_t seed : {5U, 6U}) {
    const Problem problem = make_problem<TestType>(100, 8, 3, 0.7, effect<TestType>, seed);
    for (const double lambda_l2 : {0.0, 0.05}) {
      for (const bool centre : {true, false}) {
        SelectionOptions options;
        options.lambda_l2 = lambda_l2;
        options.centre = centre;
        const auto best = select<TestType>(problem, options).best;
        CHECK(best.score == Approx(exhaustive<TestType>(problem, options)).margin(1e-5));
        if (!centre) CHECK(best.intercept(0) == 0);
      }
    }
  }
}

TEMPLATE_TEST_CASE("The gradient of a fit vanishes", "", Bernoulli, Poisson) {
  const Problem problem = make_problem<TestType>(200, 20, 4, 0.6, effect<TestType>, 7);
  for (const double lambda_l2 : {0.0, 0.1}) {
    SelectionOptions options = exactly(5);
    options.lambda_l2 = lambda_l2;
    const GlmFit fit = select<TestType>(problem, options).best;
    REQUIRE(fit.size() == 5);
    const Vector<double> eta = predict(problem.x, fit);
    const Vector<double> residual = problem.y.col(0) - eta.unaryExpr([](double e) { return TestType::mean(e); });
    CHECK(residual.mean() == Approx(0).margin(1e-6));
    for (Index i = 0; i < fit.size(); ++i) {
      const Index j = fit.units[static_cast<std::size_t>(i)];
      const double slope = -problem.x.col(j).dot(residual) / 200 + 2 * lambda_l2 * fit.coefficients(i);
      CHECK(slope == Approx(0).margin(1e-6));
    }
  }
}

TEMPLATE_TEST_CASE("A sample weight of 2 is a row given twice", "", Bernoulli, Poisson) {
  const Problem once = make_problem<TestType>(120, 15, 3, 0.5, effect<TestType>, 8);
  const Index n = 120;
  Vector<double> weight = Vector<double>::Ones(n);
  weight.head(40).setConstant(2);
  Problem twice{Matrix<double>(n + 40, 15), Matrix<double>(n + 40, 1), {}};
  twice.x << once.x, once.x.topRows(40);
  twice.y << once.y, once.y.topRows(40);
  const GlmFit repeated = select<TestType>(twice, exactly(3)).best;
  weight /= weight.mean();
  const DenseDesign design(once.x);
  const PointwiseLikelihood<TestType, double> likelihood({}, Vector<double>(once.y.col(0)), weight, {});
  const GlmFit weighted = LikelihoodSearch(design, likelihood, completed(exactly(3), design)).run().best;
  REQUIRE(weighted.units == repeated.units);
  for (Index i = 0; i < 3; ++i) CHECK(weighted.coefficients(i) == Approx(repeated.coefficients(i)).epsilon(1e-6));
  CHECK(weighted.intercept(0) == Approx(repeated.intercept(0)).epsilon(1e-6));
  CHECK(weighted.deviance / 120 == Approx(repeated.deviance / 160).epsilon(1e-6));
}

TEST_CASE("Separable labels end finite and flagged") {
  Problem problem = make_problem<Bernoulli>(80, 12, 2, 0.3, 1, 9);
  problem.y = (problem.x.col(3).array() > 0.2).cast<double>();
  const auto result = select<Bernoulli>(problem);
  CHECK(result.best.units == std::vector<Index>{3});
  CHECK(result.best.separable);
  CHECK(std::isfinite(result.best.intercept(0)));
  CHECK(result.best.coefficients.allFinite());
  CHECK(result.best.deviance < 0.01 * result.by_size[0].deviance);
  CHECK_FALSE(result.by_size[0].separable);
  // A budget is met all the same.
  const GlmFit five = select<Bernoulli>(problem, exactly(5)).best;
  CHECK(five.size() == 5);
  CHECK(five.coefficients.allFinite());
}

TEST_CASE("Labels that separate but for one value are flagged") {
  // Wherever the indicator is 1 so is the label, elsewhere both occur: its coefficient would go to infinity.
  Problem problem = make_problem<Bernoulli>(100, 6, 2, 0.0, 1, 10);
  problem.x.col(2) = (problem.x.col(2).array() > 0.8).cast<double>();
  for (Index i = 0; i < 100; ++i) {
    if (problem.x(i, 2) == 1) problem.y(i, 0) = 1;
  }
  SelectionOptions options;
  options.rules.keep = {2};
  const GlmFit fit = select<Bernoulli>(problem, options).best;
  CHECK(fit.separable);
  CHECK(fit.coefficients.allFinite());
  CHECK(std::find(fit.units.begin(), fit.units.end(), 2) != fit.units.end());
}

TEST_CASE("A certain sample far out does not make labels separable") {
  Problem problem = make_problem<Bernoulli>(200, 6, 2, 0.0, 1.3, 11);
  const Index j = problem.truth[0];
  problem.x(0, j) = 60;
  problem.y(0, 0) = 1;
  const GlmFit fit = select<Bernoulli>(problem).best;
  CHECK(predict(problem.x, fit)(0) > 40);
  CHECK_FALSE(fit.separable);
  CHECK(fit.units == problem.truth);
}

TEMPLATE_TEST_CASE("Targets that are all alike end finite", "", Bernoulli, Poisson) {
  Problem problem = make_problem<TestType>(50, 5, 1, 0.0, 1, 12);
  problem.y.setZero();
  const GlmFit fit = select<TestType>(problem).best;
  CHECK(fit.units.empty());
  CHECK(std::isfinite(fit.intercept(0)));
  CHECK(fit.separable);
}

TEMPLATE_TEST_CASE("Constant and repeated columns stay out", "", Bernoulli, Poisson) {
  Problem problem = make_problem<TestType>(300, 12, 2, 0.2, effect<TestType>, 13);
  problem.x.col(0).setConstant(5);
  problem.x.col(1) = problem.x.col(problem.truth[1]);
  SelectionOptions options = exactly(4);
  options.rules.keep = {0};
  const GlmFit fit = select<TestType>(problem, options).best;
  CHECK(fit.size() == 4);
  CHECK(fit.coefficients.allFinite());
  const auto has = [&](Index j) { return std::find(fit.units.begin(), fit.units.end(), j) != fit.units.end(); };
  CHECK_FALSE(has(0));
  CHECK(has(problem.truth[0]));
  CHECK(has(1) != has(problem.truth[1]));
}

TEMPLATE_TEST_CASE("Columns far from 0 are as good as centred ones", "", Bernoulli, Poisson) {
  const Problem problem = make_problem<TestType>(300, 20, 3, 0.4, effect<TestType>, 14);
  Problem shifted = problem;
  shifted.x = (1e-3 * problem.x.array() + 1e3).matrix();
  DenseDesign near_columns(problem.x), far_columns(shifted.x);
  near_columns.standardize(Vector<double>::Ones(300), true);
  far_columns.standardize(Vector<double>::Ones(300), true);
  const GlmFit fit = select<TestType>(near_columns, problem.y, {}).best;
  const GlmFit far = select<TestType>(far_columns, problem.y, {}).best;
  REQUIRE(far.units == fit.units);
  CHECK(far.deviance == Approx(fit.deviance).epsilon(1e-8));
  for (Index i = 0; i < fit.size(); ++i) CHECK(far.coefficients(i) == Approx(fit.coefficients(i)).epsilon(1e-6));
}

TEMPLATE_TEST_CASE("Sparse and dense designs select the same", "", Bernoulli, Poisson) {
  Problem problem = make_problem<TestType>(300, 40, 4, 0.0, effect<TestType>, 15);
  problem.x = problem.x.unaryExpr([](double v) { return std::abs(v) < 0.7 ? 0.0 : v; }).eval();
  const Eigen::SparseMatrix<double> sparse = problem.x.sparseView();
  for (const SelectionOptions& options : {SelectionOptions{}, exactly(6), priced(0.02)}) {
    const GlmFit dense_fit = select<TestType>(problem, options).best;
    const GlmFit sparse_fit = select<TestType>(SparseDesign(sparse), problem.y, options).best;
    REQUIRE(sparse_fit.units == dense_fit.units);
    CHECK((sparse_fit.coefficients - dense_fit.coefficients).norm() < 1e-8);
    CHECK(sparse_fit.intercept(0) == Approx(dense_fit.intercept(0)).epsilon(1e-8));
  }
}

TEMPLATE_TEST_CASE("A design of floats selects the same", "", Bernoulli, Poisson) {
  const Problem problem = make_problem<TestType>(400, 50, 4, 0.5, effect<TestType>, 16);
  const Matrix<float> x = problem.x.cast<float>();
  const GlmFit fit = select<TestType>(problem).best;
  const GlmFit of_floats =
      select<TestType>(l0::detail::DenseDesign<float, double>(x), problem.y, SelectionOptions{}).best;
  REQUIRE(of_floats.units == fit.units);
  CHECK((of_floats.coefficients - fit.coefficients).norm() < 1e-5);
  CHECK(of_floats.deviance == Approx(fit.deviance).epsilon(1e-6));
}

TEMPLATE_TEST_CASE("Rules are obeyed at the price they must have", "", Bernoulli, Poisson) {
  for (const std::uint64_t seed : {17U, 18U, 19U}) {
    const Problem problem = make_problem<TestType>(150, 9, 4, 0.6, effect<TestType> / 2, seed);
    const auto compare = [&](const SelectionOptions& options, auto allowed) {
      const GlmFit best = select<TestType>(problem, options).best;
      CHECK(allowed(best));
      CHECK(best.score == Approx(exhaustive<TestType>(problem, options, allowed)).margin(1e-5));
    };
    SelectionOptions kept;
    kept.rules.keep = {0, 5};
    compare(kept, [](const GlmFit& fit) {
      return std::find(fit.units.begin(), fit.units.end(), 0) != fit.units.end() &&
             std::find(fit.units.begin(), fit.units.end(), 5) != fit.units.end();
    });
    SelectionOptions positive;
    positive.rules.non_negative = true;
    compare(positive, [](const GlmFit& fit) { return fit.size() == 0 || fit.coefficients.minCoeff() >= 0; });
    SelectionOptions grouped;
    grouped.rules.group = {0, 0, 0, 1, 1, 1, 2, 2, 2};
    grouped.rules.most_per_group = 1;
    compare(grouped, [](const GlmFit& fit) {
      for (std::size_t i = 1; i < fit.units.size(); ++i) {
        if (fit.units[i] / 3 == fit.units[i - 1] / 3) return false;
      }
      return true;
    });
  }
}

TEST_CASE("A known support is polished to the same end") {
  const Problem problem = make_problem<Bernoulli>(300, 30, 4, 0.5, 1.3, 20);
  const DenseDesign design(problem.x);
  auto selection = Selection<Bernoulli>(design, problem.y);
  const GlmFit best = selection.run().best;
  const GlmFit again = selection.run_from(best.units).best;
  CHECK(again.units == best.units);
  CHECK(again.score == Approx(best.score).epsilon(1e-10));
  CHECK(selection.run_from({0, 1, 2}).best.score == Approx(best.score).epsilon(1e-10));
}

TEST_CASE("Kept columns stay in, whatever the start") {
  const Problem problem = make_problem<Bernoulli>(300, 30, 4, 0.5, 1.3, 20);
  const DenseDesign design(problem.x);
  SelectionOptions options;
  options.rules.keep = {0};
  auto selection = Selection<Bernoulli>(design, problem.y, options);
  for (const auto& result : {selection.run(), selection.run_from({0}), selection.run_from(problem.truth)}) {
    for (const GlmFit& fit : result.by_size) {
      if (std::isfinite(fit.objective)) CHECK(fit.units.front() == 0);
    }
  }
  CHECK(selection.run().best.units.front() == 0);
}

TEST_CASE("Targets that the family does not know are refused by name") {
  Matrix<double> y(3, 1);
  y << 0, 2, 1;
  CHECK_THROWS_MATCHES(l0::detail::require_targets(Bernoulli(), "y", y), l0::Error,
                       Message("l0: y(1) is 2, expected a label 0 or 1 (MultinomialRegression takes more classes)"));
  CHECK_NOTHROW(l0::detail::require_targets(Poisson(), "y", y));
  for (const auto& [value, text] : {std::pair{-1.0, "-1"}, {std::numeric_limits<double>::infinity(), "inf"}}) {
    y(2) = value;
    CHECK_THROWS_MATCHES(l0::detail::require_targets(Poisson(), "y", y), l0::Error,
                         Message(std::string("l0: y(2) is ") + text + ", expected a finite count >= 0"));
  }
  y(2) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(l0::detail::require_targets(Bernoulli(), "y", y), l0::Error);
}

TEST_CASE("More columns than are searched at once are screened, and none is overlooked") {
  for (const std::uint64_t seed : {1U, 2U}) {
    Problem problem = make_problem<Bernoulli>(400, 3000, 5, 0.0, 1.6, seed);
    const DenseDesign design(problem.x);
    const auto found = l0::detail::select_glm(design, likelihood_of<Bernoulli>(problem.y), {});
    const auto whole = Selection<Bernoulli>(design, problem.y).run();
    CHECK(found.best.support == problem.truth);
    CHECK(found.best.support == whole.best.units);
    CHECK(found.best.score == Approx(whole.best.score).epsilon(1e-8));
  }
}

}  // namespace tests::regression::likelihood_search
