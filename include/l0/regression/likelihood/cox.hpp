// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/likelihood/family.hpp>
#include <l0/regression/likelihood/likelihood.hpp>

namespace l0::detail {

/// Cox's partial likelihood of times that are events or the end of watching (Cox, JRSS B 34, 1972): with R(t) the
/// samples whose time is not before t,
///
///     deviance = 2 Σ_events wᵢ (log Σ_{j in R(tᵢ)} wⱼ e^ηⱼ − ηᵢ),
///
/// events of one time by Breslow's rule, by which a weight of 2 is a row given twice. Samples are tied through R, so
/// the Hessian is Aᵀ diag(d) A − Σ_t dN_t m_t m_tᵀ, d the hazard that a sample has met and m_t the mean of the rows of
/// A in R(t), in weights e^η. The search expands on d alone.
///
/// Adding the same to all η changes nothing. An intercept is kept where it leaves the weighted mean of η: the Hessian
/// gets w wᵀ/Σw, which on centred columns concerns the intercept alone, whose slope is 0.
template <class Precise>
class CoxLikelihood final : public Likelihood<Precise> {
 public:
  CoxLikelihood(Vector<Precise> time, Vector<Precise> event, Vector<Precise> weight, Vector<Precise> offset)
      : Likelihood<Precise>(std::move(weight)), time_(std::move(time)), event_(std::move(event)),
        offset_(std::move(offset)), latest_(static_cast<std::size_t>(time_.size())) {
    std::iota(latest_.begin(), latest_.end(), Index{0});
    std::sort(latest_.begin(), latest_.end(),
              [&](Index a, Index b) { return time_(a) != time_(b) ? time_(a) > time_(b) : a < b; });
  }

  Index responses() const override { return 1; }
  bool has_scores() const override { return false; }  // samples are tied by the risk sets
  RowVector<Precise> null_intercept() const override { return RowVector<Precise>::Zero(1); }

  void evaluate(LikelihoodPoint<Precise>& point) const override {
    const Index n = this->samples();
    point.residual.setZero(n, 1);
    point.curvature.setZero(n, 1);
    point.deviance = 0;
    std::vector<Moment> moments;
    each_moment(point.eta, nullptr, [&](const Moment& moment, const RowVector<Precise>&) {
      moments.push_back(moment);
      for (std::size_t k = moment.first; k < moment.end; ++k) {
        const Index i = latest_[k];
        if (event_(i) > 0) point.deviance += 2 * weight_(i) * (moment.log_risk - eta_of(point.eta, i));
      }
    });
    // From the earliest on: the hazard until then, Σ dN/S, is `hazard` times e^−level.
    double hazard = 0, level = 0;
    std::size_t next = moments.size();
    for (std::size_t k = latest_.size(); k-- > 0;) {
      const Index i = latest_[k];
      while (next > 0 && time_(latest_[moments[next - 1].first]) <= time_(i)) {
        const Moment& moment = moments[--next];
        hazard = (hazard > 0 ? hazard * std::exp(moment.log_risk - level) : 0.0) + moment.events;
        level = moment.log_risk;
      }
      const double met = hazard > 0 ? hazard * weight_(i) * std::exp(eta_of(point.eta, i) - level) : 0.0;
      point.curvature(i, 0) = met;
      point.residual(i, 0) = (event_(i) > 0 ? weight_(i) : 0.0) - met;
    }
  }

  void hessian(const Matrix<Precise>& A, const LikelihoodPoint<Precise>& point, Matrix<Precise>& scratch,
               Matrix<Precise>& result) const override {
    scratch.noalias() = point.curvature.col(0).asDiagonal() * A;
    result.noalias() = A.transpose() * scratch;
    risk_means(A, point, scratch);
    result.noalias() -= scratch.transpose() * scratch;
    const Vector<Precise> level = A.transpose() * weight_;
    result.noalias() += level * (level.transpose() / weight_.sum());
  }

  void scalar_curvature(const LikelihoodPoint<Precise>& point, Vector<Precise>& result) const override {
    result = point.curvature.col(0).cwiseMax(least_glm_weight * weight_);
  }

  double curvature_along(const LikelihoodPoint<Precise>& point, const Matrix<Precise>& moved) const override {
    Matrix<Precise> means;
    risk_means(moved, point, means);
    return (point.curvature.array() * moved.array().square()).sum() - means.squaredNorm();
  }

  std::unique_ptr<Likelihood<Precise>> rows_at(const std::vector<Index>& wanted) const override {
    return std::make_unique<CoxLikelihood>(rows_of(time_, wanted), rows_of(event_, wanted), rows_of(weight_, wanted),
                                           offset_.size() > 0 ? rows_of(offset_, wanted) : offset_);
  }

  /// Whether a sample met its event.
  std::vector<Index> strata() const override {
    std::vector<Index> label;
    for (Index i = 0; i < event_.size(); ++i) label.push_back(event_(i) > 0 ? 1 : 0);
    return label;
  }

 private:
  /// A time with events: its place in `latest_`, the weight of its events and log Σ w e^η of those at risk.
  struct Moment {
    std::size_t first = 0, end = 0;
    double events = 0;
    double log_risk = 0;
  };

  double eta_of(const Matrix<Precise>& eta, Index i) const {
    return eta(i, 0) + (offset_.size() > 0 ? offset_(i) : Precise(0));
  }

  /// Calls `found(moment, mean)` for every time with events, the latest first; `mean` is that of the rows of A at risk,
  /// empty without A. Sums are in units of the largest e^η so far, so that none overflows or is lost.
  template <class Found>
  void each_moment(const Matrix<Precise>& eta, const Matrix<Precise>* A, Found found) const {
    double risk = 0, level = -std::numeric_limits<double>::infinity();
    RowVector<Precise> sum, mean;
    if (A != nullptr) sum = RowVector<Precise>::Zero(A->cols());
    for (std::size_t k = 0; k < latest_.size();) {
      Moment moment{k, k, 0, 0};
      const double now = time_(latest_[k]);
      for (; moment.end < latest_.size() && time_(latest_[moment.end]) == now; ++moment.end) {
        const Index i = latest_[moment.end];
        const double here = eta_of(eta, i);
        if (here > level) {
          const double factor = std::exp(level - here);
          risk *= factor;
          if (A != nullptr) sum *= factor;
          level = here;
        }
        const double share = weight_(i) * std::exp(here - level);
        risk += share;
        if (A != nullptr) sum += share * A->row(i);
        if (event_(i) > 0) moment.events += weight_(i);
      }
      k = moment.end;
      if (!(moment.events > 0)) continue;
      moment.log_risk = std::log(risk) + level;
      if (A != nullptr) mean = sum / risk;
      found(moment, mean);
    }
  }

  /// A row √dN_t m_t per time with events.
  void risk_means(const Matrix<Precise>& A, const LikelihoodPoint<Precise>& point, Matrix<Precise>& means) const {
    Index count = 0;
    means.resize(this->samples(), A.cols());
    each_moment(point.eta, &A, [&](const Moment& moment, const RowVector<Precise>& mean) {
      means.row(count++) = std::sqrt(moment.events) * mean;
    });
    means.conservativeResize(count, A.cols());
  }

  using Likelihood<Precise>::weight_;
  Vector<Precise> time_, event_;
  Vector<Precise> offset_;
  std::vector<Index> latest_;  // places of the samples, the latest first
};

}  // namespace l0::detail
