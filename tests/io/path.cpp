// SPDX-License-Identifier: MIT
// A path as a table and as a picture.
#include <l0/io/path.hpp>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <l0/io/csv.hpp>
#include <l0/random/rng.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>

#include "support/catch.hpp"

namespace tests::io::path {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Index;

struct Data {
  l0::Matrix<double> X;
  l0::Vector<double> y;

  explicit Data(Index n = 100, Index p = 6) {
    l0::Rng rng(5);
    X = l0::standard_normal<double>(rng, n, p);
    y = 3 * X.col(1) - X.col(4) + 0.1 * X.col(0) + l0::standard_normal<double>(rng, n);
  }
};

/// What stands between quotes after every `name="`.
std::vector<std::string> attributes(const std::string& svg, const std::string& name) {
  std::vector<std::string> found;
  const std::string begin = " " + name + "=\"";
  for (std::size_t at = svg.find(begin); at != std::string::npos; at = svg.find(begin, at + 1))
    found.push_back(svg.substr(at + begin.size(), svg.find('"', at + begin.size()) - at - begin.size()));
  return found;
}

}  // namespace

TEST_CASE("A path as CSV has a column for every feature that is ever in") {
  const Data data;
  const l0::LinearRegression<double> model({.feature_names = {"a", "b, \"c\"", "d", "e", "f", "g"}});
  const auto path = l0::regularization_path(model, data.X, data.y, {.folds = 5, .max_size = 3});
  const auto table = l0::CsvTable::parse(l0::to_csv(path));
  REQUIRE(table.rows() == 4);
  CHECK(table.names().at(5) == "cv_error");
  CHECK(table.names().at(6) == "intercept");
  CHECK(table.has("b, \"c\""));
  CHECK(table.has("f"));
  CHECK(table.names().size() == 7 + path.features().size());
  const auto coefficient = table.numbers("b, \"c\"");
  CHECK(coefficient[0] == 0);
  const auto& second = path.points[2];
  REQUIRE(second.support == std::vector<Index>{1, 4});
  CHECK(coefficient[2] == second.coefficients(0));
  CHECK(table.numbers("intercept")[2] == second.intercept);
  CHECK(table.numbers("cv_error")[1] == path.points[1].cv_error);
  CHECK(table.numbers("size") == std::vector<double>{0, 1, 2, 3});

  const auto plain = l0::regularization_path(l0::LinearRegression<double>(), data.X, data.y, {.max_size = 2});
  CHECK_THAT(l0::to_csv(plain), ContainsSubstring(",intercept,x1,x4\n") && ContainsSubstring(",,,"));
  l0::Vector<double> label = (data.y.array() > 0).cast<double>() + (data.y.array() > 2).cast<double>();
  const auto classes = l0::regularization_path(l0::MultinomialRegression<double>(), data.X, label, {.max_size = 1});
  CHECK_THAT(l0::to_csv(classes), ContainsSubstring(",intercept[0],intercept[1],intercept[2],x1[0],x1[1],x1[2]\n"));
}

TEST_CASE("A standard error of the folds is the deviation of their means, and the rule takes the smallest within one") {
  const Data data(90, 8);
  std::vector<Index> fold;
  for (Index i = 0; i < 90; ++i) fold.push_back(i % 4);
  const l0::LinearRegression<double> model;
  const l0::Samples<double> samples{.fold = fold};
  const auto path = l0::regularization_path(model, data.X, data.y, {.max_size = 5}, samples);
  // By hand for the model of size 2: folds of 23, 23, 22, 22 samples.
  double mean = 0;
  std::vector<double> losses, shares;
  for (Index f = 0; f < 4; ++f) {
    std::vector<Index> train, held;
    for (Index i = 0; i < 90; ++i) (fold[static_cast<std::size_t>(i)] == f ? held : train).push_back(i);
    l0::LinearRegression<double> part({.max_features = 2});
    part.fit(l0::detail::rows_of(data.X, train), l0::detail::rows_of(data.y, train));
    losses.push_back(part.loss(l0::detail::rows_of(data.X, held), l0::detail::rows_of(data.y, held)));
    shares.push_back(static_cast<double>(held.size()) / 90);
    mean += shares.back() * losses.back();
  }
  double square = 0;
  for (std::size_t f = 0; f < 4; ++f) square += shares[f] * (losses[f] - mean) * (losses[f] - mean) / 3;
  CHECK(path.points[2].cv_loss == Catch::Approx(mean).epsilon(1e-9));
  CHECK(path.points[2].cv_error == Catch::Approx(std::sqrt(square)).epsilon(1e-9));

  const auto careful = l0::regularization_path(model, data.X, data.y,
                                               {.max_size = 5, .fold_rule = l0::FoldRule::one_standard_error}, samples);
  const auto& least = path.chosen();
  Index expected = 0;
  while (path.points[static_cast<std::size_t>(expected)].cv_loss > least.cv_loss + least.cv_error) ++expected;
  CHECK(careful.best == expected);
  CHECK(careful.best == 2);
  CHECK(path.best > 2);
  l0::LinearRegression<double> fit({.max_size = 5, .fold_rule = l0::FoldRule::one_standard_error});
  fit.fit(data.X, data.y, samples);
  CHECK(fit.selected_features() == careful.chosen().support);
  fit = l0::LinearRegression<double>({.fold_rule = l0::FoldRule::one_standard_error});
  CHECK_THROWS_WITH(fit.fit(data.X, data.y), ContainsSubstring("fold_rule"));
  CHECK_THROWS_WITH(l0::regularization_path(model, data.X, data.y, {.fold_rule = l0::FoldRule::one_standard_error}),
                    ContainsSubstring("fold_rule"));
  CHECK(std::isnan(l0::regularization_path(model, data.X, data.y, {.max_size = 1}).points[1].cv_error));
}

