// SPDX-License-Identifier: MIT
// Same bits from any number of threads and after a crash; callbacks; states of other runs.
#include <l0/calibration/calibration.hpp>

#include <cstring>
#include <filesystem>
#include <limits>
#include <string>
#include <tuple>

#include "calibration/problems.hpp"
#include "support/catch.hpp"
#include "support/concurrently.hpp"

namespace tests::calibration::runs {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::CalibrationLoss;
using l0::CalibrationMethod;
using l0::CalibrationOptions;
using l0::CalibrationState;
using l0::CalibrationTask;
using l0::GateMode;
using l0::Index;
using l0::test::Survey;
using Calibration = l0::SparseCalibrationWeights<float>;

const Survey<float>& survey() {
  // More than 16 blocks of 64 records, so that pieces of M fall to several workers.
  static const Survey<float> instance(8, 5, 40, 4, 0.02);
  return instance;
}

struct Run {
  const char* name;
  CalibrationOptions options;
  CalibrationLoss loss;
};

std::vector<Run> runs() {
  const auto options = [](GateMode gates, CalibrationMethod method) {
    CalibrationOptions result{.max_records = 300, .initial_weights = survey().start};
    result.gates = gates;
    result.method = method;
    result.epochs = 40;
    result.refit_epochs = 30;
    return result;
  };
  std::vector<Run> all{
      {"coordinate, relative", options(GateMode::noise_free, CalibrationMethod::coordinate), CalibrationLoss::relative},
      {"coordinate, capped", options(GateMode::noise_free, CalibrationMethod::coordinate), CalibrationLoss::capped},
      {"gradient, relative", options(GateMode::noise_free, CalibrationMethod::gradient), CalibrationLoss::relative},
      {"gradient, capped", options(GateMode::noise_free, CalibrationMethod::gradient), CalibrationLoss::capped},
      {"gradient, sampled", options(GateMode::sampled, CalibrationMethod::gradient), CalibrationLoss::relative}};
  Run priced{"coordinate, price, total held", options(GateMode::noise_free, CalibrationMethod::coordinate),
             CalibrationLoss::relative};
  priced.options.max_records.reset();
  priced.options.lambda_l0 = 1e-3;
  priced.options.total_weight = 1e5;
  priced.options.max_weight_ratio = 50;
  all.push_back(priced);
  return all;
}

}  // namespace

TEST_CASE("Any number of threads gives the same bits") {
  for (const Run& run : runs()) {
    CAPTURE(run.name);
    l0::Vector<float> expected;
    for (const int threads : {1, 2, 3}) {
      CAPTURE(threads);
      CalibrationOptions options = run.options;
      options.threads = threads;
      Calibration cal(survey().m.cols(), options);
      cal.fit(survey().m, survey().targets, {.loss = run.loss});
      if (threads == 1) expected = cal.weights();
      CHECK(cal.weights() == expected);
      CHECK(l0::test::same_from_threads([&] {
        return std::tuple(cal.predict(survey().m), cal.sparsity(), cal.diagnostics().effective_sample_size);
      }));
    }
  }
}

TEST_CASE("Resumed after any pass, a run ends with the bits of one that was never stopped") {
  for (const Run& run : runs()) {
    CAPTURE(run.name);
    std::vector<CalibrationState> states;
    CalibrationTask task{.loss = run.loss};
    task.checkpoint_every = 9;
    task.checkpoint = [&](const CalibrationState& state) { states.push_back(state); };
    Calibration whole(survey().m.cols(), run.options);
    const auto report = whole.fit(survey().m, survey().targets, task);
    CHECK(states.size() >= 5);
    for (const CalibrationState& state : states) {
      Calibration resumed(survey().m.cols(), run.options);
      const auto rest = resumed.fit(survey().m, survey().targets, {.loss = run.loss, .resume = &state});
      CHECK(resumed.weights() == whole.weights());
      CHECK(resumed.log_alpha() == whole.log_alpha());
      CHECK(rest.loss == report.loss);
      CHECK(rest.steps == report.steps);
    }
  }
}

