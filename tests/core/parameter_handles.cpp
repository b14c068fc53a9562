// SPDX-License-Identifier: MIT
// What handles on parameters survive: moves, vectors that grow, assignment, swaps, and the end of their model.
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/core/parameter.hpp>
#include <l0/core/shape.hpp>
#include "support/catch.hpp"

namespace tests::core::parameter_handles {

namespace {

using Catch::Matchers::Message;
using MatrixXd = l0::Matrix<double>;  // by columns, whatever is the default
using Eigen::VectorXd;
using l0::Index;

/// A model as the library's own are built: a guard for the shape, then the parameters; all special members defaulted.
struct Model {
  Model(Index rows, Index columns, double start)
      : shape(rows, columns), weight(l0::ParameterKind::weight, "weight", rows, columns),
        bias(l0::ParameterKind::bias, "bias", rows, 1) {
    weight.value().setConstant(start);
    bias.value().setConstant(start + 1);
    weight.gradient().setConstant(start + 2);
    bias.gradient().setConstant(start + 3);
  }

  l0::Parameters<double> parameters() { return {weight.ref(), bias.ref()}; }
  MatrixXd weights() const { return weight.value(); }

  l0::ShapeGuard shape;
  l0::Parameter<MatrixXd> weight;
  l0::Parameter<VectorXd> bias;
};

static_assert(std::is_nothrow_move_constructible_v<Model>, "or a growing vector copies");

bool is_constant(const MatrixXd& values, double expected) { return (values.array() == expected).all(); }

/// Whether a model is as its constructor left it.
bool is_new(const Model& model, Index rows, Index columns, double start) {
  return model.shape.rows() == rows && model.shape.columns() == columns &&  //
         model.weight.value().rows() == rows && model.weight.value().cols() == columns &&
         is_constant(model.weight.value(), start) && is_constant(model.bias.value(), start + 1) &&
         is_constant(model.weight.gradient(), start + 2) && is_constant(model.bias.gradient(), start + 3);
}

}  // namespace

TEST_CASE("A handle describes its parameter and shares its storage", "[core]") {
  Model model(3, 2, 1);
  const l0::Parameters<double> handles = model.parameters();
  REQUIRE(handles.size() == 2);
  CHECK(handles[0].kind() == l0::ParameterKind::weight);
  CHECK(handles[0].name() == "weight");
  CHECK(handles[0].rows() == 3);
  CHECK(handles[0].columns() == 2);
  CHECK(handles[0].size() == 6);
  CHECK(handles[1].kind() == l0::ParameterKind::bias);
  CHECK(handles[1].size() == 3);

  handles[0].values()(4) = 7;  // column by column
  CHECK(model.weight.value()(1, 1) == 7);
  model.weight.gradient()(2, 0) = -5;
  CHECK(handles[0].gradients()(2) == -5);
  CHECK(handles[0].values().data() != handles[0].gradients().data());
}

TEST_CASE("A handle tells the bound of its parameter, copied or moved, and no bound unless given one", "[core]") {
  l0::Parameter<VectorXd> bounded(l0::ParameterKind::weight, "weight", 3, 1, 2.5);
  CHECK(bounded.ref().bound() == 2.5);
  l0::Parameter<VectorXd> copy(bounded);
  CHECK(copy.ref().bound() == 2.5);
  l0::Parameter<VectorXd> moved(std::move(bounded));
  CHECK(moved.ref().bound() == 2.5);
  Model model(3, 2, 1);
  CHECK(model.parameters()[0].bound() == std::numeric_limits<double>::infinity());
}

TEST_CASE("A new parameter is zero", "[core]") {
  const l0::Parameter<MatrixXd> parameter(l0::ParameterKind::gate, "log_alpha", 4, 3);
  CHECK(is_constant(parameter.value(), 0));
  CHECK(is_constant(parameter.gradient(), 0));
  CHECK(parameter.size() == 12);
}

TEST_CASE("Copies of a model are deep", "[core]") {
  Model model(3, 2, 1);
  Model copy(model);
  CHECK(is_new(copy, 3, 2, 1));
  copy.weight.value().setConstant(9);
  copy.bias.gradient().setConstant(9);
  CHECK(is_new(model, 3, 2, 1));
}

TEST_CASE("Handles follow a model that is moved", "[core]") {
  Model model(3, 2, 1);
  const auto handles = model.parameters();
  Model moved(std::move(model));
  handles[0].values().setConstant(8);
  CHECK(is_constant(moved.weight.value(), 8));
  moved.bias.gradient().setConstant(-8);
  CHECK(is_constant(handles[1].gradients(), -8));
}

TEST_CASE("Handles survive the growth of a vector of models", "[core]") {
  std::vector<Model> models;
  models.emplace_back(3, 2, 0);
  const auto handles = models[0].parameters();
  for (int i = 1; i < 100; ++i) models.emplace_back(3 + i, 2, i);
  handles[0].values().setConstant(8);
  CHECK(is_constant(models[0].weight.value(), 8));
  CHECK(is_new(models[99], 102, 2, 99));
}

TEST_CASE("A best model kept aside and assigned back writes through handles", "[core]") {
  Model model(3, 2, 1);
  const auto handles = model.parameters();
  const double* storage = handles[0].values().data();
  const Model best = model;
  handles[0].values().setConstant(50);
  handles[1].gradients().setConstant(60);

  SECTION("copied") { model = best; }
  SECTION("moved") { model = Model(best); }

  CHECK(is_new(model, 3, 2, 1));
  CHECK(is_new(best, 3, 2, 1));
  CHECK(is_constant(handles[0].values(), 1));
  CHECK(is_constant(handles[1].gradients(), 4));
  CHECK(model.weight.value().data() == storage);
  handles[0].values().setConstant(70);  // still the model's, not the copy's
  CHECK(is_constant(model.weight.value(), 70));
  CHECK(is_new(best, 3, 2, 1));
}

TEST_CASE("Assigning a model of another shape throws and leaves both as they were", "[core]") {
  Model model(3, 2, 1);
  Model other(2, 4, 5);
  const auto handles = model.parameters();
  const auto expectation = Message("l0: the assigned model is 2x4, expected 3x2");
  CHECK_THROWS_MATCHES(model = other, l0::Error, expectation);
  CHECK_THROWS_MATCHES(model = std::move(other), l0::Error, expectation);
  CHECK(is_new(model, 3, 2, 1));
  CHECK(is_new(other, 2, 4, 5));  // the move was refused, so nothing was taken
  CHECK(is_constant(handles[0].values(), 1));
}

TEST_CASE("Assigning a parameter of another shape throws and leaves it as it was", "[core]") {
  l0::Parameter<MatrixXd> small(l0::ParameterKind::weight, "weight", 2, 2);
  const l0::Parameter<MatrixXd> large(l0::ParameterKind::weight, "weight", 3, 2);
  small.value().setConstant(4);
  CHECK_THROWS_MATCHES(small = large, l0::Error, Message("l0: the assigned matrix is 3x2, expected 2x2"));
  CHECK(small.size() == 4);
  CHECK(is_constant(small.value(), 4));
}

TEST_CASE("A model assigned to itself stays", "[core]") {
  Model model(3, 2, 1);
  const auto handles = model.parameters();
  Model& alias = model;
  model = alias;
  CHECK(is_new(model, 3, 2, 1));
  model = std::move(alias);
  CHECK(is_new(model, 3, 2, 1));
  handles[0].values().setConstant(8);
  CHECK(is_constant(model.weight.value(), 8));
}

TEST_CASE("A model that was moved from accepts any shape", "[core]") {
  Model model(3, 2, 1);
  const Model taken(std::move(model));
  const Model other(5, 4, 6);
  SECTION("copied") { model = other; }
  SECTION("moved") { model = Model(other); }
  CHECK(is_new(model, 5, 4, 6));
  CHECK(is_new(other, 5, 4, 6));
  CHECK(is_new(taken, 3, 2, 1));
  auto handles = model.parameters();
  handles[0].values().setConstant(8);
  CHECK(is_constant(model.weight.value(), 8));
  CHECK(is_new(other, 5, 4, 6));
}

TEST_CASE("A parameter that was moved from has no numbers", "[core]") {
  l0::Parameter<l0::Vector<double>> parameter(l0::ParameterKind::weight, "weight", 3, 1);
  const auto taken = std::move(parameter);
  CHECK(taken.size() == 3);
  CHECK(parameter.size() == 0);  // NOLINT(bugprone-use-after-move): what is left is to be destroyed or assigned to
}

TEST_CASE("A model moved into one that was moved from can be assigned to in its turn", "[core]") {
  Model first(3, 2, 1);
  const Model taken(std::move(first));
  Model second(5, 4, 6);
  first = std::move(second);
  second = Model(7, 1, 9);
  CHECK(is_new(first, 5, 4, 6));
  CHECK(is_new(second, 7, 1, 9));
}

TEST_CASE("std::swap exchanges models and their handles", "[core]") {
  Model first(3, 2, 1);
  SECTION("of one shape") {
    Model second(3, 2, 5);
    const auto handles = first.parameters();
    std::swap(first, second);
    CHECK(is_new(first, 3, 2, 5));
    CHECK(is_new(second, 3, 2, 1));
    handles[0].values().setConstant(8);  // went along with the values
    CHECK(is_constant(second.weight.value(), 8));
    CHECK(is_new(first, 3, 2, 5));
  }
  SECTION("of two shapes") {
    Model second(2, 4, 5);
    std::swap(first, second);
    CHECK(is_new(first, 2, 4, 5));
    CHECK(is_new(second, 3, 2, 1));
  }
}

TEST_CASE("A handle outlives its model", "[core]") {
  std::optional<Model> model(std::in_place, 3, 2, 1);
  const auto handles = model->parameters();
  model.reset();
  CHECK(is_constant(handles[0].values(), 1));
  handles[0].values().setConstant(2);  // memory of its own: the address sanitizer would object
  CHECK(is_constant(handles[0].values(), 2));
}

TEST_CASE("A parameter's value cannot change its shape", "[core]") {
  Model model(3, 2, 1);
  CHECK_THROWS_MATCHES(model.weight.value() = MatrixXd::Zero(2, 2), l0::Error,
                       Message("l0: the assigned matrix is 2x2, expected 3x2"));
  CHECK_THROWS_AS(model.bias.value() = VectorXd::Zero(4), l0::Error);
  const Model other(2, 2, 1);
  CHECK_THROWS_AS(model.weight.value() = other.weight.value(), l0::Error);
  CHECK(is_new(model, 3, 2, 1));

  const double* storage = model.weight.value().data();
  model.weight.value() = 2 * MatrixXd::Ones(3, 2);
  CHECK(is_constant(model.weight.value(), 2));
  model.weight.value() = Model(3, 2, 4).weight.value();
  CHECK(is_constant(model.weight.value(), 4));
  CHECK(model.weight.value().data() == storage);
}

TEST_CASE("join appends lists of handles", "[core]") {
  Model first(3, 2, 1);
  Model second(2, 2, 1);
  const auto joined = l0::join(first.parameters(), second.parameters());
  REQUIRE(joined.size() == 4);
  CHECK(joined[0].values().data() == first.weight.value().data());
  CHECK(joined[3].values().data() == second.bias.value().data());
}

}  // namespace tests::core::parameter_handles
