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
  TreePruning(const TreeEnsemble<Scalar>& ensemble, const Matrix<Scalar>& ranks, const Vector<Scalar>& y,
              TreeLossFormulas loss)
      : ensemble_(&ensemble), y_(y), loss_(loss), outputs_(ranks.rows(), static_cast<Index>(ensemble.trees.size())) {
    Vector<Scalar> output;
    for (Index t = 0; t < outputs_.cols(); ++t) {
      output.setZero(ranks.rows());
      add_tree(ensemble.trees[static_cast<std::size_t>(t)], ranks, output);
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
      open = open_gates(*target.lambda);
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
  void expand(Scalar base, const Vector<Real>& weight) {
    const auto n = static_cast<Real>(y_.size());
    const Vector<Real> eta = (outputs_ * weight).array() + static_cast<Real>(base);
    Vector<Real> slope;
    Vector<Real> curvature;
    loss_.expand(eta, y_.template cast<Real>().eval(), slope, curvature);
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
    const auto n = static_cast<Real>(y_.size());
    const auto k = static_cast<Index>(open.size());
    Matrix<Real> design(y_.size(), k + 1);
    design.leftCols(k) = outputs_(Eigen::seqN(0, outputs_.rows()), open);
    design.col(k).setOnes();
    Vector<Real> weight = Vector<Real>::Ones(k + 1);
    weight(k) = static_cast<Real>(ensemble_->base);
    const Vector<Real> start = weight;
    const Vector<Real> target = y_.template cast<Real>();
    Vector<Real> slope;
    Vector<Real> curvature;
    const auto objective = [&](const Vector<Real>& w) {
      const Vector<Real> eta = design * w;
      return loss_.mean(eta, target) + ridge * (w - start).head(k).squaredNorm() / n;
    };
    double value = objective(weight);
    for (int step = 0; step < 20; ++step) {
      const Vector<Real> eta = design * weight;
      loss_.expand(eta, target, slope, curvature);
      Matrix<Real> hessian = design.transpose() * curvature.asDiagonal() * design / n;
      hessian.diagonal().head(k).array() += 2 * ridge / n;
      hessian.diagonal().array() += 1e-12 * (1 + hessian.diagonal().maxCoeff());
      Vector<Real> gradient = design.transpose() * slope / n;
      gradient.head(k) += 2 * ridge / n * (weight - start).head(k);
      const Vector<Real> direction = hessian.ldlt().solve(gradient);
      double rate = 1;
      while (rate > 1e-6 && !(objective(weight - rate * direction) < value)) rate /= 2;
      if (rate <= 1e-6) break;
      weight -= rate * direction;
      const double next = objective(weight);
      const bool settled = value - next < 1e-10 * (1 + std::abs(value));
      value = next;
      if (settled) break;
    }
    TreeEnsemble<Scalar> result;
    result.base = static_cast<Scalar>(weight(k));
    for (Index t = 0; t < k; ++t) {
      result.trees.push_back(ensemble_->trees[static_cast<std::size_t>(open[static_cast<std::size_t>(t)])]);
      result.trees.back().leaves *= static_cast<Scalar>(weight(t));
    }
    return result;
  }

  static constexpr double ridge = 1e-2;  // on the sum of losses

  const TreeEnsemble<Scalar>* ensemble_;
  const Vector<Scalar>& y_;
  TreeLossFormulas loss_;
  Matrix<Real> outputs_;
  Matrix<Real> gram_;
  Matrix<Real> correlation_;
};

}  // namespace l0::detail
