// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <string_view>
#include <type_traits>

#include <l0/core/argument.hpp>
#include <l0/core/batch.hpp>
#include <l0/layers/any_layer.hpp>

namespace l0 {

/// Passes a batch on as it is: what a network makes of `Flatten`.
template <std::floating_point Scalar_>
class IdentityLayer {
 public:
  using Scalar = Scalar_;                                    ///< float or double
  using compactable = IdentityLayer;                         ///< see `Compactable`
  static constexpr std::string_view type_name = "Identity";  ///< the name in stored networks and reports
  static constexpr bool works_in_place = true;  ///< backward takes one matrix as upstream and input gradient

  /// As many as come in.
  Index outputs(Index columns) const { return columns; }
  /// Nothing to store.
  void visit(auto&& /*v*/) {}

  /// x itself, where it is a matrix; else a copy.
  template <BatchInput X, class Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& /*noise*/) {
    last_.set(x.rows(), x.cols());
    if constexpr (std::is_lvalue_reference_v<X> && std::same_as<std::remove_cvref_t<X>, Matrix<Scalar>>) {
      return x;
    } else {
      return output_ = detail::as_matrix_of<Scalar>(x);
    }
  }
  /// input_gradient = upstream.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    if (&input_gradient != &upstream) input_gradient = upstream;
  }
  /// x.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    return detail::as_matrix_of<Scalar>(x);
  }

  /// Constants stay constants.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const { out.constant = in.constant; }
  /// A column needs itself.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { in.needed = out.needed; }
  /// The same.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& /*in*/, Columns<Scalar>& /*out*/) const {
    return AnyLayer<Scalar>(IdentityLayer());
  }

 private:
  Matrix<Scalar> output_;
  detail::LastForward last_;
};

}  // namespace l0
