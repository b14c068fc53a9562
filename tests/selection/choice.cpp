// SPDX-License-Identifier: MIT
// Which items the gates choose, and what of the data comes back.
#include <l0/selection/feature_gate.hpp>
#include <l0/selection/sample_gate.hpp>

#include "support/catch.hpp"
#include "support/concurrently.hpp"

namespace tests::selection::choice {

namespace {

using Indices = std::vector<l0::Index>;
using l0::FeatureGate;
using l0::Index;
using l0::Matrix;
using l0::SampleGate;
using l0::Vector;
using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// The entry in row i and column j is 10 i + j; every third is 0.
Matrix<double> numbered(Index rows, Index columns) {
  return Matrix<double>::NullaryExpr(
      rows, columns, [](Index i, Index j) { return (i + j) % 3 == 2 ? 0.0 : 10.0 * double(i) + double(j) + 1; });
}

/// The chosen part, from every way in which X may be given.
template <class Gates>
void check_select(const Gates& gates, const Matrix<double>& x, const Matrix<double>& expected) {
  const auto check = [&](const auto& given) {
    const auto chosen = gates.select(given);
    CHECK(Matrix<double>(chosen.data) == expected);
    CHECK(chosen.indices == gates.selected());
  };
  const Rows by_rows = x;
  check(x);
  check(by_rows);
  check(x.array());
  check(by_rows * Matrix<double>::Identity(x.cols(), x.cols()));
  const Eigen::SparseMatrix<double> sparse = x.sparseView();
  const Eigen::SparseMatrix<double, Eigen::RowMajor, long> sparse_rows = x.sparseView();
  Eigen::SparseMatrix<double> spacious = sparse;
  spacious.reserve(Eigen::VectorXi::Constant(spacious.cols(), 2));
  check(sparse);
  check(sparse_rows);
  check(spacious);
  check(2 * sparse * 0.5);
  static_assert(std::is_same_v<decltype(gates.select(sparse).data), Eigen::SparseMatrix<double>>);
  static_assert(std::is_same_v<decltype(gates.select(sparse_rows).data), std::remove_cv_t<decltype(sparse_rows)>>);
  CHECK(gates.select(sparse).data.nonZeros() == (expected.array() != 0).count());
}

}  // namespace

TEMPLATE_TEST_CASE("With a budget exactly so many are chosen, those with the largest log alpha", "[selection]", float,
                   double) {
  FeatureGate<TestType> features(5, {.max_features = 3});
  features.log_alpha() << 1, -4, 2, -5, -3;  // two open gates only
  CHECK(features.selected() == Indices{0, 2, 4});
  CHECK(features.ranking() == Indices{2, 0, 4, 1, 3});
  CHECK(features.first(1) == Indices{2});
  features.log_alpha().setConstant(10);  // all open
  CHECK(features.selected() == Indices{0, 1, 2});
  CHECK(FeatureGate<TestType>(2, {.max_features = 7}).selected() == Indices{0, 1});
  CHECK(FeatureGate<TestType>(2, {.max_features = 0}).selected().empty());
  CHECK(FeatureGate<TestType>(0, {.max_features = 7}).selected().empty());
  CHECK(SampleGate<TestType>(1, {.target_samples = 1}).selected() == Indices{0});
}

TEST_CASE("Gates too far open for their probabilities to differ are still ranked", "[selection]") {
  FeatureGate<float> features(3, {.max_features = 1});
  features.log_alpha() << 18.0F, 19.0F, 18.5F;
  CHECK(features.importance()(0) == features.importance()(1));  // 1 in float
  CHECK(features.selected() == Indices{1});
}

TEST_CASE("Without a budget the open gates are chosen, and choosing draws nothing", "[selection]") {
  SampleGate<double> samples(4);
  samples.log_alpha() << 3, -3, 0, -0.1;
  CHECK(samples.selected() == Indices{0, 2, 3});
  CHECK(samples.gate().draw() == 0);
  samples.set_temperature(0.01);
  CHECK(samples.selected() == Indices{0, 2});
}

TEST_CASE("Importance is the probability to be open", "[selection]") {
  FeatureGate<double> features(3);
  features.log_alpha() << -2, 0, 2;
  CHECK(features.importance() == features.gate().active_probability());
  CHECK(features.l0_penalty() == Approx(features.importance().sum()));
}

TEST_CASE("The gates of the choice are 0 outside it", "[selection]") {
  FeatureGate<double> features(4, {.max_features = 3});
  features.log_alpha() << 0, 20, -9, 19;
  CHECK(features.gates().isApprox(Eigen::Vector4d(0.5, 1, 0, 1), 1e-14));  // 1.2 σ(0) − 0.1 is rounded
  CHECK(features.gates()(2) == 0);
  features.log_alpha()(2) = 18;
  CHECK(features.gates() == Eigen::Vector4d(0, 1, 1, 1));
  CHECK(features.predict(Matrix<double>::Ones(1, 4)) == Eigen::RowVector4d(0, 1, 1, 1));
  CHECK(l0::test::same_from_threads([&] { return features.predict(Matrix<double>::Ones(1, 4)); }));
  CHECK(l0::test::same_from_threads([&] { return features.selected(); }));
  SampleGate<double> samples(4, {.target_samples = 2});
  samples.log_alpha() << 3, -3, 0, 1;
  CHECK(l0::test::same_from_threads([&] { return samples.selected(); }));
  CHECK(l0::test::same_from_threads(
      [&] { return samples.select_weighted(numbered(4, 3), Vector<double>::Ones(4)).weights; }));
}

TEST_CASE("Columns are chosen from dense and sparse data", "[selection]") {
  FeatureGate<float> features(4, {.max_features = 2});  // the data have another scalar type
  features.log_alpha() << 1, 3, 0, 2;
  const Matrix<double> x = numbered(5, 4);
  Matrix<double> expected(5, 2);
  expected << x.col(1), x.col(3);
  check_select(features, x, expected);
  check_select(FeatureGate<float>(4, {.max_features = 0}), x, Matrix<double>(5, 0));
  check_select(FeatureGate<float>(1), x.leftCols(1), x.leftCols(1));
  check_select(FeatureGate<float>(4), Matrix<double>(0, 4), Matrix<double>(0, 4));
}

TEST_CASE("Rows are chosen from dense and sparse data, labels too", "[selection]") {
  SampleGate<float> samples(5, {.target_samples = 3});
  samples.log_alpha() << 1, 3, 0, 2, 4;
  const Matrix<double> x = numbered(5, 4);
  Matrix<double> expected(3, 4);
  expected << x.row(1), x.row(3), x.row(4);
  check_select(samples, x, expected);
  const Eigen::VectorXi labels = (Eigen::VectorXi(5) << 5, 6, 7, 8, 9).finished();
  const auto chosen = samples.select(labels);
  static_assert(std::is_same_v<decltype(chosen.data), Eigen::VectorXi>);
  CHECK(chosen.data == Eigen::Vector3i(6, 8, 9));
  const auto feature = FeatureGate<float>(5, {.max_features = 2}).select(labels.transpose());
  CHECK(feature.data == Eigen::RowVector2i(5, 6));
}

TEST_CASE("Names of the chosen features", "[selection]") {
  FeatureGate<double> features(3, {.max_features = 2});
  features.log_alpha() << 1, 0, 2;
  const std::vector<std::string> names{"age", "bmi", "bp"};
  CHECK(features.selected_names(names) == std::vector<std::string>{"age", "bp"});
  const auto chosen = features.select(numbered(2, 3), names);
  CHECK(chosen.names == std::vector<std::string>{"age", "bp"});
  CHECK(chosen.indices == Indices{0, 2});
  CHECK(chosen.data == numbered(2, 3)({0, 1}, {0, 2}));
}

TEST_CASE("Weights of chosen samples are scaled by their gates", "[selection]") {
  SampleGate<double> samples(4, {.target_samples = 3});
  samples.log_alpha() << 20, 0, -20, -19;
  const Eigen::Vector4f weights(8, 6, 4, 2);
  const auto chosen = samples.select_weighted(numbered(4, 2), weights);
  CHECK(chosen.indices == Indices{0, 1, 3});
  CHECK(chosen.weights.isApprox(Eigen::Vector3d(8, 3, 0), 1e-14));
  CHECK(samples.select_weighted(numbered(4, 2).array(), weights.array()).weights == chosen.weights);
  CHECK(chosen.weights(2) == 0);  // the budget kept one that training had closed
  CHECK(chosen.data == numbered(4, 2)({0, 1, 3}, {0, 1}));
}

TEST_CASE("Wrong input of selection gates is named", "[selection]") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(FeatureGate<float>(3, {.max_features = -2}), l0::Error,
                       Message("l0: max_features is -2, expected a number >= 0"));
  CHECK_THROWS_MATCHES(SampleGate<float>(3, {.target_samples = -1}), l0::Error,
                       Message("l0: target_samples is -1, expected a number >= 0"));
  CHECK_THROWS_MATCHES(FeatureGate<double>(3, {.temperature = 0}), l0::Error,
                       Message("l0: temperature is 0, expected a finite number > 0"));
  CHECK_THROWS_AS(SampleGate<double>(3, {.init_sparsity = 1}), l0::Error);
  CHECK_THROWS_AS(SampleGate<double>(-3), l0::Error);

