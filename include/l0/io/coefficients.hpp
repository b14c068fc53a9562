// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// The coefficients of a fitted regression as a table for a paper. A door of its own: `l0.hpp` does not include it.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/gates/gate_mode.hpp>
#include <l0/io/csv_field.hpp>
#include <l0/io/student.hpp>
#include <l0/regression/covariance.hpp>

namespace l0 {

/// What a table of coefficients is to show.
struct CoefficientOptions {
  double level = 0.95;                             ///< of the intervals, in (0, 1)
  Covariance covariance = Covariance::by_weights;  ///< what standard errors rest on
};

/// One coefficient of a table. What the samples do not tell is NaN.
struct CoefficientRow {
  std::string response;       ///< "y0", "class 2"; empty where there is one
  std::string name;           ///< of the feature, or "intercept"
  double estimate = 0;        ///< on the scale of X
  double standard_error = 0;  ///< given the support
  double statistic = 0;       ///< estimate / standard error
  double lower = 0;           ///< of the interval
  double upper = 0;           ///< of the interval
  double p_value = 0;         ///< of 0, two-sided; only of models that nothing was chosen for, else NaN
};

/// Estimates of the selected features with standard errors and intervals, of `coefficient_table`.
struct CoefficientTable {
  std::vector<CoefficientRow> rows;           ///< the intercept first, then by feature; one response after the other
  double level = 0;                           ///< of the intervals
  Covariance covariance = Covariance::model;  ///< model or sandwich
  double degrees = std::numeric_limits<double>::infinity();  ///< of Student's t; a normal where they are infinite
  bool selected = true;              ///< features were chosen on the same samples: there are no p values then
  std::vector<std::string> notes{};  ///< what the numbers do not say

  /// Columns for a terminal, then the notes.
  std::string text() const {
    std::string result;
    const auto lines = cells([](double value) { return shown(value, "%.6g"); });
    const std::vector<std::size_t> widths = widths_of(lines);
    for (const auto& line : lines) {
      std::string row;
      for (std::size_t c = 0; c < line.size(); ++c) {
        const std::string space(widths[c] - length(line[c]), ' ');
        if (c > 0) row += "  ";
        row += c < words() ? line[c] + space : space + line[c];
      }
      result += row.substr(0, row.find_last_not_of(' ') + 1) + '\n';
    }
    for (const std::string& note : notes) result += "note: " + note + '\n';
    return result;
  }

  /// A line of names and a line per coefficient, for other programs; NaN is an empty field.
  std::string csv() const {
    std::string result;
    for (const auto& line : cells([](double value) { return std::isnan(value) ? "" : detail::to_text(value); })) {
      for (std::size_t c = 0; c < line.size(); ++c) result += (c > 0 ? "," : "") + csv_field(line[c]);
      result += '\n';
    }
    return result;
  }

  /// A tabular environment with rules above, below the head and at the end; the notes follow as comments.
  std::string latex() const {
    auto lines = cells([](double value) { return in_latex(value); });
    for (std::size_t r = 0; r < lines.size(); ++r) {
      for (std::size_t c = 0; c < lines[r].size(); ++c) {
        if (r == 0 || c < words()) lines[r][c] = escaped(lines[r][c]);
      }
    }
    const std::vector<std::size_t> widths = widths_of(lines);
    std::string result = "\\begin{tabular}{" + std::string(words(), 'l') +
                         std::string(lines.front().size() - words(), 'r') + "}\n\\hline\n";
    for (std::size_t r = 0; r < lines.size(); ++r) {
      for (std::size_t c = 0; c < lines[r].size(); ++c) {
        const std::string space(widths[c] - length(lines[r][c]), ' ');
        result += (c > 0 ? " & " : "") + (c < words() ? lines[r][c] + space : space + lines[r][c]);
      }
      result += r == 0 ? " \\\\\n\\hline\n" : " \\\\\n";
    }
    result += "\\hline\n\\end{tabular}\n";
    for (const std::string& note : notes) result += "% " + note + '\n';
    return result;
  }

 private:
  bool has_responses() const {
    return std::any_of(rows.begin(), rows.end(), [](const CoefficientRow& row) { return !row.response.empty(); });
  }
  /// Columns of words at the left.
  std::size_t words() const { return has_responses() ? 2 : 1; }

  /// Head and rows, numbers as `show` writes them.
  template <class Show>
  std::vector<std::vector<std::string>> cells(const Show& show) const {
    const bool responses = has_responses();
    std::vector<std::string> head{"feature", "estimate", "std. error", std::isinf(degrees) ? "z" : "t",
                                  "lower",   "upper"};
    if (responses) head.insert(head.begin(), "response");
    if (!selected) head.emplace_back("p");
    std::vector<std::vector<std::string>> lines{head};
    for (const CoefficientRow& row : rows) {
      std::vector<std::string> line;
      if (responses) line.push_back(row.response);
      line.push_back(row.name);
      for (const double value : {row.estimate, row.standard_error, row.statistic, row.lower, row.upper})
        line.push_back(show(value));
      if (!selected) line.push_back(show(row.p_value));
      lines.push_back(line);
    }
    return lines;
  }

  static std::string shown(double value, const char* format) {
    if (std::isnan(value)) return "-";
    char text[40];
    std::snprintf(text, sizeof text, format, value);
    return text;
  }

  // 1.23, $-1.23$, $1.23\times 10^{-7}$.
  static std::string in_latex(double value) {
    const std::string text = shown(value, "%.4g");
    if (text == "-") return "--";
    const std::size_t e = text.find('e');
    if (e == std::string::npos) return text.front() == '-' ? "$" + text + "$" : text;
    const bool negative = text[e + 1] == '-';
    const std::size_t digits = text.find_first_not_of("+-0", e + 1);
    return "$" + text.substr(0, e) + "\\times 10^{" + (negative ? "-" : "") + text.substr(digits) + "}$";
  }

