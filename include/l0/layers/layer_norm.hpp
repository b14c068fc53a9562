// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <string_view>
#include <utility>

#include <l0/core/argument.hpp>
#include <l0/core/shape.hpp>
#include <l0/core/visit.hpp>
#include <l0/gates/gated.hpp>
#include <l0/layers/image.hpp>
#include <l0/layers/layer.hpp>

namespace l0 {

/// Options of `LayerNorm`.
struct LayerNormOptions {
  double epsilon = 1e-5;  ///< added to the variance, > 0
};

/// Layer normalisation: y_j = w_j (x_j − m)/√(v + ε) + b_j, with mean m and variance v over the columns of each sample,
/// in training and in prediction. w starts at 1, b at 0. It reads all of its columns, so `compact` keeps it whole.
///
/// Source: Ba, Kiros & Hinton, arXiv:1607.06450, eq. 4.
template <std::floating_point Scalar_>
class LayerNorm : public VisitedModel<LayerNorm<Scalar_>, Scalar_> {
 public:
  using Scalar = Scalar_;                                     ///< float or double
  static constexpr std::string_view type_name = "LayerNorm";  ///< the name in stored networks and reports
  using Options = LayerNormOptions;                           ///< what can be set

  /// Throws `Error` for fewer than one column and options outside their ranges.
  explicit LayerNorm(Index columns, const Options& options = {})
      : shape_((detail::require(columns >= 1, "columns", columns, "a number >= 1"), columns), 1),
        epsilon_(options.epsilon), weight_(ParameterKind::weight, "weight", columns, 1),
        bias_(ParameterKind::bias, "bias", columns, 1) {
    detail::require_positive("epsilon", options.epsilon);
    weight_.value().setOnes();
  }

  /// Columns that come in and go out.
  Index inputs() const { return weight_.size(); }
  /// The same. Throws `Error` unless `columns` is `inputs()`.
  Index outputs(Index columns) const {
    detail::require(columns == inputs(), "columns of a layer normalisation", columns, detail::to_text(inputs()));
    return columns;
  }
  /// What is added to the variance.
  double epsilon() const { return epsilon_; }
  /// w, a factor per column.
  auto& scale() { return weight_.value(); }
  /// w, a factor per column.
  const auto& scale() const { return weight_.value(); }
  /// b, a summand per column.
  auto& shift() { return bias_.value(); }
  /// b, a summand per column.
  const auto& shift() const { return bias_.value(); }

  /// What it consists of: see core/visit.hpp.
  void visit(auto&& v) {
    v("weight", weight_);
    v("bias", bias_);
    v("eps", std::as_const(epsilon_));
  }

  /// Normalises every sample.
  template <BatchInput X, class Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& /*noise*/) {
    outputs(x.cols());
    normal_ = detail::as_matrix_of<Scalar>(x);
    normalise(normal_, inverse_);
    write(normal_, output_);
    last_.set(x.rows(), x.cols());
    return output_;
  }
  /// Adds to the gradients of w and b, and writes that by x.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    detail::require_apart(input_gradient, upstream, detail::DenseBatch<Scalar>());
    weight_.gradient() += upstream.cwiseProduct(normal_).colwise().sum().transpose();
    bias_.gradient() += upstream.colwise().sum().transpose();
    const Scalar share = 1 / static_cast<Scalar>(inputs());
    input_gradient = upstream * std::as_const(*this).scale().asDiagonal();
    mean_ = input_gradient.rowwise().sum() * share;
    along_ = input_gradient.cwiseProduct(normal_).rowwise().sum() * share;
    for (Index j = 0; j < inputs(); ++j) {
      input_gradient.col(j).array() =
          (input_gradient.col(j) - mean_ - normal_.col(j).cwiseProduct(along_)).array() * inverse_.array();
    }
  }
  /// As `forward`.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    outputs(x.cols());
    Matrix<Scalar> normal = detail::as_matrix_of<Scalar>(x);
    Vector<Scalar> inverse;
    normalise(normal, inverse);
    Matrix<Scalar> result;
    write(normal, result);
    return result;
  }

 private:
  void normalise(Matrix<Scalar>& x, Vector<Scalar>& inverse) const {
    const Scalar share = 1 / static_cast<Scalar>(inputs());
    inverse = x.rowwise().sum() * share;
    x.colwise() -= inverse;
    inverse = (x.rowwise().squaredNorm().array() * share + static_cast<Scalar>(epsilon_)).rsqrt();
    x.array().colwise() *= inverse.array();
  }
  void write(const Matrix<Scalar>& normal, Matrix<Scalar>& y) const {
    y = normal * scale().asDiagonal();
    y.rowwise() += shift().transpose();
  }

  ShapeGuard shape_;
  double epsilon_;
  Parameter<Vector<Scalar>> weight_;
  Parameter<Vector<Scalar>> bias_;
  Vector<Scalar> inverse_;  // 1/√(v + ε) of the last batch
  Vector<Scalar> mean_;
  Vector<Scalar> along_;
  Matrix<Scalar> normal_;
  Matrix<Scalar> output_;
  detail::LastForward last_;
};

}  // namespace l0
