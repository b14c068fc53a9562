// SPDX-License-Identifier: MIT
// What calibrate_survey reads: a matrix with its targets, or records and a list of the margins to match.
#pragma once

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/io/csv.hpp>
#include <l0/io/matrix_market.hpp>
#include <l0/io/text.hpp>

namespace example {

using Eigen::Index;

/// A calibration problem with the names of its targets.
struct Survey {
  Eigen::SparseMatrix<float> m;
  std::vector<double> targets;
  std::vector<double> weights;  // at the start
  std::vector<std::string> names;
  std::vector<std::string> ids;          // of the records; empty: their numbers, from 0
  std::vector<Index> groups;             // of every target
  std::vector<std::string> group_names;  // by number

  /// The number of a group, new or known.
  Index group(const std::string& name) {
    const auto found = std::find(group_names.begin(), group_names.end(), name);
    if (found == group_names.end()) {
      group_names.push_back(name);
      return static_cast<Index>(group_names.size()) - 1;
    }
    return found - group_names.begin();
  }
};

/// M and, row by row, the columns `target` and, where there are, `name` and `group`.
inline Survey read_matrix_survey(const std::string& matrix, const std::string& targets) {
  Survey survey;
  survey.m = l0::read_matrix_market<float>(matrix);
  const l0::CsvTable table = l0::CsvTable::read(targets);
  survey.targets = table.numbers("target");
  if (table.rows() != survey.m.rows()) {
    throw l0::Error(targets, std::to_string(table.rows()) + " rows",
                    std::to_string(survey.m.rows()) + ", one per row of M");
  }
  for (Index j = 0; j < survey.m.rows(); ++j) {
    const auto at = static_cast<std::size_t>(j);
    survey.names.push_back(table.has("name") ? table.column("name")[at] : "row " + std::to_string(j + 1));
    survey.groups.push_back(survey.group(table.has("group") ? table.column("group")[at] : "all"));
  }
  survey.weights.assign(static_cast<std::size_t>(survey.m.cols()), 1.0);
  return survey;
}

/// One margin, "sex*region" or "income@region": in every cell of the categories the number of records, or the sum of a
/// column over them. "income@" is the sum over all, "@" the number of all.
struct Margin {
  std::string text;
  std::string summed;
  std::vector<std::string> categories;

  explicit Margin(const std::string& margin) : text(margin) {
    const std::size_t at = margin.find('@');
    if (at != std::string::npos) summed = margin.substr(0, at);
    std::string rest = at == std::string::npos ? margin : margin.substr(at + 1);
    while (!rest.empty()) {
      const std::size_t star = std::min(rest.find('*'), rest.size());
      categories.push_back(rest.substr(0, star));
      rest = rest.substr(std::min(star + 1, rest.size()));
    }
  }
};

/// The margins in a file, one a line; # begins a comment.
inline std::vector<Margin> read_margins(const std::string& path) {
  l0::LineReader lines = l0::LineReader::open(path);
  std::vector<Margin> margins;
  for (std::string_view line; lines.next(line);) {
    line = line.substr(0, std::min(line.find('#'), line.size()));
    const std::string_view word = l0::next_word(line);
    if (!word.empty()) margins.emplace_back(std::string(word));
  }
  return margins;
}

inline std::string text_of(double number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

/// Totals by the name of their cell, from a table with the columns `name` and `target`, or `variable`, `category` and
/// `total` as offices publish them: the cell is then "variable=category". A cell that stands there twice is refused.
inline std::map<std::string, double> read_totals(const std::string& path) {
  const l0::CsvTable table = l0::CsvTable::read(path);
  const bool is_published = table.has("variable") && table.has("category") && table.has("total");
  const std::vector<double> wanted = table.numbers(is_published ? "total" : "target");
  std::map<std::string, double> totals;
  for (std::size_t k = 0; k < wanted.size(); ++k) {
    const std::string name =
        is_published ? table.column("variable")[k] + '=' + table.column("category")[k] : table.column("name")[k];
    const auto [place, is_new] = totals.try_emplace(name, wanted[k]);
    if (!is_new) {
      throw l0::Error(path, "'" + name + "' twice, " + text_of(place->second) + " and " + text_of(wanted[k]),
                      "one total per cell");
    }
  }
  return totals;
}

/// The variables of published totals, in their order: what margins there are where none are named.
inline std::vector<Margin> published_margins(const std::string& path) {
  const l0::CsvTable table = l0::CsvTable::read(path);
  std::vector<Margin> margins;
  if (!table.has("variable")) return margins;
  for (const std::string& variable : table.column("variable")) {
    const auto same = [&](const Margin& margin) { return margin.text == variable; };
    if (std::none_of(margins.begin(), margins.end(), same)) margins.emplace_back(variable);
  }
  return margins;
}

/// M from records and margins: a row for every cell that has a record. Targets are looked up by the cell's name in a
/// table (`read_totals`); without one they are the totals of the records at their weights. Every cell must have its
/// total there, and every total ≠ 0 a cell with records.
inline Survey make_record_survey(const l0::CsvTable& records, const std::vector<Margin>& margins,
                                 const std::string& weight_column, const std::string& targets,
                                 const std::string& id_column = "") {
  Survey survey;
  if (!id_column.empty()) survey.ids = records.column(id_column);
  const auto count = static_cast<std::size_t>(records.rows());
  survey.weights = weight_column.empty() ? std::vector<double>(count, 1.0) : records.numbers(weight_column);
  std::vector<Eigen::Triplet<float>> entries;
  std::vector<double> totals;
  for (const Margin& margin : margins) {
    const Index group = survey.group(margin.text);
    const std::vector<double> value =
        margin.summed.empty() ? std::vector<double>(count, 1.0) : records.numbers(margin.summed, 0);
    std::map<std::string, Index> cells;
    for (std::size_t i = 0; i < count; ++i) {
      std::string cell = margin.summed.empty() ? "" : margin.summed + "@";
      for (const std::string& category : margin.categories) {
        if (!cell.empty() && cell.back() != '@') cell += '*';
        cell += category + '=' + records.column(category)[i];
      }
      if (cell.empty()) cell = "@";
      if (value[i] == 0) continue;
      const auto [place, is_new] = cells.try_emplace(cell, static_cast<Index>(totals.size()));
      if (is_new) {
        survey.names.push_back(cell);
        survey.groups.push_back(group);
        totals.push_back(0);
      }
      totals[static_cast<std::size_t>(place->second)] += value[i] * survey.weights[i];
      entries.emplace_back(static_cast<int>(place->second), static_cast<int>(i), static_cast<float>(value[i]));
    }
  }
  survey.m.resize(static_cast<Index>(totals.size()), records.rows());
  survey.m.setFromTriplets(entries.begin(), entries.end());
  survey.targets = totals;
  if (targets.empty()) return survey;

  std::map<std::string, double> wanted = read_totals(targets);
  for (std::size_t j = 0; j < totals.size(); ++j) {
    const auto found = wanted.find(survey.names[j]);
    if (found == wanted.end()) throw l0::Error(targets, "without a row '" + survey.names[j] + "'", "one per cell");
    survey.targets[j] = found->second;
  }
  for (const std::string& name : survey.names) wanted.erase(name);
  for (const auto& [name, total] : wanted) {
    if (total == 0) continue;
    throw l0::Error(targets, "a total of " + text_of(total) + " for '" + name + "', which has no record",
                    "cells of the margins that have records");
  }
  return survey;
}

}  // namespace example
