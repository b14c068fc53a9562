// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/regression/data/design.hpp>
#include <l0/regression/data/samples.hpp>
#include <l0/regression/options.hpp>

/// \file
/// What the user gives, checked and brought to the units of a fit.

namespace l0::detail {

/// Sample weights as samples.
template <class Scalar, class W>
Samples<Scalar> samples_of(const Eigen::DenseBase<W>& weight, Index rows) {
  Samples<Scalar> samples;
  if (weight.size() == 0) return samples;
  require_shape("sample_weight", weight.rows(), weight.cols(), rows, 1);
  samples.weight = as_matrix(weight).template cast<Scalar>();
  return samples;
}

/// Checks the data and options of a fit. y has one column unless `Columns` says Eigen::Dynamic.
template <class Precise, int Columns, class X, class Y, class Scalar>
RegressionData<Precise> read_data(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                                  const Samples<Scalar>& samples, const RegressionOptions& options) {
  constexpr bool same = std::is_same_v<typename X::Scalar, Scalar>;
  static_assert(same, "l0: a matrix, vector or array of another scalar type; convert it with .cast<Scalar>()");
  require(x.rows() > 0, "X", x.rows(), "at least one sample (row)");
  require_shape("y", y.rows(), y.cols(), x.rows(),
                Columns == Eigen::Dynamic ? std::max<Index>(y.cols(), 1) : Index(Columns));
  require_finite("y", y);
  validate(options, x.cols());
  return regression_data(design_of<Precise>(x), Matrix<Precise>(as_matrix(y).template cast<Precise>()), samples);
}

/// Multiplies sample weights by those of their classes. Labels that are none are left to the estimator.
template <class Precise>
void weigh_classes(RegressionData<Precise>& data, const RegressionOptions& options) {
  const auto classes = static_cast<Index>(options.class_weight.size());
  const auto label_of = [&](Index i) {
    const Precise y = data.y(i, 0);
    return y >= 0 && y < static_cast<Precise>(std::numeric_limits<int>::max()) ? static_cast<Index>(y) : Index{0};
  };
  if (options.balance_classes) {
    std::vector<Precise> total;
    for (Index i = 0; i < data.y.rows(); ++i) {
      const auto label = static_cast<std::size_t>(std::min(label_of(i), data.y.rows()));
      if (label >= total.size()) total.resize(label + 1, 0);
      total[label] += data.weight(i);
    }
    const auto present =
        static_cast<Precise>(std::count_if(total.begin(), total.end(), [](Precise w) { return w > 0; }));
    const Precise share = data.weight.sum() / present;
    for (Index i = 0; i < data.y.rows(); ++i)
      data.weight(i) *= share / total[static_cast<std::size_t>(std::min(label_of(i), data.y.rows()))];
  }
  if (classes == 0) return;
  for (Index i = 0; i < data.y.rows(); ++i) {
    const Index label = label_of(i);
    if (label >= classes) {
      fail("class_weight", to_text(classes) + " entries", "one per class; y has a label " + to_text(label));
    }
    data.weight(i) *= options.class_weight[static_cast<std::size_t>(label)];
  }
}

/// Brings weights to the sum that they are worth, and columns to standard units.
template <class Precise>
void standardize(RegressionData<Precise>& data, const RegressionOptions& options) {
  data.weight = normalized(data.weight, options.weight_kind);
  data.design->standardize(data.weight, options.fit_intercept);
}

/// The same for a fit of all samples at once: with weights that sum to what they are worth, and standard columns.
/// `labels`: y are classes, which may have weights.
template <class Precise, int Columns, bool labels = false, class X, class Y, class Scalar>
RegressionData<Precise> read_samples(const Eigen::EigenBase<X>& x, const Eigen::DenseBase<Y>& y,
                                     const Samples<Scalar>& samples, const RegressionOptions& options) {
  RegressionData<Precise> data = read_data<Precise, Columns>(x, y, samples, options);
  if constexpr (labels) {
    weigh_classes(data, options);
  } else {
    refuse_class_weights(options);
  }
  standardize(data, options);
  return data;
}

}  // namespace l0::detail
