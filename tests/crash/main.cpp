// SPDX-License-Identifier: MIT
// Runs that store their state are killed at random moments and started again: none finds a file that is half written,
// and each ends with the bits of a run that nobody killed. Usage: test_crash [seed [kills]]
#include <l0/calibration/calibration.hpp>
#include <l0/io/network.hpp>
#include <l0/networks/sequential.hpp>
#include <l0/penalties/l0_penalty.hpp>
#include <l0/training/trainer.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <random>
#include <string>

#include "calibration/problems.hpp"
#include "support/fixed_numbers.hpp"

namespace {

namespace files = std::filesystem;
using l0::Index;
using l0::Matrix;
using Clock = std::chrono::steady_clock;

/// Where a run stores its state, and where its result.
struct Place {
  files::path folder;
  std::string state() const { return (folder / "state").string(); }
  std::string result() const { return (folder / "result").string(); }
  bool has_state() const { return files::exists(state()); }
  void clear() const {
    for (const auto& entry : files::directory_iterator(folder)) files::remove(entry.path());
  }
};

/// A job goes on from the state at its place if there is one, and returns the bits of its result.
struct Job {
  const char* name;
  std::function<std::string(const Place&)> run;
};

std::string bits(const void* data, Index size, std::size_t each) {
  return {static_cast<const char*>(data), static_cast<std::size_t>(size) * each};
}

std::string calibrate(const Place& place, l0::CalibrationMethod method, l0::GateMode gates) {
  static const l0::test::Survey<float> survey(6, 4, 30, 4, 0.02);
  l0::CalibrationOptions options{.max_records = 200, .initial_weights = survey.start};
  options.method = method;
  options.gates = gates;
  options.epochs = 60;
  options.refit_epochs = 40;
  options.threads = 2;
  l0::CalibrationState before;
  l0::CalibrationTask task{.checkpoint_every = 1};
  task.checkpoint = [&](const l0::CalibrationState& state) { state.save(place.state()); };
  if (place.has_state()) {
    before = l0::CalibrationState::load(place.state());
    task.resume = &before;
  }
  l0::SparseCalibrationWeights<float> calibration(survey.m.cols(), options);
  calibration.fit(survey.m, survey.targets, task);
  const auto& log_alpha = calibration.log_alpha();
  return bits(calibration.weights().data(), calibration.weights().size(), sizeof(float)) +
         bits(log_alpha.data(), static_cast<Index>(log_alpha.size()), sizeof(double));
}

std::string train(const Place& place) {
  const Matrix<float> X = l0::test::fixed_numbers(120, 12, 1).cast<float>();
  const Eigen::VectorXi labels = (X.col(0).array() > X.col(1).array()).cast<int>();
  l0::Rng rng(3);
  l0::Sequential net{l0::L0Linear<float, l0::PerInput>(12, 16, rng), l0::Relu{}, l0::L0Linear<float>(16, 2, rng)};
  using Trainer = l0::Trainer<decltype(net)>;
  Trainer* running = nullptr;
  l0::TrainerOptions options{.epochs = 60, .batch_size = 20, .seed = 5};
  options.learning_rate = 1e-2;
  options.patience = 1000;  // the best network is a part of the state
  options.temperature_schedule = [](Index epoch) { return 0.7 - 0.005 * static_cast<double>(epoch); };
  options.callback = [&](const l0::StepReport&) {
    l0::save_checkpoint(place.state(), net, *running);
    return l0::Flow::proceed;
  };
  Trainer trainer(net, options);
  running = &trainer;
  if (place.has_state()) l0::load_checkpoint(place.state(), net, trainer);
  trainer.fit(X, labels, l0::L0Penalty<float>{.lambda = 1e-3F}, X, labels);
  std::string result;
  for (const auto& parameter : net.parameters()) {
    result += bits(parameter.values().data(), parameter.size(), sizeof(float));
  }
  return result;
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Runs the job in a process of its own, which is killed after `patience`; whether it came to its end. Throws where the
/// job fails.
bool finishes(const Job& job, const Place& place, std::chrono::microseconds patience) {
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no process could be started");
  if (child == 0) {
    int status = 0;
    try {
      const std::string result = job.run(place);
      std::ofstream(place.result(), std::ios::binary) << result;
    } catch (const std::exception& e) {
      std::cerr << job.name << ": " << e.what() << '\n';
      status = 1;
    }
    _exit(status);
  }
  const auto end = Clock::now() + patience;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (Clock::now() < end) {
      usleep(50);
      continue;
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    break;
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return false;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("a run failed");
  return true;
}

/// Whether all resumed runs of a job end as the one that was not killed.
bool survives(const Job& job, const Place& place, std::mt19937_64& random, int kills) {
  constexpr std::chrono::seconds long_enough(120);
  place.clear();
  const auto begin = Clock::now();
  finishes(job, place, long_enough);
  const auto whole_run = std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
  const std::string expected = read(place.result());
  if (expected.empty()) throw std::runtime_error("a run without a result");
  place.clear();

  int killed = 0;
  int resumed = 0;
  int ends = 0;
  while (killed < kills || ends == 0) {
    // Three kills in a run on the average; after the last one the run is left alone.
    std::uniform_real_distribution<double> moment(0, whole_run * 0.6);
    resumed += place.has_state() ? 1 : 0;
    const auto patience = std::chrono::microseconds(static_cast<std::int64_t>(moment(random)));
    if (!finishes(job, place, killed < kills ? patience : std::chrono::microseconds(long_enough))) {
      ++killed;
      continue;
    }
    ++ends;
    if (read(place.result()) != expected) {
      std::cout << job.name << ": other bits after " << killed << " kills\n";
      return false;
    }
    place.clear();
  }
  std::cout << job.name << ": killed " << killed << " times, " << resumed << " runs went on from a stored state, "
            << ends << " came to their end, with the same bits\n";
  return true;
}

}  // namespace

int main(int count, char** arguments) try {
  const std::uint64_t seed = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : std::random_device{}();
  const int kills = count > 2 ? std::atoi(arguments[2]) : 20;
  std::cout << "seed " << seed << '\n';
  std::mt19937_64 random(seed);
  const Place place{files::temp_directory_path() / ("l0_crash_" + std::to_string(getpid()))};
  files::create_directory(place.folder);
  const Job jobs[] = {
      {"calibration by coordinates",
       [](const Place& p) { return calibrate(p, l0::CalibrationMethod::coordinate, l0::GateMode::noise_free); }},
      {"calibration by gradients",
       [](const Place& p) { return calibrate(p, l0::CalibrationMethod::gradient, l0::GateMode::noise_free); }},
      {"calibration with drawn gates",
       [](const Place& p) { return calibrate(p, l0::CalibrationMethod::gradient, l0::GateMode::sampled); }},
      {"training of a network", train}};
  bool good = true;
  for (const Job& job : jobs) good = survives(job, place, random, kills) && good;
  files::remove_all(place.folder);
  return good ? 0 : 1;
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
