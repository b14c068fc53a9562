// SPDX-License-Identifier: MIT
// Stored estimators: any bytes, and good files with bytes that were changed.
#include <l0/io/model.hpp>

#include <vector>

#include <Eigen/SparseCore>

#include <l0/factorization/matrix_factorization.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>
#include <l0/trees/soft_tree_boosting.hpp>

#include "fuzz/target.hpp"

namespace {

constexpr l0::Index samples = 12;
constexpr l0::Index columns = 3;

l0::Matrix<double> make_x() {
  l0::Matrix<double> x(samples, columns);
  for (l0::Index i = 0; i < samples; ++i) x.row(i) << static_cast<double>(i), static_cast<double>(i * i % 7), 1;
  return x;
}

/// A file as `save` writes it, and what a reader of other bytes must do.
template <class Model>
class Target {
 public:
  explicit Target(const Model& model) {
    const std::string path = (std::filesystem::temp_directory_path() / "l0_fuzz_model").string() +
                             std::to_string(reinterpret_cast<std::uintptr_t>(this));
    l0::save(path, model);
    good_ = l0::detail::read_file(path);
    std::filesystem::remove(path);
  }

  template <class Use>
  void run(l0::fuzz::Input& input, bool edit, Use&& use) const {
    const std::string bytes = edit ? l0::fuzz::edited(good_, input) : std::string(input.rest());
    const bool taken = l0::fuzz::accepted(
        [&] { use(l0::detail::model_of<Model>("in memory", l0::parse_safetensors<double>(bytes))); });
    l0::fuzz::require(taken || bytes != good_, "a good model is taken");
  }

 private:
  std::string good_;
};

template <class Model>
void predict(const Model& model, l0::Index features) {
  // Large coefficients may overflow; every place that is read must be there.
  model.predict(l0::Matrix<double>(l0::Matrix<double>::Ones(2, features)));
  static_cast<void>(model.summary());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const l0::Matrix<double> x = make_x();
  static const l0::Vector<double> y = x.col(0) + 0.1 * x.col(1);
  static const Target linear([] {
    l0::LinearRegression<double> model({.feature_names = {"a", "b", "c"}});
    model.fit(x, y);
    return model;
  }());
  static const Target classes([] {
    l0::MultinomialRegression<double> model({.max_features = 1});
    model.fit(x, l0::Vector<double>((x.col(1).array() > 3).cast<double>()));
    return model;
  }());
  static const Target trees([] {
    l0::SoftTreeBoosting<double> model({.trees = 2, .depth = 2, .folds = 0, .refinements = 1});
    model.fit(x, y);
    return model;
  }());
  static const Target factors([] {
    l0::MatrixFactorization<double> model({.max_rank = 1, .lambda_l0 = 1e-4, .epochs = 4});
    model.fit(Eigen::SparseMatrix<double>(x.sparseView()));
    return model;
  }());
  l0::fuzz::Input input(data, size);
  const auto kind = input.take<std::uint8_t>();
  const bool edit = kind % 2 == 1;
  switch (kind / 2 % 4) {
    case 0: linear.run(input, edit, [](const auto& model) { predict(model, model.coefficients().rows()); }); break;
    case 1: classes.run(input, edit, [](const auto& model) { predict(model, model.coefficients().rows()); }); break;
    case 2:
      trees.run(input, edit, [](const auto& model) { predict(model, model.feature_importances().size()); });
      break;
    default:
      factors.run(input, edit, [](const auto& model) {
        for (l0::Index i = 0; i < model.rows(); ++i) {
          model.predict_row(i);
          model.top_k(i, 2);
        }
      });
  }
  return 0;
}