TEST_CASE("A path of weighted samples and offsets is that of the budget") {
  const Data data;
  const l0::Vector<double> weight = data.X.col(2).cwiseAbs();
  const l0::Vector<double> offset = data.X.col(3);
  const auto path = l0::regularization_path(l0::LinearRegression<double>(), data.X, data.y, {.max_size = 2},
                                            {.weight = weight, .offset = offset});
  l0::LinearRegression<double> model({.max_features = 2});
  model.fit(data.X, data.y, l0::Samples<double>{.weight = weight, .offset = offset});
  CHECK(path.points[2].support == model.selected_features());
  CHECK(path.points[2].coefficients(1) ==
        Catch::Approx(model.coefficients()(path.points[2].support[1])).epsilon(1e-10));
  CHECK(path.points[2].loss == Catch::Approx(model.report().loss).epsilon(1e-10));
}

TEST_CASE("Labels do not collide and stay where they are wanted as far as they can") {
  const auto places = l0::detail::label_places<double>({0, 1, 2, 50, 100, 100, 100}, 10, 0, 100);
  REQUIRE(places.size() == 7);
  for (std::size_t i = 1; i < places.size(); ++i) CHECK(places[i] - places[i - 1] >= 10 - 1e-12);
  CHECK(places.front() >= 0);
  CHECK(places.back() <= 100);
  CHECK(places[3] == 50);
  CHECK(l0::detail::label_places<double>({30, 32}, 10, 0, 100) == std::vector<double>{26, 36});
  CHECK(l0::detail::label_places<double>({}, 10, 0, 100).empty());
}

TEST_CASE("A picture has a line and a name for every feature, and the folds") {
  const Data data(100, 40);
  std::vector<std::string> names;
  for (int j = 0; j < 40; ++j) names.push_back(j == 1 ? "a < b & \"c\"" : "feature" + std::to_string(j));
  const l0::LinearRegression<double> model({.feature_names = names});
  const auto path = l0::regularization_path(model, data.X, data.y, {.folds = 4, .max_size = 4});
  const std::string svg = l0::to_svg(path, {.title = "a title"});
  CHECK(svg.starts_with("<svg xmlns"));
  CHECK(svg.ends_with("</svg>\n"));
  CHECK_THAT(svg, ContainsSubstring("a &lt; b &amp; &quot;c&quot;</text>") && ContainsSubstring(">a title</text>") &&
                      ContainsSubstring("held-out folds") && !ContainsSubstring("nan"));
  CHECK(attributes(svg, "points").size() == path.features().size());
  CHECK(attributes(svg, "cx").size() == path.points.size() + 1);
  // Scales multiply: the largest coefficient made small leaves the picture to the others.
  std::vector<double> scale(40, 1.0);
  scale[1] = 0;
  CHECK(l0::to_svg(path, {.scale = scale}) != l0::to_svg(path));

  // Without folds one panel; with more names than room the largest have theirs.
  const auto long_path = l0::regularization_path(model, data.X, data.y, {.max_size = 35});
  const std::string many = l0::to_svg(long_path, {.height = 300});
  CHECK(attributes(many, "points").size() == long_path.features().size());
  CHECK_THAT(many, ContainsSubstring("a &lt; b") && !ContainsSubstring("held-out"));
  const std::size_t drawn = attributes(many, "stroke-width").size() - attributes(many, "points").size();
  CHECK(drawn == 18);  // (300 − 30 − 46)/13 + 1

  CHECK_THROWS_WITH(l0::to_svg(path, {.width = 10}), ContainsSubstring("width is 10"));
  CHECK_THROWS_WITH(l0::to_svg(path, {.scale = {1}}), ContainsSubstring("scale is 1 entries"));
  CHECK_THROWS_WITH(l0::to_svg(l0::RegularizationPath<double>()), ContainsSubstring("path is empty"));
}

}  // namespace tests::io::path
