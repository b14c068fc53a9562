// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// trees/: sums of small soft trees that look at few features.
///
///     X, y, Samples        weighted_rows: rows that weigh something; y in its own unit
///       ▼
///     samples              in an order drawn from what they contain; binning: each feature becomes its rank in [0, 1],
///       │                  and one of up to 255 bins
///       ▼
///     feature_selection    ensembles grown without one fold each: gates close by what that does to the fold's loss
///       ▼
///     ensemble             tree after tree on slope and curvature of the loss (loss):
///       │                  growth: the best hard splits, by histograms;
///       │                  refinement: softens them, moves thresholds and widths, solves for the leaves;
///       ▼                  oblivious_tree: adds the tree to η
///     pruning              where trees are priced or counted: gates on whole trees, the rest weighted anew
///       ▼
///     ensemble, report     importances by closing one feature; predict turns new X into ranks on the same scales
///
/// `SoftTree`, the layer, stands in layers/.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/callbacks/run.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/compiled.hpp>
#include <l0/core/error.hpp>
#include <l0/core/sort_stably.hpp>
#include <l0/core/stored.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/trees/feature_selection.hpp>
#include <l0/trees/options.hpp>
#include <l0/trees/pruning.hpp>
#include <l0/trees/reported_growth.hpp>
#include <l0/trees/weighted_rows.hpp>

namespace l0 {

/// Gradient boosting of soft oblivious trees that use few features: η(x) = b + Σ trees, for squared loss, labels 0/1
/// (logistic) or counts (Poisson), with a price for every feature that enters the ensemble.
///
///     l0::SoftTreeBoosting<float> boosted({.trees = 100, .depth = 4, .lambda_l0 = 1e-3f});
///     boosted.fit(X, y);
///     boosted.selected_features();  boosted.predict(X_new);
///
/// All nodes of a level share one split, s((u − t)/w) with a smooth step s and u the feature on the scale of its ranks:
/// nothing depends on units or outliers, and outside t ± w/2 a split is exactly hard. Each tree starts from the best
/// hard splits by histograms, is softened where that fits better, its thresholds and widths follow the gradient of the
/// least loss over its leaves, which are solved for exactly. Features are chosen by closing their gates: see
/// `select_tree_features`. Two fits of the same data are bit-identical, whatever `threads`.
template <std::floating_point Scalar_>
class SoftTreeBoosting {
 public:
  using Scalar = Scalar_;                                              ///< float or double
  static constexpr std::string_view stored_name = "SoftTreeBoosting";  ///< what a file of `save` calls it

  /// Options are checked by `fit`, against its data.
  explicit SoftTreeBoosting(SoftTreeBoostingOptions options = {}) : options_(std::move(options)) {}

  /// The options, as given.
  const SoftTreeBoostingOptions& options() const { return options_; }
  /// Whether there was a successful fit.
  bool is_fitted() const { return fitted_; }

