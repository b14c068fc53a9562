// SPDX-License-Identifier: MIT
// What a calibrated sample says of totals that were no targets: reports on wildlife strikes with half of the margins
// held out, a simulated population whose outcomes depend on what is and what is not a target, and a dense problem
// without structure. Beside it a random sample of as many records, raked to the same targets.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/io/csv.hpp>
#include <l0/random/rng.hpp>

namespace bench {

using Eigen::Index;

/// Targets m w = t and totals to look at, held_out w = truth.
struct Representation {
  Eigen::SparseMatrix<double> m, held_out;
  Eigen::VectorXd targets, truth;
  std::vector<double> start;
};

/// Entries by records, in rows that are numbered as their cells appear.
class Margins {
 public:
  /// cell(i) and value(i) of every record; 0 is left out.
  template <class Cell, class Value>
  void add(Index records, const Cell& cell, const Value& value) {
    std::map<std::string, int> rows;
    for (Index i = 0; i < records; ++i) {
      const double v = value(i);
      if (v == 0) continue;
      const auto [place, is_new] = rows.try_emplace(cell(i), rows_);
      if (is_new) ++rows_;
      entries_.emplace_back(place->second, static_cast<int>(i), v);
    }
  }
  Eigen::SparseMatrix<double> matrix(Index records) const {
    Eigen::SparseMatrix<double> m(rows_, records);
    m.setFromTriplets(entries_.begin(), entries_.end());
    return m;
  }