TEST_CASE("A state survives a file, and a damaged one is refused") {
  const Run run = runs().front();
  CalibrationState last;
  CalibrationTask task{.loss = run.loss};
  task.checkpoint_every = 20;
  task.checkpoint = [&](const CalibrationState& state) { last = state; };
  Calibration cal(survey().m.cols(), run.options);
  cal.fit(survey().m, survey().targets, task);

  const std::string path = (std::filesystem::temp_directory_path() / "l0_calibration.state").string();
  last.save(path);
  const CalibrationState loaded = CalibrationState::load(path);
  CHECK(loaded.bytes() == last.bytes());
  CalibrationState("\x1f\x8b\x08 as a compressed file begins").save(path);
  CHECK(CalibrationState::load(path).bytes() == "\x1f\x8b\x08 as a compressed file begins");
  std::filesystem::remove(path);
  CHECK_THROWS_WITH(CalibrationState::load(path), ContainsSubstring("file " + path + " is not readable"));
  CHECK_THROWS_WITH(CalibrationState::load("/"), ContainsSubstring("file / is a directory"));
  CHECK_THROWS_WITH(last.save("/no such folder/state"),
                    ContainsSubstring("file /no such folder/state is not writable"));

  const l0::Vector<float> before = cal.weights();
  const auto refused = [&](const CalibrationState& state, const char* message) {
    CHECK_THROWS_WITH(cal.fit(survey().m, survey().targets, {.loss = run.loss, .resume = &state}),
                      ContainsSubstring(message));
    CHECK(cal.weights() == before);
  };
  std::string bytes = last.bytes();
  refused(CalibrationState(bytes.substr(0, bytes.size() / 2)), "damaged");
  refused(CalibrationState(), "damaged");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  refused(CalibrationState(bytes), "damaged");
  // The state of another run.
  CHECK_THROWS_WITH(cal.fit(survey().m, survey().targets, {.loss = CalibrationLoss::capped, .resume = &last}),
                    ContainsSubstring("another run"));
  const l0::Vector<float> other = 2 * survey().targets;
  CHECK_THROWS_WITH(cal.fit(survey().m, other, {.loss = run.loss, .resume = &last}), ContainsSubstring("another run"));
}

TEST_CASE("A state belongs to its options, its data and its type of numbers") {
  const Survey<float> small(2, 2, 12, 3, 0.05);
  const Index n = small.m.cols();
  const std::vector<double> start(static_cast<std::size_t>(n), 2.0);
  const CalibrationOptions options{.max_records = 9, .initial_weights = start, .epochs = 6, .refit_epochs = 4};
  CalibrationTask task{.aggregates = {{.members = {0, 1}, .target = 1e6}}, .checkpoint_every = 1};
  CalibrationState state;
  task.checkpoint = [&](const CalibrationState& now) { state = now; };
  Calibration(n, options).fit(small.m, small.targets, task);
  task.checkpoint_every = 0;
  task.resume = &state;
  CHECK_NOTHROW(Calibration(n, options).fit(small.m, small.targets, task));

  const auto refuses = [&](const CalibrationOptions& with, const CalibrationTask& at) {
    CHECK_THROWS_WITH(Calibration(n, with).fit(small.m, small.targets, at), ContainsSubstring("another run"));
  };
  const auto with = [&](auto&& change) {
    CalibrationOptions changed = options;
    change(changed);
    refuses(changed, task);
  };
  with([](auto& o) { o.max_records = 8; });
  with([](auto& o) { o.max_records.reset(), o.lambda_l0 = 0.1; });
  with([&](auto& o) { o.initial_weights = std::vector<double>(static_cast<std::size_t>(n), 3.0); });
  with([](auto& o) { o.keep_probability = 0.7; });
  with([](auto& o) { o.log_weight_jitter = 0.1; });
  with([](auto& o) { o.log_alpha_jitter = 0.5; });
  with([](auto& o) { o.gates = GateMode::off; });
  with([](auto& o) { o.method = CalibrationMethod::gradient; });
  with([](auto& o) { o.epochs = 7; });
  with([](auto& o) { o.learning_rate = 0.2; });
  with([](auto& o) { o.gate_learning_rate = 0.2; });
  with([](auto& o) { o.temperature = 0.5; });
  with([](auto& o) { o.gamma = -0.2; });
  with([](auto& o) { o.zeta = 1.2; });
  with([](auto& o) { o.lambda_l2 = 1e-9; });
  with([](auto& o) { o.max_weight_ratio = 90; });
  with([](auto& o) { o.concentration = 1e-9; });
  with([](auto& o) { o.total_weight = 50; });
  with([](auto& o) { o.refit = false; });
  with([](auto& o) { o.refit_epochs = 5; });
  with([](auto& o) { o.seed = 1; });
  CalibrationTask other = task;
  other.aggregates = {{.members = {0, 2}, .target = 1e6}};
  refuses(options, other);
  other = task;
  other.loss = CalibrationLoss::capped;
  refuses(options, other);
  // One entry of M is another, or the same one stands in another row.
  const auto refuses_data = [&](const Eigen::SparseMatrix<float>& m) {
    CHECK_THROWS_WITH(Calibration(n, options).fit(m, small.targets, task), ContainsSubstring("another run"));
  };
  Eigen::MatrixXf dense(small.m);
  dense(0, 0) += 1;
  refuses_data(dense.sparseView());
  dense = Eigen::MatrixXf(small.m);
  dense.row(1).swap(dense.row(2));
  refuses_data(dense.sparseView());
  l0::SparseCalibrationWeights<double> wide(n, options);
  CHECK_THROWS_WITH(wide.fit(small.m.cast<double>(), small.targets.cast<double>(), task),
                    ContainsSubstring("another run"));
}