  FeatureGate<double> features(3, {.max_features = 2});
  SampleGate<double> samples(3);
  const Matrix<double> x = numbered(3, 2);
  const Eigen::SparseMatrix<double> sparse = numbered(2, 3).sparseView();
  l0::Rng rng(1);
  CHECK_THROWS_MATCHES(features.backward(x), l0::Error,
                       Message("l0: backward is called before apply, expected a call of apply first"));
  CHECK_THROWS_MATCHES(features.apply(x, rng), l0::Error, Message("l0: X is 3x2, expected 3x3"));
  CHECK_THROWS_MATCHES(features.predict(x), l0::Error, Message("l0: X is 3x2, expected 3x3"));
  CHECK_THROWS_MATCHES(features.select(x), l0::Error, Message("l0: X is 3x2, expected 3x3"));
  CHECK_THROWS_MATCHES(samples.apply(sparse, rng), l0::Error, Message("l0: X is 2x3, expected 3x3"));
  CHECK_THROWS_MATCHES(samples.select(sparse), l0::Error, Message("l0: X is 2x3, expected 3x3"));
  CHECK(features.gate().draw() == 0);
  samples.apply(x, rng);
  CHECK_THROWS_MATCHES(samples.backward(x.transpose()), l0::Error, Message("l0: upstream is 2x3, expected 3x2"));
  CHECK(samples.log_alpha_gradient().isZero(0));

  CHECK_THROWS_MATCHES(features.selected_names({"a", "b"}), l0::Error,
                       Message("l0: number of names is 2, expected 3, one per feature"));
  CHECK_THROWS_AS(features.select(numbered(2, 3), {"a"}), l0::Error);
  CHECK_THROWS_MATCHES(samples.select_weighted(x, Eigen::Vector2d(1, 1)), l0::Error,
                       Message("l0: weights is 2x1, expected 3x1"));
  CHECK_THROWS_MATCHES(samples.select_weighted(x, Eigen::Vector3d(1, -1, 1)), l0::Error,
                       Message("l0: weights is -1, expected numbers >= 0"));
  CHECK_THROWS_MATCHES(samples.select_weighted(x, Eigen::Vector3d(1, std::numeric_limits<double>::quiet_NaN(), 1)),
                       l0::Error, Message("l0: weights(1, 0) is nan, expected a finite number"));
  features.log_alpha()(1) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_MATCHES(features.selected(), l0::Error, Message("l0: log_alpha(1, 0) is nan, expected a finite number"));
}

}  // namespace tests::selection::choice
