// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <limits>
#include <type_traits>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/argument.hpp>
#include <l0/core/batch.hpp>
#include <l0/gates/gated.hpp>

namespace l0::detail {

template <class Scalar>
using SparseRows = Eigen::SparseMatrix<Scalar, Eigen::RowMajor, int>;

/// X as it is, but for sparse matrices, whose rows must be at hand.
template <class Scalar, class X>
decltype(auto) by_rows(const X& x) {
  if constexpr (!is_sparse<X>) {
    return as_matrix(x);
  } else if constexpr (X::IsRowMajor && std::is_base_of_v<Eigen::SparseCompressedBase<X>, X>) {
    return (x);
  } else {
    return SparseRows<Scalar>(x.template cast<Scalar>());
  }
}

/// Rows first, ..., first + count − 1 of `by_rows(x)`, dense or sparse as X is.
template <class Scalar, class X>
auto row_block(const X& x, Index first, Index count) {
  if constexpr (is_sparse<X>) {
    return SparseRows<Scalar>(x.middleRows(first, count).template cast<Scalar>());
  } else {
    return Matrix<Scalar>(x.middleRows(first, count).template cast<Scalar>());
  }
}

/// target = rows order[first], ..., order[first + count − 1] of a dense matrix.
template <class X, class Target>
void take_rows(const X& x, const std::vector<Index>& order, Index first, Index count, Target& target) {
  using Scalar = typename Target::Scalar;
  target.resize(count, x.cols());
  for (Index j = 0; j < x.cols(); ++j) {
    for (Index i = 0; i < count; ++i) {
      target(i, j) = static_cast<Scalar>(x.coeff(order[static_cast<std::size_t>(first + i)], j));
    }
  }
}

/// The batches of an epoch: rows of X in a given order.
///
/// A row of X by columns is one number per cache line. So rows are gathered for many batches at once, column by column:
/// the numbers of a column that are wanted lie close enough that each line is read once for several, and what is
/// gathered is as long as that takes and no longer.
template <class Scalar, class X>
class Batches {
 public:
  /// `storage` is kept from epoch to epoch, so that none is allocated anew.
  Batches(const X& x, const std::vector<Index>& order, Index batch_size, Vector<Scalar>& storage)
      : x_(x), order_(order), samples_(static_cast<Index>(order.size())), batch_size_(batch_size), gathered_(storage) {
    const Index batches = std::max<Index>(most_numbers / std::max<Index>(batch_size * x.cols(), 1), 1);
    at_once_ = std::min(batches, (samples_ + batch_size - 1) / batch_size) * batch_size;
  }

  /// Rows order[first], ... as a matrix. `first` is a multiple of the batch size.
  void take(Index first, Index count, Matrix<Scalar>& batch) {
    if constexpr (is_sparse<X>) {
      batch.setZero(count, x_.cols());
      for (Index i = 0; i < count; ++i) {
        for (typename X::InnerIterator entry(x_, order_[static_cast<std::size_t>(first + i)]); entry; ++entry) {
          batch(i, entry.col()) = static_cast<Scalar>(entry.value());
        }
      }
    } else if constexpr (X::IsRowMajor) {
      take_rows(x_, order_, first, count, batch);
    } else {
      if (first < begin_ || first >= end_) gather(first);
      batch.resize(count, x_.cols());
      std::copy_n(gathered_.data() + (first - begin_) * x_.cols(), batch.size(), batch.data());
    }
  }

  /// The same as a sparse matrix, from sparse X.
  void take(Index first, Index count, SparseRows<Scalar>& batch) {
    batch.resize(count, x_.cols());
    Index entries = 0;
    for (Index i = 0; i < count; ++i) entries += row_size(first + i);
    batch.resizeNonZeros(entries);
    int* begin = batch.outerIndexPtr();
    int k = 0;
    for (Index i = 0; i < count; ++i) {
      begin[i] = k;
      for (typename X::InnerIterator entry(x_, order_[static_cast<std::size_t>(first + i)]); entry; ++entry, ++k) {
        batch.innerIndexPtr()[k] = static_cast<int>(entry.col());
        batch.valuePtr()[k] = static_cast<Scalar>(entry.value());
      }
    }
    begin[count] = k;
  }

 private:
  static constexpr Index most_numbers = Index{1} << 24;

  Index row_size(Index i) const {
    Index size = 0;
    for (typename X::InnerIterator entry(x_, order_[static_cast<std::size_t>(i)]); entry; ++entry) ++size;
    return size;
  }

  /// The batches from `first` on, one after the other.
  void gather(Index first) {
    begin_ = first;
    end_ = std::min(first + at_once_, samples_);
    if (gathered_.size() < (end_ - begin_) * x_.cols()) gathered_.resize((end_ - begin_) * x_.cols());
    for (Index j = 0; j < x_.cols(); ++j) {
      for (Index b = begin_; b < end_; b += batch_size_) {
        const Index count = std::min(batch_size_, end_ - b);
        Scalar* to = gathered_.data() + (b - begin_) * x_.cols() + j * count;
        const auto* from = order_.data() + b;
        for (Index i = 0; i < count; ++i) to[i] = static_cast<Scalar>(x_.coeff(from[i], j));
      }
    }
  }

  const X& x_;
  const std::vector<Index>& order_;
  Index samples_;
  Index batch_size_;
  Index at_once_;
  Index begin_ = 0;
  Index end_ = 0;
  Vector<Scalar>& gathered_;
};

/// The price of a penalty or budget, for reports: `lambda`, the mean of several, 0 where there is none.
template <class Penalty>
double price_of(const Penalty& penalty) {
  const auto mean = [](const auto& lambda) {
    if constexpr (requires { static_cast<double>(lambda); }) {
      return static_cast<double>(lambda);
    } else {
      double sum = 0;
      for (const double each : lambda) sum += each;
      return lambda.empty() ? 0 : sum / static_cast<double>(lambda.size());
    }
  };
  if constexpr (requires { mean(penalty.lambda()); }) {
    return mean(penalty.lambda());
  } else if constexpr (requires { penalty.lambda.size(); }) {
    return mean(penalty.lambda);
  } else if constexpr (requires { static_cast<double>(penalty.lambda); }) {
    return static_cast<double>(penalty.lambda);
  } else {
    return 0;
  }
}

/// β of the first gates of a model; 0 where it has none.
template <class Model>
double temperature_of(const Model& model) {
  double temperature = 0;
  for_each_gated(model, [&](const auto& part) {
    if (temperature == 0) temperature = static_cast<double>(gates_of(part).temperature());
  });
  return temperature;
}

}  // namespace l0::detail
