// SPDX-License-Identifier: MIT
// Sparse regression without being told the number of features: support, error and time, on instances of known truth.
//
//   bench_regression                            made-up instances of every configuration, seeds 1 to 5
//   bench_regression --seeds 101..110 g3 g6     ten seeds of two configurations
//   bench_regression --save DIR [--no-fit]      also writes them for other programs: DIR/<config>_s<seed>/
//   bench_regression --load DIR [DIR ...]       instances from such folders, which other programs may have made
//
//   --repeat N     fits every instance N times, the median time counts
//   --csv FILE     a line per instance, as the peers write them; --method NAME is its second column
//   --criterion ebic|bic|gic, --folds N    how the size is chosen, instead of the default
//   --exact        is told the true number of features
//   --truth        also the criterion of the found support less that of the true one: above 0 the search missed it,
//                  at or below 0 no search by this criterion would have returned the truth
//
// Rows of X are AR(1) with correlation ρ; the truth has k coefficients, evenly spread, equal to 1 or signed in
// ±[0.5, 2]. A folder holds {X,y,beta}.bin (doubles, X by columns) and meta.txt: "n p ..." and "family gaussian" or
// "family binomial".
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>

#include "arguments.hpp"

namespace {

using Eigen::Index;

struct Configuration {
  std::string name;
  bool binary;
  bool signed_coefficients;
  Index n, p, k;
  double rho, snr;
};

const std::vector<Configuration> configurations{
    {"g1", false, false, 500, 1000, 20, 0.5, 5},   {"g2", false, false, 300, 1000, 20, 0.0, 5},
    {"g3", false, false, 500, 1000, 20, 0.9, 5},   {"g4", false, false, 1000, 1000, 50, 0.5, 3},
    {"g5", false, false, 1000, 10000, 50, 0.5, 5}, {"g6", false, false, 500, 5000, 20, 0.9, 5},
    {"g7", false, true, 500, 1000, 20, 0.5, 5},    {"b1", true, false, 1000, 1000, 15, 0.3, 0},
    {"b2", true, true, 1000, 1000, 15, 0.3, 0}};

struct Instance {
  std::string name;  // <config>_s<seed>
  bool binary = false;
  Eigen::MatrixXd x;
  Eigen::VectorXd y, truth;
};

Instance make(const Configuration& c, int seed) {
  l0::Rng rng(static_cast<std::uint64_t>(seed) * 1000003 + static_cast<std::uint64_t>(c.n * 7 + c.p * 3 + c.k) +
              static_cast<std::uint64_t>(c.rho * 100));
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  Instance made{c.name + "_s" + std::to_string(seed), c.binary, Eigen::MatrixXd(c.n, c.p), Eigen::VectorXd(c.n),
                Eigen::VectorXd::Zero(c.p)};
  for (Index j = 0; j < c.p; ++j) {
    for (Index i = 0; i < c.n; ++i) {
      const double e = normal(rng);
      made.x(i, j) = j == 0 ? e : c.rho * made.x(i, j - 1) + std::sqrt(1 - c.rho * c.rho) * e;
    }
  }
  for (Index a = 0; a < c.k; ++a) {
    const auto j = static_cast<Index>(std::lround(static_cast<double>(a * (c.p - 1)) / static_cast<double>(c.k - 1)));
    made.truth(j) = c.signed_coefficients ? (uniform(rng) < 0.5 ? -1 : 1) * (0.5 + 1.5 * uniform(rng)) : 1;
  }
  const Eigen::VectorXd signal = made.x * made.truth;
  if (c.binary) {
    for (Index i = 0; i < c.n; ++i) made.y(i) = uniform(rng) < 1 / (1 + std::exp(-signal(i))) ? 1 : 0;
  } else {
    const double sigma = std::sqrt((signal.array() - signal.mean()).square().mean() / c.snr);
    for (Index i = 0; i < c.n; ++i) made.y(i) = signal(i) + sigma * normal(rng);
  }
  return made;
}

void write(const std::filesystem::path& file, const double* values, Index count) {
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(values), count * static_cast<Index>(sizeof(double)));
}

