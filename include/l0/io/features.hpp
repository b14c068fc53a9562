// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Numbers and categories as the columns of X, with the names and groups that a regression asks for. A door of its own:
/// `l0.hpp` does not include it.

#include <algorithm>
#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/SparseCore>

#include <l0/core/argument.hpp>
#include <l0/core/error.hpp>
#include <l0/core/types.hpp>
#include <l0/io/csv.hpp>

namespace l0 {

/// How categories become columns.
struct CategoryOptions {
  /// The category without a column, that the others are compared with; empty: each has one, and coefficients are those
  /// of least norm.
  std::optional<std::string> reference{};
};

/// Columns of X, one feature after the other. A feature of numbers is a column; one of categories a column of 0 and 1
/// per category, named "region=north", which share a group and so are in or out together.
///
///     l0::Features<double> features;
///     features.add("age", table.numbers("age")).add("region", table.categories("region"));
///     l0::LinearRegression<double> model({.groups = features.groups(), .feature_names = features.names()});
///     model.fit(features.matrix(), y);
template <std::floating_point Scalar_ = double>
class Features {
 public:
  using Scalar = Scalar_;  ///< float or double

  /// Adds numbers as a column. Throws `Error` for another number of rows than before; nothing is added then.
  template <class Derived>
  Features& add(const std::string& name, const Eigen::DenseBase<Derived>& values) {
    detail::require_shape(name, values.rows(), values.cols(), begun() ? rows_ : values.rows(), 1);
    rows_ = values.rows();
    columns_.push_back({name, feature_count_++, detail::as_matrix(values).template cast<Scalar>(), 0, -1});
    return *this;
  }
  /// The same of a list.
  Features& add(const std::string& name, const std::vector<double>& values) {
    return add(name, Eigen::Map<const Vector<double>>(values.data(), static_cast<Index>(values.size())));
  }

  /// Adds categories as a group of columns. Throws `Error` for a row whose category is missing, an unknown reference
  /// and another number of rows than before; nothing is added then.
  Features& add(const std::string& name, const Categories& categories, const CategoryOptions& options = {}) {
    const Index n = categories.codes.size();
    const auto count = static_cast<int>(categories.names.size());
    detail::require_shape(name, n, 1, begun() ? rows_ : n, 1);
    for (Index i = 0; i < n; ++i) {
      const int code = categories.codes(i);
      if (code < 0 || code >= count) {
        detail::fail(name + "(" + detail::to_text(i) + ")", code < 0 ? "missing" : detail::to_text(code),
                     "a category from 0 to " + detail::to_text(count - 1));
      }
    }
    int reference = -1;
    if (options.reference) {
      const auto found = std::find(categories.names.begin(), categories.names.end(), *options.reference);
      if (found == categories.names.end()) {
        std::string known;
        for (std::size_t c = 0; c < std::min<std::size_t>(categories.names.size(), 20); ++c)
          known += (c == 0 ? "" : ", ") + categories.names[c];
        detail::fail("reference", "'" + *options.reference + "'", "a category of " + name + ": " + known);
      }
      reference = static_cast<int>(found - categories.names.begin());
    }
    rows_ = n;
    const std::size_t codes = codes_.size();
    codes_.push_back(categories.codes);
    for (int c = 0; c < count; ++c) {
      if (c == reference) continue;
      columns_.push_back({name + "=" + categories.names[static_cast<std::size_t>(c)], feature_count_, {}, codes, c});
    }
    ++feature_count_;
    return *this;
  }
  /// The same of numbers 0, 1, ... of categories; without names these are their numbers.
  Features& add(const std::string& name, const Eigen::VectorXi& codes, std::vector<std::string> names = {},
                const CategoryOptions& options = {}) {
    if (names.empty() && codes.size() > 0) {
      for (int c = 0; c <= codes.maxCoeff(); ++c) names.push_back(detail::to_text(c));
    }
    return add(name, Categories{std::move(names), codes, name}, options);
  }

  /// Rows of X; 0 before the first feature.
  Index rows() const { return rows_; }
  /// Columns of X.
  Index columns() const { return static_cast<Index>(columns_.size()); }
  /// The names of the columns.
  std::vector<std::string> names() const {
    std::vector<std::string> result;
    for (const Column& column : columns_) result.push_back(column.name);
    return result;
  }
  /// The group of every column: its feature, counted from 0.
  std::vector<Index> groups() const {
    std::vector<Index> result;
    for (const Column& column : columns_) result.push_back(column.feature);
    return result;
  }

  /// X.
  Matrix<Scalar> matrix() const {
    Matrix<Scalar> x(rows_, columns());
    for (Index j = 0; j < columns(); ++j) {
      const Column& column = columns_[static_cast<std::size_t>(j)];
      if (column.is_numeric()) {
        x.col(j) = column.values;
      } else {
        x.col(j) = (codes_[column.codes].array() == column.category).template cast<Scalar>();
      }
    }
    return x;
  }
  /// X without its zeros: for categories of many values.
  Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> sparse() const {
    Eigen::SparseMatrix<Scalar, Eigen::ColMajor, int> x(rows_, columns());
    for (Index j = 0; j < columns(); ++j) {
      const Column& column = columns_[static_cast<std::size_t>(j)];
      x.startVec(j);
      for (Index i = 0; i < rows_; ++i) {
        const Scalar value =
            column.is_numeric() ? column.values(i) : Scalar(codes_[column.codes](i) == column.category ? 1 : 0);
        if (value != 0) x.insertBack(i, j) = value;
      }
    }
    x.finalize();
    return x;
  }

 private:
  struct Column {
    std::string name;
    Index feature;
    Vector<Scalar> values;  // of numbers
    std::size_t codes;      // of categories: the place in codes_
    int category;           // -1: numbers

    bool is_numeric() const { return category < 0; }
  };

  bool begun() const { return feature_count_ > 0; }

  Index rows_ = 0;
  Index feature_count_ = 0;
  std::vector<Column> columns_;
  std::vector<Eigen::VectorXi> codes_;
};

}  // namespace l0
