// SPDX-License-Identifier: MIT
// Every restriction holds in every way to say how sparse, or is refused; what a budget does not reach has a true note.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <Eigen/Core>

#include <l0/random/rng.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>
#include <l0/regression/poisson_regression.hpp>
#include <l0/regression/regularization_path.hpp>

#include "support/catch.hpp"

namespace tests::regression::restrictions {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Index;
using l0::RegressionOptions;
using Dense = l0::Matrix<double>;
using Column = l0::Vector<double>;

constexpr Index n = 60, p = 10;

struct Data {
  Dense X;
  Column y, labels, counts, classes;
  Dense several;

  explicit Data(std::uint64_t seed) {
    l0::Rng rng(seed);
    X = l0::standard_normal<double>(rng, n, p);
    const Column eta = X.col(0) - X.col(1) + 0.7 * X.col(5) - 0.5 * X.col(4) + 0.4 * X.col(8);
    y = eta + l0::standard_normal<double>(rng, n);
    const Column u = l0::standard_uniform<double>(rng, n);
    labels = (u.array() * (1 + (-eta.array()).exp()) < 1).cast<double>();
    counts = ((0.5 * eta.array()).exp() + 2 * u.array()).floor();
    classes = (y.array() > -0.7).cast<double>() + (y.array() > 0.7).cast<double>();
    several.resize(n, 2);
    several << y, X.col(3) - y;
  }
};

struct Way {
  const char* name;
  void (*set)(RegressionOptions&);
};
const Way ways[] = {
    {"criterion", [](RegressionOptions&) {}},
    {"price 0", [](RegressionOptions& o) { o.lambda_l0 = 0; }},
    {"price", [](RegressionOptions& o) { o.lambda_l0 = 0.02; }},
    {"budget 3", [](RegressionOptions& o) { o.max_features = 3; }},
    {"budget 8", [](RegressionOptions& o) { o.max_features = 8; }},
    {"folds", [](RegressionOptions& o) { o.folds = 3; }},
    {"sampled, price",
     [](RegressionOptions& o) { o.gates = l0::GateMode::sampled, o.lambda_l0 = 0.02, o.epochs = 60; }},
    {"sampled, budget",
     [](RegressionOptions& o) { o.gates = l0::GateMode::sampled, o.max_features = 4, o.epochs = 60; }},
};
const Way rules[] = {
    {"signs", [](RegressionOptions& o) { o.non_negative = true; }},
    {"kept",
     [](RegressionOptions& o) {
       o.must_keep = {1, 4};
     }},
    {"signs, kept",
     [](RegressionOptions& o) {
       o.non_negative = true, o.must_keep = {1, 5, 7};
     }},
    {"at most one of a group",
     [](RegressionOptions& o) { o.groups = {0, 0, 0, 1, 1, 1, 2, 2, 2, 2}, o.max_per_group = 1; }},
    {"at most two of a group, kept",
     [](RegressionOptions& o) {
       o.groups = {0, 0, 0, 1, 1, 1, 2, 2, 2, 2}, o.max_per_group = 2, o.must_keep = {1, 2};
     }},
    {"at most one of a group, signs",
     [](RegressionOptions& o) {
       o.groups = {0, 0, 0, 1, 1, 1, 2, 2, 2, 2}, o.max_per_group = 1, o.non_negative = true;
     }},
};

bool has_note(const std::vector<std::string>& notes, const std::string& words) {
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return note.find(words) != std::string::npos; });
}

template <class Coefficients>
void check_rules(const RegressionOptions& options, const Coefficients& coefficients, const std::vector<Index>& support,
                 const std::vector<std::string>* notes) {
  CHECK(coefficients.allFinite());
  if (options.non_negative) CHECK((coefficients.array() >= 0).all());
  for (const Index j : options.must_keep) {
    if (std::find(support.begin(), support.end(), j) != support.end()) continue;
    CHECK(options.non_negative);
    if (notes != nullptr) CHECK(has_note(*notes, "feature " + std::to_string(j) + " of must_keep stays at 0"));
  }
  if (options.max_per_group > 0) {
    std::vector<Index> of_group(3, 0);
    for (const Index j : support) ++of_group[static_cast<std::size_t>(options.groups[static_cast<std::size_t>(j)])];
    CHECK(*std::max_element(of_group.begin(), of_group.end()) <= options.max_per_group);
  }
}