  /// Fits to X (n × p, dense or sparse; NaN: missing) and y (n). What else is known of the samples is weights, an
  /// offset of η and folds: see `Samples` and `weight_kind`. Throws `Error` for wrong shapes, values that are infinite
  /// or no responses of the loss, no samples, and options outside their ranges; the model is then as it was.
  template <class X, class Y>
  SoftTreeBoosting& fit(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                        const Samples<Scalar>& samples = {}) {
    detail::require(x.rows() > 0, "X", x.rows(), "at least one sample (row)");
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), 1);
    detail::validate(options_, x.cols());
    Matrix<Scalar> dense;
    dense = detail::as_matrix_of<Scalar>(x);
    detail::require_not_infinite(dense);
    const detail::TreeLossFormulas loss{options_.loss};
    loss.check(y);
    detail::check_samples(samples, x.rows());
    fit_dense(dense, detail::as_matrix(y).template cast<detail::Double<Scalar>>(), samples);
    return *this;
  }

  /// η(X) without an offset: the mean itself, the logit or the logarithm of the rate. A missing value (NaN) goes where
  /// those of training went, or with most samples where there were none. Safe to call from several threads.
  template <class X>
  Vector<Scalar> decision_function(const Eigen::EigenBase<X>& x) const {
    require_fitted();
    detail::require_shape("X", x.rows(), x.cols(), x.rows(), features_);
    return (ensemble_.evaluate(ranks_of(detail::as_matrix_of<Scalar>(x)))
                .template cast<detail::Double<Scalar>>()
                .array() +
            ensemble_.base)
        .template cast<Scalar>();
  }

  /// E[y | X]: mean, probability or rate.
  template <class X>
  Vector<Scalar> predict_mean(const Eigen::EigenBase<X>& x) const {
    Vector<Scalar> result = decision_function(x);
    if (options_.loss == TreeLoss::logistic) result = (1 + (-result.array()).exp()).inverse();
    if (options_.loss == TreeLoss::poisson) result = result.array().exp();
    return result;
  }

  /// P(y = 1 | X). Throws `Error` unless the loss is logistic.
  template <class X>
  Vector<Scalar> predict_probability(const Eigen::EigenBase<X>& x) const {
    if (options_.loss != TreeLoss::logistic) detail::fail("loss", "not logistic", "TreeLoss::logistic");
    return predict_mean(x);
  }

  /// The mean, the likelier label, or the rate.
  template <class X>
  Vector<Scalar> predict(const Eigen::EigenBase<X>& x) const {
    if (options_.loss != TreeLoss::logistic) return predict_mean(x);
    return decision_function(x).unaryExpr([](Scalar eta) { return eta > 0 ? Scalar(1) : Scalar(0); });
  }

  /// Mean loss: squared error, or deviance/(2n).
  template <class X, class Y>
  double loss(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    return staged_loss(x, y).back();
  }

  /// The mean loss with 0, 1, 2, ... of the trees.
  template <class X, class Y>
  std::vector<double> staged_loss(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y) const {
    require_fitted();
    detail::require_shape("X", x.rows(), x.cols(), x.rows(), features_);
    detail::require_shape("y", y.rows(), y.cols(), x.rows(), 1);
    using Real = detail::Double<Scalar>;
    const detail::TreeLossFormulas formulas{options_.loss};
    const Vector<Real> target = detail::as_matrix(y).template cast<Real>();
    const Vector<Real> weight = Vector<Real>::Ones(target.size());
    const Matrix<Scalar> ranks = ranks_of(detail::as_matrix_of<Scalar>(x));
    Vector<Scalar> sum = Vector<Scalar>::Zero(ranks.rows());
    const auto mean = [&] {
      return formulas.mean(Vector<Real>(sum.template cast<Real>().array() + ensemble_.base), target, weight);
    };
    std::vector<double> result{mean()};
    for (const auto& tree : ensemble_.trees) {
      detail::add_tree(tree, ranks, sum);
      result.push_back(mean());
    }
    return result;
  }

  /// Features with a split in the ensemble, ascending: no other has any influence.
  const std::vector<Index>& selected_features() const {
    require_fitted();
    return selected_;
  }
  /// By how much the training loss rises when the gate of a feature closes (its splits answer their average to
  /// everyone), as shares of 1; exactly 0 for features that are not selected.
  const Vector<Scalar>& feature_importances() const {
    require_fitted();
    return importances_;
  }
  /// What the last fit did.
  const SoftTreeBoostingReport& report() const {
    require_fitted();
    return report_;
  }

  /// The trees, their features counted within `selected_features()`.
  const std::vector<ObliviousTree<Scalar>>& trees() const {
    require_fitted();
    return ensemble_.trees;
  }

  /// The name of feature j: as given in the options, else "x0", "x1", ...
  std::string feature_name(Index j) const {
    const auto at = static_cast<std::size_t>(j);
    return at < options_.feature_names.size() ? options_.feature_names[at] : "x" + detail::to_text(j);
  }

  /// A table of the selected features with their importances, largest first.
  std::string summary() const {
    require_fitted();
    char text[200];
    std::snprintf(text, sizeof text, "%td trees, %td of %td features, mean loss %.6g",
                  static_cast<std::ptrdiff_t>(report_.trees), static_cast<std::ptrdiff_t>(report_.features),
                  static_cast<std::ptrdiff_t>(features_), report_.loss);
    std::string table = text;
    if (!report_.path.empty()) {
      std::snprintf(text, sizeof text, ", out of fold %.6g", report_.out_of_fold_loss);
      table += text;
    }
    std::vector<Index> order = selected_;
    detail::sort_stably(order, [&](Index a, Index b) { return importances_(a) > importances_(b); });
    std::size_t width = 9;
    for (const Index j : order) width = std::max(width, feature_name(j).size());
    table += "\nfeature" + std::string(width - 7, ' ') + "  importance\n";
    for (const Index j : order) {
      const std::string name = feature_name(j);
      std::snprintf(text, sizeof text, "  %10.4f\n", static_cast<double>(importances_(j)));
      table += name + std::string(width - name.size(), ' ') + text;
    }
    for (const std::string& note : report_.notes) table += "note: " + note + "\n";
    return table;
  }

 private:
  friend struct detail::StoredAccess;

  template <class Self, class Archive>
  static void archive(Self& self, Archive& a) {
    a("options", self.options_);
    a("base", self.ensemble_.base);
    a("trees", self.ensemble_.trees);
    a("scales", self.scales_);
    a("selected", self.selected_);
    a("importances", self.importances_);
    a("report", self.report_);
    if constexpr (Archive::reads) self.finish_reading(a);
  }

  template <class Archive>
  void finish_reading(const Archive& a) {
    features_ = importances_.size();
    a.require_checked([&] { detail::validate(options_, features_); });
    bool good = ensemble_.base - ensemble_.base == 0 && importances_.allFinite() && scales_.size() == selected_.size();
    Index last = -1;
    for (const Index j : selected_) {
      good = good && j > last && j < features_;
      last = j;
    }
    a.require(good, "selected features that are none");
    for (const auto& tree : ensemble_.trees) {
      a.require(tree.is_sound(static_cast<Index>(selected_.size())), "a tree that is none");
    }
    fitted_ = true;
  }

  void require_fitted() const {
    if (!fitted_) detail::fail("the model", "not fitted", "a call of fit first");
  }

  detail::BoostingPlan plan() const {
    return {.loss = {options_.loss},
            .trees = options_.trees,
            .depth = options_.depth,
            .learning_rate = options_.learning_rate,
            .subsample = options_.subsample,
            .lambda_l2 = options_.lambda_l2,
            .patience = options_.patience,
            .steps = options_.refinements,
            .soft = options_.soft,
            .seed = options_.seed};
  }

  void fit_dense(const Matrix<Scalar>& x, const Vector<detail::Double<Scalar>>& y, const Samples<Scalar>& samples);

  /// Takes over an ensemble for (y − shift)/unit.
  void finish(const detail::RankedSamples<Scalar>& data, const detail::TreeLossFormulas& formulas,
              detail::TreeEnsemble<Scalar> ensemble, double shift, double unit, SoftTreeBoostingReport report) {
    const Vector<Scalar> eta = data.constant(ensemble.base) + ensemble.evaluate(data.rank);
    report.loss = formulas.mean(eta, data.y, data.weight);
    report.trees = static_cast<Index>(ensemble.trees.size());
    std::vector<Index> selected = ensemble.features();
    report.features = static_cast<Index>(selected.size());
    Vector<Scalar> importances = Vector<Scalar>::Zero(data.features());
    for (const Index j : selected) {
      const double rise = formulas.mean(ensemble.with_closed(j, data.rank, eta), data.y, data.weight) - report.loss;
      importances(j) = static_cast<Scalar>(std::max(rise, 0.0));
    }
    if (importances.sum() > 0) importances /= importances.sum();
    std::vector<detail::QuantileScale<Scalar>> scales;
    scales.reserve(selected.size());
    for (const Index j : selected) scales.push_back(data.scales[static_cast<std::size_t>(j)]);
    ensemble.base = shift + unit * ensemble.base;
    for (auto& tree : ensemble.trees) {
      tree.leaves *= static_cast<Scalar>(unit);
      for (Index& j : tree.features) {
        j = static_cast<Index>(std::lower_bound(selected.begin(), selected.end(), j) - selected.begin());
      }
    }
    ensemble_ = std::move(ensemble);
    scales_ = std::move(scales);
    selected_ = std::move(selected);
    importances_ = std::move(importances);
    report_ = std::move(report);
    features_ = data.features();
    fitted_ = true;
  }

  /// The selected features of X on the scale of ranks.
  template <class X>
  Matrix<Scalar> ranks_of(const X& x) const {
    Matrix<Scalar> ranks(x.rows(), static_cast<Index>(selected_.size()));
    for (Index c = 0; c < ranks.cols(); ++c) {
      const auto& scale = scales_[static_cast<std::size_t>(c)];
      const Vector<Scalar> column = x.col(selected_[static_cast<std::size_t>(c)]);
      for (Index i = 0; i < ranks.rows(); ++i) ranks(i, c) = scale.to_rank(column(i));
    }
    return ranks;
  }

  SoftTreeBoostingOptions options_;
  bool fitted_ = false;
  Index features_ = 0;
  detail::TreeEnsemble<Scalar> ensemble_;
  std::vector<detail::QuantileScale<Scalar>> scales_;
  std::vector<Index> selected_;
  Vector<Scalar> importances_;
  SoftTreeBoostingReport report_;
};

