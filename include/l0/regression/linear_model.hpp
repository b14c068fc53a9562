// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdio>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/callbacks/report.hpp>
#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/sort_stably.hpp>
#include <l0/core/stored.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/covariance.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/fit.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/options.hpp>

namespace l0 {

/// What the linear estimators have in common: the fitted model and the questions asked of it. `Responses` is 1 or, for
/// several responses or classes, Eigen::Dynamic.
template <std::floating_point Scalar_, int Responses = 1>
class LinearModel {
 public:
  using Scalar = Scalar_;                                                                  ///< float or double
  using Coefficients = Eigen::Matrix<Scalar, Eigen::Dynamic, Responses, Eigen::ColMajor>;  ///< a row per feature
  using Intercept = detail::Intercept<Scalar, Responses>;  ///< a number, or one per response
  static constexpr int target_columns = Responses;         ///< of y

  /// The options, as given.
  const RegressionOptions& options() const { return options_; }
  /// Whether there was a successful fit.
  bool is_fitted() const { return fitted_; }

  /// One coefficient per feature (a row, where there are several responses) on the scale of X, exactly 0 for those not
  /// selected.
  const Coefficients& coefficients() const {
    require_fitted();
    return coefficients_;
  }
  /// The constant term; 0 without `.fit_intercept`.
  const Intercept& intercept() const {
    require_fitted();
    return intercept_;
  }
  /// Indices of the selected features, ascending.
  const std::vector<Index>& selected_features() const {
    require_fitted();
    return selected_;
  }
  /// P(z ≠ 0) of every feature's gate given the other gates: σ(half of what the criterion loses without the feature),
  /// the odds by which an information criterion prefers one of two models. Where a price chose, it is the price that
  /// judges: σ(half of the rise of the penalised loss, in units of the deviance). Features of one group share a gate.
  /// With `Aim::prediction` it is the weight of the averaged models that have the feature.
  const Vector<Scalar>& importance() const {
    require_fitted();
    return importance_;
  }
  /// Standard errors of the coefficients, for the support as it is: that it was chosen on the same samples, which makes
  /// them too small, is not in them. 0 for features not selected; NaN where the samples do not tell a coefficient
  /// (columns that make each other up, labels that are separated, no more samples than coefficients), for Huber's and
  /// the quantile's loss, and for averages (`Aim::prediction`). `Error` for the sandwich after `partial_fit`, which
  /// keeps no samples, of averages, and for Cox's likelihood, by which samples are tied.
  Coefficients standard_errors(Covariance covariance = Covariance::by_weights) const {
    const Matrix<Scalar>& errors = errors_by(covariance);
    Coefficients result = Coefficients::Zero(coefficients_.rows(), coefficients_.cols());
    for (std::size_t i = 0; i < selected_.size(); ++i) result.row(selected_[i]) = errors.row(static_cast<Index>(i) + 1);
    return result;
  }
  /// The same of the intercept; 0 without one.
  Intercept intercept_standard_error(Covariance covariance = Covariance::by_weights) const {
    return detail::to_intercept<Scalar, Responses>(errors_by(covariance).row(0));
  }
  /// What `Covariance::by_weights` stands for in this fit.
  Covariance covariance() const {
    require_fitted();
    return errors_.weights_differ && errors_.sandwich.size() > 0 ? Covariance::sandwich : Covariance::model;
  }
  /// Degrees of freedom of Student's t for intervals of the coefficients: samples less coefficients for least squares;
  /// infinite, a normal distribution, for likelihoods.
  double degrees_of_freedom() const {
    require_fitted();
    return errors_.degrees;
  }
  /// What the last fit did.
  const RegressionReport& report() const {
    require_fitted();
    return report_;
  }
  /// The name of feature j: as given in the options, else "x0", "x1", ...
  std::string feature_name(Index j) const {
    const auto at = static_cast<std::size_t>(j);
    return at < options_.feature_names.size() ? options_.feature_names[at] : "x" + detail::to_text(j);
  }

  /// A table of the selected features with coefficient and importance, largest importance first.
  std::string summary() const {
    require_fitted();
    std::vector<Index> order = selected_;
    detail::sort_stably(order, [&](Index a, Index b) { return importance_(a) > importance_(b); });
    std::size_t width = 9;
    for (const Index j : order) width = std::max(width, feature_name(j).size());
    const auto line = [&](const std::string& name, double coefficient, double importance) {
      char text[96];
      std::snprintf(text, sizeof text, "  %14.6g  %10.4f\n", coefficient, importance);
      return name + std::string(width - std::min(width, name.size()), ' ') + text;
    };
    char head[160];
    std::snprintf(head, sizeof head, "%td of %td features, mean loss %.6g, criterion %.6g, %s\n",
                  static_cast<std::ptrdiff_t>(selected_.size()), static_cast<std::ptrdiff_t>(coefficients_.rows()),
                  report_.loss, report_.criterion, std::string(to_string(report_.stop)).c_str());
    std::string table = head;
    std::snprintf(head, sizeof head, "  %14s  %10s\n", Responses == 1 ? "coefficient" : "length of row", "importance");
    table += "feature" + std::string(width - 7, ' ') + head;
    if constexpr (Responses == 1) {
      if (options_.fit_intercept) {
        std::snprintf(head, sizeof head, "  %14.6g\n", static_cast<double>(intercept_));
        table += "intercept" + std::string(width - 9, ' ') + head;
      }
    }
    for (const Index j : order) {
      const Scalar size = Responses == 1 ? coefficients_(j, 0) : coefficients_.row(j).norm();
      table += line(feature_name(j), static_cast<double>(size), static_cast<double>(importance_(j)));
    }
    for (const std::string& note : report_.notes) table += "note: " + note + "\n";
    return table;
  }

