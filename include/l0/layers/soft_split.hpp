// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cmath>

#include <l0/core/types.hpp>

namespace l0 {

/// How the share of a sample that goes right depends on a = (x·w − t)/τ.
enum class SplitShape {
  smooth_step,  ///< 3s² − 2s³ of s = a + ½ cut to [0, 1]: exactly 0 and 1 outside |a| < ½
  logistic      ///< 1/(1 + e^−a): never quite decided
};

namespace detail {

/// step = S(distance/τ), entry by entry.
template <class Scalar>
void soft_steps(SplitShape shape, Scalar width, const Matrix<Scalar>& distance, Matrix<Scalar>& step) {
  if (shape == SplitShape::logistic) {
    step = (1 + (distance.array() / -width).exp()).inverse();
  } else {
    step = (distance.array() / width + Scalar(0.5)).max(Scalar(0)).min(Scalar(1));
    step.array() = step.array().square() * (3 - 2 * step.array());
  }
}

/// gradient ∘= dS/d distance.
template <class Scalar>
void times_step_slope(SplitShape shape, Scalar width, const Matrix<Scalar>& distance, const Matrix<Scalar>& step,
                      Matrix<Scalar>& gradient) {
  if (shape == SplitShape::logistic) {
    gradient.array() *= step.array() * (1 - step.array()) / width;
  } else {
    const auto offset = distance.array() / width;
    gradient.array() *= (Scalar(1.5) - 6 * offset.square()).max(Scalar(0)) / width;
  }
}

/// Memberships in the nodes of a tree, from the root down: node k of level l in column 2ˡ + k, so that the last 2^depth
/// columns are the leaves. `steps` has a column per level.
template <class Steps, class Nodes>
void expand_nodes(const Steps& steps, Nodes& nodes) {
  nodes.col(1).setOnes();
  for (Index l = 0; l < steps.cols(); ++l) {
    const Index size = Index{1} << l;
    for (Index k = 0; k < size; ++k) {
      nodes.col(2 * size + 2 * k + 1) = nodes.col(size + k).cwiseProduct(steps.col(l));
      nodes.col(2 * size + 2 * k) = nodes.col(size + k) - nodes.col(2 * size + 2 * k + 1);
    }
  }
}

/// The way back: `gradient`, that of the leaves' memberships, is merged pairwise up to the root, and step_gradient is
/// written, Σ_nodes membership · (gradient right − gradient left).
template <class Steps, class Nodes, class Gradient, class StepGradient>
void collapse_nodes(const Steps& steps, const Nodes& nodes, Gradient& gradient, StepGradient&& step_gradient) {
  step_gradient.setZero();
  for (Index l = steps.cols() - 1; l >= 0; --l) {
    const Index size = Index{1} << l;
    for (Index k = 0; k < size; ++k) {
      const auto rise = gradient.col(2 * k + 1) - gradient.col(2 * k);
      step_gradient.col(l) += nodes.col(size + k).cwiseProduct(rise);
      // Column k was read before, as a child of an earlier node, or is, at k = 0, the left child itself, entry by
      // entry.
      gradient.col(k) = gradient.col(2 * k) + steps.col(l).cwiseProduct(rise);
    }
  }
}

}  // namespace detail
}  // namespace l0