  static std::string escaped(std::string_view text) {
    std::string result;
    for (const char c : text) {
      switch (c) {
        case '\\': result += "\\textbackslash{}"; break;
        case '~': result += "\\textasciitilde{}"; break;
        case '^': result += "\\textasciicircum{}"; break;
        case '<': result += "\\textless{}"; break;
        case '>': result += "\\textgreater{}"; break;
        case '|': result += "\\textbar{}"; break;
        case '"': result += "\\textquotedbl{}"; break;
        case '&':
        case '%':
        case '$':
        case '#':
        case '_':
        case '{':
        case '}': result += '\\'; [[fallthrough]];
        default: result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
      }
    }
    return result;
  }

  /// Characters of a UTF-8 text.
  static std::size_t length(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
  }
  static std::vector<std::size_t> widths_of(const std::vector<std::vector<std::string>>& lines) {
    std::vector<std::size_t> widths(lines.front().size(), 0);
    for (const auto& line : lines) {
      for (std::size_t c = 0; c < line.size(); ++c) widths[c] = std::max(widths[c], length(line[c]));
    }
    return widths;
  }
};

namespace detail {

/// A row from its estimate and standard error; `reach` standard errors are an interval.
inline CoefficientRow coefficient_row(std::string response, std::string name, double estimate, double error,
                                      double reach, double degrees, bool selected) {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  CoefficientRow row{std::move(response),      std::move(name),          estimate, error, estimate / error,
                     estimate - reach * error, estimate + reach * error, unknown};
  if (!(error > 0)) row.statistic = unknown;
  if (!selected && !std::isnan(row.statistic)) row.p_value = two_sided_tail(std::abs(row.statistic), degrees);
  return row;
}

}  // namespace detail

/// The selected features of a fitted regression with standard errors and intervals: Student's t for least squares, a
/// normal for likelihoods. They are those of the support as it is. p values are given only where all features are in
/// (`.gates = GateMode::off`): of features chosen on the same samples none would be honest. Throws `Error` for a model
/// that is not fitted, a level outside (0, 1), and as `standard_errors` does.
///
///     const auto table = l0::coefficient_table(model, {.level = 0.9, .covariance = l0::Covariance::sandwich});
///     std::cout << table.text();   // or table.csv(), table.latex()
template <class Model>
CoefficientTable coefficient_table(const Model& model, const CoefficientOptions& options = {}) {
  detail::require(options.level > 0 && options.level < 1, "level", options.level, "a share in (0, 1)");
  const Matrix<typename Model::Scalar> errors = model.standard_errors(options.covariance);
  const Matrix<typename Model::Scalar> coefficients = model.coefficients();
  CoefficientTable table;
  table.level = options.level;
  table.covariance = options.covariance == Covariance::by_weights ? model.covariance() : options.covariance;
  table.degrees = model.degrees_of_freedom();
  table.selected = model.options().gates != GateMode::off;
  double reach = std::numeric_limits<double>::quiet_NaN();
  if (table.degrees > 0) reach = detail::two_sided_quantile(1 - options.level, table.degrees);
  const auto add = [&](const std::string& response, const std::string& name, double estimate, double error) {
    table.rows.push_back(
        detail::coefficient_row(response, name, estimate, error, reach, table.degrees, table.selected));
  };
  for (Index m = 0; m < coefficients.cols(); ++m) {
    std::string response;
    if constexpr (Model::Coefficients::ColsAtCompileTime != 1)
      response = (Model::target_columns == 1 ? "class " : "y") + detail::to_text(m);
    if (model.options().fit_intercept) {
      double estimate = 0;
      double error = 0;
      if constexpr (Model::Coefficients::ColsAtCompileTime == 1) {
        estimate = static_cast<double>(model.intercept());
        error = static_cast<double>(model.intercept_standard_error(options.covariance));
      } else {
        estimate = static_cast<double>(model.intercept()(m));
        error = static_cast<double>(model.intercept_standard_error(options.covariance)(m));
      }
      add(response, "intercept", estimate, error);
    }
    for (const Index j : model.selected_features()) {
      add(response, model.feature_name(j), static_cast<double>(coefficients(j, m)), static_cast<double>(errors(j, m)));
    }
  }
  const std::string level = detail::to_text(std::round(options.level * 1e6) / 1e4);
  const bool robust = table.covariance == Covariance::sandwich;
  table.notes.push_back(level + " % intervals of " +
                        (std::isinf(table.degrees)
                             ? "a normal distribution"
                             : "Student's t with " + detail::to_text(table.degrees) + " degrees of freedom") +
                        (robust ? ", standard errors of the sandwich" : ", standard errors of the model"));
  if (table.selected) {
    table.notes.emplace_back(
        "features were selected on the same samples: errors and intervals are those of this support as if it had been "
        "known, and too small where the choice was close");
  }
  if (model.covariance() == Covariance::sandwich && !robust)
    table.notes.emplace_back("sampling weights were given: the model's standard errors are not those of the survey");
  if (model.report().lambda_l2 > 0)
    table.notes.emplace_back(
        "a ridge shrinks the estimates: intervals are around what it expects, not around the truth");
  if (model.options().non_negative)
    table.notes.emplace_back("no coefficient was let below 0: intervals do not know of it");
  if (errors.array().isNaN().any()) {
    table.notes.emplace_back(
        "without standard errors: the samples do not tell these coefficients (features that make each other up, "
        "separated labels, no more samples than coefficients)");
  }
  return table;
}

}  // namespace l0
