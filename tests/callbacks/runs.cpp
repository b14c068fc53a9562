// SPDX-License-Identifier: MIT
#include <l0/callbacks/progress.hpp>

#include <vector>

#include "support/catch.hpp"
#include "training/objectives.hpp"

namespace tests::callbacks::runs {

namespace {

using l0::Flow;
using l0::Index;
using l0::StepReport;
using l0::StopReason;
using l0::Vector;
using l0::test::SparseQuadratic;

}  // namespace

static_assert(l0::Callback<void (*)(const StepReport&)>);
static_assert(l0::Callback<Flow (*)(const StepReport&)>);
static_assert(l0::Callback<l0::ProgressBar>);
static_assert(!l0::Callback<int (*)(const StepReport&)>);
static_assert(!l0::Callback<void (*)()>);

TEST_CASE("A callback hears of every step with gates") {
  SparseQuadratic<double> f;
  std::vector<StepReport> reports;
  l0::minimize(f, Vector<double>::Ones(12),
               {.lambda_l0 = 0.25, .epochs = 30, .refit = false, .callback = [&](const StepReport& report) {
                  reports.push_back(report);
                }});
  REQUIRE(reports.size() == 30);
  for (std::size_t k = 0; k < reports.size(); ++k) {
    CHECK(reports[k].step == static_cast<Index>(k) + 1);
    CHECK(reports[k].steps == 30);
    CHECK(reports[k].stage == "gates");
    CHECK(reports[k].lambda == 0.25);
    CHECK(reports[k].objective == Approx(reports[k].loss + 0.25 * reports[k].expected_l0));
    if (k > 0) {
      CHECK(reports[k].temperature < reports[k - 1].temperature);
      CHECK(reports[k].seconds >= reports[k - 1].seconds);
    }
  }
  // Before the first step: 12 gates that open with σ(−β log(1/11)), β = 2/3.
  CHECK(reports[0].expected_l0 == Approx(12 / (1 + std::exp(2.0 / 3 * std::log(1.0 / 11)))));
}

TEST_CASE("A callback hears of a refit and may stop it") {
  SparseQuadratic<double> f;
  std::vector<StepReport> refit;
  Index stop_step = 0;
  const auto fit = [&] {
    refit.clear();
    return l0::minimize(f, Vector<double>::Ones(12), {.epochs = 3, .callback = [&](const StepReport& report) {
                                                        if (report.stage != "refit") return Flow::proceed;
                                                        refit.push_back(report);
                                                        return report.step == stop_step ? Flow::stop : Flow::proceed;
                                                      }});
  };
  const auto whole = fit();
  CHECK(static_cast<Index>(refit.size()) == whole.report.steps - 3);
  for (std::size_t k = 1; k < refit.size(); ++k) {
    CHECK(refit[k].step == refit[k - 1].step + 1);
    CHECK(refit[k].loss <= refit[k - 1].loss);
  }
  CHECK(refit.back().loss == Approx(whole.report.loss));
  stop_step = 2;
  const auto part = fit();
  CHECK(refit.size() == 2);
  CHECK(part.report.stop == StopReason::callback);
  CHECK(part.report.loss == Approx(refit.back().loss));
}

TEST_CASE("A callback hears of a refit in steps") {
  std::vector<StepReport> refit;
  const auto f = [](const Vector<double>& w, Vector<double>& gradient, Index) {
    gradient = w.array() - 1;
    return gradient.squaredNorm() / 2;
  };
  l0::minimize(f, Vector<double>::Ones(3), {.epochs = 2, .refit_epochs = 7, .callback = [&](const StepReport& report) {
                                              if (report.stage == "refit") refit.push_back(report);
                                            }});
  REQUIRE(refit.size() == 7);
  CHECK(refit.front().step == 1);
  CHECK(refit.back().step == 7);
  CHECK(refit.back().steps == 7);
  CHECK(refit.back().temperature == 0);
}

TEST_CASE("A callback may stop the run") {
  SparseQuadratic<double> f;
  int calls = 0;
  const auto result =
      l0::minimize(f, Vector<double>::Ones(12), {.epochs = 1000, .callback = [&](const StepReport& report) {
                                                   ++calls;
                                                   return report.step == 5 ? Flow::stop : Flow::proceed;
                                                 }});
  CHECK(calls == 5);
  CHECK(f.calls() == 6);
  CHECK(result.report.steps == 5);
  CHECK(result.report.stop == StopReason::callback);
  CHECK_FALSE(result.report.converged());
  CHECK(result.weights.allFinite());
  CHECK_FALSE(result.weights.isZero());
}

TEST_CASE("A callback may stop a refit") {
  const auto f = [](const Vector<double>& w, Vector<double>& gradient, Index) {
    gradient = w.array() - 1;
    return gradient.squaredNorm() / 2;
  };
  const auto result = l0::minimize(f, Vector<double>::Ones(3), {.epochs = 2, .callback = [](const StepReport& report) {
                                                                  const bool enough =
                                                                      report.stage == "refit" && report.step == 3;
                                                                  return enough ? Flow::stop : Flow::proceed;
                                                                }});
  CHECK(result.report.stop == StopReason::callback);
  CHECK(result.report.steps == 5);
}

TEST_CASE("No callback is no trouble, and a callback may be copied") {
  const l0::AnyCallback none;
  CHECK(none(StepReport{}) == Flow::proceed);
  int calls = 0;
  const l0::AnyCallback counting([&](const StepReport&) { ++calls; });
  const l0::AnyCallback copy = counting;
  CHECK(copy(StepReport{}) == Flow::proceed);
  counting(StepReport{});
  CHECK(calls == 2);
}

TEST_CASE("Reasons to stop have names") {
  CHECK(l0::to_string(StopReason::completed) == "completed");
  CHECK(l0::to_string(StopReason::converged) == "converged");
  CHECK(l0::to_string(StopReason::callback) == "stopped by a callback");
  CHECK(l0::to_string(StopReason::not_finite) == "loss or gradient not finite");
}

}  // namespace tests::callbacks::runs
