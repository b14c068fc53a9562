// SPDX-License-Identifier: MIT
// Calibration: what a pass costs, how good a sample of few records is, and the full national scale.
//
//   bench_calibration epoch [--threads N]             2 000 × 20 000, 4 M entries: median time of a pass
//   bench_calibration frontier [--contradict 0.05]    budgets of 5, 10, 17, 30 % against random samples
//   bench_calibration off-target [strikes.csv]        errors of totals that were no targets, against random + raking
//   bench_calibration full [--threads N]              32 708 × 337 704, 50 M entries: 17 % of the records
//   bench_calibration write FOLDER [--contradict C | --unstructured]   the problem for peers/torch_calibration.py
//   bench_calibration compare WEIGHTS [--contradict C]                 the peer's records, refitted, and as many of
//   ours
//
// Other sizes: --states, --districts, --records, --counts, --dollars, --seed. Of the frontier: --csv FILE, --svg FILE
// (with gnuplot).
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include <l0/l0.hpp>

#include "arguments.hpp"
#include "national.hpp"
#include "representation.hpp"

namespace {

using bench::Index;
using bench::National;
using l0::CalibrationLoss;
using l0::CalibrationMethod;
using l0::CalibrationOptions;
using l0::GateMode;
using Calibration = l0::SparseCalibrationWeights<float>;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

/// Fits and returns the report; times[stage] gets the seconds of every pass.
l0::CalibrationReport fit(Calibration& cal, const National& problem, CalibrationLoss loss,
                          std::map<std::string, std::vector<double>>* times = nullptr) {
  l0::CalibrationTask task{.loss = loss};
  double last = 0;
  if (times != nullptr) {
    task.callback = [&](const l0::StepReport& report) {
      if (report.step > 1) (*times)[std::string(report.stage)].push_back(report.seconds - last);
      last = report.seconds;
    };
  }
  return cal.fit(problem.m, problem.targets, task);
}

void run_epoch(int threads) {
  const National problem = bench::make_unstructured(2000, 20000, 200, 1);
  std::printf("2000 targets, 20000 records, %td entries, %d thread(s)\n", problem.m.nonZeros(), threads);
  std::printf("%-34s %9s %9s %9s %9s  %8s %9s %8s %9s\n", "", "ms/pass", "best", "processor", "seconds", "kept",
              "mean err", "largest", "ESS");
  const auto row = [&](const char* name, CalibrationOptions options) {
    options.threads = threads;
    Calibration cal(problem.m.cols(), options);
    std::map<std::string, std::vector<double>> times;
    const std::clock_t begin = std::clock();
    const auto report = fit(cal, problem, CalibrationLoss::relative, &times);
    const double processor =
        static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / static_cast<double>(report.steps);
    const auto& passes = times.begin()->second;
    std::printf("%-34s %9.2f %9.2f %9.2f %9.3f  %8td %9.5f %8.4f %9.0f\n", name, 1e3 * median(passes),
                1e3 * *std::min_element(passes.begin(), passes.end()), 1e3 * processor, report.seconds, report.records,
                report.all.mean, report.all.largest, report.weights.effective_sample_size);
  };
  // A price too small to close anything: every pass goes through all records.
  row("sweeps, all records open", {.lambda_l0 = 1e-30, .epochs = 60, .refit = false});
  row("sweeps, price 5e-5", {.lambda_l0 = 5e-5});
  row("sweeps, price 5e-5, 20 + 20", {.lambda_l0 = 5e-5, .epochs = 20, .refit_epochs = 20});
  row("gradients without noise, 5e-5",
      {.lambda_l0 = 5e-5, .method = CalibrationMethod::gradient, .epochs = 60, .refit = false});
  row("gradients, drawn gates, 5e-5", {.lambda_l0 = 5e-5, .gates = GateMode::sampled, .epochs = 60, .refit = false});
}

/// The capped loss and effective sample size of some records after a dense calibration of their own.
struct Refitted {
  double loss;
  double effective;
  double seconds;
};
Refitted refit(const National& problem, const std::vector<Index>& records, int threads = 1) {
  std::vector<double> start(problem.start.size(), 0.0);
  const double factor = static_cast<double>(start.size()) / static_cast<double>(records.size());
  for (const Index j : records)
    start[static_cast<std::size_t>(j)] = factor * problem.start[static_cast<std::size_t>(j)];
  Calibration cal(problem.m.cols(), {.initial_weights = start, .gates = GateMode::off, .threads = threads});
  const auto report = fit(cal, problem, CalibrationLoss::capped);
  return {report.loss, report.weights.effective_sample_size, report.seconds};
}

std::vector<Index> all_records(const National& problem) {
  std::vector<Index> all(problem.start.size());
  std::iota(all.begin(), all.end(), Index{0});
  return all;
}
std::vector<Index> random_records(const National& problem, Index count, std::uint64_t seed) {
  std::vector<Index> order = all_records(problem);
  l0::Rng rng(seed);
  std::shuffle(order.begin(), order.end(), rng);
  order.resize(static_cast<std::size_t>(count));
  return order;
}

void describe(const National& problem) {
  std::printf("%td targets, %td records, %td entries\n", problem.m.rows(), problem.m.cols(), problem.m.nonZeros());
}

void run_frontier(const National& problem, const std::string& csv) {
  describe(problem);
  std::ofstream table;
  if (!csv.empty()) table.open(csv);
  if (table) table << "share,records,random,chosen,random_ess,chosen_ess,dense,dense_ess\n";
  const Refitted dense = refit(problem, all_records(problem));
  std::printf("capped loss: dense calibration %.5f, effective sample size %.0f, %.1f s\n", dense.loss, dense.effective,
              dense.seconds);
  std::printf("%6s %8s  %9s %9s %9s %7s %9s  %7s %7s  %7s\n", "budget", "kept", "random", "chosen", "same fit", "ratio",
              "of gap", "ESS r.", "ESS c.", "seconds");
  for (const double share : {0.05, 0.10, 0.17, 0.30}) {
    const auto budget = static_cast<Index>(share * static_cast<double>(problem.m.cols()));
    const Refitted random = refit(problem, random_records(problem, budget, 11));
    Calibration cal(problem.m.cols(), {.max_records = budget, .initial_weights = problem.start});
    const auto report = fit(cal, problem, CalibrationLoss::capped);
    const Refitted same = refit(problem, cal.active_records());
    std::printf("%5.0f%% %8td  %9.5f %9.5f %9.5f %7.3f %9.3f  %7.0f %7.0f  %7.2f\n", 100 * share, report.records,
                random.loss, report.loss, same.loss, same.loss / random.loss,
                (same.loss - dense.loss) / (random.loss - dense.loss), random.effective,
                report.weights.effective_sample_size, report.seconds);
    if (table) {
      table << share << ',' << report.records << ',' << random.loss << ',' << report.loss << ',' << random.effective
            << ',' << report.weights.effective_sample_size << ',' << dense.loss << ',' << dense.effective << '\n';
    }
  }
}

/// Means over the problems: errors on and off the targets and effective sample sizes, by share of records.
void run_off_target(const char* name, const std::vector<bench::Representation>& problems,
                    const std::vector<double>& shares) {
  std::printf("%s: %td targets, %td totals held out, %td records, %zu times\n", name, problems[0].m.rows(),
              problems[0].held_out.rows(), problems[0].m.cols(), problems.size());
  std::printf("%8s  %9s %9s %8s   %9s %9s %8s   %7s %7s %8s\n", "share", "raked on", "off", "ESS", "chosen on", "off",
              "ESS", "off", "ESS", "seconds");
  for (const double share : shares) {
    double of_random[3] = {}, of_chosen[3] = {}, seconds = 0;
    for (const bench::Representation& p : problems) {
      const auto add = [&](const Eigen::VectorXd& w, double(&to)[3], double part) {
        to[0] += part * bench::mean_error(p.m * w, p.targets);
        to[1] += part * bench::mean_error(p.held_out * w, p.truth);
        to[2] += part * w.sum() * w.sum() / w.squaredNorm();
      };
      const double part = 1 / static_cast<double>(problems.size());
      const auto budget = static_cast<Index>(share * static_cast<double>(p.m.cols()));
      const Eigen::Map<const Eigen::VectorXd> start(p.start.data(), p.m.cols());
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        std::vector<Index> order(p.start.size());
        std::iota(order.begin(), order.end(), Index{0});
        l0::Rng rng(seed);
        std::shuffle(order.begin(), order.end(), rng);
        Eigen::VectorXd d = Eigen::VectorXd::Zero(p.m.cols());
        for (Index k = 0; k < budget; ++k)
          d(order[static_cast<std::size_t>(k)]) = start(order[static_cast<std::size_t>(k)]);
        add(bench::raked(p, d * start.sum() / d.sum()), of_random, part / 3);
      }
      l0::SparseCalibrationWeights<double> cal(p.m.cols(), {.max_records = budget, .initial_weights = p.start});
      seconds += part * cal.fit(p.m, p.targets).seconds;
      add(cal.weights(), of_chosen, part);
    }
    std::printf("%7.1f%%  %9.5f %9.5f %8.0f   %9.5f %9.5f %8.0f   %7.3f %7.3f %8.2f\n", 100 * share, of_random[0],
                of_random[1], of_random[2], of_chosen[0], of_chosen[1], of_chosen[2], of_chosen[1] / of_random[1],
                of_chosen[2] / of_random[2], seconds);
  }
}

