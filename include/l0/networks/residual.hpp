// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <numeric>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/core/argument.hpp>
#include <l0/core/shape.hpp>
#include <l0/networks/branches.hpp>
#include <l0/networks/streams.hpp>

namespace l0 {

namespace detail {

/// What `Residual` and `Parallel` share: the sum of what branches give for the same batch, and of the batch itself.
template <bool has_skip, Layer First, Layer... Rest>
class Branches : public VisitedModel<Branches<has_skip, First, Rest...>, typename First::Scalar> {
 public:
  using Scalar = typename First::Scalar;
  static_assert((std::is_same_v<typename Rest::Scalar, Scalar> && ...), "l0: branches have one scalar type");

  explicit Branches(First first, Rest... rest) : branches_(std::move(first), std::move(rest)...) {
    const Index columns = inputs();
    if (columns >= 0) outputs(columns);
    shapes_.set(l0::parameters(*this));
    separate_streams(*this);
  }

  /// Columns that come in, −1 where no branch tells.
  Index inputs() const {
    Index columns = -1;
    for_each([&](std::size_t, const auto& branch) { columns = columns < 0 ? columns_in(branch) : columns; });
    return columns;
  }
  /// Columns that come of so many. Throws `Error` where branches do not give the same.
  Index outputs(Index columns) const {
    Index given = has_skip ? columns : -1;
    for_each([&](std::size_t b, const auto& branch) {
      const Index own = branch.outputs(columns);
      if (given < 0) given = own;
      require(own == given, "columns of branch " + to_text(b), own, to_text(given) + ", to be added");
    });
    return given;
  }
  /// Branch number I.
  template <std::size_t I>
  auto& branch() {
    return std::get<I>(branches_);
  }
  /// Branch number I.
  template <std::size_t I>
  const auto& branch() const {
    return std::get<I>(branches_);
  }
  /// What it consists of: branches named 0, 1, ..., and a branch of one layer as a network of one, "0.0".
  void visit(auto&& v) {
    for_each(branches_, [&]<class Branch>(std::size_t b, Branch& branch) {
      constexpr bool is_network = std::is_same_v<Branch, Network<Scalar>> || requires { branch.as_network(); };
      v(is_network ? to_text(b) : to_text(b) + ".0", branch);
    });
  }

  /// The sum.
  template <BatchInput X, class Noise>
  const Matrix<Scalar>& forward(X&& x, Noise&& noise) {
    if constexpr (std::is_lvalue_reference_v<X> && std::is_same_v<std::remove_cvref_t<X>, Matrix<Scalar>>) {
      sum(x, noise);
    } else {
      x_ = as_matrix_of<Scalar>(x);
      sum(x_, noise);
    }
    last_.set(output_.rows(), output_.cols());
    return output_;
  }
  /// Adds to the gradients of the branches, and writes that by x.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    if (&input_gradient == &upstream) fail("input_gradient", "a matrix that backward reads", "one of its own");
    for_each(branches_, [&](std::size_t b, auto& branch) { branch.backward(upstream, gradients_[b]); });
    input_gradient = gradients_[0];
    for (std::size_t b = 1; b < gradients_.size(); ++b) input_gradient += gradients_[b];
    if (has_skip) input_gradient += upstream;
  }
  /// The sum, with deterministic gates.
  template <BatchInput X>
  Matrix<Scalar> predict(const X& x) const {
    Matrix<Scalar> y;
    for_each([&](std::size_t b, const auto& branch) {
      if (b == 0) {
        y = branch.predict(x);
      } else {
        y += branch.predict(x);
      }
    });
    if constexpr (has_skip) y += as_matrix_of<Scalar>(x);
    return y;
  }

