// SPDX-License-Identifier: MIT
// States of calibrations with bytes that were changed. The checksum is made good again: it guards against accidents,
// and whoever forges the rest forges it too.
#include <l0/calibration/calibration.hpp>

#include <array>
#include <vector>

#include "fuzz/target.hpp"

namespace {

using l0::CalibrationState;
using l0::Index;
using Calibration = l0::SparseCalibrationWeights<float>;

struct Run {
  Eigen::SparseMatrix<float> m;
  l0::Vector<float> targets;
  l0::CalibrationOptions options;
  l0::CalibrationTask task;
  std::vector<std::string> states;

  Run(l0::CalibrationMethod method, l0::GateMode gates, l0::CalibrationLoss loss, bool has_budget) {
    constexpr Index records = 12;
    constexpr Index rows = 4;
    std::vector<Eigen::Triplet<float>> entries;
    std::vector<double> start;
    for (int j = 0; j < records; ++j) {
      for (int i = 0; i < rows; ++i) {
        if ((i + j) % 3 != 0) entries.emplace_back(i, j, static_cast<float>(1 + (i * j) % 5));
      }
      start.push_back(j == 7 ? 0 : 1 + j % 3);
    }
    options.initial_weights = start;
    m.resize(rows, records);
    m.setFromTriplets(entries.begin(), entries.end());
    targets = m * l0::Vector<float>::LinSpaced(records, 0, 3);
    if (has_budget) {
      options.max_records = 5;
    } else {
      options.lambda_l0 = 1e-2;
      options.total_weight = 20;
      options.max_weight_ratio = 4;
      task.aggregates = {{.members = {0, 1}}};
    }
    options.method = method;
    options.gates = gates;
    options.epochs = 6;
    options.refit_epochs = 4;
    task.loss = loss;
    task.checkpoint_every = 1;
    task.checkpoint = [&](const CalibrationState& state) { states.push_back(state.bytes()); };
    Calibration(m.cols(), options).fit(m, targets, task);
    task.checkpoint_every = 0;
    task.checkpoint = nullptr;
  }
};

const std::vector<Run>& runs() {
  using enum l0::CalibrationMethod;
  using enum l0::GateMode;
  using enum l0::CalibrationLoss;
  static const std::vector<Run> all = [] {
    std::vector<Run> list;
    for (const bool has_budget : {true, false}) {
      for (const auto loss : {relative, capped}) {
        list.emplace_back(coordinate, noise_free, loss, has_budget);
        list.emplace_back(gradient, noise_free, loss, has_budget);
        list.emplace_back(gradient, sampled, loss, has_budget);
      }
    }
    return list;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  l0::fuzz::Input input(data, size);
  const Run& run = runs()[input.take<std::uint8_t>() % runs().size()];
  const std::string& good = run.states[input.take<std::uint8_t>() % run.states.size()];
  std::string bytes = l0::fuzz::edited(good.substr(0, good.size() - sizeof(std::uint64_t)), input);
  if (bytes.size() >= 8) std::memcpy(bytes.data(), good.data(), 8);  // the mark of the run
  const std::uint64_t sum = l0::detail::StateWriter::checksum(bytes);
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  const CalibrationState forged(bytes);
  Calibration calibration(run.m.cols(), run.options);
  const l0::Vector<float> before = calibration.weights();
  auto task = run.task;
  task.resume = &forged;
  const bool taken = l0::fuzz::accepted([&] { calibration.fit(run.m, run.targets, task); });
  l0::fuzz::require(taken || calibration.weights() == before, "a calibration that refuses is as it was");
  l0::fuzz::require(taken || bytes != good, "a good state is taken");
  return 0;
}