TEST_CASE("A callback sees both stages and may stop; the budget holds all the same") {
  for (const Run& run : runs()) {
    CAPTURE(run.name);
    Index passes = 0;
    std::vector<std::string> stages;
    CalibrationTask task{.loss = run.loss};
    task.callback = [&](const l0::StepReport& report) {
      if (stages.empty() || stages.back() != report.stage) stages.emplace_back(report.stage);
      CHECK(report.step >= 1);
      CHECK(report.step <= report.steps);
      CHECK(std::isfinite(report.objective));
      CHECK((report.expected_l0 > 0 && report.expected_l0 <= static_cast<double>(survey().m.cols())));
      ++passes;
    };
    Calibration cal(survey().m.cols(), run.options);
    CHECK(cal.fit(survey().m, survey().targets, task).steps == passes);
    CHECK(stages == std::vector<std::string>{"gates", "refit"});

    task.callback = [&](const l0::StepReport& report) {
      return report.stage == "gates" && report.step == 7 ? l0::Flow::stop : l0::Flow::proceed;
    };
    const auto report = cal.fit(survey().m, survey().targets, task);
    CHECK(report.stop == l0::StopReason::callback);
    CHECK(report.steps == 7);
    if (run.options.max_records) CHECK(report.records == *run.options.max_records);
  }
}

// The checksum can be forged like the rest. A forged state is refused, or the run ends as usual; under the address
// sanitizer it also stays within its arrays.
TEST_CASE("A forged state is refused, or the run ends as usual") {
  for (const Run& run : runs()) {
    CAPTURE(run.name);
    std::vector<CalibrationState> states;
    CalibrationTask task{.loss = run.loss, .checkpoint_every = 25};
    task.checkpoint = [&](const CalibrationState& state) { states.push_back(state); };
    Calibration cal(survey().m.cols(), run.options);
    cal.fit(survey().m, survey().targets, task);
    REQUIRE(states.size() >= 2);
    for (const CalibrationState& state : states) {
      const auto is_refused = [&](std::string bytes) {
        bytes.resize(bytes.size() - sizeof(std::uint64_t));
        const std::uint64_t sum = l0::detail::StateWriter::checksum(bytes);
        bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
        const CalibrationState forged(bytes);
        Calibration resumed(survey().m.cols(), run.options);
        const l0::Vector<float> before = resumed.weights();
        try {
          resumed.fit(survey().m, survey().targets, {.loss = run.loss, .resume = &forged});
          return false;
        } catch (const l0::Error&) {
          CHECK(resumed.weights() == before);
          return true;
        }
      };
      const std::string& good = state.bytes();
      CHECK_FALSE(is_refused(good));
      CHECK(is_refused(good + "more of it"));
      CHECK(is_refused(good.substr(0, good.size() / 2)));
      // Behind the mark and the number of passes come the epoch and the stage, in the order of the method.
      const auto with = [&](std::size_t at, auto value) {
        std::string bytes = good;
        std::memcpy(bytes.data() + at, &value, sizeof value);
        return bytes;
      };
      CHECK(is_refused(with(8, std::int64_t{-1})));  // passes
      for (std::size_t at = 16; at + 16 < good.size() && at < 80; at += 4) {
        CAPTURE(at);
        is_refused(with(at, std::int32_t{-7}));
        is_refused(with(at, std::int64_t{1} << 40));
        is_refused(with(at, std::numeric_limits<double>::quiet_NaN()));
      }
      for (std::size_t at = 80; at + 16 < good.size(); at += good.size() / 7) {
        CAPTURE(at);
        is_refused(with(at, std::uint64_t{0xFFFFFFFFFFFFFFFF}));
        is_refused(with(at, 1e300));
      }
    }
  }
}

}  // namespace tests::calibration::runs
