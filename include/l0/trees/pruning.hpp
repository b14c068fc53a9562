// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include <Eigen/Cholesky>

#include <l0/gates/proposal.hpp>
#include <l0/trees/ensemble.hpp>

namespace l0::detail {

/// How many trees are wanted: by price on the mean loss, or at most so many.
struct TreePruningTarget {
  std::optional<double> lambda;
  std::optional<Index> budget;
};

/// Gates on whole trees. With the outputs T of the trees as columns and gates z on their weights, the expected loss is
///
///     E ℓ ≈ quadratic expansion of the mean loss around the full ensemble, in base + T(w∘z),
///
/// a least-squares problem whose noise-free gates `propose_support` trains; the weights of the trees that stay are
/// then fitted by Newton's method, and multiplied into their leaves.
template <class Scalar>
class TreePruning {
 public:
  /// Prices are in the unit of y: see `TreeLossFormulas::unit`.
  TreePruning(const TreeEnsemble<Scalar>& ensemble, const RankedSamples<Scalar>& data, TreeLossFormulas loss)
      : ensemble_(&ensemble), y_(data.y.template cast<Real>()), weight_(data.weight.template cast<Real>()),
        offset_(data.constant(0).template cast<Real>()), unit_(loss.unit), loss_{loss.loss},
        outputs_(data.samples(), static_cast<Index>(ensemble.trees.size())) {
    Vector<Scalar> output;
    for (Index t = 0; t < outputs_.cols(); ++t) {
      output.setZero(data.samples());
      add_tree(ensemble.trees[static_cast<std::size_t>(t)], data.rank, output);
      outputs_.col(t) = output.template cast<Real>();
    }
    expand(ensemble.base, Vector<Real>::Ones(outputs_.cols()));
  }

  /// The ensemble of the trees whose gates stay open.
  TreeEnsemble<Scalar> prune(const TreePruningTarget& target) const {
    const Index all = outputs_.cols();
    if (target.budget && *target.budget >= all) return *ensemble_;
    std::vector<Index> open;
    if (target.lambda) {
      open = open_gates(*target.lambda / unit_);
    } else if (*target.budget > 0) {
      open = within_budget(*target.budget);
    }
    return refit(open);
  }

 private:
  using Real = Double<Scalar>;
  using RowVector = Eigen::Matrix<Real, 1, Eigen::Dynamic>;

  /// The gates that stay open at a price per tree on the mean loss.
  std::vector<Index> open_gates(double price) const {
    if (price <= 0) {
      std::vector<Index> all(static_cast<std::size_t>(outputs_.cols()));
      std::iota(all.begin(), all.end(), Index{0});
      return all;
    }
    return propose_support<Real>(gram_, correlation_, price);
  }

  /// Bisection for the least price at which the budget is kept.
  std::vector<Index> within_budget(Index budget) const {
    double low = 0;
    double high = 2 * correlation_.squaredNorm() + 1e-300;
    std::vector<Index> best;
    for (int step = 0; step < 30 && static_cast<Index>(best.size()) < budget; ++step) {
      const double price = step == 0 ? high * 1e-3 : low > 0 ? std::sqrt(low * high) : high / 30;
      std::vector<Index> open = open_gates(price);
      if (static_cast<Index>(open.size()) > budget) {
        low = price;
      } else {
        high = price;
        if (open.size() > best.size()) best = std::move(open);
        if (price < 1e-200) break;
      }
    }
    return best;
  }

  /// Slope and curvature of the mean loss at tree weights w; the Gram matrix and correlations of the centred, scaled
  /// outputs with the step to the expansion's minimum.
  void expand(Real base, const Vector<Real>& weight) {
    const Real n = weight_.sum();
    const Vector<Real> eta = (outputs_ * weight + offset_).array() + base;
    Vector<Real> slope;
    Vector<Real> curvature;
    loss_.expand(eta, y_, weight_, slope, curvature);
    const double total = curvature.sum();
    const RowVector centre = curvature.transpose() * outputs_ / std::max(total, 1e-300);
    Matrix<Real> columns = outputs_.rowwise() - centre;
    columns.array().colwise() *= (curvature.array() / (2 * n)).sqrt();
    const RowVector scale =
        columns.colwise().norm().unaryExpr([](Real length) { return length > 0 ? 1 / length : Real(0); });
    columns.array().rowwise() *= scale.array();
    gram_ = columns.transpose() * columns;
    // z = Tw − slope/curvature is what the expansion wants, up to a constant; its correlation with the columns.
    const Vector<Real> from_weights = gram_ * weight.cwiseQuotient(scale.transpose().cwiseMax(1e-300));
    const Matrix<Real> centred = (outputs_.rowwise() - centre) * scale.asDiagonal();
    correlation_ = from_weights - centred.transpose() * slope / (2 * n);
  }

  /// Newton's method for base and the weights of the trees that stay, with a slight ridge towards 1.
  TreeEnsemble<Scalar> refit(const std::vector<Index>& open) const {
    const Real n = weight_.sum();
    const auto k = static_cast<Index>(open.size());
    Matrix<Real> design(y_.size(), k + 1);
    design.leftCols(k) = outputs_(Eigen::seqN(0, outputs_.rows()), open);
    design.col(k).setOnes();
    Vector<Real> weight = Vector<Real>::Ones(k + 1);
    weight(k) = ensemble_->base;
    const Vector<Real> start = weight;
    Vector<Real> slope;
    Vector<Real> curvature;
    const auto objective = [&](const Vector<Real>& w) {
      const Vector<Real> eta = design * w + offset_;
      return loss_.mean(eta, y_, weight_) + ridge * (w - start).head(k).squaredNorm() / n;
    };
    double value = objective(weight);
    const double unit = value;
    for (int step = 0; step < 20; ++step) {
      const Vector<Real> eta = design * weight + offset_;
      loss_.expand(eta, y_, weight_, slope, curvature);
      Matrix<Real> hessian = design.transpose() * curvature.asDiagonal() * design / n;
      hessian.diagonal().head(k).array() += 2 * ridge / n;
      hessian.diagonal().array() += 1e-12 * hessian.diagonal().maxCoeff();
      Vector<Real> gradient = design.transpose() * slope / n;
      gradient.head(k) += 2 * ridge / n * (weight - start).head(k);
      const Vector<Real> direction = hessian.ldlt().solve(gradient);
      double rate = 1;
      while (rate > 1e-6 && !(objective(weight - rate * direction) < value)) rate /= 2;
      if (rate <= 1e-6) break;
      weight -= rate * direction;
      const double next = objective(weight);
      const bool settled = value - next < 1e-10 * unit;
      value = next;
      if (settled) break;
    }
    TreeEnsemble<Scalar> result;
    result.base = weight(k);
    for (Index t = 0; t < k; ++t) {
      result.trees.push_back(ensemble_->trees[static_cast<std::size_t>(open[static_cast<std::size_t>(t)])]);
      result.trees.back().leaves *= static_cast<Scalar>(weight(t));
    }
    return result;
  }

  static constexpr double ridge = 1e-2;  // on the sum of losses, of squares in units of the variance of y

  const TreeEnsemble<Scalar>* ensemble_;
  Vector<Real> y_;
  Vector<Real> weight_;
  Vector<Real> offset_;
  double unit_;
  TreeLossFormulas loss_;
  Matrix<Real> outputs_;
  Matrix<Real> gram_;
  Matrix<Real> correlation_;
};

}  // namespace l0::detail
