// SPDX-License-Identifier: MIT
#pragma once

#include <l0/training/minimize.hpp>

#include <cmath>
#include <vector>

namespace l0::test {

/// ½ Σ cⱼ (wⱼ − tⱼ)² / n with t = 0 but for three entries, and a little coupling of neighbours: the objective of
/// sparse recovery, whose support is {1, 4, 7}. Written in the convention of LBFGS++ and for nothing else.
template <class Scalar>
class SparseQuadratic {
 public:
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

  explicit SparseQuadratic(Index size = 12) : target_(Vector::Zero(size)) {
    target_(1) = 2;
    target_(4) = -3;
    target_(7) = Scalar(1.5);
  }

  Scalar operator()(const Vector& w, Vector& gradient) {
    ++calls_;
    const Vector d = w - target_;
    Vector coupled = d;
    coupled.head(d.size() - 1) += Scalar(0.3) * d.tail(d.size() - 1);
    coupled.tail(d.size() - 1) += Scalar(0.3) * d.head(d.size() - 1);
    gradient = coupled;
    return d.dot(coupled) / 2;
  }

  int calls() const { return calls_; }
  const Vector& target() const { return target_; }

 private:
  Vector target_;
  int calls_ = 0;
};

inline const std::vector<Index> sparse_quadratic_support{1, 4, 7};

}  // namespace l0::test