void read(const std::filesystem::path& file, double* values, Index count) {
  std::ifstream in(file, std::ios::binary);
  in.read(reinterpret_cast<char*>(values), count * static_cast<Index>(sizeof(double)));
  if (!in) {
    std::fprintf(stderr, "%s: missing or too short\n", file.c_str());
    std::exit(1);
  }
}

void save(const Instance& instance, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  write(folder / "X.bin", instance.x.data(), instance.x.size());
  write(folder / "y.bin", instance.y.data(), instance.y.size());
  write(folder / "beta.bin", instance.truth.data(), instance.truth.size());
  std::ofstream(folder / "meta.txt") << instance.x.rows() << ' ' << instance.x.cols() << ' '
                                     << (instance.truth.array() != 0).count() << " 0 0 0\nfamily "
                                     << (instance.binary ? "binomial" : "gaussian") << '\n';
}

Instance load(const std::filesystem::path& folder) {
  std::ifstream meta(folder / "meta.txt");
  Index n = 0, p = 0;
  std::string rest, family;
  meta >> n >> p;
  std::getline(meta, rest);
  std::getline(meta, family);
  if (!meta || n <= 0 || p <= 0) {
    std::fprintf(stderr, "%s: no meta.txt of an instance\n", folder.c_str());
    std::exit(1);
  }
  Instance loaded{folder.filename().empty() ? folder.parent_path().filename() : folder.filename(),
                  family.find("binomial") != std::string::npos, Eigen::MatrixXd(n, p), Eigen::VectorXd(n),
                  Eigen::VectorXd(p)};
  read(folder / "X.bin", loaded.x.data(), n * p);
  read(folder / "y.bin", loaded.y.data(), n);
  read(folder / "beta.bin", loaded.truth.data(), p);
  return loaded;
}

struct Settings {
  int first_seed = 1, last_seed = 5, repeat = 1;
  std::filesystem::path save;
  std::string csv, method = "l0";
  bool fit = true, exact = false, truth = false;
  l0::RegressionOptions options;
  std::vector<std::string> loads, names;

  bool wants(const std::string& name) const {
    return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
  }
};

[[noreturn]] void refuse(const std::string& word) {
  std::fprintf(stderr, "bench_regression: '%s' is no option, or its value is missing or unknown\n", word.c_str());
  std::exit(2);
}

Settings parse(const std::vector<std::string>& words) {
  Settings settings;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 == words.size()) refuse(word);
      return words[++i];
    };
    if (word == "--seeds") {
      const std::string& range = value();
      const auto dots = range.find("..");
      settings.first_seed = dots == std::string::npos ? 1 : bench::number<int>(range.substr(0, dots));
      settings.last_seed = bench::number<int>(dots == std::string::npos ? range : range.substr(dots + 2));
      if (settings.last_seed < settings.first_seed) refuse(word);
    } else if (word == "--save") {
      settings.save = value();
    } else if (word == "--no-fit") {
      settings.fit = false;
    } else if (word == "--load") {
      while (i + 1 < words.size() && words[i + 1].compare(0, 2, "--") != 0) settings.loads.push_back(words[++i]);
    } else if (word == "--repeat") {
      settings.repeat = std::max(1, bench::number<int>(value()));
    } else if (word == "--csv") {
      settings.csv = value();
    } else if (word == "--method") {
      settings.method = value();
    } else if (word == "--folds") {
      settings.options.folds = bench::number<Index>(value());
    } else if (word == "--criterion") {
      const std::map<std::string, l0::Criterion> known{
          {"ebic", l0::Criterion::ebic}, {"bic", l0::Criterion::bic}, {"gic", l0::Criterion::gic}};
      const auto found = known.find(value());
      if (found == known.end()) refuse(word);
      settings.options.criterion = found->second;
    } else if (word == "--exact") {
      settings.exact = true;
    } else if (word == "--truth") {
      settings.truth = true;
    } else if (word.compare(0, 1, "-") == 0) {
      refuse(word);
    } else {
      settings.names.push_back(word);
    }
  }
  return settings;
}

