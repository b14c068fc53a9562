// SPDX-License-Identifier: MIT
#pragma once

#include <Eigen/Core>

#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace l0::test {

/// The path of a file in tests/data; the build says where that folder is.
inline std::filesystem::path data_file(std::string_view name) { return std::filesystem::path(L0_TEST_DATA_DIR) / name; }

/// Named arrays of reference values, read from a file in the format that tests/data/README.md describes.
///
///     const Golden golden(data_file("l0_linear.txt"));
///     for (Eigen::Index i = 0; i < golden.num_cases(); ++i) {
///       const Golden layer = golden.case_(i);
///       const Eigen::MatrixXd weight = layer.matrix("weight");   // the array case<i>_weight
///     }
///
/// A missing file, a malformed file, a missing name and an array of the wrong shape throw std::runtime_error.
/// Copies and cases share the arrays, so a case may outlive the Golden that it came from.
class Golden {
 public:
  explicit Golden(const std::filesystem::path& path)
      : path_(path.string()), arrays_(std::make_shared<const Arrays>(read(path))) {}

  bool contains(std::string_view name) const { return arrays_->contains(prefix_ + std::string(name)); }

  /// The dimensions as written in the file; {1} for a scalar.
  std::vector<Eigen::Index> shape(std::string_view name) const { return array(name).shape; }

  /// A one-dimensional array as a column; of an array with more than two dimensions, all but the first are run
  /// together.
  Eigen::MatrixXd matrix(std::string_view name) const {
    const Array& found = array(name);
    const Eigen::Index rows = found.shape.front();
    const Eigen::Index columns = rows == 0 ? 1 : static_cast<Eigen::Index>(found.values.size()) / rows;
    using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const RowMajor>(found.values.data(), rows, columns);
  }

  /// All numbers of the array in the order of the file.
  Eigen::VectorXd vector(std::string_view name) const {
    const Array& found = array(name);
    return Eigen::Map<const Eigen::VectorXd>(found.values.data(), static_cast<Eigen::Index>(found.values.size()));
  }

  double scalar(std::string_view name) const {
    const Array& found = array(name);
    if (found.values.size() != 1) {
      fail("array '" + prefix_ + std::string(name) + "' has " + std::to_string(found.values.size()) +
           " numbers, a scalar has one");
    }
    return found.values.front();
  }

  std::vector<Eigen::Index> indices(std::string_view name) const {
    const auto reject = [&](const std::string& message) {
      fail("array '" + prefix_ + std::string(name) + "': " + message);
    };
    std::vector<Eigen::Index> result;
    for (const double value : array(name).values) result.push_back(to_index(value, reject));
    return result;
  }

  Eigen::Index num_cases() const { return static_cast<Eigen::Index>(scalar("num_cases")); }

  /// The arrays of case `i`, under their names without the prefix.
  Golden case_(Eigen::Index i) const {
    const Eigen::Index count = num_cases();
    if (i < 0 || i >= count) {
      fail("there is no case " + std::to_string(i) + ", there are " + std::to_string(count));
    }
    Golden result = *this;
    result.prefix_ += "case" + std::to_string(i) + "_";
    return result;
  }

 private:
  struct Array {
    std::vector<Eigen::Index> shape;
    std::vector<double> values;

    std::size_t size() const {
      return static_cast<std::size_t>(
          std::accumulate(shape.begin(), shape.end(), Eigen::Index{1}, std::multiplies<>{}));
    }
  };
  using Arrays = std::map<std::string, Array, std::less<>>;

  const Array& array(std::string_view name) const {
    const auto found = arrays_->find(prefix_ + std::string(name));
    if (found == arrays_->end()) {
      std::string known;
      for (const auto& [key, value] : *arrays_) {
        if (key.starts_with(prefix_)) known += (known.empty() ? "" : ", ") + key.substr(prefix_.size());
      }
      fail("there is no array '" + prefix_ + std::string(name) + "', there are: " + known);
    }
    return found->second;
  }

  [[noreturn]] void fail(const std::string& message) const {
    throw std::runtime_error("golden file " + path_ + ": " + message);
  }

  static Arrays read(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) throw std::runtime_error("golden file " + path.string() + ": cannot be opened");

    Arrays arrays;
    Array* current = nullptr;
    std::string line;
    std::size_t line_number = 0;
    const auto reject = [&](const std::string& message) {
      throw std::runtime_error("golden file " + path.string() + ", line " + std::to_string(line_number) + ": " +
                               message);
    };
    const auto check_complete = [&] {
      if (current != nullptr && current->values.size() != current->size()) {
        reject("the array before has " + std::to_string(current->values.size()) + " numbers, its dimensions ask for " +
               std::to_string(current->size()));
      }
    };

    while (std::getline(file, line)) {
      ++line_number;
      if (line.starts_with('#')) continue;
      std::istringstream words(line);
      std::string word;
      if (line.starts_with("array ")) {
        check_complete();
        std::string name;
        words >> word >> name;
        const auto [position, is_new] = arrays.try_emplace(name);
        if (!is_new) reject("a second array '" + name + "'");
        current = &position->second;
        while (words >> word) current->shape.push_back(to_index(to_number(word, reject), reject));
        if (current->shape.empty()) reject("array '" + name + "' needs a dimension");
      } else {
        while (words >> word) {
          if (current == nullptr) reject("'" + word + "' stands before the first array");
          current->values.push_back(to_number(word, reject));
        }
      }
    }
    check_complete();
    return arrays;
  }

  template <typename Reject>
  static double to_number(const std::string& word, const Reject& reject) {
    char* end = nullptr;
    const double value = std::strtod(word.c_str(), &end);
    if (end != word.c_str() + word.size() || !std::isfinite(value)) reject("'" + word + "' is no finite number");
    return value;
  }

  template <typename Reject>
  static Eigen::Index to_index(double value, const Reject& reject) {
    if (value < 0 || value > 1e9 || value != std::floor(value)) reject(std::to_string(value) + " is no index or size");
    return static_cast<Eigen::Index>(value);
  }

  std::string path_;
  std::shared_ptr<const Arrays> arrays_;
  std::string prefix_;
};

}  // namespace l0::test
