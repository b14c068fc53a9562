// SPDX-License-Identifier: MIT
// Numbers and categories as columns of X.
#include <l0/io/features.hpp>

#include <string>
#include <vector>

#include <l0/random/rng.hpp>
#include <l0/regression/linear_regression.hpp>

#include "support/catch.hpp"

namespace tests::io::features {

namespace {

using Catch::Matchers::ContainsSubstring;
using Names = std::vector<std::string>;

l0::CsvTable table() {
  return l0::CsvTable::parse("age,region,sex\n20,south,1\n31,north,0\n42,south,1\n53,\"far, east\",0\n");
}

}  // namespace

TEST_CASE("Numbers are columns, categories are groups of columns") {
  const auto t = table();
  l0::Features<double> features;
  CHECK(features.columns() == 0);
  features.add("age", t.numbers("age"))
      .add("region", t.categories("region"))
      .add("sex", Eigen::VectorXi(Eigen::Vector4i(1, 0, 1, 0)));
  CHECK(features.rows() == 4);
  CHECK(features.names() == Names{"age", "region=far, east", "region=north", "region=south", "sex=0", "sex=1"});
  CHECK(features.groups() == std::vector<l0::Index>{0, 1, 1, 1, 2, 2});
  l0::Matrix<double> expected(4, 6);
  expected << 20, 0, 0, 1, 0, 1,  //
      31, 0, 1, 0, 1, 0,          //
      42, 0, 0, 1, 0, 1,          //
      53, 1, 0, 0, 1, 0;
  CHECK(features.matrix() == expected);
  CHECK(l0::Matrix<double>(features.sparse()) == expected);
  CHECK(features.sparse().nonZeros() == 12);

  l0::Features<float> coded;
  coded.add("region", t.categories("region"), {.reference = "north"})
      .add("sex", Eigen::VectorXi(Eigen::Vector4i(1, 0, 1, 0)), {"f", "m"}, {.reference = "f"})
      .add("age", Eigen::Vector4f(1, 2, 3, 4));
  CHECK(coded.names() == Names{"region=far, east", "region=south", "sex=m", "age"});
  CHECK(coded.groups() == std::vector<l0::Index>{0, 0, 1, 2});
  CHECK(coded.matrix().col(1) == Eigen::Vector4f(1, 0, 1, 0));
}

TEST_CASE("Features of other lengths, missing and unknown categories are refused, and nothing is added") {
  const auto t = table();
  l0::Features<double> features;
  features.add("age", t.numbers("age"));
  CHECK_THROWS_WITH(features.add("short", std::vector<double>{1, 2}), ContainsSubstring("short is 2x1, expected 4x1"));
  CHECK_THROWS_WITH(features.add("region", t.categories("region"), {.reference = "west"}),
                    ContainsSubstring("reference is 'west', expected a category of region: far, east, north, south"));
  CHECK_THROWS_WITH(features.add("sex", Eigen::VectorXi(Eigen::Vector4i(0, -1, 1, 1))),
                    ContainsSubstring("sex(1) is missing"));
  CHECK_THROWS_WITH(features.add("sex", Eigen::VectorXi(Eigen::Vector4i(0, 2, 1, 1)), {"f", "m"}),
                    ContainsSubstring("sex(1) is 2"));
  CHECK(features.columns() == 1);
  CHECK(features.groups() == std::vector<l0::Index>{0});
}

TEST_CASE("A full set of dummies and a reference predict alike, and the factor is chosen as one") {
  l0::Rng rng(4);
  const l0::Index n = 120;
  Eigen::VectorXi region(n);
  for (l0::Index i = 0; i < n; ++i) region(i) = static_cast<int>(rng() % 4);
  const l0::Matrix<double> noise = l0::standard_normal<double>(rng, n, 4);
  const l0::Vector<double> y = 2.0 * (region.array() == 2).cast<double>() + 0.5 * noise.col(0).array();
  const auto fit = [&](const l0::CategoryOptions& options) {
    l0::Features<double> features;
    features.add("a", noise.col(1)).add("region", region, {"n", "e", "s", "w"}, options).add("b", noise.col(2));
    l0::LinearRegression<double> model(
        {.max_features = 1, .groups = features.groups(), .feature_names = features.names()});
    model.fit(features.sparse(), y);
    CHECK(model.report().size == 1);
    CHECK(model.feature_name(model.selected_features().front()).starts_with("region="));
    return l0::Vector<double>(model.predict(features.matrix()));
  };
  CHECK((fit({}) - fit({.reference = "n"})).cwiseAbs().maxCoeff() < 1e-10);
}

}  // namespace tests::io::features
