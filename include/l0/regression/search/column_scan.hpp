// SPDX-License-Identifier: MIT
#pragma once

#include <l0/core/types.hpp>
#include <l0/regression/search/move.hpp>
#include <l0/regression/search/swept.hpp>

namespace l0::detail {

/// The scans of all single columns of a `SweptProblem` for the one that gains most as an add or in a swap, subject to
/// an `Admission`. What is kept here is scratch.
template <class Precise>
class ColumnScan {
 public:
  using Problem = SweptProblem<Precise>;

  /// The column that gains most, and what it gains; `best` is −1 where that is 0.
  double best_add(const Problem& problem, const Admission& admission, Index& best) const {
    return best_entry(problem, admission, problem.c(), problem.d(), -1, best);
  }

  /// The same for what enters in place of the column at position i; what that one costs is not taken off.
  double best_swap_for(const Problem& problem, const Admission& admission, Index i, Index& best) const {
    swap_terms(problem, i);
    return best_entry(problem, admission, swap_c_, swap_d_, problem.columns()[static_cast<std::size_t>(i)], best);
  }

  /// Whether something may enter in place of the column at position i that gains more than `cost`, for one response:
  /// without a division and without storing anything.
  bool swap_may_gain(const Problem& problem, Index i, double cost) const {
    const double h = problem.h()(i, i);
    const auto step = problem.beta()(i, 0) / h;
    const Precise inverse = 1 / h;
    const auto threshold = cost;
    const auto b = problem.b().col(i).array();
    return ((problem.c().col(0).array() + step * b).square() -
            threshold * (problem.d().array() + inverse * b.square()).max(Problem::spanned()))
               .maxCoeff() > Precise(0);
  }

 private:
  /// max over l of ‖c_l‖²/d_l among the columns that may enter when `leaving` goes; `best` is −1 where it is 0.
  double best_entry(const Problem& problem, const Admission& admission, const Matrix<Precise>& c,
                    const Vector<Precise>& d, Index leaving, Index& best) const {
    best = -1;
    if (problem.features() == 0) return 0;
    if (c.cols() == 1) {
      ratio_ = c.col(0).array().square() / d.array().max(Problem::spanned());
    } else {
      ratio_ = c.rowwise().squaredNorm().array() / d.array().max(Problem::spanned());
    }
    if (admission.banned() >= 0) ratio_(admission.banned()) = 0;
    if (!admission.rules().empty()) {
      for (Index l = 0; l < problem.features(); ++l) {
        if (!admission.may_enter(l, leaving) || !admission.sign_allows(c(l, 0))) ratio_(l) = 0;
      }
    }
    // The largest by vectorised reduction first; only its place is looked for one by one.
    const Precise largest = ratio_.maxCoeff();
    if (!(largest > 0)) return 0;
    for (Index l = 0; l < problem.features(); ++l) {
      if (ratio_(l) == largest) {
        best = l;
        break;
      }
    }
    if (problem.contains_column(best) || !(d(best) > Problem::spanned())) {
      best = -1;
      return 0;
    }
    return largest;
  }

  /// C and d as they would be without the column at position i.
  void swap_terms(const Problem& problem, Index i) const {
    const double h = problem.h()(i, i);
    swap_c_.resize(problem.c().rows(), problem.c().cols());
    for (Index m = 0; m < problem.c().cols(); ++m) {
      swap_c_.col(m) = problem.c().col(m) + (problem.beta()(i, m) / h) * problem.b().col(i);
    }
    swap_d_ = problem.d() + ((1 / h) * problem.b().col(i)).cwiseProduct(problem.b().col(i));
    swap_c_.row(problem.columns()[static_cast<std::size_t>(i)]).setZero();
  }

  mutable Matrix<Precise> swap_c_;
  mutable Vector<Precise> swap_d_;
  mutable Eigen::Array<Precise, Eigen::Dynamic, 1> ratio_;
};

}  // namespace l0::detail
