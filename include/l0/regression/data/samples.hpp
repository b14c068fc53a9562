// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/dense_design.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/sparse_design.hpp>
#include <l0/regression/data/weights.hpp>

namespace l0 {

/// What is known of the samples beside X and y; each of it may be left out.
///
///     model.fit(X, claims, l0::Samples<double>{.offset = exposure.array().log()});
///     model.fit(X, y, l0::Samples<double>{.weight = w, .fold = region});
template <std::floating_point Scalar>
struct Samples {
  Vector<Scalar> weight{};    ///< ≥ 0, one per sample; rows of weight 0 are as if they were not there
  Vector<Scalar> offset{};    ///< added to the linear predictor, not estimated: η = X w + b + offset
  std::vector<Index> fold{};  ///< the fold 0, 1, ... that each sample is held out in, with `.folds`
};

namespace detail {

/// X as a design: dense or sparse. Refuses what is not finite.
template <class Precise, class Derived>
std::unique_ptr<Design<Precise>> design_of(const Eigen::EigenBase<Derived>& x) {
  using Scalar = typename Derived::Scalar;
  const auto& data = as_matrix(x);
  if constexpr (std::is_base_of_v<Eigen::SparseMatrixBase<Derived>, Derived>) {
    auto design = std::make_unique<SparseDesign<Scalar, Precise>>(data);
    require_finite("X", design->values());
    return design;
  } else {
    require_finite("X", data);
    return std::make_unique<DenseDesign<Scalar, Precise>>(data);
  }
}

/// What a fit is given: only rows that weigh something.
template <class Precise>
struct RegressionData {
  std::unique_ptr<Design<Precise>> design;
  Matrix<Precise> y;
  Vector<Precise> weight;
  Vector<Precise> offset;   // empty: none
  std::vector<Index> fold;  // empty: drawn
};

/// Refuses what cannot be known of n samples.
template <class Scalar>
void check_samples(const Samples<Scalar>& samples, Index n) {
  if (samples.weight.size() > 0) {
    require_shape("sample_weight", samples.weight.rows(), 1, n, 1);
    require_finite("sample_weight", samples.weight);
    for (Index i = 0; i < n; ++i) require(samples.weight(i) >= 0, "sample_weight", samples.weight(i), "a number >= 0");
    const Scalar largest = samples.weight.maxCoeff();
    require(largest > 0, "sample_weight", largest, "some weight > 0");
  }
  if (samples.offset.size() > 0) {
    require_shape("offset", samples.offset.rows(), 1, n, 1);
    require_finite("offset", samples.offset);
  }
  if (!samples.fold.empty()) {
    require_shape("fold", static_cast<Index>(samples.fold.size()), 1, n, 1);
    for (const Index f : samples.fold) require(f >= 0, "fold", f, "a fold >= 0");
  }
}

/// Checks what is known of the samples and leaves out rows of weight 0.
template <class Precise, class Scalar>
RegressionData<Precise> regression_data(std::unique_ptr<Design<Precise>> x, Matrix<Precise> y,
                                        const Samples<Scalar>& samples) {
  const Index n = x->rows();
  RegressionData<Precise> data;
  check_samples(samples, n);
  data.weight = Vector<Precise>::Ones(n);
  if (samples.weight.size() > 0) data.weight = samples.weight.template cast<Precise>();
  if (samples.offset.size() > 0) data.offset = samples.offset.template cast<Precise>();
  data.fold = samples.fold;
  data.design = std::move(x);
  data.y = std::move(y);
  std::vector<Index> heavy;
  for (Index i = 0; i < n; ++i) {
    if (data.weight(i) > 0) heavy.push_back(i);
  }
  if (static_cast<Index>(heavy.size()) < n) {
    data.design = data.design->rows_at(heavy);
    data.y = rows_of(data.y, heavy);
    data.weight = rows_of(data.weight, heavy);
    if (data.offset.size() > 0) data.offset = rows_of(data.offset, heavy);
    if (!data.fold.empty()) {
      std::vector<Index> fold;
      for (const Index i : heavy) fold.push_back(data.fold[static_cast<std::size_t>(i)]);
      data.fold.swap(fold);
    }
  }
  return data;
}

/// Weights of the sum that they are worth.
template <class Precise>
Vector<Precise> normalized(const Vector<Precise>& weight, WeightKind kind) {
  const Precise largest = weight.maxCoeff();
  const Vector<Precise> scaled = kind == WeightKind::frequency ? weight : Vector<Precise>(weight / largest);
  const Precise sum = scaled.sum();
  return scaled * (worth_of(kind, sum, scaled.squaredNorm()) / sum);
}

}  // namespace detail
}  // namespace l0