void run_off_target(const std::string& strikes) {
  std::vector<bench::Representation> problems;
  if (!strikes.empty()) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) problems.push_back(bench::make_strikes(strikes, seed));
    run_off_target("wildlife strikes", problems, {0.05, 0.10, 0.15, 0.30});
  }
  problems.clear();
  for (std::uint64_t seed = 1; seed <= 3; ++seed) problems.push_back(bench::make_population(9000, seed));
  run_off_target("population", problems, {0.05, 0.15, 0.30});
  problems.clear();
  for (std::uint64_t seed = 1; seed <= 3; ++seed) problems.push_back(bench::make_sizes(20000, seed));
  run_off_target("sizes", problems, {0.25, 0.05, 0.025, 0.01});
}

/// The frontier: error against records kept, and effective sample sizes beside it.
void draw_frontier(const std::string& svg, const std::string& csv) {
  const std::string file = svg + ".gnuplot";
  std::ofstream(file) << "set terminal svg size 860,420 font 'Helvetica,14' background 'white'\nset output '" << svg
                      << "'\nfile = '" << csv << R"('
set datafile separator ','; set border 3; set tics nomirror; set multiplot layout 1,2
set xrange [0:*]; set xlabel 'records kept (thousand)'; set logscale y; set format y '10^{%T}'
set title 'capped loss after the refit'; set key center right
plot file every ::1 using ($2/1e3):3 with linespoints pt 7 lc '#999999' title 'random records', \
  '' every ::1 using ($2/1e3):4 with linespoints pt 7 lc '#2166ac' title 'chosen', \
  '' every ::1 using ($2/1e3):7 with lines dt 2 lc '#b2182b' title 'all records'
unset logscale y; set format y '%g'; set yrange [0:*]; set title 'effective sample size'; set key bottom right
plot file every ::1 using ($2/1e3):5 with linespoints pt 7 lc '#999999' title 'random records', \
  '' every ::1 using ($2/1e3):6 with linespoints pt 7 lc '#2166ac' title 'chosen'
unset multiplot
)";
  if (std::system(("gnuplot '" + file + "'").c_str()) == 0) std::printf("picture: %s\n", svg.c_str());
  std::remove(file.c_str());
}

