// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/groups.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/regression/likelihood/point.hpp>
#include <l0/regression/response.hpp>
#include <l0/regression/search/criterion.hpp>
#include <l0/regression/search/least_squares_problem.hpp>
#include <l0/regression/search/select.hpp>
#include <l0/regression/search/selection.hpp>
#include <l0/regression/support_refits.hpp>

namespace l0::detail {

/// The deviation of targets, of all responses together: in units of it nothing depends on theirs.
template <class Precise>
Precise unit_of(const Matrix<Precise>& y, const Vector<Precise>& weight, bool centre) {
  Precise squares = 0;
  const Precise total = weight.sum();
  const Precise size = y.size() > 0 ? y.cwiseAbs().maxCoeff() : Precise(0);
  if (!(size > 0)) return 1;
  for (Index m = 0; m < y.cols(); ++m) {
    const Precise mean = centre ? y.col(m).dot(weight) / total : Precise(0);
    squares += (((y.col(m).array() - mean) / size).square() * weight.array()).sum() / total;
  }
  const Precise deviation = std::sqrt(squares / static_cast<Precise>(std::max<Index>(1, y.cols())));
  // Less than 1e-15 of the size of y is the rounding of its mean: y is constant.
  return deviation > 1e-15 ? deviation * size : Precise(1);
}

/// Squared loss ‖y − η‖² of one response, or of several that share their features.
template <class Precise>
class SquaredResponse final : public Response<Precise> {
 public:
  /// `weight` sums to what the samples are worth. Targets are divided by a unit, so that nothing depends on theirs.
  SquaredResponse(Matrix<Precise> y, Vector<Precise> weight, bool centre)
      : unit_(unit_of(y, weight, centre)), y_(y / unit_), weight_(std::move(weight)) {}

  const Vector<Precise>& weights() const override { return weight_; }
  Index predictors() const override { return y_.cols(); }
  bool unknown_variance() const override { return true; }
  Precise unit() const override { return unit_; }
  Precise loss_unit() const override { return unit_ * unit_; }

  SelectionResult select(const Design<Precise>& x, const SelectionOptions& options) const override {
    SelectionResult result = select_least_squares(x, y_, weight_, options);
    add_intercepts(x, options.centre, result);
    return result;
  }

  FitPoint<Precise> refit(const Design<Precise>& x, std::vector<Index> support,
                          const SelectionOptions& options) const override {
    std::vector<FitPoint<Precise>> point(1);
    point.front().support = std::move(support);
    std::sort(point.front().support.begin(), point.front().support.end());
    SupportRefits<Precise>(x, y_, weight_, options).fit(point, 0, 1);
    return std::move(point.front());
  }

  std::vector<FitPoint<Precise>> refit_all(const Design<Precise>& x, const std::vector<FoundSupport>& found,
                                           const SelectionOptions& options) const override {
    std::vector<FitPoint<Precise>> points(found.size());
    for (std::size_t k = 0; k < found.size(); ++k) {
      points[k].support = found[k].support;
      std::sort(points[k].support.begin(), points[k].support.end());
    }
    SupportRefits<Precise>(x, y_, weight_, options).fit(points);
    return points;
  }

  FitPoint<Precise> rough_point(const FoundSupport& found) const override {
    FitPoint<Precise> point = point_of<Precise>(found.fit);
    point.loss = found.loss / this->samples();
    return point;
  }

  double criterion(const SupportScore& score, double mean_loss, SupportSize size) const override {
    return score.of_squares(mean_loss * score.samples, size);
  }

  Expansion<Precise> expansion(const Design<Precise>& x, const FitPoint<Precise>&,
                               const SelectionOptions& options) const override {
    return {pose(x, y_, weight_, options.centre), this->samples() * options.lambda_l2, by_squares};
  }

  double slope(const Matrix<Precise>& eta, Matrix<Precise>& result) const override {
    result = eta - y_;
    const Precise n = weight_.sum();
    const double loss = (result.rowwise().squaredNorm().array() * weight_.array()).sum() / n;
    result.array().colwise() *= weight_.array() * (2 / n);
    return loss;
  }

  std::unique_ptr<Response<Precise>> rows_at(const std::vector<Index>& wanted) const override {
    auto part = std::make_unique<SquaredResponse>(*this);
    part->y_ = rows_of(y_, wanted);
    part->weight_ = rows_of(weight_, wanted);
    return part;
  }

 private:
  /// Searches know no means.
  void add_intercepts(const Design<Precise>& x, bool centre, SelectionResult& result) const {
    const Precise total = weight_.sum();
    const RowVector<Precise> level = weight_.transpose() * y_ / total;
    std::vector<Dependent<Index, Precise>> columns;
    for (const FoundSupport& found : result.by_size)
      columns.insert(columns.end(), found.fit.columns.begin(), found.fit.columns.end());
    std::sort(columns.begin(), columns.end());
    columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
    std::vector<Precise> mean(columns.size(), 0);
    for (std::size_t i = 0; centre && i < columns.size(); ++i) mean[i] = x.sum(columns[i], weight_) / total;
    for (FoundSupport& found : result.by_size) {
      RowVector<Precise> intercept = RowVector<Precise>::Zero(y_.cols());
      if (centre) intercept = level;
      for (std::size_t i = 0; i < found.fit.columns.size(); ++i) {
        const auto place = std::lower_bound(columns.begin(), columns.end(), found.fit.columns[i]) - columns.begin();
        intercept -= mean[static_cast<std::size_t>(place)] *
                     found.fit.coefficients.row(static_cast<Index>(i)).template cast<Precise>();
      }
      found.fit.intercept = intercept.template cast<double>();
    }
  }

  Precise unit_;
  Matrix<Precise> y_;
  Vector<Precise> weight_;
};

/// The squared loss of data that were read.
template <class Precise>
std::unique_ptr<Response<Precise>> squared_response(const RegressionData<Precise>& data, bool centre) {
  Matrix<Precise> y = data.y;
  if (data.offset.size() > 0) y.colwise() -= data.offset;
  return std::make_unique<SquaredResponse<Precise>>(std::move(y), data.weight, centre);
}

}  // namespace l0::detail