struct Score {
  double f1 = 0, size = 0, true_positives = 0, error = 0, seconds = 0, over_truth = 0;
};

template <class Model>
Score measure(const Instance& instance, const Settings& settings) {
  std::vector<Index> truth;
  for (Index j = 0; j < instance.truth.size(); ++j) {
    if (instance.truth(j) != 0) truth.push_back(j);
  }
  const auto k = static_cast<Index>(truth.size());
  l0::RegressionOptions options = settings.options;
  if (settings.exact) options.max_features = k;
  Model model(options);
  std::vector<double> seconds;
  for (int r = 0; r < settings.repeat; ++r) {
    const auto begin = std::chrono::steady_clock::now();
    model = Model(options);
    model.fit(instance.x, instance.y);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + settings.repeat / 2, seconds.end());
  Score score;
  for (const Index j : model.selected_features()) score.true_positives += instance.truth(j) != 0 ? 1 : 0;
  score.size = static_cast<double>(model.selected_features().size());
  score.f1 = 2 * score.true_positives / (score.size + static_cast<double>(k));
  score.error = (model.coefficients() - instance.truth).norm() / instance.truth.norm();
  score.seconds = seconds[static_cast<std::size_t>(settings.repeat / 2)];
  if (settings.truth) {
    options.max_features = k;
    options.must_keep = truth;
    Model told(options);
    told.fit(instance.x, instance.y);
    score.over_truth = model.report().criterion - told.report().criterion;
  }
  return score;
}

/// Means by configuration: the part of the name before "_s".
class Means {
 public:
  void add(const std::string& name, const Score& score) {
    auto& [count, sum] = sums_[name.substr(0, name.find("_s"))];
    ++count;
    sum.f1 += score.f1;
    sum.size += score.size;
    sum.error += score.error;
    sum.seconds += score.seconds;
  }

  void print() const {
    std::printf("config  instances      F1    size   error  seconds\n");
    for (const auto& [name, entry] : sums_) {
      const auto& [count, sum] = entry;
      std::printf("%-6s  %9d  %.4f  %6.2f  %.4f  %.4f\n", name.c_str(), count, sum.f1 / count, sum.size / count,
                  sum.error / count, sum.seconds / count);
    }
  }

 private:
  std::map<std::string, std::pair<int, Score>> sums_;
};

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = parse({argv + 1, argv + argc});
  std::ofstream csv;
  if (!settings.csv.empty()) {
    csv.open(settings.csv);
    csv << "id,method,f1,size,true_positives,coefficient_error,seconds\n";
  }
  Means means;
  const auto take = [&](const Instance& instance) {
    if (!settings.save.empty()) save(instance, settings.save / instance.name);
    if (!settings.fit) return;
    const Score score = instance.binary ? measure<l0::LogisticRegression<double>>(instance, settings)
                                        : measure<l0::LinearRegression<double>>(instance, settings);
    means.add(instance.name, score);
    if (settings.truth) {
      std::printf("%-10s  F1 %.4f  size %3g  criterion over the truth's %+.3f\n", instance.name.c_str(), score.f1,
                  score.size, score.over_truth);
    }
    csv << instance.name << ',' << settings.method << ',' << score.f1 << ',' << score.size << ','
        << score.true_positives << ',' << score.error << ',' << score.seconds << '\n';
  };
  for (const std::string& place : settings.loads) take(load(place));
  for (const Configuration& c : configurations) {
    if (!settings.loads.empty() || !settings.wants(c.name)) continue;
    for (int seed = settings.first_seed; seed <= settings.last_seed; ++seed) take(make(c, seed));
  }
  if (settings.fit) means.print();
}
