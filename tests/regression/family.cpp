// SPDX-License-Identifier: MIT
#include <cmath>

#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/likelihood.hpp>

#include "support/catch.hpp"

namespace tests::regression::family {

namespace {

using l0::Bernoulli;
using l0::FamilyPoint;
using l0::Poisson;

}  // namespace

TEST_CASE("Deviances are twice what the likelihood lacks") {
  for (const double eta : {-3.0, -0.2, 0.0, 1.7}) {
    const double p = 1 / (1 + std::exp(-eta));
    CHECK(Bernoulli::at(1, eta).deviance == Approx(-2 * std::log(p)).epsilon(1e-14));
    CHECK(Bernoulli::at(0, eta).deviance == Approx(-2 * std::log(1 - p)).epsilon(1e-14));
    CHECK(Bernoulli::mean(eta) == Approx(p).epsilon(1e-15));
    const double mu = std::exp(eta);
    CHECK(Poisson::at(0, eta).deviance == Approx(2 * mu).epsilon(1e-14));
    CHECK(Poisson::at(3, eta).deviance == Approx(2 * (3 * std::log(3 / mu) - 3 + mu)).epsilon(1e-13));
    CHECK(Poisson::mean(eta) == Approx(mu).epsilon(1e-15));
  }
  CHECK(Poisson::at(1e9, std::log(1e9) + 1e-6).deviance == Approx(1e-3).epsilon(1e-5));
}

TEMPLATE_TEST_CASE("Residual and weight are the derivatives of the deviance", "", Bernoulli, Poisson) {
  constexpr double step = 1e-4;
  for (const double y : {0.0, 1.0}) {
    for (const double eta : {-4.0, -0.5, 0.3, 2.0}) {
      const FamilyPoint here = TestType::at(y, eta);
      const FamilyPoint above = TestType::at(y, eta + step);
      const FamilyPoint below = TestType::at(y, eta - step);
      CHECK(here.residual == Approx(-(above.deviance - below.deviance) / (4 * step)).epsilon(1e-6));
      CHECK(here.weight == Approx(-(above.residual - below.residual) / (2 * step)).epsilon(1e-6));
      CHECK(here.residual == Approx(y - TestType::mean(eta)).epsilon(1e-12));
    }
  }
}

TEST_CASE("Far out a logistic sample is certain or as wrong as it looks") {
  for (const double eta : {40.0, 1e4}) {
    CHECK(Bernoulli::at(1, eta).deviance == Approx(2 * std::exp(-eta)).epsilon(1e-12));
    CHECK(Bernoulli::at(0, eta).deviance == Approx(2 * eta).epsilon(1e-15));
    CHECK(Bernoulli::at(0, -eta).deviance == Approx(2 * std::exp(-eta)).epsilon(1e-12));
    CHECK(Bernoulli::at(1, -eta).residual == 1);
    CHECK(Bernoulli::at(0, eta).residual == -1);
    CHECK(Bernoulli::at(0, eta).weight > 0);
  }
}

TEST_CASE("Far out a Poisson sample stays a number") {
  CHECK(Poisson::at(0, -1e4).deviance == 0);
  CHECK(Poisson::at(2, -1e4).deviance == Approx(4 * (1e4 + std::log(2.0) - 1)).epsilon(1e-12));
  CHECK(Poisson::at(2, -1e4).residual == 2);
  CHECK(Poisson::at(2, -1e4).weight > 0);
  for (const double y : {0.0, 3.0, 1e6}) {
    const FamilyPoint point = Poisson::at(y, 1e4);
    CHECK(std::isfinite(point.deviance));
    CHECK(point.deviance > 1e300);
    CHECK(std::isfinite(point.residual));
    CHECK(std::isfinite(point.weight));
  }
}

TEST_CASE("A start is finite whatever the targets are") {
  using Column = l0::Vector<double>;
  const auto start = [](auto family, const Column& y) {
    return l0::detail::PointwiseLikelihood<decltype(family), double>(family, y, Column::Ones(y.size()), Column())
        .null_intercept()(0);
  };
  CHECK(start(Bernoulli(), Column::Unit(4, 2)) == Approx(std::log(1.0 / 3)));
  CHECK(start(Bernoulli(), Column::Zero(10)) == Approx(std::log(0.05 / 0.95)));
  CHECK(start(Bernoulli(), Column::Ones(10)) == Approx(std::log(0.95 / 0.05)));
  CHECK(start(Poisson(), Column::Constant(100, 3)) == Approx(std::log(3.0)));
  CHECK(start(Poisson(), Column::Zero(10)) == Approx(std::log(0.05)));
}

}  // namespace tests::regression::family
