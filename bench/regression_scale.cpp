// SPDX-License-Identifier: MIT
// Sparse X at scale: 200 000 rows, a million columns, 20 million entries, few of the columns in the truth.
//
//   bench_regression_scale fit [linear|logistic] [OPTION ...]    seconds, memory beside the data, the support's F1
//   bench_regression_scale passes [OPTION ...]                   a gated layer in training: work of a pass against open
//   gates
//
//   --scalar double|float (linear and passes)   --rows N   --columns N   --entries N   --features N   --max-features N
//   --folds N
//   --steps N   --csv FILE   --svg FILE (with gnuplot)       of the passes
//
// Columns are unequally filled, as words are (the j-th in proportion to 1/(j + 1000)), entries standard normal, true
// coefficients ±[1, 2] spread over the fuller twentieth of the columns. A process measures one case, because its peak
// of memory cannot be reset.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include <l0/layers/linear.hpp>
#include <l0/losses/losses.hpp>
#include <l0/optimizers/adam.hpp>
#include <l0/penalties/l0_penalty.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>

#if __has_include(<sys/resource.h>)
#include <sys/resource.h>
#endif

namespace {

using Eigen::Index;

struct Settings {
  bool passes = false, logistic = false, single = false;
  Index rows = 200000, columns = 1000000, entries = 20000000, features = 20, max_features = -1, folds = 0;
  int steps = 150;
  std::string csv, svg;
};

[[noreturn]] void refuse(const std::string& word) {
  std::fprintf(stderr, "bench_regression_scale: '%s' is no option, or its value is missing or unknown\n", word.c_str());
  std::exit(2);
}

Settings parse(int argc, char** argv) {
  Settings settings;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == argc) refuse(word);
      return argv[++i];
    };
    const auto number = [&] { return static_cast<Index>(std::atoll(value().c_str())); };
    if (word == "fit" || word == "passes") {
      settings.passes = word == "passes";
    } else if (word == "linear" || word == "logistic") {
      settings.logistic = word == "logistic";
    } else if (word == "--scalar") {
      settings.single = value() == "float";
    } else if (word == "--rows") {
      settings.rows = number();
    } else if (word == "--columns") {
      settings.columns = number();
    } else if (word == "--entries") {
      settings.entries = number();
    } else if (word == "--features") {
      settings.features = number();
    } else if (word == "--max-features") {
      settings.max_features = number();
    } else if (word == "--folds") {
      settings.folds = number();
    } else if (word == "--steps") {
      settings.steps = static_cast<int>(number());
    } else if (word == "--csv") {
      settings.csv = value();
    } else if (word == "--svg") {
      settings.svg = value();
    } else {
      refuse(word);
    }
  }
  if (settings.logistic && settings.single) refuse("--scalar float");
  return settings;
}

template <class Scalar>
struct Data {
  Eigen::SparseMatrix<Scalar> x;
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> y;
  std::set<Index> truth;

  double megabytes() const {
    const auto entries = static_cast<double>(x.nonZeros());
    return (entries * (sizeof(Scalar) + sizeof(int)) + static_cast<double>(x.cols()) * sizeof(int)) / 1e6;
  }
};

/// Column by column, so that making the data needs no more memory than they do.
template <class Scalar>
Data<Scalar> make(const Settings& settings) {
  l0::Rng rng(7);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  const auto n = static_cast<double>(settings.rows);
  double total = 0;
  for (Index j = 0; j < settings.columns; ++j) total += 1 / static_cast<double>(j + 1000);
  std::vector<Index> count(static_cast<std::size_t>(settings.columns));
  Index entries = 0;
  for (std::size_t j = 0; j < count.size(); ++j) {
    const double share = static_cast<double>(settings.entries) / (total * static_cast<double>(j + 1000));
    count[j] = std::clamp(static_cast<Index>(share + uniform(rng)), Index{1}, settings.rows);
    entries += count[j];
  }
  Data<Scalar> data{Eigen::SparseMatrix<Scalar>(settings.rows, settings.columns), {}, {}};
  data.x.reserve(entries);
  for (Index j = 0; j < settings.columns; ++j) {
    data.x.startVec(j);
    const auto c = count[static_cast<std::size_t>(j)];
    for (Index e = 0; e < c; ++e) {  // one entry in each of c equal stretches of rows
      const double place = (static_cast<double>(e) + uniform(rng)) * n / static_cast<double>(c);
      data.x.insertBack(std::min(static_cast<Index>(place), settings.rows - 1), j) = static_cast<Scalar>(normal(rng));
    }
  }
  data.x.finalize();
  data.y.setZero(settings.rows);
  const Index fuller = std::max(settings.columns / 20, settings.features);
  for (Index k = 0; k < settings.features; ++k) {
    const Index j = k * fuller / settings.features;
    data.truth.insert(j);
    const auto b =
        static_cast<Scalar>((uniform(rng) < 0.5 ? -1 : 1) * (1 + uniform(rng)) * (settings.logistic ? 3 : 1));
    data.y += b * data.x.col(j);
  }
  for (Index i = 0; i < settings.rows; ++i) {
    data.y(i) = settings.logistic ? Scalar(uniform(rng) < 1 / (1 + std::exp(-static_cast<double>(data.y(i)))))
                                  : data.y(i) + static_cast<Scalar>(0.3 * normal(rng));
  }
  return data;
}

