// SPDX-License-Identifier: MIT
// Sparse regression without being told the number of features: support, error and time, on instances of known truth.
//
//   bench_sparse_regression                       made-up instances of every configuration, seeds 1 to 5
//   bench_sparse_regression --seeds 10 g3 g6      ten seeds of two configurations
//   bench_sparse_regression --save DIR            also writes them for other programs:
//   DIR/<config>_s<seed>/{X,y,beta}.bin, meta.txt bench_sparse_regression --load DIR [DIR ...]  instances from such
//   folders
//
// Rows of X are AR(1) with correlation ρ; the truth has k coefficients, evenly spread, equal to 1 or signed in ±[0.5,
// 2].
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
#include <vector>

#include <l0/models/linear_regression.hpp>
#include <l0/models/logistic_regression.hpp>

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
  std::string name;
  bool binary = false;
  Eigen::MatrixXd x;
  Eigen::VectorXd y, truth;
};

Instance make(const Configuration& c, int seed) {
  l0::Rng rng(static_cast<std::uint64_t>(seed) * 1000003 + static_cast<std::uint64_t>(c.n * 7 + c.p * 3 + c.k) +
              static_cast<std::uint64_t>(c.rho * 100));
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  Instance made{c.name, c.binary, Eigen::MatrixXd(c.n, c.p), Eigen::VectorXd(c.n), Eigen::VectorXd::Zero(c.p)};
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
  Instance loaded{folder.filename().string(), family.find("binomial") != std::string::npos, Eigen::MatrixXd(n, p),
                  Eigen::VectorXd(n), Eigen::VectorXd(p)};
  loaded.name = loaded.name.substr(0, loaded.name.find("_s"));
  read(folder / "X.bin", loaded.x.data(), n * p);
  read(folder / "y.bin", loaded.y.data(), n);
  read(folder / "beta.bin", loaded.truth.data(), p);
  return loaded;
}

struct Score {
  double f1 = 0, size = 0, error = 0, seconds = 0;
  int count = 0;
};

template <class Model>
void run(const Instance& instance, Score& score) {
  const auto begin = std::chrono::steady_clock::now();
  Model model;
  model.fit(instance.x, instance.y);
  score.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  Index found = 0;
  for (const Index j : model.selected_features()) found += instance.truth(j) != 0 ? 1 : 0;
  const auto selected = static_cast<double>(model.selected_features().size());
  score.f1 +=
      2.0 * static_cast<double>(found) / (selected + static_cast<double>((instance.truth.array() != 0).count()));
  score.size += selected;
  score.error += (model.coefficients() - instance.truth).norm() / instance.truth.norm();
  ++score.count;
}

}  // namespace

int main(int argc, char** argv) {
  int seeds = 5;
  std::string folder;
  std::vector<std::string> loads, names;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--seeds" && i + 1 < argc) {
      seeds = std::atoi(argv[++i]);
    } else if (word == "--save" && i + 1 < argc) {
      folder = argv[++i];
    } else if (word == "--load") {
      while (i + 1 < argc) loads.emplace_back(argv[++i]);
    } else {
      names.push_back(word);
    }
  }
  std::map<std::string, Score> scores;
  const auto add = [&](const Instance& instance) {
    if (instance.binary) {
      run<l0::LogisticRegression<double>>(instance, scores[instance.name]);
    } else {
      run<l0::LinearRegression<double>>(instance, scores[instance.name]);
    }
  };
  for (const std::string& place : loads) add(load(place));
  for (const Configuration& c : configurations) {
    if (!loads.empty() || (!names.empty() && std::find(names.begin(), names.end(), c.name) == names.end())) continue;
    for (int seed = 1; seed <= seeds; ++seed) {
      const Instance instance = make(c, seed);
      if (!folder.empty()) save(instance, std::filesystem::path(folder) / (c.name + "_s" + std::to_string(seed)));
      add(instance);
    }
  }
  std::printf("config  instances      F1    size   error  seconds\n");
  for (const auto& [name, s] : scores) {
    const double m = s.count;
    std::printf("%-6s  %9d  %.4f  %6.2f  %.4f  %.4f\n", name.c_str(), s.count, s.f1 / m, s.size / m, s.error / m,
                s.seconds / m);
  }
}
