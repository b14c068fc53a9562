// SPDX-License-Identifier: MIT
// Tables of coefficients.
#include <l0/io/coefficients.hpp>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <l0/random/rng.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>

#include "support/catch.hpp"

namespace tests::io::coefficients {

namespace {

using Catch::Matchers::ContainsSubstring;

l0::CoefficientTable example() {
  l0::CoefficientTable table;
  const double none = std::numeric_limits<double>::quiet_NaN();
  table.rows = {l0::detail::coefficient_row("", "intercept", 1234.5, 10, 2, 20, true),
                l0::detail::coefficient_row("", "50% \"a_b\", {x}\\", -2.5e-7, 1e-7, 2, 20, true),
                l0::detail::coefficient_row("", "größe", -0.5, none, 2, 20, true)};
  table.degrees = 20;
  table.notes = {"a note"};
  return table;
}

}  // namespace

TEST_CASE("A table is written for a terminal, for programs and for LaTeX") {
  const auto table = example();
  CHECK(table.text() ==
        "feature          estimate  std. error       t     lower   upper\n"
        "intercept          1234.5          10  123.45    1214.5  1254.5\n"
        "50% \"a_b\", {x}\\  -2.5e-07       1e-07    -2.5  -4.5e-07  -5e-08\n"
        "größe                -0.5           -       -         -       -\n"
        "note: a note\n");
  CHECK(table.csv() ==
        "feature,estimate,std. error,t,lower,upper\n"
        "intercept,1234.5,10,123.45,1214.5,1254.5\n"
        "\"50% \"\"a_b\"\", {x}\\\",-2.5e-07,1e-07,-2.5,-4.5e-07,-5e-08\n"
        "größe,-0.5,,,,\n");
  CHECK_THAT(table.latex(), ContainsSubstring("\\begin{tabular}{lrrrrr}\n\\hline\nfeature"));
  CHECK_THAT(table.latex(),
             ContainsSubstring(
                 "50\\% \\textquotedbl{}a\\_b\\textquotedbl{}, \\{x\\}\\textbackslash{} & $-2.5\\times 10^{-7}$"));
  CHECK_THAT(table.latex(), ContainsSubstring("größe"));
  CHECK_THAT(table.latex(), ContainsSubstring(" $-0.5$ & "));
  CHECK_THAT(table.latex(), ContainsSubstring("\\\\\n\\hline\n\\end{tabular}\n% a note\n"));
}

TEST_CASE("A table has what the model has, and says what its numbers are") {
  l0::Rng rng(3);
  const l0::Matrix<double> X = l0::standard_normal<double>(rng, 50, 6);
  const l0::Vector<double> y =
      2 + X.col(1).array() - 3 * X.col(4).array() + l0::standard_normal<double>(rng, 50).array();
  l0::LinearRegression<double> model({.max_features = 2, .feature_names = {"a", "b", "c", "d", "e", "f"}});
  CHECK_THROWS_WITH(l0::coefficient_table(model), ContainsSubstring("not fitted"));
  model.fit(X, y);
  CHECK_THROWS_WITH(l0::coefficient_table(model, {.level = 95}), ContainsSubstring("level is 95"));
  const auto table = l0::coefficient_table(model);
  REQUIRE(table.rows.size() == 3);
  CHECK(table.rows[0].name == "intercept");
  CHECK(table.rows[0].estimate == model.intercept());
  CHECK(table.rows[2].name == "e");
  CHECK(table.rows[2].estimate == model.coefficients()(4));
  const double error = model.standard_errors()(4);
  CHECK(table.rows[2].standard_error == error);
  CHECK(table.rows[2].statistic == table.rows[2].estimate / error);
  // qt(.975, 47) by R
  CHECK(table.rows[2].upper - table.rows[2].lower == Catch::Approx(2 * 2.0117405137297655 * error).epsilon(1e-12));
  CHECK(std::isnan(table.rows[2].p_value));
  REQUIRE(table.notes.size() == 2);
  CHECK(table.notes[0] == "95 % intervals of Student's t with 47 degrees of freedom, standard errors of the model");
  CHECK_THAT(table.notes[1], ContainsSubstring("selected on the same samples"));

  l0::LinearRegression<double> all({.lambda_l2 = 0.1, .gates = l0::GateMode::off});
  all.fit(X, y, l0::Vector<double>(y.cwiseAbs()));
  const auto given = l0::coefficient_table(all, {.level = 0.5, .covariance = l0::Covariance::model});
  CHECK_THAT(given.text(), ContainsSubstring("upper") && ContainsSubstring("  p\n") && ContainsSubstring("x5"));
  CHECK_THAT(given.text(), ContainsSubstring("not those of the survey") && ContainsSubstring("ridge"));
  CHECK_THAT(given.text(), !ContainsSubstring("selected on"));
  CHECK(given.rows[1].p_value ==
        l0::detail::two_sided_tail(std::abs(given.rows[1].statistic), all.degrees_of_freedom()));
  CHECK(l0::coefficient_table(all).covariance == l0::Covariance::sandwich);

  l0::MultinomialRegression<float> classes({.max_features = 1});
  const l0::Vector<float> label = (y.array() > 0).cast<float>() + (y.array() > 3).cast<float>();
  classes.fit(X.cast<float>(), label);
  const auto several = l0::coefficient_table(classes);
  REQUIRE(several.rows.size() == 6);
  CHECK(several.rows[3].response == "class 1");
  CHECK_THAT(several.csv(),
             ContainsSubstring("response,feature,estimate,std. error,z,lower,upper\nclass 0,intercept,"));
}

}  // namespace tests::io::coefficients
