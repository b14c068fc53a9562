// SPDX-License-Identifier: MIT
// check_gradient, and what is done with an objective that does not write its gradient.
#include <l0/optimizers/check_gradient.hpp>
#include <l0/optimizers/lbfgs.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "support/catch.hpp"

namespace tests::optimizers::check_gradient {

namespace {

using Catch::Matchers::Message;
using l0::check_gradient;
using l0::Index;
using l0::Vector;

/// Σ exp(wⱼ/j) + w₀ w₁ w₂, with an error of `wrong` (relative) in entry `at` of its gradient.
template <class Scalar>
struct Smooth {
  Scalar unit = 1;    // of w
  Scalar scale = 1;   // of the value
  Scalar offset = 0;  // added to the value
  Scalar wrong = 0;
  Index at = 0;
  int calls = 0;

  Scalar operator()(const Vector<Scalar>& w, Vector<Scalar>& gradient) {
    ++calls;
    const Vector<Scalar> x = w / unit;
    Scalar value = x(0) * x(1) * x(2);
    for (Index j = 0; j < x.size(); ++j) {
      const Scalar rate = 1 / static_cast<Scalar>(j + 1);
      value += std::exp(rate * x(j));
      gradient(j) = rate * std::exp(rate * x(j));
    }
    gradient(0) += x(1) * x(2);
    gradient(1) += x(0) * x(2);
    gradient(2) += x(0) * x(1);
    gradient(at) *= 1 + wrong;
    gradient *= scale / unit;
    return scale * (value + offset);
  }
};

const Vector<double> point{{0.3, -1.2, 2.5, 0.01, -0.7}};

}  // namespace

TEST_CASE("The gradient of a smooth function is right in every unit, and a wrong entry is found") {
  for (const double unit : {1.0, 1e-8, 1e8}) {
    for (const double scale : {1.0, 1e-10, 1e10}) {
      CAPTURE(unit, scale);
      const Vector<double> w = unit * point;
      CHECK(check_gradient(Smooth<double>{.unit = unit, .scale = scale}, w).error < 1e-8);
      const auto found = check_gradient(Smooth<double>{.unit = unit, .scale = scale, .wrong = 1e-4, .at = 3}, w);
      CHECK(found.at == 3);
      CHECK(found.error == Catch::Approx(1e-4).epsilon(0.01));
      CHECK(found.gradient == Catch::Approx(found.slope * (1 + 1e-4)).epsilon(1e-7));
    }
  }
}

TEST_CASE("A value far from 0 costs digits and is not taken for an error") {
  CHECK(check_gradient(Smooth<double>{.offset = 1e6}, point).error < 1e-6);
  const auto found = check_gradient(Smooth<double>{.offset = 1e6, .wrong = 1, .at = 1}, point);
  CHECK(found.at == 1);
  CHECK(found.error > 0.1);
}

TEST_CASE("Floats, arrays, w = 0 and steps are taken") {
  const Eigen::ArrayXf w = point.cast<float>().array();
  CHECK(check_gradient(Smooth<float>{}, w).error < 1e-2);
  CHECK(check_gradient(Smooth<float>{.wrong = 0.1F, .at = 2}, w).error > 0.05);
  CHECK(check_gradient(Smooth<double>{}, Vector<double>::Zero(5)).error < 1e-8);
  Index largest = 0;
  const auto stepped = [&](const Vector<double>& x, Vector<double>& gradient, Index step) {
    largest = std::max(largest, step);
    gradient = 2 * x;
    return x.squaredNorm();
  };
  CHECK(check_gradient(stepped, point).error < 1e-9);
  CHECK(largest == 0);
}

TEST_CASE("The number of calls is 4n + 1, and nothing is compared of no weights") {
  Smooth<double> f;
  check_gradient(f, point);
  CHECK(f.calls == 21);
  const auto nothing = [](const Vector<double>&, Vector<double>&) { return 1.0; };
  const auto found = check_gradient(nothing, Vector<double>(0));
  CHECK(found.at == -1);
  CHECK(found.error == 0);
}

TEST_CASE("Values and gradients that are not finite have an infinite error") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  CHECK(check_gradient(Smooth<double>{.wrong = infinity, .at = 1}, point).error == infinity);
  CHECK(check_gradient(Smooth<double>{.offset = infinity}, point).error == infinity);
  const auto nan_gradient = [](const Vector<double>& w, Vector<double>& gradient) {
    gradient.setConstant(w.size(), std::numeric_limits<double>::quiet_NaN());
    return w.sum();
  };
  CHECK(check_gradient(nan_gradient, point).error == infinity);
}

TEST_CASE("A gradient that is not written, in part, only added to, or of another size is refused") {
  const auto refuse = [](const auto& f, const char* message) {
    CHECK_THROWS_MATCHES(check_gradient(f, point), l0::Error, Message(message));
    Vector<double> w = point;
    CHECK_THROWS_MATCHES(l0::minimize_smooth<double>(f, w), l0::Error, Message(message));
    CHECK(w == point);
  };
  const char* first = "l0: gradient(0) is not written by the objective, expected f to set every entry of the gradient";
  refuse([](const Vector<double>& w, Vector<double>&) { return w.squaredNorm(); }, first);
  refuse([](const auto& w, auto gradient) { return gradient = 2 * w, w.squaredNorm(); }, first);
  refuse([](const Vector<double>& w, Vector<double>& gradient) { return gradient += 2 * w, w.squaredNorm(); }, first);
  refuse(
      [](const Vector<double>& w, Vector<double>& gradient) {
        for (Index j = 0; j < w.size(); ++j) {
          if (j != 2) gradient(j) = 2 * w(j);
        }
        return w.squaredNorm();
      },
      "l0: gradient(2) is not written by the objective, expected f to set every entry of the gradient");
  refuse([](const Vector<double>& w, Vector<double>& gradient) { return gradient = w.head(2), w.squaredNorm(); },
         "l0: gradient is 2x1, expected 5x1");
}

TEST_CASE("References of every kind are taken for the gradient") {
  const auto plain = [](const Vector<double>& w, Eigen::Ref<Vector<double>> gradient) {
    gradient = 2 * w;
    return w.squaredNorm();
  };
  const auto forwarding = [](const auto& w, auto&& gradient) { return gradient = 2 * w, w.squaredNorm(); };
  const std::function<double(const Vector<double>&, Vector<double>&)> erased = forwarding;
  CHECK(check_gradient(plain, point).error < 1e-9);
  CHECK(check_gradient(forwarding, point).error < 1e-9);
  CHECK(check_gradient(erased, point).error < 1e-9);
  using By = const Vector<double>&;
  STATIC_REQUIRE(l0::detail::LosesWhatItWrites<double (*)(By, Vector<double>), By, Vector<double>>);
  STATIC_REQUIRE(l0::detail::LosesWhatItWrites<double(By, By), By, Vector<double>>);
  STATIC_REQUIRE(l0::detail::LosesWhatItWrites<double (*)(By, Eigen::Ref<const Vector<double>>), By, Vector<double>>);
}

}  // namespace tests::optimizers::check_gradient