  /// As `BranchSum`.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    whole(in.size()).find_constants(in, out);
  }
  /// As `BranchSum`.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const { whole(in.size()).find_needs(in, out); }
  /// A `BranchSum` of what is left.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    return whole(in.size()).compacted(in, out);
  }

 private:
  template <class Tuple, class Use>
  static void for_each(Tuple& branches, Use&& use) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (use(I, std::get<I>(branches)), ...); }
    (std::index_sequence_for<First, Rest...>{});
  }
  template <class Use>
  void for_each(Use&& use) const {
    for_each(branches_, use);
  }

  template <class Noise>
  void sum(const Matrix<Scalar>& x, Noise& noise) {
    outputs(x.cols());  // before anything is drawn
    for_each(branches_, [&](std::size_t b, auto& branch) {
      const Matrix<Scalar>& given = branch.forward(x, noise);
      if (b == 0) {
        output_ = given;
      } else {
        output_ += given;
      }
    });
    if (has_skip) output_ += x;
  }

  BranchSum<Scalar> whole(Index columns) const {
    const Index size = outputs(columns);
    std::vector<Dependent<Index, Scalar>> all(static_cast<std::size_t>(size));
    std::iota(all.begin(), all.end(), Index{0});
    std::vector<typename BranchSum<Scalar>::Branch> branches;
    for_each([&](std::size_t, const auto& branch) {
      Network<Scalar> network;
      network.add(branch);
      branches.push_back({std::move(network), all});
    });
    if (!has_skip) std::fill(all.begin(), all.end(), Index{-1});
    return {columns, std::move(branches), std::move(all), Vector<Scalar>::Zero(size)};
  }

  ParameterShapes<Scalar> shapes_;
  std::tuple<First, Rest...> branches_;
  std::array<Matrix<Scalar>, 1 + sizeof...(Rest)> gradients_;
  Matrix<Scalar> x_;
  Matrix<Scalar> output_;
  LastForward last_;
};

}  // namespace detail

/// A block with a skip: y = x + Σ branch(x), for branches that give as many columns as they take.
///
///     l0::Residual block{l0::Sequential{l0::L0Conv2d<float>(image, 16, 3, rng, {.padding = 1}),
///     l0::BatchNorm<float>(16),
///                                       l0::Relu{}, l0::L0Conv2d<float>(image, 16, 3, rng, {.padding = 1})}};
///
/// Gates close in the branches as anywhere; `compact` leaves out what they close, the skip stays. Throws `Error` where
/// the columns do not fit.
///
/// Source: He, Zhang, Ren & Sun, CVPR 2016, arXiv:1512.03385, eq. 1.
template <Layer... Branches>
class Residual : public detail::Branches<true, Branches...> {
 public:
  using compactable = Residual;                              ///< see `Compactable`
  static constexpr std::string_view type_name = "Residual";  ///< the name in reports

  /// The branches.
  explicit Residual(Branches... branches) : detail::Branches<true, Branches...>(std::move(branches)...) {}

  /// The same block of networks that are known at run time.
  auto with_networks() const {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return Residual<Network<typename Branches::Scalar>...>(detail::run_time_network(this->template branch<I>())...);
    }
    (std::index_sequence_for<Branches...>{});
  }
};

/// Branches that add: y = Σ branch(x). With a convolution of kernel 1 as one of them it is a residual block that
/// changes the number of channels. Throws `Error` where the columns do not fit.
template <Layer... Branches>
class Parallel : public detail::Branches<false, Branches...> {
 public:
  using compactable = Parallel;                              ///< see `Compactable`
  static constexpr std::string_view type_name = "Parallel";  ///< the name in reports

  /// The branches.
  explicit Parallel(Branches... branches) : detail::Branches<false, Branches...>(std::move(branches)...) {}

  /// The same block of networks that are known at run time.
  auto with_networks() const {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return Parallel<Network<typename Branches::Scalar>...>(detail::run_time_network(this->template branch<I>())...);
    }
    (std::index_sequence_for<Branches...>{});
  }
};

/// A block of these branches.
template <class... Branches>
Residual(Branches...) -> Residual<Branches...>;
/// A block of these branches.
template <class... Branches>
Parallel(Branches...) -> Parallel<Branches...>;

}  // namespace l0