 private:
  int rows_ = 0;
  std::vector<Eigen::Triplet<double>> entries_;
};

/// 18 margins of the reports; the number of all and half of the others are targets.
inline Representation make_strikes(const std::string& file, std::uint64_t seed) {
  const l0::CsvTable table = l0::CsvTable::read(file);
  std::vector<std::string> margins{"state",      "year",       "time",        "phase*size",   "damage*size",
                                   "year*size",  "state*size", "state*phase", "state*year",   "cost@",
                                   "cost@size",  "cost@phase", "cost@state",  "damage*phase", "time*size",
                                   "year*phase", "cost@year"};
  l0::Rng rng(seed);
  std::shuffle(margins.begin(), margins.end(), rng);
  margins.insert(margins.begin(), "@");
  const Index records = table.rows();
  Margins in, out;
  for (std::size_t k = 0; k < margins.size(); ++k) {
    const std::string& text = margins[k];
    const std::size_t at = text.find('@');
    const std::string summed = at == std::string::npos ? "" : text.substr(0, at);
    std::string rest = at == std::string::npos ? text : text.substr(at + 1);
    std::vector<const std::vector<std::string>*> columns;
    while (!rest.empty()) {
      const std::size_t star = std::min(rest.find('*'), rest.size());
      columns.push_back(&table.column(rest.substr(0, star)));
      rest = rest.substr(std::min(star + 1, rest.size()));
    }
    const std::vector<double> value =
        summed.empty() ? std::vector<double>(static_cast<std::size_t>(records), 1.0) : table.numbers(summed, 0);
    (k <= margins.size() / 2 ? in : out)
        .add(
            records,
            [&](Index i) {
              std::string cell;
              for (const auto* column : columns) cell += '|' + (*column)[static_cast<std::size_t>(i)];
              return cell;
            },
            [&](Index i) { return value[static_cast<std::size_t>(i)]; });
  }
  Representation result{in.matrix(records), out.matrix(records), {}, {}, {}};
  result.start.assign(static_cast<std::size_t>(records), 1.0);
  const Eigen::VectorXd one = Eigen::VectorXd::Ones(records);
  result.targets = result.m * one;
  result.truth = result.held_out * one;
  return result;
}

/// Persons with six traits of six values and eight amounts that depend on them, on something unseen and on chance. Two
/// thirds of the cells of two traits and half of the amounts are targets; weights are uneven, true ones depend on
/// traits.
inline Representation make_population(Index records, std::uint64_t seed) {
  l0::Rng rng(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  constexpr int traits = 6, values = 6, amounts = 8;
  const auto count = static_cast<std::size_t>(records);
  std::vector<std::vector<double>> frequency(traits, std::vector<double>(values));
  for (auto& list : frequency) {
    for (double& f : list) f = std::exp(0.8 * normal(rng));
  }
  std::vector<std::vector<int>> trait(count, std::vector<int>(traits));
  std::vector<std::vector<double>> amount(count, std::vector<double>(amounts));
  Representation result;
  Eigen::VectorXd weight(records);
  for (std::size_t i = 0; i < count; ++i) {
    const double unseen = normal(rng);
    double level = 0;
    for (std::size_t d = 0; d < traits; ++d) {
      std::discrete_distribution<int> draw(frequency[d].begin(), frequency[d].end());
      trait[i][d] = draw(rng);
      if (d > 0 && uniform(rng) < 0.3) trait[i][d] = (trait[i][d - 1] + static_cast<int>(d)) % values;
      level += 0.15 * (trait[i][d] - 2);
    }
    for (double& y : amount[i]) y = uniform(rng) < 0.6 ? std::exp(8 + 0.9 * normal(rng) + 0.5 * unseen + level) : 0;
    result.start.push_back(100 * std::exp(0.5 * normal(rng)));
    weight(static_cast<Index>(i)) =
        result.start.back() * std::exp(0.1 * normal(rng) + 0.05 * (trait[i][0] - 2) + 0.1 * unseen);
  }
  Margins in, out;
  const auto one = [](Index) { return 1.0; };
  in.add(
      records, [](Index) { return std::string(); }, one);
  int pair = 0;
  for (std::size_t a = 0; a < traits; ++a) {
    for (std::size_t b = a + 1; b < traits; ++b) {
      (pair++ % 3 != 0 ? in : out)
          .add(
              records,
              [&](Index i) {
                const auto& t = trait[static_cast<std::size_t>(i)];
                return std::to_string(t[a]) + '*' + std::to_string(t[b]);
              },
              one);
    }
  }
  for (std::size_t v = 0; v < amounts; ++v) {
    (v < amounts / 2 ? in : out)
        .add(
            records, [&](Index i) { return std::to_string(trait[static_cast<std::size_t>(i)][v % traits]); },
            [&](Index i) { return amount[static_cast<std::size_t>(i)][v]; });
  }
  result.m = in.matrix(records);
  result.held_out = out.matrix(records);
  result.targets = result.m * weight;
  result.truth = result.held_out * weight;
  return result;
}

/// Counts and log-normal amounts of records with log-normal sizes, 150 targets; held out are 30 more of the same kind.
inline Representation make_sizes(Index records, std::uint64_t seed, Index rows = 150) {
  l0::Rng rng(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  std::vector<Eigen::Triplet<double>> in, out;
  Representation result;
  Eigen::VectorXd weight(records);
  for (Index i = 0; i < records; ++i) {
    result.start.push_back(50 * std::exp(0.8 * normal(rng)));
    weight(i) = result.start.back() * std::exp(0.2 * normal(rng));
    in.emplace_back(0, static_cast<int>(i), 1);
    for (Index r = 1; r < rows + 30; ++r) {
      const bool counts = r % 3 != 0;
      if (uniform(rng) > (counts ? 0.02 + 0.3 * static_cast<double>(r % 7) / 7 : 0.5)) continue;
      (r < rows ? in : out)
          .emplace_back(static_cast<int>(r < rows ? r : r - rows), static_cast<int>(i),
                        counts ? 1 : std::exp(normal(rng)));
    }
  }
  result.m.resize(rows, records);
  result.m.setFromTriplets(in.begin(), in.end());
  result.held_out.resize(30, records);
  result.held_out.setFromTriplets(out.begin(), out.end());
  result.targets = result.m * weight;
  result.truth = result.held_out * weight;
  return result;
}

/// Raking of some records, d their weights at first: target after target in turn, a hundred times. Targets that none of
/// them reaches are left out.
inline Eigen::VectorXd raked(const Representation& problem, const Eigen::VectorXd& d) {
  std::vector<std::vector<std::pair<Index, double>>> rows(static_cast<std::size_t>(problem.m.rows()));
  for (Index j = 0; j < problem.m.cols(); ++j) {
    if (d(j) == 0) continue;
    for (Eigen::SparseMatrix<double>::InnerIterator entry(problem.m, j); entry; ++entry) {
      rows[static_cast<std::size_t>(entry.row())].emplace_back(j, entry.value());
    }
  }
  Eigen::VectorXd w = d;
  for (int pass = 0; pass < 100; ++pass) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double t = problem.targets(static_cast<Index>(i));
      double largest = 0;
      for (const auto& [j, value] : rows[i]) largest = std::max(largest, std::abs(value));
      if (largest == 0 || t <= 0) continue;
      double multiplier = 0;
      for (int step = 0; step < 4; ++step) {
        double sum = -t, slope = 0;
        for (const auto& [j, value] : rows[i]) {
          const double part = w(j) * std::exp(multiplier * value / largest) * value;
          sum += part;
          slope += part * value / largest;
        }
        if (std::abs(sum) < 1e-10 * t || !(slope > 0)) break;
        multiplier -= std::clamp(sum / slope, -1.0, 1.0);
      }
      for (const auto& [j, value] : rows[i]) w(j) *= std::exp(multiplier * value / largest);
    }
  }
  return w;
}

inline double mean_error(const Eigen::VectorXd& sums, const Eigen::VectorXd& wanted) {
  return ((sums - wanted).array().abs() / wanted.array().abs().max(1.0)).mean();
}

}  // namespace bench