template <std::floating_point Scalar>
void SoftTreeBoosting<Scalar>::fit_dense(const Matrix<Scalar>& x, const Vector<detail::Double<Scalar>>& y,
                                         const Samples<Scalar>& samples) {
  detail::FitRun run(options_.callback);
  const detail::WeightedRows<Scalar> rows(y, samples, options_.weight_kind);
  // Squares are fitted to targets of mean 0 and variance 1: no number depends on their unit, nor takes digits from it.
  double shift = 0;
  double unit = 1;
  if (options_.loss == TreeLoss::squared) {
    shift = rows.mean();
    unit = rows.deviation(shift);
    // All alike but for the rounding of their mean: nothing is left to explain.
    if (!(unit > 1e-14 * std::abs(shift))) unit = std::numeric_limits<double>::infinity();
  }
  const detail::RankedSamples<Scalar> data = rows.ranked(x, shift, unit);
  if (std::isinf(unit)) unit = 1;
  SoftTreeBoostingReport report;
  report.out_of_fold_loss = std::numeric_limits<double>::quiet_NaN();
  detail::BoostingPlan plan = this->plan();
  plan.loss.unit = unit * unit;
  std::vector<Index> features;
  Index constant = 0;
  for (Index j = 0; j < x.cols(); ++j) {
    if (data.scales[static_cast<std::size_t>(j)].is_constant()) {
      ++constant;
    } else {
      features.push_back(j);
    }
  }
  if (constant > 0) report.notes.push_back(detail::to_text(constant) + " constant columns are left out");
  if (options_.folds >= 2 && data.samples() >= 2) {
    const detail::TreeSelectionTarget target{options_.lambda_l0, options_.max_features,
                                             std::min<Index>(options_.folds, data.samples()), options_.threads};
    detail::BoostingPlan quick = plan;
    quick.steps = 0;
    const bool choose = static_cast<Index>(features.size()) > options_.max_features.value_or(0);
    if (choose) {
      // Which features are of use shows in fewer trees.
      detail::BoostingPlan rough = quick;
      rough.learning_rate = std::max(plan.learning_rate, 0.3);
      rough.trees =
          static_cast<Index>(std::ceil(static_cast<double>(plan.trees) * plan.learning_rate / rough.learning_rate));
      auto selection = detail::select_tree_features(data, rough, features, target, run);
      features = selection.path[selection.chosen].features;
      report.path = std::move(selection.path);
    }
    // How many trees, at the rate that they are grown at.
    detail::Workers workers(options_.threads);
    Vector<detail::Double<Scalar>> losses;
    std::vector<double> errors;
    const TreeSelectionStep final_step =
        detail::OutOfFold<Scalar>(data, quick, target.folds).judge(features, workers, losses, errors);
    report.out_of_fold_loss = final_step.out_of_fold_loss;
    if (final_step.trees < plan.trees) report.stop = StopReason::converged;
    plan.trees = final_step.trees;
    if (!choose) report.path.push_back(final_step);
  }
  detail::TreeEnsemble<Scalar> ensemble =
      detail::grow_reported(data, features, plan, options_.validation_share, report, run);
  report.grown = static_cast<Index>(ensemble.trees.size());
  if ((options_.lambda_trees || options_.max_trees) && report.grown > 0) {
    const detail::TreePruning<Scalar> pruning(ensemble, data, plan.loss);
    ensemble = pruning.prune({options_.lambda_trees, options_.max_trees});
  }
  if (run.stopped()) report.stop = StopReason::callback;
  finish(data, plan.loss, std::move(ensemble), shift, unit, std::move(report));
  report_.seconds = run.seconds();
}

L0_COMPILED(void SoftTreeBoosting<float>::fit_dense(const Matrix<float>&, const Vector<double>&,
                                                    const Samples<float>&));
L0_COMPILED(void SoftTreeBoosting<double>::fit_dense(const Matrix<double>&, const Vector<double>&,
                                                     const Samples<double>&));

}  // namespace l0
