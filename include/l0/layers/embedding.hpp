// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/argument.hpp>
#include <l0/core/batch.hpp>
#include <l0/core/shape.hpp>
#include <l0/core/visit.hpp>
#include <l0/gates/gated.hpp>
#include <l0/layers/initial.hpp>
#include <l0/layers/layer.hpp>

namespace l0 {

/// A row of a table for every number of the batch, which is the number of the row: samples × tokens numbers 0, 1, ...
/// become samples × (tokens · dimension), token by token. The table starts as N(0, 1). It stands first in a network:
/// there is no gradient by the numbers of rows, which `backward` writes as 0. `compact` keeps it whole.
///
///     l0::Sequential net{l0::Embedding<float>(1000, 16, rng), l0::L0Linear<float>(8 * 16, 2, rng)};   // 8 tokens
template <std::floating_point Scalar_>
class Embedding : public VisitedModel<Embedding<Scalar_>, Scalar_> {
 public:
  using Scalar = Scalar_;                                     ///< float or double
  static constexpr std::string_view type_name = "Embedding";  ///< the name in stored networks and reports

  /// Throws `Error` for fewer than one row or column of the table.
  Embedding(Index rows, Index dimension, Rng& rng)
      : shape_((detail::require(rows >= 1, "rows", rows, "a number >= 1"), rows),
               (detail::require(dimension >= 1, "dimension", dimension, "a number >= 1"), dimension)),
        weight_(ParameterKind::weight, "weight", rows, dimension) {
    detail::fill_normal(rng, rng.next_stream(), detail::initial_draw, weight_.value().data(), weight_.size());
  }

  /// Rows of the table.
  Index rows() const { return shape_.rows(); }
  /// Numbers of a row.
  Index dimension() const { return shape_.columns(); }
  /// `dimension` for each that comes in.
  Index outputs(Index columns) const { return columns * dimension(); }
  /// The table.
  auto& table() { return weight_.value(); }
  /// The table.
  const auto& table() const { return weight_.value(); }
  /// What it consists of: see core/visit.hpp.
  void visit(auto&& v) { v("weight", weight_); }

  /// Looks the rows up. Throws `Error` for a number that is none of a row; then all is as it was.
  template <BatchInput X, class Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& /*noise*/) {
    find(detail::as_matrix_of<Scalar>(x), row_);
    write(x.rows(), x.cols(), row_, output_);
    last_.set(output_.rows(), output_.cols());
    tokens_ = x.cols();
    return output_;
  }
  /// Adds to the gradient of the rows that were looked up; writes zeros.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    for (Index t = 0; t < tokens_; ++t) {
      for (Index d = 0; d < dimension(); ++d) {
        for (Index i = 0; i < upstream.rows(); ++i) {
          weight_.gradient()(row_[static_cast<std::size_t>(t * upstream.rows() + i)], d) +=
              upstream(i, t * dimension() + d);
        }
      }
    }
    input_gradient.setZero(upstream.rows(), tokens_);
  }
  /// As `forward`.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    std::vector<detail::Dependent<Index, Scalar>> row;
    find(detail::as_matrix_of<Scalar>(x), row);
    Matrix<Scalar> y;
    write(x.rows(), x.cols(), row, y);
    return y;
  }

 private:
  using Rows = std::vector<detail::Dependent<Index, Scalar>>;

  template <class X>
  void find(const X& x, Rows& row) const {
    for (Index j = 0; j < x.cols(); ++j) {
      for (Index i = 0; i < x.rows(); ++i) {
        const Scalar number = x.coeff(i, j);
        const bool is_row = number >= 0 && number < static_cast<Scalar>(rows()) &&
                            static_cast<Scalar>(static_cast<Index>(number)) == number;
        if (!is_row)
          detail::fail("X", detail::to_text(number), "whole numbers in [0, " + detail::to_text(rows()) + ")");
      }
    }
    row.resize(static_cast<std::size_t>(x.rows() * x.cols()));
    for (Index j = 0; j < x.cols(); ++j) {
      for (Index i = 0; i < x.rows(); ++i) {
        row[static_cast<std::size_t>(j * x.rows() + i)] = static_cast<Index>(x.coeff(i, j));
      }
    }
  }
  void write(Index samples, Index tokens, const Rows& row, Matrix<Scalar>& y) const {
    y.resize(samples, tokens * dimension());
    for (Index t = 0; t < tokens; ++t) {
      for (Index d = 0; d < dimension(); ++d) {
        for (Index i = 0; i < samples; ++i) {
          y(i, t * dimension() + d) = table()(row[static_cast<std::size_t>(t * samples + i)], d);
        }
      }
    }
  }

  ShapeGuard shape_;
  Parameter<Matrix<Scalar>> weight_;
  Rows row_;
  Index tokens_ = 0;
  Matrix<Scalar> output_;
  detail::LastForward last_;
};

}  // namespace l0
