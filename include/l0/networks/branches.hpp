// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/argument.hpp>
#include <l0/networks/network.hpp>

namespace l0 {

/// y_k = t_k + x_s(k) + Σ over branches of what they give for column k: what compaction makes of `Residual` and
/// `Parallel`, where columns of y may lack the sample's own or a branch's.
template <std::floating_point Scalar_>
class BranchSum : public VisitedModel<BranchSum<Scalar_>, Scalar_> {
 public:
  using Scalar = Scalar_;                                     ///< float or double
  using compactable = BranchSum;                              ///< see `Compactable`
  static constexpr std::string_view type_name = "BranchSum";  ///< the name in stored networks and reports

  /// A branch, and the column of y that each of its columns is added to.
  struct Branch {
    Network<Scalar> network;  ///< on the columns of x
    std::vector<Index> into;  ///< ascending
  };

  /// Of `inputs` columns; skip[k] is the column of x in column k of y, −1 for none, and `shift` has a number for each.
  /// Throws `Error` where they do not fit.
  BranchSum(Index inputs, std::vector<Branch> branches, std::vector<Index> skip, Vector<Scalar> shift)
      : inputs_(inputs), branches_(std::move(branches)), skip_(std::move(skip)), shift_{std::move(shift)} {
    detail::require_shape("shift", shift_.value.size(), 1, size(), 1);
    for (const Index j : skip_) detail::require(j >= -1 && j < inputs, "column", j, "a column of x, or -1");
    for (const auto& branch : branches_) {
      const auto columns = static_cast<Index>(branch.into.size());
      detail::require(branch.network.outputs(inputs) == columns, "columns of a branch", branch.network.outputs(inputs),
                      detail::to_text(columns));
      for (const Index k : branch.into) detail::require(k >= 0 && k < size(), "column", k, "a column of y");
    }
  }

  /// Columns that come in.
  Index inputs() const { return inputs_; }
  /// Columns that go out. Throws `Error` unless `columns` is `inputs()`.
  Index outputs(Index columns) const {
    detail::require(columns == inputs_, "columns of a sum", columns, detail::to_text(inputs_));
    return size();
  }
  /// The branches.
  const std::vector<Branch>& branches() const { return branches_; }
  /// The column of x in each of y, −1 for none.
  const std::vector<Index>& skip() const { return skip_; }
  /// What it consists of: branches named 0, 1, ..., and the numbers that are added.
  void visit(auto&& v) {
    for (std::size_t b = 0; b < branches_.size(); ++b) v(detail::to_text(b), branches_[b].network);
    v("shift", shift_);
  }

  /// The sum.
  template <class Noise>
  const Matrix<Scalar>& forward(const Matrix<Scalar>& x, Noise&& noise) {
    begin(x, output_);
    for (auto& branch : branches_) add(branch, branch.network.forward(x, noise), output_);
    last_.set(output_.rows(), output_.cols());
    return output_;
  }
  /// Adds to the gradients of the branches, and writes that by x.
  void backward(const Matrix<Scalar>& upstream, Matrix<Scalar>& input_gradient) {
    last_.require(upstream);
    input_gradient.setZero(upstream.rows(), inputs_);
    for (Index k = 0; k < size(); ++k) {
      if (skip_[at(k)] >= 0) input_gradient.col(skip_[at(k)]) += upstream.col(k);
    }
    for (auto& branch : branches_) {
      above_.resize(upstream.rows(), static_cast<Index>(branch.into.size()));
      for (Index j = 0; j < above_.cols(); ++j) above_.col(j) = upstream.col(branch.into[at(j)]);
      branch.network.backward(above_, below_);
      input_gradient += below_;
    }
  }
  /// The sum.
  Matrix<Scalar> predict(const Matrix<Scalar>& x) const {
    Matrix<Scalar> y;
    begin(x, y);
    for (const auto& branch : branches_) add(branch, branch.network.predict(x), y);
    return y;
  }