long memory_in_mb(const char* what) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(what, 0) == 0) return std::atol(line.c_str() + std::strlen(what) + 1) / 1024;
  }
  return 0;
}

void run_full(const National& problem, int threads) {
  describe(problem);
  const double compact = 6e-6 * static_cast<double>(problem.m.nonZeros());
  std::printf("compact matrix %.0f MB; before the fit %ld MB are in use\n", compact, memory_in_mb("VmRSS:"));
  const auto budget = static_cast<Index>(0.17 * static_cast<double>(problem.m.cols()));
  Calibration cal(problem.m.cols(), {.max_records = budget, .initial_weights = problem.start, .threads = threads});
  std::map<std::string, std::vector<double>> times;
  const std::clock_t begin = std::clock();
  const auto report = fit(cal, problem, CalibrationLoss::capped, &times);
  const double processor = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  for (const auto& [stage, seconds] : times) {
    std::printf("%-6s %4zu passes, %7.1f s, longest %.0f ms, median %.0f ms\n", stage.c_str(), seconds.size(),
                std::accumulate(seconds.begin(), seconds.end(), 0.0),
                1e3 * *std::max_element(seconds.begin(), seconds.end()), 1e3 * median(seconds));
  }
  std::printf(
      "%td records, capped loss %.5f (before %.5f), effective sample size %.0f, %.1f s in all, %.1f s of processor "
      "time; peak %ld MB\n",
      report.records, report.loss, report.loss_before, report.weights.effective_sample_size, report.seconds, processor,
      memory_in_mb("VmHWM:"));
  const Refitted random = refit(problem, random_records(problem, budget, 11), threads);
  std::printf("random sample of as many, refitted: %.5f, effective sample size %.0f\n", random.loss, random.effective);
}

