// SPDX-License-Identifier: MIT
// Wrong input is refused and leaves the model as it was; unusual input is not.
#include <l0/trees/soft_tree_boosting.hpp>

#include <limits>
#include <string>

#include "support/catch.hpp"
#include "trees/friedman.hpp"

namespace tests::trees::bad_input {

namespace {

using Boosting = l0::SoftTreeBoosting<double>;
using Catch::Matchers::ContainsSubstring;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using Options = l0::SoftTreeBoostingOptions;

/// The message of the error that a fit ends with.
std::string refusal(Options options, const MatrixXd& x, const VectorXd& y) {
  Boosting model(std::move(options));
  try {
    model.fit(x, y);
  } catch (const l0::Error& error) {
    CHECK_FALSE(model.is_fitted());
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("Boosted trees refuse wrong data", "[trees][errors]") {
  const auto data = l0::test::friedman<double>(20, 5, 1);
  CHECK_THAT(refusal({}, MatrixXd(0, 5), VectorXd(0)), ContainsSubstring("X is 0"));
  CHECK_THAT(refusal({}, data.x, data.y.head(19)), ContainsSubstring("y is 19x1"));
  MatrixXd x = data.x;
  x(3, 2) = std::numeric_limits<double>::infinity();
  CHECK_THAT(refusal({}, x, data.y), ContainsSubstring("X(3, 2)"));
  const auto refused = [&](l0::Samples<double> samples) {
    Boosting model;
    try {
      model.fit(data.x, data.y, samples);
    } catch (const l0::Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK_THAT(refused({.weight = VectorXd::Ones(19)}), ContainsSubstring("sample_weight is 19x1"));
  CHECK_THAT(refused({.weight = VectorXd::Constant(20, -1)}), ContainsSubstring("sample_weight is -1"));
  CHECK_THAT(refused({.weight = VectorXd::Zero(20)}), ContainsSubstring("sample_weight is 0"));
  CHECK_THAT(refused({.offset = VectorXd::Ones(3)}), ContainsSubstring("offset is 3x1"));
  CHECK_THAT(refused({.fold = {0, 1}}), ContainsSubstring("fold is 2x1"));
  VectorXd y = data.y;
  y(4) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THAT(refusal({}, data.x, y), ContainsSubstring("y(4, 0)"));
  CHECK_THAT(refusal({.loss = l0::TreeLoss::logistic}, data.x, VectorXd::Constant(20, 0.5)),
             ContainsSubstring("y is 0.5"));
  CHECK_THAT(refusal({.loss = l0::TreeLoss::poisson}, data.x, VectorXd::Constant(20, -1)),
             ContainsSubstring("y is -1"));
}

TEST_CASE("Boosted trees refuse impossible options", "[trees][errors]") {
  const auto data = l0::test::friedman<double>(20, 5, 1);
  const auto refused = [&](Options options, const char* name) {
    CHECK_THAT(refusal(std::move(options), data.x, data.y), ContainsSubstring(name));
  };
  refused({.trees = -1}, "trees is -1");
  refused({.depth = 0}, "depth is 0");
  refused({.depth = 9}, "depth is 9");
  refused({.lambda_l0 = -1.0}, "lambda_l0 is -1");
  refused({.max_features = 6}, "max_features is 6");
  refused({.max_features = -1}, "max_features is -1");
  refused({.lambda_l0 = 1.0, .max_features = 2}, "lambda_l0 is given together");
  refused({.learning_rate = 0}, "learning_rate is 0");
  refused({.learning_rate = 1.5}, "learning_rate is 1.5");
  refused({.subsample = 0}, "subsample is 0");
  refused({.lambda_l2 = -1}, "lambda_l2 is -1");
  refused({.folds = 1}, "folds is 1");
  refused({.max_features = 2, .folds = 0}, "folds is 0");
  refused({.validation_share = 1}, "validation_share is 1");
  refused({.patience = 0}, "patience is 0");
  refused({.lambda_trees = -1.0}, "lambda_trees is -1");
  refused({.max_trees = -1}, "max_trees is -1");
  refused({.lambda_trees = 1.0, .max_trees = 1}, "lambda_trees is given together");
  refused({.refinements = -1}, "refinements is -1");
  refused({.threads = 0}, "threads is 0");
  refused({.feature_names = {"a"}}, "feature_names is 1");
}

TEST_CASE("A refused fit leaves the model as it was", "[trees][errors]") {
  const auto data = l0::test::friedman<double>(40, 5, 1);
  Boosting model({.trees = 5, .folds = 2});
  CHECK_THROWS_AS(model.predict(data.x), l0::Error);
  CHECK_THROWS_AS(model.selected_features(), l0::Error);
  CHECK_THROWS_AS(model.summary(), l0::Error);
  model.fit(data.x, data.y);
  const VectorXd before = model.predict(data.x);
  CHECK_THROWS_AS(model.fit(data.x, data.y.head(3)), l0::Error);
  CHECK(model.predict(data.x) == before);
  CHECK_THROWS_AS(model.predict(data.x.leftCols(4)), l0::Error);
  CHECK_THROWS_AS(model.loss(data.x, data.y.head(3)), l0::Error);
  CHECK_THROWS_WITH(model.staged_loss(data.x.leftCols(4), data.y), ContainsSubstring("X is 40x4, expected 40x5"));
  CHECK_THROWS_AS(model.staged_loss(data.x, data.y.head(3)), l0::Error);
  CHECK_THROWS_AS(model.predict_probability(data.x), l0::Error);
  CHECK(model.predict(MatrixXd(0, 5)).size() == 0);
}

TEST_CASE("Boosted trees take little and dull data", "[trees]") {
  const auto data = l0::test::friedman<double>(60, 5, 1);
  Boosting model;
  // One row: its value, from no feature.
  model.fit(data.x.topRows(1), data.y.head(1));
  CHECK(model.predict(data.x)(7) == Approx(data.y(0)));
  CHECK(model.selected_features().empty());
  // Two rows.
  model.fit(data.x.topRows(2), data.y.head(2));
  CHECK(model.predict(data.x).allFinite());
  const VectorXd two_rows = model.predict(data.x);
  model.fit(data.x.array().topRows(2), data.y.array().head(2));
  CHECK(model.predict(data.x.array()) == two_rows);
  CHECK(model.loss(data.x.array(), data.y.array()) == model.loss(data.x, data.y));
  // No column; no variation in any; none in y.
  model.fit(MatrixXd(60, 0), data.y);
  CHECK(model.predict(MatrixXd(3, 0))(0) == Approx(data.y.mean()));
  model.fit(MatrixXd::Constant(60, 3, 2.0), data.y);
  CHECK(model.predict(MatrixXd::Zero(1, 3))(0) == Approx(data.y.mean()));
  CHECK(model.report().notes.size() == 1);
  model.fit(data.x, VectorXd::Constant(60, 3.5));
  CHECK(model.selected_features().empty());
  CHECK(model.predict(data.x).isApproxToConstant(3.5));
  // One column that tells all; a constant one beside it.
  MatrixXd x = MatrixXd::Constant(60, 2, 1.0);
  x.col(1) = VectorXd::LinSpaced(60, 0, 1).array().square();
  const VectorXd step = (x.col(1).array() > 0.3).cast<double>();
  model.fit(x, step);
  CHECK(model.selected_features() == std::vector<Eigen::Index>{1});
  CHECK((model.predict(x) - step).cwiseAbs().maxCoeff() < 0.2);
  Boosting one_column;
  one_column.fit(x.col(1), step);
  CHECK(one_column.report().features == 1);
  // Labels of one kind, no counts at all, and no trees.
  Boosting logistic({.loss = l0::TreeLoss::logistic});
  logistic.fit(data.x, VectorXd::Ones(60));
  CHECK((logistic.predict_probability(data.x).array() > 0.98).all());
  CHECK((logistic.predict_probability(data.x).array() < 1).all());  // no label is certain
  Boosting poisson({.loss = l0::TreeLoss::poisson});
  poisson.fit(data.x, VectorXd::Zero(60));
  CHECK((poisson.predict(data.x).array() < 0.02).all());
  poisson.fit(data.x, VectorXd((data.x.col(0).array() > 0.95).cast<double>() * 1000));
  CHECK(poisson.predict(data.x).allFinite());
  Boosting none({.trees = 0});
  none.fit(data.x, data.y);
  CHECK(none.report().trees == 0);
}

}  // namespace tests::trees::bad_input
