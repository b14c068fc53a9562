// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <concepts>
#include <cstdio>
#include <ostream>
#include <string>

#include <l0/calibration/diagnostics.hpp>
#include <l0/callbacks/report.hpp>
#include <l0/factorization/options.hpp>
#include <l0/io/json.hpp>
#include <l0/pruning/report.hpp>
#include <l0/regression/options.hpp>
#include <l0/trees/options.hpp>

/// \file
/// Reports as text and as JSON. A door of its own: `l0.hpp` does not include it.
///
///     std::cout << sparse.report << '\n';     // completed after 2000 steps in 0.42 s: loss 0.0412, ...
///     file << l0::to_json(sparse.report);     // {"stop":"completed","steps":2000,...
///
/// JSON holds every field under its name in C++; numbers read back to the same bits, NaN and infinity become null.

namespace l0 {

namespace detail {

/// A number with at most `digits` digits.
inline std::string short_number(double value, int digits = 4) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

inline std::string notes_text(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += "\nnote: " + note;
  return text;
}

inline std::string percent(double share) { return short_number(100 * share) + " %"; }

inline void add_training(JsonObject& json, const TrainingReport& report) {
  json.add("stop", to_string(report.stop))
      .add("steps", report.steps)
      .add("loss", report.loss)
      .add("expected_l0", report.expected_l0)
      .add("lambda", report.lambda)
      .add("seconds", report.seconds);
}

}  // namespace detail

/// One line: why and when the run ended, the loss, the open gates, their price.
inline std::string to_string(const TrainingReport& report) {
  using detail::short_number;
  std::string text(to_string(report.stop));
  text += " after " + detail::to_text(report.steps) + " steps in " + short_number(report.seconds, 3) + " s: loss " +
          short_number(report.loss) + ", " + short_number(report.expected_l0) + " open gates expected";
  if (report.lambda != 0) text += " at a price of " + short_number(report.lambda);
  return text;
}

/// One line, and one for each note. What the model looks like is said by its `summary()`.
inline std::string to_string(const RegressionReport& report) {
  using detail::short_number;
  std::string text(to_string(report.stop));
  text += " in " + short_number(report.seconds, 3) + " s: " + detail::to_text(report.size) +
          (report.size == 1 ? " feature" : " features") + ", mean loss " + short_number(report.loss) + ", criterion " +
          short_number(report.criterion, 6) + ", price of a feature " + short_number(report.lambda);
  if (report.lambda_l2 != 0) text += ", lambda_l2 " + short_number(report.lambda_l2);
  return text + detail::notes_text(report.notes);
}

/// A few lines: the run, how far the targets are met, how the weights are spread, the notes.
inline std::string to_string(const CalibrationReport& report) {
  using detail::percent;
  using detail::short_number;
  std::string text(to_string(report.stop));
  text += " after " + detail::to_text(report.steps) + " passes in " + short_number(report.seconds, 3) + " s: loss " +
          short_number(report.loss_before) + " -> " + short_number(report.loss) + ", " +
          detail::to_text(report.records) + " records kept\ntargets: " + percent(report.all.within_5_percent) + " of " +
          detail::to_text(report.all.targets) + " within 5 %, error mean " + percent(report.all.mean) + ", median " +
          percent(report.all.median) + ", largest " + percent(report.all.largest);
  const WeightDiagnostics& w = report.weights;
  text += "\nweights: sum " + short_number(w.sum, 6) + ", from " + short_number(w.smallest) + " to " +
          short_number(w.largest) + ", median " + short_number(w.median) + ", effective sample size " +
          short_number(w.effective_sample_size) + ", design effect " + short_number(w.design_effect);
  if (!report.unreachable.empty()) {
    text += "\n" + detail::to_text(report.unreachable.size()) + " targets are reached by no record";
  }
  return text + detail::notes_text(report.notes);
}

/// One line, and one for each note.
inline std::string to_string(const FactorizationReport& report) {
  using detail::short_number;
  std::string text(to_string(report.stop));
  text += " after " + detail::to_text(report.epochs) + " passes in " + short_number(report.seconds, 3) +
          " s: " + detail::to_text(report.rank) + (report.rank == 1 ? " factor" : " factors") + ", mean loss " +
          short_number(report.loss) + ", " + short_number(report.expected_l0) + " open gates at a price of " +
          short_number(report.lambda) + ", lambda_l2 " + short_number(report.lambda_l2);
  return text + detail::notes_text(report.notes);
}

/// One line, and one for each note. Which features they are is said by the model's `summary()`.
inline std::string to_string(const SoftTreeBoostingReport& report) {
  using detail::short_number;
  std::string text(to_string(report.stop));
  text += " in " + short_number(report.seconds, 3) + " s: " + detail::to_text(report.trees) +
          (report.trees == 1 ? " tree" : " trees") + " of " + detail::to_text(report.features) +
          (report.features == 1 ? " feature" : " features") + ", mean loss " + short_number(report.loss);
  if (!std::isnan(report.out_of_fold_loss)) text += ", out of fold " + short_number(report.out_of_fold_loss);
  return text + detail::notes_text(report.notes);
}

/// Writes the text of a report.
template <class Report>
  requires requires(const Report& report) {
    { to_string(report) } -> std::same_as<std::string>;
  }
std::ostream& operator<<(std::ostream& stream, const Report& report) { return stream << to_string(report); }

/// One step; fields that the stage does not have (NaN) are left out.
inline std::string to_json(const StepReport& report) {
  detail::JsonObject json;
  json.add("stage", report.stage)
      .add("step", report.step)
      .add("steps", report.steps)
      .add("loss", report.loss)
      .add("objective", report.objective)
      .add("expected_l0", report.expected_l0)
      .add("lambda", report.lambda)
      .add("temperature", report.temperature)
      .add("seconds", report.seconds);
  if (!std::isnan(report.validation_loss)) json.add("validation_loss", report.validation_loss);
  if (!std::isnan(report.validation_error)) json.add("validation_error", report.validation_error);
  return json.str();
}

/// The same as one JSON object.
inline std::string to_json(const TrainingReport& report) {
  detail::JsonObject json;
  detail::add_training(json, report);
  return json.str();
}

/// The same as one JSON object.
inline std::string to_json(const RegressionReport& report) {
  return detail::JsonObject()
      .add("stop", to_string(report.stop))
      .add("size", report.size)
      .add("loss", report.loss)
      .add("criterion", report.criterion)
      .add("lambda", report.lambda)
      .add("lambda_l2", report.lambda_l2)
      .add("seconds", report.seconds)
      .add_json("notes", detail::json_list(report.notes))
      .str();
}

/// The same as one JSON object.
inline std::string to_json(const ErrorSummary& summary) {
  return detail::JsonObject()
      .add("group", summary.group)
      .add("targets", summary.targets)
      .add("loss", summary.loss)
      .add("mean", summary.mean)
      .add("median", summary.median)
      .add("largest", summary.largest)
      .add("within_5_percent", summary.within_5_percent)
      .str();
}

/// The same as one JSON object.
inline std::string to_json(const WeightDiagnostics& weights) {
  return detail::JsonObject()
      .add("records", weights.records)
      .add("sum", weights.sum)
      .add("smallest", weights.smallest)
      .add("median", weights.median)
      .add("largest", weights.largest)
      .add("coefficient_of_variation", weights.coefficient_of_variation)
      .add("effective_sample_size", weights.effective_sample_size)
      .add("design_effect", weights.design_effect)
      .add("top_percent_share", weights.top_percent_share)
      .add("largest_ratio", weights.largest_ratio)
      .str();
}

/// The same as one JSON object.
inline std::string to_json(const CalibrationReport& report) {
  detail::JsonObject json;
  detail::add_training(json, report);
  return json.add("loss_before", report.loss_before)
      .add("records", report.records)
      .add_json("predictions", detail::json_list(report.predictions))
      .add_json("errors", detail::json_list(report.errors))
      .add_json("errors_before", detail::json_list(report.errors_before))
      .add_json("all", to_json(report.all))
      .add_json("groups", detail::json_list(report.groups, [](const ErrorSummary& group) { return to_json(group); }))
      .add_json("aggregate_errors", detail::json_list(report.aggregate_errors))
      .add_json("weights", to_json(report.weights))
      .add_json("unreachable", detail::json_list(report.unreachable))
      .add_json("empty_records", detail::json_list(report.empty_records))
      .add_json("notes", detail::json_list(report.notes))
      .str();
}

/// The same as one JSON object.
inline std::string to_json(const FactorizationReport& report) {
  return detail::JsonObject()
      .add("stop", to_string(report.stop))
      .add("epochs", report.epochs)
      .add("rank", report.rank)
      .add("entries", report.entries)
      .add("weight", report.weight)
      .add("loss", report.loss)
      .add("objective", report.objective)
      .add("expected_l0", report.expected_l0)
      .add("lambda", report.lambda)
      .add("lambda_l2", report.lambda_l2)
      .add("seconds", report.seconds)
      .add_json("ranks", detail::json_list(report.ranks,
                                           [](const RankPoint& point) {
                                             return detail::JsonObject()
                                                 .add("rank", point.rank)
                                                 .add("train_loss", point.train_loss)
                                                 .add("held_out_loss", point.held_out_loss)
                                                 .add("standard_error", point.standard_error)
                                                 .str();
                                           }))
      .add_json("notes", detail::json_list(report.notes))
      .str();
}

/// The same as one JSON object.
inline std::string to_json(const SoftTreeBoostingReport& report) {
  return detail::JsonObject()
      .add("stop", to_string(report.stop))
      .add("trees", report.trees)
      .add("grown", report.grown)
      .add("features", report.features)
      .add("loss", report.loss)
      .add("out_of_fold_loss", report.out_of_fold_loss)
      .add_json("staged_loss", detail::json_list(report.staged_loss))
      .add_json("staged_validation_loss", detail::json_list(report.staged_validation_loss))
      .add_json("path", detail::json_list(report.path,
                                          [](const TreeSelectionStep& step) {
                                            return detail::JsonObject()
                                                .add_json("features", detail::json_list(step.features))
                                                .add("out_of_fold_loss", step.out_of_fold_loss)
                                                .add("standard_error", step.standard_error)
                                                .add("trees", step.trees)
                                                .add_json("worth", detail::json_list(step.worth))
                                                .add_json("staged", detail::json_list(step.staged))
                                                .str();
                                          }))
      .add("seconds", report.seconds)
      .add_json("notes", detail::json_list(report.notes))
      .str();
}

/// The layers of `sparsity_report` as a JSON list.
inline std::string to_json(const std::vector<LayerSparsity>& report) {
  return detail::json_list(report, [](const LayerSparsity& layer) {
    return detail::JsonObject()
        .add("name", layer.name)
        .add("gates", layer.gates)
        .add("open_gates", layer.open_gates)
        .add("expected_l0", layer.expected_l0)
        .add("weights", layer.weights)
        .add("open_weights", layer.open_weights)
        .add("flops", layer.flops)
        .str();
  });
}

/// A fitted regression as JSON: its report, and index, name, coefficient and importance of each selected feature; with
/// several responses a list of coefficients and of intercepts.
template <class Model>
  requires requires(const Model& model) {
    model.selected_features();
    model.coefficients();
    model.importance();
    { model.report() } -> std::convertible_to<const RegressionReport&>;
  }
std::string to_json(const Model& model) {
  using Coefficients = std::remove_cvref_t<decltype(model.coefficients())>;
  detail::JsonObject json;
  json.add_json("report", to_json(model.report())).add("features", model.coefficients().rows());
  if constexpr (Coefficients::ColsAtCompileTime == 1) {
    json.add("intercept", model.intercept());
  } else {
    json.add_json("intercept", detail::json_list(model.intercept()));
  }
  json.add_json("selected", detail::json_list(model.selected_features(), [&](Index j) {
                  detail::JsonObject feature;
                  feature.add("index", j).add("name", model.feature_name(j));
                  if constexpr (Coefficients::ColsAtCompileTime == 1) {
                    feature.add("coefficient", model.coefficients()(j));
                  } else {
                    const Vector<typename Model::Scalar> row = model.coefficients().row(j).transpose();
                    feature.add_json("coefficient", detail::json_list(row));
                  }
                  return feature.add("importance", model.importance()(j)).str();
                }));
  return json.str();
}

}  // namespace l0
