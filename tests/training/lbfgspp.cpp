// SPDX-License-Identifier: MIT
// A functor written for LBFGS++ goes into minimize as it is.
#include "support/catch.hpp"
#include "support/tolerances.hpp"
#include "training/objectives.hpp"

#ifdef L0_TEST_WITH_LBFGSPP
#include <LBFGS.h>
#endif

namespace tests::training::lbfgspp {

static_assert(l0::Objective<l0::test::SparseQuadratic<double>, double>);
static_assert(!l0::SteppedObjective<l0::test::SparseQuadratic<double>, double>);
static_assert(!l0::Objective<l0::test::SparseQuadratic<double>, float>);

#ifdef L0_TEST_WITH_LBFGSPP

TEMPLATE_TEST_CASE("One functor for LBFGS++ and for minimize", "", float, double) {
  using Vector = l0::Vector<TestType>;
  l0::test::SparseQuadratic<TestType> f;

  LBFGSpp::LBFGSParam<TestType> parameters;
  LBFGSpp::LBFGSSolver<TestType> solver(parameters);
  Vector w = Vector::Zero(12);
  TestType value = -1;
  solver.minimize(f, w, value);
  const int calls_of_solver = f.calls();
  CHECK(calls_of_solver > 0);

  const auto sparse = l0::minimize(f, Vector::Zero(12), {.lambda_l0 = 0.1, .learning_rate = 0.05});
  CHECK(f.calls() > calls_of_solver + 1000);  // this functor, not a copy
  CHECK(sparse.active == l0::test::sparse_quadratic_support);
  CHECK(l0::test::close(sparse.weights, w, {1e-3, 1}));
}
#endif

}  // namespace tests::training::lbfgspp