/// The most memory that this process has held, in 10⁶ bytes; 0 where it cannot be told.
double peak_megabytes() {
#if __has_include(<sys/resource.h>)
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024 / 1e6;
#else
  return 0;
#endif
}

double since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

template <class Model, class Scalar>
void fit(const Settings& settings, const Data<Scalar>& data) {
  l0::RegressionOptions options;
  if (settings.max_features >= 0) options.max_features = settings.max_features;
  options.folds = settings.folds;
  const double before = peak_megabytes();
  Model model(options);
  const auto begin = std::chrono::steady_clock::now();
  model.fit(data.x, data.y);
  const double seconds = since(begin);
  const double working = peak_megabytes() - before;
  const auto& found = model.selected_features();
  const auto hits = std::count_if(found.begin(), found.end(), [&](Index j) { return data.truth.count(j) > 0; });
  std::printf("%-8s %-6s %5zu features, F1 %.3f, %7.2f s, data %.0f MB, working memory %.0f MB = %.2f of the data\n",
              settings.logistic ? "logistic" : "linear", settings.single ? "float" : "double", found.size(),
              2.0 * static_cast<double>(hits) / static_cast<double>(found.size() + data.truth.size()), seconds,
              data.megabytes(), working, working / data.megabytes());
}

struct Pass {
  Index open;
  double touched, milliseconds;
};

/// One gate per input of a layer in training on all rows; gates close as they do not pay.
template <class Scalar>
std::vector<Pass> train(const Settings& settings, const Data<Scalar>& data) {
  l0::Rng rng(3);
  l0::L0Linear<Scalar, l0::PerInput> layer(data.x.cols(), 1, rng, {.temperature = Scalar(0.3)});
  l0::Adam<Scalar> optimizer(layer.parameters(), {.learning_rate = Scalar(0.1)});
  const l0::L0Penalty<Scalar> penalty{.lambda = Scalar(1e-5)};
  std::vector<Pass> passes;
  for (int step = 0; step < settings.steps; ++step) {
    optimizer.zero_grad();
    const auto begin = std::chrono::steady_clock::now();
    const auto loss = l0::mse_loss(layer.forward(data.x, rng), data.y);
    layer.backward(loss.gradient);
    Pass pass{0, 0, 1e3 * since(begin)};
    for (Index j = 0; j < data.x.cols(); ++j) {
      if (layer.gate().values()(j) == 0) continue;
      ++pass.open;
      pass.touched += data.x.outerIndexPtr()[j + 1] - data.x.outerIndexPtr()[j];
    }
    if (step > 0) passes.push_back(pass);  // the first allocates
    penalty.accumulate(layer);
    optimizer.step();
  }
  return passes;
}

void draw(const std::string& svg, const std::string& csv) {
  const std::string file = svg + ".gnuplot";
  std::ofstream(file) << "set terminal svg size 800,400 font 'Helvetica,14' background 'white'\nset output '" << svg
                      << "'\nfile = '" << csv << R"('
set datafile separator ','; set border 3; set tics nomirror; unset key; set multiplot layout 1,2
set xrange [0:*]; set yrange [0:*]; set ylabel 'ms per forward and backward pass'
set xlabel 'open gates (thousand)'
plot file every ::1 using ($2/1e3):4 with points pt 7 ps 0.5 lc '#2166ac'
set xlabel 'entries of X read (million)'; unset ylabel
plot file every ::1 using ($3/1e6):4 with points pt 7 ps 0.5 lc '#2166ac'
unset multiplot
)";
  if (std::system(("gnuplot '" + file + "'").c_str()) == 0) std::printf("picture: %s\n", svg.c_str());
  std::remove(file.c_str());
}

void report(const Settings& settings, const std::vector<Pass>& passes, double entries) {
  std::printf("%6s %12s %22s %14s\n", "step", "open gates", "entries of X read", "ms per pass");
  for (std::size_t k = 0; k < passes.size(); k += std::max<std::size_t>(1, passes.size() / 15)) {
    std::printf("%6zu %12td %13.0f (%4.1f %%) %14.2f\n", k + 1, static_cast<std::ptrdiff_t>(passes[k].open),
                passes[k].touched, 100 * passes[k].touched / entries, passes[k].milliseconds);
  }
  const std::string csv = settings.csv.empty() && !settings.svg.empty() ? settings.svg + ".csv" : settings.csv;
  if (csv.empty()) return;
  std::ofstream out(csv);
  out << "step,open,touched,milliseconds\n";
  for (std::size_t k = 0; k < passes.size(); ++k) {
    out << k + 1 << ',' << passes[k].open << ',' << passes[k].touched << ',' << passes[k].milliseconds << '\n';
  }
  out.close();
  if (!settings.svg.empty()) draw(settings.svg, csv);
}

template <class Scalar>
void run(const Settings& settings) {
  const Data<Scalar> data = make<Scalar>(settings);
  if (settings.passes) {
    report(settings, train(settings, data), static_cast<double>(data.x.nonZeros()));
  } else if (settings.logistic) {
    if constexpr (std::is_same_v<Scalar, double>) fit<l0::LogisticRegression<double>>(settings, data);
  } else {
    fit<l0::LinearRegression<Scalar>>(settings, data);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = parse(argc, argv);
  if (settings.single) {
    run<float>(settings);
  } else {
    run<double>(settings);
  }
}
