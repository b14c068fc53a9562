// SPDX-License-Identifier: MIT
// Matrix factorization: the rank that is found, and what a pass costs.
//
//   bench_factorization rank [--seeds N]      ranks 3, 5, 8; 500 × 400, a fifth observed, noise 0.1
//   bench_factorization epoch [--threads N] [--rank K] [--binary]   6 040 × 3 706, a million ratings
//   bench_factorization fit [--threads N]     the same, everything chosen by held-out entries
//   bench_factorization speed [--threads N] [--benchmark_repetitions=5]   whole fits to a million ratings of rank 8
//   bench_factorization write FOLDER          the ratings for peers/torch_factorization.py
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <l0/factorization/matrix_factorization.hpp>

#include "arguments.hpp"

namespace {

using Eigen::Index;

double uniform(l0::Rng& rng) { return (static_cast<double>(rng() >> 11) + 0.5) * 0x1p-53; }
double normal(l0::Rng& rng) {
  return std::sqrt(-2 * std::log(uniform(rng))) * std::cos(6.283185307179586 * uniform(rng));
}

struct Problem {
  Eigen::SparseMatrix<float, Eigen::RowMajor> train;
  std::vector<Eigen::Triplet<float>> test;

  double error(const l0::MatrixFactorization<float>& model) const {
    double sum = 0;
    for (const auto& e : test) {
      const double d = static_cast<double>(e.value() - model.predict(e.row(), e.col()));
      sum += d * d;
    }
    return std::sqrt(sum / static_cast<double>(test.size()));
  }
};

/// U Vᵀ of standard normal numbers, a fifth observed with noise; the rest is the test, with noise of its own.
Problem make_low_rank(Index rank, std::uint64_t seed) {
  l0::Rng rng(seed);
  const auto draw = [&] { return normal(rng); };
  const Eigen::MatrixXd u = Eigen::MatrixXd::NullaryExpr(500, rank, draw);
  const Eigen::MatrixXd v = Eigen::MatrixXd::NullaryExpr(400, rank, draw);
  Problem problem;
  std::vector<Eigen::Triplet<float>> observed;
  for (int i = 0; i < 500; ++i) {
    for (int j = 0; j < 400; ++j) {
      const auto value = static_cast<float>(u.row(i).dot(v.row(j)) + 0.1 * normal(rng));
      (uniform(rng) < 0.2 ? observed : problem.test).emplace_back(i, j, value);
    }
  }
  problem.train.resize(500, 400);
  problem.train.setFromTriplets(observed.begin(), observed.end());
  return problem;
}

/// Of the size and shape of a well-known set of film ratings: a million ratings 1 to 5 (with `binary`, whether above
/// 3) of 3 706 items by 6 040 users, activity and popularity log-normal, biases, ten factors of falling strength and
/// noise; 5 % more for the test.
Problem make_films(bool binary) {
  constexpr Index users = 6040, items = 3706, count = 1'000'000, rank = 10;
  l0::Rng rng(7);
  const auto draw = [&] { return normal(rng); };
  Eigen::MatrixXd u = Eigen::MatrixXd::NullaryExpr(users, rank, draw);
  const Eigen::MatrixXd v = Eigen::MatrixXd::NullaryExpr(items, rank, draw);
  for (Index f = 0; f < rank; ++f) u.col(f) *= 0.35 / std::sqrt(1.0 + static_cast<double>(f));
  const Eigen::VectorXd b = 0.4 * Eigen::VectorXd::NullaryExpr(users, draw);
  const Eigen::VectorXd c = 0.5 * Eigen::VectorXd::NullaryExpr(items, draw);
  const auto cumulated = [&](Index n) {
    std::vector<double> sum;
    double total = 0;
    for (Index i = 0; i < n; ++i) sum.push_back(total += std::exp(1.1 * normal(rng)));
    return sum;
  };
  const std::vector<double> activity = cumulated(users), popularity = cumulated(items);
  const auto pick = [&](const std::vector<double>& sum) {
    const auto place = std::lower_bound(sum.begin(), sum.end(), uniform(rng) * sum.back());
    return static_cast<Index>(place - sum.begin());
  };
  std::vector<char> taken(static_cast<std::size_t>(users * items), 0);
  Problem problem;
  std::vector<Eigen::Triplet<float>> observed;
  for (Index k = 0; k < count + count / 20;) {
    const Index i = pick(activity), j = pick(popularity);
    char& cell = taken[static_cast<std::size_t>(i * items + j)];
    if (cell != 0) continue;
    cell = 1;
    const double value = 3.6 + b(i) + c(j) + u.row(i).dot(v.row(j)) + 0.8 * normal(rng);
    const double rating = std::clamp(std::round(value), 1.0, 5.0);
    (k < count ? observed : problem.test)
        .emplace_back(static_cast<int>(i), static_cast<int>(j), static_cast<float>(binary ? rating > 3 : rating));
    ++k;
  }
  problem.train.resize(users, items);
  problem.train.setFromTriplets(observed.begin(), observed.end());
  return problem;
}

/// A million ratings of 3 706 items by 6 040 users at places drawn evenly: biases, eight factors of like strength,
/// noise of deviation 0.8; a twentieth more for the test.
Problem make_even() {
  constexpr Index users = 6040, items = 3706, count = 1'000'000, rank = 8;
  l0::Rng rng(3);
  const auto draw = [&] { return normal(rng); };
  const Eigen::MatrixXd u = 0.3 * Eigen::MatrixXd::NullaryExpr(users, rank, draw);
  const Eigen::MatrixXd v = Eigen::MatrixXd::NullaryExpr(items, rank, draw);
  const Eigen::VectorXd b = 0.4 * Eigen::VectorXd::NullaryExpr(users, draw);
  const Eigen::VectorXd c = 0.5 * Eigen::VectorXd::NullaryExpr(items, draw);
  std::vector<char> taken(static_cast<std::size_t>(users * items), 0);
  Problem problem;
  std::vector<Eigen::Triplet<float>> observed;
  for (Index k = 0; k < count + count / 20;) {
    const auto i = static_cast<Index>(uniform(rng) * users), j = static_cast<Index>(uniform(rng) * items);
    char& cell = taken[static_cast<std::size_t>(i * items + j)];
    if (cell != 0) continue;
    cell = 1;
    const double value = 3.5 + b(i) + c(j) + u.row(i).dot(v.row(j)) + 0.8 * normal(rng);
    (k++ < count ? observed : problem.test)
        .emplace_back(static_cast<int>(i), static_cast<int>(j), static_cast<float>(value));
  }
  problem.train.resize(users, items);
  problem.train.setFromTriplets(observed.begin(), observed.end());
  return problem;
}

void run_rank(int seeds) {
  for (const Index rank : {3, 5, 8}) {
    int exact = 0;
    double worst = 0, seconds = 0;
    for (int seed = 1; seed <= seeds; ++seed) {
      const Problem problem = make_low_rank(rank, static_cast<std::uint64_t>(seed));
      l0::MatrixFactorization<float> model({.max_rank = 20});
      l0::MatrixFactorization<float> oracle({.max_rank = 20, .target_rank = rank});
      model.fit(problem.train);
      oracle.fit(problem.train);
      exact += model.rank() == rank ? 1 : 0;
      worst = std::max(worst, problem.error(model) / problem.error(oracle));
      seconds += model.report().seconds / seeds;
      std::printf("true rank %td, seed %d: rank %td, held-out RMSE %.4f, with the true rank given %.4f\n", rank, seed,
                  model.rank(), problem.error(model), problem.error(oracle));
    }
    std::printf("true rank %td: exact in %d of %d, worst ratio of errors %.4f, %.2f s per fit\n", rank, exact, seeds,
                worst, seconds);
    std::fflush(stdout);
  }
}

void run_epoch(int threads, Index rank, bool binary) {
  const Problem problem = make_films(binary);
  std::vector<double> times;
  double last = 0;
  std::clock_t ticks = 0;
  std::vector<double> processor;
  l0::FactorizationOptions options{.max_rank = rank, .target_rank = rank, .lambda_l2 = 3e-6, .epochs = 30};
  options.loss = binary ? l0::FactorizationLoss::logistic : l0::FactorizationLoss::squared;
  options.threads = threads;
  options.callback = [&](const l0::StepReport& report) {
    const std::clock_t now = std::clock();
    if (report.stage == "refit") {
      times.push_back(report.seconds - last);
      processor.push_back(static_cast<double>(now - ticks) / CLOCKS_PER_SEC);
    }
    ticks = now;
    last = report.seconds;
  };
  l0::MatrixFactorization<float> model(options);
  model.fit(problem.train);
  const auto median = [](std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0.0 : values[values.size() / 2];
  };
  std::printf("rank %td, %d thread(s): a pass takes %.1f ms (best %.1f, processor %.1f), test RMSE %.4f\n",
              model.rank(), threads, 1e3 * median(times), 1e3 * *std::min_element(times.begin(), times.end()),
              1e3 * median(processor), problem.error(model));
}

void run_fit(int threads) {
  const Problem problem = make_films(false);
  l0::FactorizationOptions options;
  options.threads = threads;
  l0::MatrixFactorization<float> model(options);
  model.fit(problem.train);
  for (const auto& point : model.report().ranks) {
    std::printf("rank %2td: loss %.4f, held out %.4f\n", point.rank, point.train_loss, point.held_out_loss);
  }
  std::printf("rank %td, lambda_l2 %.2e, test RMSE %.4f, %.1f s, %td passes\n", model.rank(), model.report().lambda_l2,
              problem.error(model), model.report().seconds, model.report().epochs);
}

/// Whole fits to the even ratings: rank and L2 price told, the rank alone, nothing.
void run_speed(int threads, int argc, char** argv) {
  const auto problem = std::make_shared<const Problem>(make_even());
  const auto add = [&](const char* name, l0::FactorizationOptions options) {
    options.threads = threads;
    benchmark::RegisterBenchmark(name,
                                 [options, problem](benchmark::State& state) {
                                   l0::MatrixFactorization<float> model(options);
                                   for (auto step : state) model.fit(problem->train);
                                   state.counters["rank"] = static_cast<double>(model.rank());
                                   state.counters["passes"] = static_cast<double>(model.report().epochs);
                                   state.counters["rmse"] = problem->error(model);
                                   state.counters["l2"] = model.report().lambda_l2 * 1e6;
                                 })
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime();
  };
  add("told_rank_and_l2", {.max_rank = 20, .target_rank = 8, .lambda_l2 = 3e-6});
  add("told_rank", {.max_rank = 20, .target_rank = 8});
  add("told_nothing", {.max_rank = 20});
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}

void write(const std::string& folder) {
  const Problem problem = make_films(false);
  std::ofstream train(folder + "/train.csv"), test(folder + "/test.csv");
  for (Index i = 0; i < problem.train.rows(); ++i) {
    for (Eigen::SparseMatrix<float, Eigen::RowMajor>::InnerIterator e(problem.train, i); e; ++e) {
      train << i << ',' << e.col() << ',' << e.value() << '\n';
    }
  }
  for (const auto& e : problem.test) test << e.row() << ',' << e.col() << ',' << e.value() << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  int threads = 1, seeds = 10;
  Index rank = 20;
  bool binary = false;
  for (int k = 2; k < argc; ++k) {
    if (std::strcmp(argv[k], "--threads") == 0 && k + 1 < argc) threads = bench::number<int>(argv[++k]);
    if (std::strcmp(argv[k], "--seeds") == 0 && k + 1 < argc) seeds = bench::number<int>(argv[++k]);
    if (std::strcmp(argv[k], "--rank") == 0 && k + 1 < argc) rank = bench::number<Index>(argv[++k]);
    if (std::strcmp(argv[k], "--binary") == 0) binary = true;
  }
  const std::string task = argc > 1 ? argv[1] : "";
  if (task == "rank") {
    run_rank(seeds);
  } else if (task == "epoch") {
    run_epoch(threads, rank, binary);
  } else if (task == "fit") {
    run_fit(threads);
  } else if (task == "speed") {
    run_speed(threads, argc, argv);
  } else if (task == "write" && argc > 2) {
    write(argv[2]);
  } else {
    std::puts("bench_factorization rank | epoch | fit | write FOLDER; see the top of bench/factorization.cpp");
    return 1;
  }
  return 0;
}