  /// A column is constant where all of its summands are.
  void find_constants(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    for (Index k = 0; k < size(); ++k) {
      const Index from = skip_[at(k)];
      if (from < 0 || in.is_constant(from))
        out.set_constant(k, shift_.value(k) + (from < 0 ? Scalar(0) : in.value(from)));
    }
    for (const auto& branch : branches_) {
      const auto given = constants(branch, in);
      for (Index j = 0; j < given.size(); ++j) {
        auto& sum = out.constant[at(branch.into[at(j)])];
        if (!given.is_constant(j)) sum.reset();
        if (sum) *sum += given.value(j);
      }
    }
  }
  /// A column needs its own, and what its branches need.
  void find_needs(Columns<Scalar>& in, const Columns<Scalar>& out) const {
    for (Index k = 0; k < size(); ++k) {
      const Index from = skip_[at(k)];
      if (from >= 0 && out.is_needed(k) && !in.is_constant(from)) in.need(from);
    }
    for (const auto& branch : branches_) {
      Columns<Scalar> mine = in;
      branch.network.find_needs(mine, wanted(branch, out));
      for (Index j = 0; j < in.size(); ++j) {
        if (mine.is_needed(j) && !in.is_constant(j)) in.need(j);
      }
    }
  }
  /// The sum of what is left.
  AnyLayer<Scalar> compacted(const Columns<Scalar>& in, Columns<Scalar>& out) const {
    const auto kept = out.kept();
    const auto present = in.kept();
    Vector<Scalar> shift = shift_.value(kept);
    std::vector<Index> skip;
    for (std::size_t k = 0; k < kept.size(); ++k) {
      const Index from = skip_[at(kept[k])];
      const auto place = std::find(present.begin(), present.end(), from);
      const bool is_present = from >= 0 && !in.is_constant(from);
      skip.push_back(is_present ? place - present.begin() : -1);
      if (from >= 0 && in.is_constant(from)) shift(static_cast<Index>(k)) += in.value(from);
    }
    std::vector<Branch> branches;
    for (const auto& branch : branches_) {
      Columns<Scalar> give = wanted(branch, out);
      give.constant = constants(branch, in).constant;
      Branch small;
      for (Index j = 0; j < give.size(); ++j) {
        if (!give.is_needed(j)) continue;
        const auto to = std::find(kept.begin(), kept.end(), branch.into[at(j)]) - kept.begin();
        if (give.is_constant(j)) {
          shift(to) += give.value(j);
          give.needed[at(j)] = 0;
        } else {
          small.into.push_back(to);
        }
      }
      if (small.into.empty()) continue;
      small.network = branch.network.smaller(in, give);
      branches.push_back(std::move(small));
    }
    bool is_identity = branches.empty() && shift.isZero(0) && skip.size() == present.size();
    for (std::size_t k = 0; k < skip.size(); ++k) is_identity = is_identity && skip[k] == static_cast<Index>(k);
    if (is_identity) return AnyLayer<Scalar>(IdentityLayer<Scalar>());
    return AnyLayer<Scalar>(
        BranchSum(static_cast<Index>(present.size()), std::move(branches), std::move(skip), std::move(shift)));
  }

 private:
  static std::size_t at(Index k) { return static_cast<std::size_t>(k); }
  Index size() const { return static_cast<Index>(skip_.size()); }

  void begin(const Matrix<Scalar>& x, Matrix<Scalar>& y) const {
    detail::require_columns(x, inputs_);
    y.resize(x.rows(), size());
    for (Index k = 0; k < size(); ++k) {
      if (skip_[at(k)] < 0) {
        y.col(k).setConstant(shift_.value(k));
      } else {
        y.col(k) = x.col(skip_[at(k)]).array() + shift_.value(k);
      }
    }
  }
  static void add(const Branch& branch, const Matrix<Scalar>& given, Matrix<Scalar>& y) {
    for (Index j = 0; j < given.cols(); ++j) y.col(branch.into[at(j)]) += given.col(j);
  }

  Columns<Scalar> constants(const Branch& branch, const Columns<Scalar>& in) const {
    Columns<Scalar> given(static_cast<Index>(branch.into.size()));
    branch.network.find_constants(in, given);
    return given;
  }
  /// What of a branch goes into a column that is needed.
  static Columns<Scalar> wanted(const Branch& branch, const Columns<Scalar>& out) {
    Columns<Scalar> result(static_cast<Index>(branch.into.size()));
    for (Index j = 0; j < result.size(); ++j) {
      if (out.is_needed(branch.into[at(j)])) result.need(j);
    }
    return result;
  }

  Index inputs_;
  std::vector<Branch> branches_;
  std::vector<Index> skip_;
  Buffer<Vector<Scalar>> shift_;
  Matrix<Scalar> output_;
  Matrix<Scalar> above_;
  Matrix<Scalar> below_;
  detail::LastForward last_;
};

}  // namespace l0