template <class T>
void write_array(const std::filesystem::path& path, const T* data, std::size_t count) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(count * sizeof(T)));
}

void write(const National& problem, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const std::int64_t sizes[] = {problem.m.rows(), problem.m.cols(), problem.m.nonZeros()};
  const std::vector<std::int64_t> start(problem.m.outerIndexPtr(), problem.m.outerIndexPtr() + problem.m.cols() + 1);
  const std::vector<float> weights(problem.start.begin(), problem.start.end());
  const auto entries = static_cast<std::size_t>(problem.m.nonZeros());
  write_array(folder / "sizes.i64", sizes, 3);
  write_array(folder / "start.i64", start.data(), start.size());
  write_array(folder / "row.i32", problem.m.innerIndexPtr(), entries);
  write_array(folder / "value.f32", problem.m.valuePtr(), entries);
  write_array(folder / "targets.f32", problem.targets.data(), static_cast<std::size_t>(problem.targets.size()));
  write_array(folder / "weights.f32", weights.data(), weights.size());
}

void compare(const National& problem, const std::string& file) {
  std::vector<float> weights(problem.start.size());
  std::ifstream(file, std::ios::binary)
      .read(reinterpret_cast<char*>(weights.data()), static_cast<std::streamsize>(weights.size() * sizeof(float)));
  std::vector<Index> records;
  for (std::size_t j = 0; j < weights.size(); ++j) {
    if (weights[j] > 0) records.push_back(static_cast<Index>(j));
  }
  const auto count = static_cast<Index>(records.size());
  const Refitted theirs = refit(problem, records);
  Calibration cal(problem.m.cols(), {.max_records = count, .initial_weights = problem.start});
  fit(cal, problem, CalibrationLoss::capped);
  const Refitted ours = refit(problem, cal.active_records());
  std::printf("%td records: the peer's %.5f, ours %.5f, ratio %.3f; random %.5f\n", count, theirs.loss, ours.loss,
              ours.loss / theirs.loss, refit(problem, random_records(problem, count, 11)).loss);
}

}  // namespace

int main(int argc, char** argv) {
  bench::NationalOptions options;
  const std::string what = argc > 1 ? argv[1] : "epoch";
  if (what == "full") {
    options = {
        .states = 48, .districts = 9, .records = 337704, .counts = 41, .dollars = 27, .filled = 0.9};  // 481 areas
  }
  std::string file;
  std::string csv, svg;
  int threads = 1;
  bool unstructured = false;
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    const auto next = [&] { return i + 1 < argc ? std::string(argv[++i]) : std::string("0"); };
    if (word == "--states")
      options.states = bench::number<Index>(next());
    else if (word == "--districts")
      options.districts = bench::number<Index>(next());
    else if (word == "--records")
      options.records = bench::number<Index>(next());
    else if (word == "--counts")
      options.counts = bench::number<Index>(next());
    else if (word == "--dollars")
      options.dollars = bench::number<Index>(next());
    else if (word == "--contradict")
      options.contradiction = bench::number<double>(next());
    else if (word == "--seed")
      options.seed = bench::number<std::uint64_t>(next());
    else if (word == "--threads")
      threads = bench::number<int>(next());
    else if (word == "--csv")
      csv = next();
    else if (word == "--svg")
      svg = next();
    else if (word == "--unstructured")
      unstructured = true;
    else
      file = word;
  }
  if (what == "epoch") {
    run_epoch(threads);
    return 0;
  }
  if (what == "off-target") {
    run_off_target(file);
    return 0;
  }
  const National problem =
      unstructured ? bench::make_unstructured(2000, 20000, 200, options.seed) : bench::make_national(options);
  if (what == "frontier") {
    if (!svg.empty() && csv.empty()) csv = svg + ".csv";
    run_frontier(problem, csv);
    if (!svg.empty()) draw_frontier(svg, csv);
  }
  if (what == "full") run_full(problem, threads);
  if (what == "write") write(problem, file);
  if (what == "compare") compare(problem, file);
}
