// SPDX-License-Identifier: MIT
#include <cmath>

#include <l0/regression/likelihood/family.hpp>

#include "support/catch.hpp"

namespace tests::regression::family {

namespace {

using l0::detail::GlmPoint;
using l0::detail::LogisticFamily;
using l0::detail::PoissonFamily;

}  // namespace

TEST_CASE("Deviances are twice what the likelihood lacks") {
  for (const double eta : {-3.0, -0.2, 0.0, 1.7}) {
    const double p = 1 / (1 + std::exp(-eta));
    CHECK(LogisticFamily::at(1, eta).deviance == Approx(-2 * std::log(p)).epsilon(1e-14));
    CHECK(LogisticFamily::at(0, eta).deviance == Approx(-2 * std::log(1 - p)).epsilon(1e-14));
    CHECK(LogisticFamily::mean(eta) == Approx(p).epsilon(1e-15));
    const double mu = std::exp(eta);
    CHECK(PoissonFamily::at(0, eta).deviance == Approx(2 * mu).epsilon(1e-14));
    CHECK(PoissonFamily::at(3, eta).deviance == Approx(2 * (3 * std::log(3 / mu) - 3 + mu)).epsilon(1e-13));
    CHECK(PoissonFamily::mean(eta) == Approx(mu).epsilon(1e-15));
  }
  CHECK(PoissonFamily::at(1e9, std::log(1e9) + 1e-6).deviance == Approx(1e-3).epsilon(1e-5));
}

TEMPLATE_TEST_CASE("Residual and weight are the derivatives of the deviance", "", LogisticFamily, PoissonFamily) {
  constexpr double step = 1e-4;
  for (const double y : {0.0, 1.0}) {
    for (const double eta : {-4.0, -0.5, 0.3, 2.0}) {
      const GlmPoint here = TestType::at(y, eta);
      const GlmPoint above = TestType::at(y, eta + step);
      const GlmPoint below = TestType::at(y, eta - step);
      CHECK(here.residual == Approx(-(above.deviance - below.deviance) / (4 * step)).epsilon(1e-6));
      CHECK(here.weight == Approx(-(above.residual - below.residual) / (2 * step)).epsilon(1e-6));
      CHECK(here.residual == Approx(y - TestType::mean(eta)).epsilon(1e-12));
    }
  }
}

TEST_CASE("Far out a logistic sample is certain or as wrong as it looks") {
  for (const double eta : {40.0, 1e4}) {
    CHECK(LogisticFamily::at(1, eta).deviance == Approx(2 * std::exp(-eta)).epsilon(1e-12));
    CHECK(LogisticFamily::at(0, eta).deviance == Approx(2 * eta).epsilon(1e-15));
    CHECK(LogisticFamily::at(0, -eta).deviance == Approx(2 * std::exp(-eta)).epsilon(1e-12));
    CHECK(LogisticFamily::at(1, -eta).residual == 1);
    CHECK(LogisticFamily::at(0, eta).residual == -1);
    CHECK(LogisticFamily::at(0, eta).weight > 0);
  }
}

TEST_CASE("Far out a Poisson sample stays a number") {
  CHECK(PoissonFamily::at(0, -1e4).deviance == 0);
  CHECK(PoissonFamily::at(2, -1e4).deviance == Approx(4 * (1e4 + std::log(2.0) - 1)).epsilon(1e-12));
  CHECK(PoissonFamily::at(2, -1e4).residual == 2);
  CHECK(PoissonFamily::at(2, -1e4).weight > 0);
  for (const double y : {0.0, 3.0, 1e6}) {
    const GlmPoint point = PoissonFamily::at(y, 1e4);
    CHECK(std::isfinite(point.deviance));
    CHECK(point.deviance > 1e300);
    CHECK(std::isfinite(point.residual));
    CHECK(std::isfinite(point.weight));
  }
}

TEST_CASE("A start is finite whatever the targets are") {
  CHECK(LogisticFamily::start(0.25, 100) == Approx(std::log(1.0 / 3)));
  CHECK(std::isfinite(LogisticFamily::start(0, 10)));
  CHECK(std::isfinite(LogisticFamily::start(1, 10)));
  CHECK(PoissonFamily::start(3, 100) == Approx(std::log(3.0)));
  CHECK(std::isfinite(PoissonFamily::start(0, 10)));
}

}  // namespace tests::regression::family