template <class Model, class Y>
void check_all(const Data& data, const Y& y, bool signs) {
  for (const Way& way : ways) {
    for (const Way& rule : rules) {
      RegressionOptions options;
      way.set(options);
      rule.set(options);
      CAPTURE(way.name, rule.name);
      Model model(options);
      if (options.non_negative && !signs) {
        CHECK_THROWS_AS(model.fit(data.X, y), l0::Error);
        continue;
      }
      model.fit(data.X, y);
      check_rules(options, model.coefficients(), model.selected_features(), &model.report().notes);
      if (options.max_features) {
        CHECK(model.report().size <= *options.max_features);
        if (model.report().size < *options.max_features) {
          const bool by_groups = has_note(model.report().notes, "all that max_per_group allows");
          const bool by_signs = has_note(model.report().notes, "a coefficient above 0") ||
                                has_note(model.report().notes, "coefficients below 0");
          CHECK((by_groups || by_signs));
          if (by_groups) CHECK(options.max_per_group > 0);
          if (by_signs) CHECK(options.non_negative);
        }
      } else if (options.lambda_l0 == 0.0 && options.gates == l0::GateMode::noise_free && !options.non_negative &&
                 options.max_per_group == 0) {
        CHECK(model.report().size == p);
      }
    }
  }
}

}  // namespace

TEST_CASE("Every restriction holds, however the size is chosen", "[models]") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Data data(seed);
    CAPTURE(seed);
    check_all<l0::LinearRegression<double>>(data, data.y, true);
    check_all<l0::LogisticRegression<double>>(data, data.labels, true);
    check_all<l0::PoissonRegression<double>>(data, data.counts, true);
    check_all<l0::MultiResponseRegression<double>>(data, data.several, false);
    if (seed == 1) check_all<l0::MultinomialRegression<double>>(data, data.classes, false);
  }
}

TEST_CASE("Every restriction holds on paths and on samples in parts", "[models]") {
  const Data data(4);
  for (const Way& rule : rules) {
    RegressionOptions options;
    rule.set(options);
    CAPTURE(rule.name);
    const auto path = l0::regularization_path(l0::LinearRegression<double>(options), data.X, data.y);
    for (const auto& point : path.points) check_rules(options, point.coefficients, point.support, nullptr);
    l0::LinearRegression<double> parts(options);
    parts.partial_fit(data.X.topRows(40), data.y.head(40));
    parts.partial_fit(data.X.bottomRows(20), data.y.tail(20));
    check_rules(options, parts.coefficients(), parts.selected_features(), &parts.report().notes);
    l0::LogisticRegression<double> labels(options);
    labels.partial_fit(data.X, data.labels);
    check_rules(options, labels.coefficients(), labels.selected_features(), &labels.report().notes);
  }
}

TEST_CASE("Kept features under a rule of signs are those of the non-negative least squares", "[models]") {
  // The solution over the kept columns alone meets the conditions of Karush, Kuhn and Tucker: the slope of the loss is
  // 0 where a coefficient is positive, and not negative where it is 0.
  for (std::uint64_t seed = 10; seed < 30; ++seed) {
    const Data data(seed);
    CAPTURE(seed);
    RegressionOptions options{.max_features = p, .non_negative = true};
    for (Index j = 0; j < p; ++j) options.must_keep.push_back(j);
    l0::LinearRegression<double> model(options);
    model.fit(data.X, data.y);
    CHECK(model.coefficients().minCoeff() >= 0);
    const Column residual = data.y - model.predict(data.X);
    const Column slope = -data.X.transpose() * residual;
    for (Index j = 0; j < p; ++j) {
      const double rounding = 1e-9 * data.y.norm();
      CHECK(slope(j) > -rounding);
      if (model.coefficients()(j) > 0) CHECK(std::abs(slope(j)) < rounding);
    }
  }
}

TEST_CASE("A price is not capped by the largest size that a criterion looks at", "[models]") {
  l0::Rng rng(5);
  const Dense X = l0::standard_normal<double>(rng, 400, 30);
  const Column y = X.rowwise().sum() + l0::standard_normal<double>(rng, 400);
  for (const Index largest : {0, 1, 7, 100}) {
    l0::LinearRegression<double> model({.lambda_l0 = 0.01, .max_size = largest});
    model.fit(X, y);
    CHECK(model.report().size == 30);
    l0::LinearRegression<double> parts({.lambda_l0 = 0.01, .max_size = largest});
    parts.partial_fit(X, y);
    CHECK(parts.report().size == 30);
  }
  l0::PoissonRegression<double> counts({.lambda_l0 = 0, .max_size = 3});
  counts.fit(X, (0.1 * y.array()).exp().floor().matrix());
  CHECK(counts.report().size == 30);
}

TEST_CASE("What contradicts itself is refused before anything is read", "[models]") {
  const Data data(6);
  const auto refused = [&](const RegressionOptions& options, const char* words) {
    l0::LinearRegression<double> model(options);
    CHECK_THROWS_WITH(model.fit(data.X, data.y), ContainsSubstring(words));
    CHECK_FALSE(model.is_fitted());
  };
  refused({.must_keep = {1, 2}, .groups = {0, 0, 0, 1, 1, 1, 2, 2, 2, 2}, .max_per_group = 1}, "max_per_group");
  refused({.non_negative = true, .gates = l0::GateMode::off}, "gates");
  refused({.groups = {0, 0, 0, 1, 1, 1, 2, 2, 2, 2}, .max_per_group = 1, .gates = l0::GateMode::off}, "gates");
}

}  // namespace tests::regression::restrictions
