// SPDX-License-Identifier: MIT
// Estimators in files.
#include <l0/io/model.hpp>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/factorization/matrix_factorization.hpp>
#include <l0/random/rng.hpp>
#include <l0/regression/cox_regression.hpp>
#include <l0/regression/gamma_regression.hpp>
#include <l0/regression/huber_regression.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>
#include <l0/regression/negative_binomial_regression.hpp>
#include <l0/regression/poisson_regression.hpp>
#include <l0/regression/quantile_regression.hpp>
#include <l0/regression/quasi_poisson_regression.hpp>
#include <l0/trees/soft_tree_boosting.hpp>

#include "io/files.hpp"
#include "support/catch.hpp"

namespace tests::io::model {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Index;
using l0::test::TemporaryFile;

template <class Scalar>
struct Data {
  l0::Matrix<Scalar> X;
  l0::Vector<Scalar> y, label, counts, classes;

  Data() {
    l0::Rng rng(7);
    X = l0::standard_normal<Scalar>(rng, 80, 5);
    const auto noise = l0::standard_normal<Scalar>(rng, 80);
    y = X.col(1) - X.col(3) + Scalar(0.3) * noise;
    label = ((y + noise).array() > 0).template cast<Scalar>();
    counts = (Scalar(0.5) * y).array().exp().round();
    classes = label.array() + (noise.array() > 1).template cast<Scalar>();
  }
};

/// The model after a file.
template <class Model>
Model again(const Model& model) {
  const TemporaryFile file;
  l0::save(file.path(), model);
  return l0::load<Model>(file.path());
}

template <class Model, class X, class Y>
void check_regression(Model model, const X& x, const Y& y, const l0::Vector<typename Model::Scalar>& weight = {}) {
  model.fit(x, y, weight);
  const Model same = again(model);
  CHECK(same.is_fitted());
  CHECK(same.linear_predictor(x) == model.linear_predictor(x));
  CHECK(same.coefficients() == model.coefficients());
  CHECK(same.selected_features() == model.selected_features());
  CHECK(same.importance() == model.importance());
  const auto alike = [](const auto& a, const auto& b) {
    return ((a.array() == b.array()) || (a.array().isNaN() && b.array().isNaN())).all();
  };
  CHECK(alike(same.standard_errors(), model.standard_errors()));
  if constexpr (requires { model.family(); }) {
    CHECK(same.predict_mean(x) == model.predict_mean(x));
    CHECK(same.deviance(x, y) == model.deviance(x, y));
  }
  CHECK(same.covariance() == model.covariance());
  CHECK(same.degrees_of_freedom() == model.degrees_of_freedom());
  CHECK(same.summary() == model.summary());
  CHECK(same.report().notes == model.report().notes);
  CHECK(same.report().criterion == model.report().criterion);
  CHECK(same.options().max_features == model.options().max_features);
  CHECK(same.options().l2_candidates == model.options().l2_candidates);
  CHECK(same.options().aim == model.options().aim);
  Model once_more = same;
  CHECK(once_more.fit(x, y, weight).coefficients() == model.coefficients());
}

template <class Scalar>
void check_all() {
  const Data<Scalar> d;
  check_regression(l0::LinearRegression<Scalar>({.feature_names = {"a", "", "c \"quoted\"\n", "größe", "e"}}), d.X, d.y,
                   l0::Vector<Scalar>(d.y.cwiseAbs()));
  check_regression(l0::LinearRegression<Scalar>({.folds = 3,
                                                 .groups = {0, 0, 1, 1, 2},
                                                 .l2_candidates = {0, 0.1},
                                                 .fold_rule = l0::FoldRule::one_standard_error}),
                   d.X, d.y);
  check_regression(l0::LogisticRegression<Scalar>({.max_features = 1}), d.X, d.label);
  check_regression(l0::LogisticRegression<Scalar>({.folds = 3, .aim = l0::Aim::prediction}), d.X, d.label);
  check_regression(l0::PoissonRegression<Scalar>({.lambda_l0 = 0.01, .fit_intercept = false}), d.X, d.counts);
  check_regression(l0::NegativeBinomialRegression<Scalar>(), d.X, d.counts);
  check_regression(l0::QuasiPoissonRegression<Scalar>(), d.X, d.counts);
  check_regression(l0::GammaRegression<Scalar>(), d.X, l0::Vector<Scalar>(d.counts.array() + Scalar(0.5)));
  check_regression(l0::HuberRegression<Scalar>(), d.X, d.y);
  check_regression(l0::QuantileRegression<Scalar>({.max_features = 2}, {.tau = 0.3}), d.X, d.y);
  l0::Matrix<Scalar> times(80, 2);
  times << d.counts.array() + 1, d.label;
  check_regression(l0::CoxRegression<Scalar>(), d.X, times);
  check_regression(l0::MultinomialRegression<Scalar>({.must_keep = {4}}), d.X, d.classes);
  l0::Matrix<Scalar> Y(80, 2);
  Y << d.y, d.counts;
  check_regression(l0::MultiResponseRegression<Scalar>(), d.X, Y);

  l0::LinearRegression<Scalar> parts;
  parts.partial_fit(d.X, d.y);
  CHECK_THROWS_WITH(again(parts).standard_errors(l0::Covariance::sandwich), ContainsSubstring("partial_fit"));

  for (const auto loss : {l0::TreeLoss::squared, l0::TreeLoss::logistic}) {
    l0::SoftTreeBoosting<Scalar> trees({.trees = 6, .depth = 2, .loss = loss, .folds = 2});
    trees.fit(d.X, loss == l0::TreeLoss::squared ? d.y : d.label);
    const auto same = again(trees);
    CHECK(same.predict_mean(d.X) == trees.predict_mean(d.X));
    CHECK(same.staged_loss(d.X, d.y) == trees.staged_loss(d.X, d.y));
    CHECK(same.summary() == trees.summary());
    CHECK(same.report().path.size() == trees.report().path.size());
    CHECK(same.report().path.front().staged == trees.report().path.front().staged);
  }

  Eigen::SparseMatrix<Scalar> ratings = d.X.sparseView(1, Scalar(0.4));
  for (const auto gates : {l0::FactorGates::per_factor, l0::FactorGates::per_entry}) {
    l0::MatrixFactorization<Scalar> factors({.max_rank = 3, .lambda_l0 = 1e-4, .gates = gates, .epochs = 20});
    factors.fit(ratings);
    const auto same = again(factors);
    REQUIRE(same.rank() == factors.rank());
    for (Index i = 0; i < 80; ++i) CHECK(same.predict_row(i) == factors.predict_row(i));
    CHECK(same.top_k(3, 5).size() == factors.top_k(3, 5).size());
    CHECK(same.top_k(3, 5, {.exclude_observed = false}).front().column ==
          factors.top_k(3, 5, {.exclude_observed = false}).front().column);
    CHECK(same.report().objective == factors.report().objective);
    CHECK(same.report().weight == factors.report().weight);
  }
  // Counts, a clamp, users added since: the stored model goes on as the one it was.
  const Eigen::SparseMatrix<Scalar> counts = ratings.cwiseAbs();
  for (const auto loss : {l0::FactorizationLoss::squared, l0::FactorizationLoss::implicit}) {
    l0::MatrixFactorization<Scalar> factors({.max_rank = 3, .target_rank = 2, .loss = loss, .clamp = true});
    factors.fit(counts);
    factors.fold_in_users(Eigen::SparseMatrix<Scalar>(counts.topRows(5)));
    auto same = again(factors);
    REQUIRE(same.rows() == 85);
    CHECK(same.options().confidence == factors.options().confidence);
    CHECK(same.options().loss == loss);
    CHECK(same.options().clamp);
    for (Index i = 0; i < 85; ++i) CHECK(same.predict_row(i) == factors.predict_row(i));
    same.fold_in_users(Eigen::SparseMatrix<Scalar>(counts.topRows(3)));
    factors.fold_in_users(Eigen::SparseMatrix<Scalar>(counts.topRows(3)));
    CHECK(same.predict_row(87) == factors.predict_row(87));
    CHECK(same.top_k(87, 5).front().column == factors.top_k(87, 5).front().column);
  }
}

template <class Model>
std::string refusal(const std::string& path) {
  try {
    l0::load<Model>(path);
  } catch (const l0::Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("Every estimator predicts the same bits after a file") {
  check_all<double>();
  check_all<float>();
}

TEST_CASE("A file of another estimator, scalar, format or version is refused by its name") {
  const Data<double> d;
  l0::LinearRegression<double> model;
  const TemporaryFile file;
  CHECK_THROWS_WITH(l0::save(file.path(), model), ContainsSubstring("not fitted"));
  CHECK(!std::filesystem::exists(file.path()));
  model.fit(d.X, d.y);
  l0::save(file.path(), model);
  CHECK_THAT(refusal<l0::LogisticRegression<double>>(file.path()),
             ContainsSubstring(file.path() + " is of a LinearRegression, expected one of a LogisticRegression"));
  CHECK_THAT(refusal<l0::SoftTreeBoosting<double>>(file.path()), ContainsSubstring("LinearRegression"));
  CHECK_THAT(refusal<l0::LinearRegression<float>>(file.path()),
             ContainsSubstring(file.path()) && ContainsSubstring("F64"));
  l0::LinearRegression<float> single;
  const Data<float> f;
  single.fit(f.X, f.y);
  l0::save(file.path(), single);
  CHECK_THAT(refusal<l0::LinearRegression<double>>(file.path()),
             ContainsSubstring("is of a model of float, expected one of double"));

  l0::detail::write_file(file.path(), "size,loss\n1,2\n");
  CHECK_THAT(refusal<l0::LinearRegression<double>>(file.path()), ContainsSubstring(file.path()));
  l0::save(file.path(), model);
  const auto good = l0::read_safetensors<double>(file.path());
  const auto refused_after = [&](const auto& change) {
    auto changed = good;
    change(changed);
    l0::write_safetensors(file.path(), changed);
    const std::string text = refusal<l0::LinearRegression<double>>(file.path());
    CHECK_THAT(text, ContainsSubstring("l0: file " + file.path()));
    return text;
  };
  CHECK_THAT(refused_after([](auto& c) { c.metadata["version"] = "2"; }), ContainsSubstring("of version 2, expected"));
  CHECK_THAT(refused_after([](auto& c) { c.metadata.erase("l0"); }), ContainsSubstring("without l0"));
  CHECK_THAT(refused_after([](auto& c) { c.tensors.erase("coefficients"); }),
             ContainsSubstring("without coefficients"));
  CHECK_THAT(refused_after([](auto& c) { c.metadata["other"] = "1"; }), ContainsSubstring("an entry other"));
  CHECK_THAT(refused_after([](auto& c) { c.metadata["options.criterion"] = "9"; }),
             ContainsSubstring("options.criterion = 9"));
  CHECK_THAT(refused_after([](auto& c) { c.metadata["options.lambda_l0"] = "-1"; }), ContainsSubstring("options that"));
  CHECK_THAT(refused_after([](auto& c) { c.metadata["report.notes.count"] = "99999999999"; }),
             ContainsSubstring("entries"));
  CHECK_THAT(refused_after([](auto& c) { c.integers["selected"].values.back() = 5; }), ContainsSubstring("selected"));
  CHECK_THAT(
      refused_after([](auto& c) { c.integers["selected"].values.back() = c.integers["selected"].values.front(); }),
      ContainsSubstring("selected"));
  CHECK_THAT(refused_after([](auto& c) { c.tensors["coefficients"].values[1] = NAN; }), ContainsSubstring("finite"));
  CHECK_THAT(refused_after([](auto& c) { c.tensors["importance"] = {{1}, {1}}; }), ContainsSubstring("importances"));
  CHECK_THAT(refused_after([](auto& c) {
               c.tensors["standard_errors.model"] = {{1, 1}, {1}};
             }),
             ContainsSubstring("standard errors"));
  CHECK_THAT(refused_after([](auto& c) { c.metadata["intercept"] = "inf"; }), ContainsSubstring("intercept"));
  CHECK_THAT(refused_after([](auto& c) { c.metadata["report.size"] = "two"; }), ContainsSubstring("report.size = two"));
  // A file that is not written leaves the old one.
  l0::save(file.path(), model);
  CHECK_THROWS_WITH(l0::save(file.path() + "/inside", model), ContainsSubstring("not writable"));
  CHECK(l0::load<l0::LinearRegression<double>>(file.path()).coefficients() == model.coefficients());
}

TEST_CASE("Trees and factors that are none are refused") {
  const Data<double> d;
  const TemporaryFile file;
  const auto refused_after = [&](const auto& model, const auto& change) {
    using Model = std::remove_cvref_t<decltype(model)>;
    l0::save(file.path(), model);
    auto changed = l0::read_safetensors<double>(file.path());
    change(changed);
    l0::write_safetensors(file.path(), changed);
    return refusal<Model>(file.path());
  };
  l0::SoftTreeBoosting<double> trees({.trees = 2, .depth = 2, .folds = 0});
  trees.fit(d.X, d.y);
  CHECK_THAT(refused_after(trees, [](auto& c) { c.integers["trees.0.features"].values[0] = 9; }),
             ContainsSubstring("a tree"));
  CHECK_THAT(refused_after(trees,
                           [](auto& c) {
                             c.tensors["trees.1.leaves"] = {{3}, {1, 2, 3}};
                           }),
             ContainsSubstring("a tree"));
  CHECK_THAT(refused_after(trees, [](auto& c) { c.tensors["trees.1.widths"].values[0] = -1; }),
             ContainsSubstring("a tree"));
  CHECK_THAT(refused_after(trees, [](auto& c) { c.tensors["scales.0.values"].values[1] = -1e9; }),
             ContainsSubstring("ascend"));
  CHECK_THAT(refused_after(trees, [](auto& c) { c.metadata["scales.count"] = "0"; }), ContainsSubstring("selected"));
  CHECK(refused_after(trees, [](auto&) {}).empty());

  l0::MatrixFactorization<double> factors({.max_rank = 2, .lambda_l0 = 1e-4, .epochs = 10});
  factors.fit(Eigen::SparseMatrix<double>(d.X.sparseView(1, 0.4)));
  CHECK_THAT(refused_after(factors,
                           [](auto& c) {
                             c.tensors["user_biases"] = {{1}, {1}};
                           }),
             ContainsSubstring("factors"));
  CHECK_THAT(refused_after(factors, [](auto& c) { c.integers["observed"].values[1] = 77; }),
             ContainsSubstring("observed"));
  CHECK_THAT(refused_after(factors, [](auto& c) { c.integers["observed_start"].values[1] = -4; }),
             ContainsSubstring("observed"));
  CHECK_THAT(refused_after(factors, [](auto& c) { c.integers["observed"].values[0] = std::int64_t{1} << 40; }),
             ContainsSubstring("in observed"));
  CHECK_THAT(refused_after(factors, [](auto& c) { c.metadata["options.zeta"] = "0.5"; }),
             ContainsSubstring("options that"));
  CHECK(refused_after(factors, [](auto&) {}).empty());
}

}  // namespace tests::io::model
