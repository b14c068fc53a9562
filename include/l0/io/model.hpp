// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Stores fitted estimators. A door of its own: `l0.hpp` does not include it.
///
///     l0::save("model.l0", model);
///     const auto model = l0::load<l0::LinearRegression<double>>("model.l0");
///
/// The file is one of safetensors (safetensors.hpp), which Python reads as well: coefficients, factors and leaves are
/// tensors; options, report and the name and version of what it is stand in the metadata.

#include <concepts>
#include <string>
#include <string_view>

#include <l0/core/file.hpp>
#include <l0/core/types.hpp>
#include <l0/factorization/options.hpp>
#include <l0/io/archive.hpp>
#include <l0/io/safetensors.hpp>
#include <l0/regression/covariance.hpp>
#include <l0/regression/options.hpp>
#include <l0/trees/ensemble.hpp>
#include <l0/trees/options.hpp>

namespace l0 {

/// An estimator that `save` stores: it says under which name.
template <class Model>
concept StoredModel = requires(const Model& model) {
  { Model::stored_name } -> std::convertible_to<std::string_view>;
  { model.is_fitted() } -> std::same_as<bool>;
  typename Model::Scalar;
  requires !std::string_view(Model::stored_name).empty();
};

namespace detail {

// What stands in a file, member by member. Callbacks and functions do not.

template <class Options, class Archive>
  requires std::same_as<std::remove_const_t<Options>, RegressionOptions>
void archive(Options& o, Archive& a) {
  a("lambda_l0", o.lambda_l0);
  a("max_features", o.max_features);
  a.choice("criterion", o.criterion, 4);
  a("folds", o.folds);
  a("lambda_l2", o.lambda_l2);
  a("fit_intercept", o.fit_intercept);
  a("non_negative", o.non_negative);
  a("must_keep", o.must_keep);
  a("groups", o.groups);
  a("max_per_group", o.max_per_group);
  a("max_size", o.max_size);
  a.choice("weight_kind", o.weight_kind, 2);
  a("class_weight", o.class_weight);
  a("balance_classes", o.balance_classes);
  a("seed", o.seed);
  a("threads", o.threads);
  a("feature_names", o.feature_names);
  a("warm_start", o.warm_start);
  a("l2_candidates", o.l2_candidates);
  a.choice("gates", o.gates, 3);
  a("epochs", o.epochs);
  a("learning_rate", o.learning_rate);
  a.choice("fold_rule", o.fold_rule, 2);
  a.choice("aim", o.aim, 2);
}

template <class Report, class Archive>
  requires std::same_as<std::remove_const_t<Report>, RegressionReport>
void archive(Report& r, Archive& a) {
  a.choice("stop", r.stop, 4);
  a("size", r.size);
  a("loss", r.loss);
  a("criterion", r.criterion);
  a("lambda", r.lambda);
  a("lambda_l2", r.lambda_l2);
  a("seconds", r.seconds);
  a("notes", r.notes);
}

template <class Errors, class Archive>
  requires requires {
    Errors::degrees;
    Errors::sandwich;
  }
void archive(Errors& e, Archive& a) {
  a("model", e.model);
  a("sandwich", e.sandwich);
  a("weights_differ", e.weights_differ);
  a("degrees", e.degrees);
}

template <class Options, class Archive>
  requires std::same_as<std::remove_const_t<Options>, FactorizationOptions>
void archive(Options& o, Archive& a) {
  a("max_rank", o.max_rank);
  a("lambda_l0", o.lambda_l0);
  a("target_rank", o.target_rank);
  a("lambda_l2", o.lambda_l2);
  a.choice("loss", o.loss, 3);
  a.choice("gates", o.gates, 2);
  a("fit_mean", o.fit_mean);
  a("biases", o.biases);
  a("bias_prior", o.bias_prior);
  a("held_out", o.held_out);
  a("refit", o.refit);
  a("epochs", o.epochs);
  a("tolerance", o.tolerance);
  a("temperature", o.temperature);
  a("gamma", o.gamma);
  a("zeta", o.zeta);
  a("seed", o.seed);
  a("threads", o.threads);
  a("confidence", o.confidence);
  a("clamp", o.clamp);
}

template <class Point, class Archive>
  requires std::same_as<std::remove_const_t<Point>, RankPoint>
void archive(Point& p, Archive& a) {
  a("rank", p.rank);
  a("train_loss", p.train_loss);
  a("held_out_loss", p.held_out_loss);
  a("standard_error", p.standard_error);
}

template <class Report, class Archive>
  requires std::same_as<std::remove_const_t<Report>, FactorizationReport>
void archive(Report& r, Archive& a) {
  a.choice("stop", r.stop, 4);
  a("epochs", r.epochs);
  a("rank", r.rank);
  a("entries", r.entries);
  a("weight", r.weight);
  a("loss", r.loss);
  a("objective", r.objective);
  a("expected_l0", r.expected_l0);
  a("lambda", r.lambda);
  a("lambda_l2", r.lambda_l2);
  a("seconds", r.seconds);
  a("ranks", r.ranks);
  a("notes", r.notes);
}

template <class Options, class Archive>
  requires std::same_as<std::remove_const_t<Options>, SoftTreeBoostingOptions>
void archive(Options& o, Archive& a) {
  a("trees", o.trees);
  a("depth", o.depth);
  a("lambda_l0", o.lambda_l0);
  a("max_features", o.max_features);
  a.choice("loss", o.loss, 3);
  a("learning_rate", o.learning_rate);
  a("subsample", o.subsample);
  a("lambda_l2", o.lambda_l2);
  a.choice("weight_kind", o.weight_kind, 2);
  a("folds", o.folds);
  a("validation_share", o.validation_share);
  a("patience", o.patience);
  a("lambda_trees", o.lambda_trees);
  a("max_trees", o.max_trees);
  a("refinements", o.refinements);
  a("soft", o.soft);
  a("seed", o.seed);
  a("threads", o.threads);
  a("feature_names", o.feature_names);
}

template <class Step, class Archive>
  requires std::same_as<std::remove_const_t<Step>, TreeSelectionStep>
void archive(Step& s, Archive& a) {
  a("features", s.features);
  a("out_of_fold_loss", s.out_of_fold_loss);
  a("standard_error", s.standard_error);
  a("trees", s.trees);
  a("worth", s.worth);
  a("staged", s.staged);
}

template <class Report, class Archive>
  requires std::same_as<std::remove_const_t<Report>, SoftTreeBoostingReport>
void archive(Report& r, Archive& a) {
  a.choice("stop", r.stop, 4);
  a("trees", r.trees);
  a("grown", r.grown);
  a("features", r.features);
  a("loss", r.loss);
  a("out_of_fold_loss", r.out_of_fold_loss);
  a("staged_loss", r.staged_loss);
  a("staged_validation_loss", r.staged_validation_loss);
  a("path", r.path);
  a("seconds", r.seconds);
  a("notes", r.notes);
}

template <class Tree, class Archive>
  requires requires {
    Tree::thresholds;
    Tree::leaves;
  }
void archive(Tree& t, Archive& a) {
  a("features", t.features);
  a("thresholds", t.thresholds);
  a("widths", t.widths);
  a("missing", t.missing);
  a("shares", t.shares);
  a("leaves", t.leaves);
}

/// The format of the files; a reader refuses what is newer than itself.
inline constexpr int model_version = 1;

template <class Scalar>
constexpr std::string_view scalar_name() {
  return sizeof(Scalar) == sizeof(float) ? "float" : "double";
}

/// The model of a file that was read.
template <StoredModel Model>
Model model_of(const std::string& path, TensorFile<typename Model::Scalar> file) {
  ModelReader<typename Model::Scalar> reader(path, std::move(file));
  std::string name, scalar;
  int version = 0;
  reader("l0", name);
  reader("version", version);
  reader("scalar", scalar);
  const std::string wanted(Model::stored_name);
  if (name != wanted) fail_file(path, "of a " + name, "one of a " + wanted);
  if (version < 1 || version > model_version) {
    fail_file(path, "of version " + to_text(version), "one from 1 to " + to_text(model_version));
  }
  const std::string own(scalar_name<typename Model::Scalar>());
  if (scalar != own)
    fail_file(path, "of a model of " + scalar, "one of " + own + ": predictions are to be the same bits");
  Model model;
  archive_members(model, reader);
  reader.finish();
  return model;
}

}  // namespace detail

/// Stores a fitted estimator: options but for their callbacks, what was fitted, and the report. Samples given to
/// `partial_fit` are not in the file. Throws `Error` for a model that is not fitted, and where the file cannot be
/// written; an old file is then as it was.
template <class Model>
void save(const std::string& path, const Model& model) {
  static_assert(StoredModel<Model>, "l0: an estimator of the library; networks are stored by save_network");
  if constexpr (StoredModel<Model>) {
    if (!model.is_fitted()) detail::fail("the model", "not fitted", "a call of fit first");
    detail::ModelWriter<typename Model::Scalar> writer;
    writer("l0", std::string(Model::stored_name));
    writer("version", detail::model_version);
    writer("scalar", std::string(detail::scalar_name<typename Model::Scalar>()));
    detail::archive_members(model, writer);
    write_safetensors(path, writer.file());
  }
}

/// The estimator that `save` stored: its predictions are the same bits. Throws `Error`, naming the file, for what
/// cannot be read, is no file of this estimator and scalar, is damaged, or comes from a newer version. A model of float
/// is not read as one of double, as it would predict otherwise.
template <StoredModel Model>
Model load(const std::string& path) {
  return detail::model_of<Model>(path, read_safetensors<typename Model::Scalar>(path));
}

}  // namespace l0