  /// X w + b, reading the selected columns only. Safe to call from several threads.
  template <class Derived>
  Coefficients linear_predictor(const Eigen::EigenBase<Derived>& x) const {
    require_fitted();
    const auto& data = detail::as_matrix_of<Scalar>(x);
    detail::require_shape("X", x.rows(), x.cols(), x.rows(), coefficients_.rows());
    Coefficients result(x.rows(), coefficients_.cols());
    for (Index m = 0; m < result.cols(); ++m) {
      if constexpr (Responses == 1) {
        result.setConstant(intercept_);
      } else {
        result.col(m).setConstant(intercept_(m));
      }
    }
    if constexpr (std::is_base_of_v<Eigen::SparseMatrixBase<Derived>, Derived>) {
      result += data * coefficients_;
    } else {
      for (const Index j : selected_) result += data.col(j) * coefficients_.row(j);
    }
    return result;
  }

 protected:
  /// Options are checked by `fit`, against its data.
  explicit LinearModel(RegressionOptions options) : options_(std::move(options)) {}

  /// Throws `Error` before the first fit.
  void require_fitted() const {
    if (!fitted_) detail::fail("the model", "not fitted", "a call of fit first");
  }

  /// Takes over what a fit to a design found, for targets in units of `unit`.
  template <class Precise>
  void set_model(const detail::SparseFit<Precise>& fit, const detail::Design<Precise>& x, Precise unit) {
    const auto point = detail::on_users_scale<Scalar, Responses>(fit.point, x, unit);
    coefficients_.setZero(x.columns(), point.coefficients.cols());
    for (std::size_t i = 0; i < point.support.size(); ++i) {
      coefficients_.row(point.support[i]) = point.coefficients.row(static_cast<Index>(i));
    }
    intercept_ = point.intercept;
    selected_ = point.support;
    importance_ = fit.importance.template cast<Scalar>();
    errors_ = fit.errors.template cast<Scalar>();
    report_ = fit.report;
    fitted_ = true;
  }

  /// Where a fit starts: the features of the one before, with `warm_start`.
  std::vector<Index> start_for(Index features) const {
    return options_.warm_start && coefficients_.rows() == features ? selected_ : std::vector<Index>();
  }

  /// Other options for the next fit, which still knows the features of the last.
  void change_options(RegressionOptions options) {
    options_ = std::move(options);
    fitted_ = false;
  }

  /// What a file has of the model (core/stored.hpp).
  template <class Self, class Archive>
  static void archive(Self& self, Archive& a) {
    a("options", self.options_);
    a("coefficients", self.coefficients_);
    a("intercept", self.intercept_);
    a("selected", self.selected_);
    a("importance", self.importance_);
    a("standard_errors", self.errors_);
    a("report", self.report_);
    if constexpr (Archive::reads) self.finish_reading(a);
  }

  RegressionOptions options_;  ///< as given

 private:
  friend struct detail::StoredAccess;

  template <class Archive>
  void finish_reading(const Archive& a) {
    const Index p = coefficients_.rows();
    const Index m = coefficients_.cols();
    const auto k = static_cast<Index>(selected_.size());
    a.require_checked([&] { detail::validate(options_, p); });
    a.require(importance_.size() == p && coefficients_.allFinite() && importance_.allFinite(),
              "coefficients that are not finite or not as many as importances");
    bool good = m >= 1;
    if constexpr (Responses == 1) {
      good = good && intercept_ - intercept_ == 0;
    } else {
      good = good && intercept_.size() == m && intercept_.allFinite();
    }
    a.require(good, "other intercepts than coefficients");
    Index last = -1;
    for (const Index j : selected_) {
      good = good && j > last && j < p;
      last = j;
    }
    a.require(good, "selected features that are none");
    Coefficients others = coefficients_;
    for (const Index j : selected_) others.row(j).setZero();
    a.require((others.array() == 0).all(), "coefficients of features that are not selected");
    const auto shaped = [&](const Matrix<Scalar>& errors) { return errors.rows() == k + 1 && errors.cols() == m; };
    a.require(shaped(errors_.model) && (shaped(errors_.sandwich) || errors_.sandwich.size() == 0),
              "other standard errors than coefficients");
    fitted_ = true;
  }

  const Matrix<Scalar>& errors_by(Covariance kind) const {
    require_fitted();
    if ((kind == Covariance::by_weights ? covariance() : kind) == Covariance::model) return errors_.model;
    if (errors_.sandwich.size() == 0)
      detail::fail("covariance", "sandwich",
                   "model: partial_fit, averages and Cox's likelihood have no scores of single samples");
    return errors_.sandwich;
  }

  bool fitted_ = false;
  Coefficients coefficients_;
  Intercept intercept_{};
  std::vector<Index> selected_;
  Vector<Scalar> importance_;
  detail::StandardErrors<Scalar> errors_;
  RegressionReport report_;
};

}  // namespace l0
