// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/SparseCore>

#include <vector>

#include <l0/random/rng.hpp>

namespace l0::test {

/// Standard normal numbers, rows × columns.
inline Matrix<double> normals(std::uint64_t seed, std::uint64_t stream, Index rows, Index columns) {
  Matrix<double> result(rows, columns);
  detail::fill_normal(Rng(seed), stream, 0, result.data(), result.size());
  return result;
}

/// U Vᵀ + noise, each entry observed with the same probability.
template <class Scalar>
struct LowRank {
  LowRank(Index rows, Index columns, Index rank, double share, double noise, std::uint64_t seed)
      : u(normals(seed, 1, rows, rank)), v(normals(seed, 2, columns, rank)), truth(u * v.transpose()) {
    const Matrix<double> noisy = truth + noise * normals(seed, 3, rows, columns);
    Matrix<double> uniform(rows, columns);
    detail::fill_uniform(Rng(seed), 4, 0, uniform.data(), uniform.size());
    std::vector<Eigen::Triplet<Scalar>> entries;
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < columns; ++j) {
        if (uniform(i, j) < share) {
          entries.emplace_back(static_cast<int>(i), static_cast<int>(j), static_cast<Scalar>(noisy(i, j)));
        }
      }
    }
    r.resize(rows, columns);
    r.setFromTriplets(entries.begin(), entries.end());
  }

  /// Root mean squared difference to U Vᵀ over all entries.
  template <class Model>
  double error(const Model& model) const {
    double sum = 0;
    for (Index i = 0; i < truth.rows(); ++i) {
      sum += (model.predict_row(i).template cast<double>() - truth.row(i).transpose()).squaredNorm();
    }
    return std::sqrt(sum / static_cast<double>(truth.size()));
  }

  Matrix<double> u;
  Matrix<double> v;
  Matrix<double> truth;
  Eigen::SparseMatrix<Scalar> r;
};

}  // namespace l0::test
