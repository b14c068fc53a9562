// SPDX-License-Identifier: MIT
// Fits, paths and folds of regression on data of many shapes; the processor seconds of each.
//
//   bench_regression_shapes [CASE ...]       without a CASE all of them; one line of CSV per case
//
// Columns are standard normal with a correlation of .5 between neighbours, ten true features evenly spread with
// coefficients ±[.5, 1), noise of variance 1; labels and counts by the logistic and (of .3 η) the log link.
// bench/peers/glmnet_shapes.R runs the same recipe.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include <l0/random/rng.hpp>
#include <l0/regression/linear_regression.hpp>
#include <l0/regression/logistic_regression.hpp>
#include <l0/regression/multinomial_regression.hpp>
#include <l0/regression/poisson_regression.hpp>
#include <l0/regression/regularization_path.hpp>

namespace {

using l0::Index;
using Dense = l0::Matrix<double>;
using Column = l0::Vector<double>;

struct Data {
  Dense x;
  Column eta;
  l0::Rng rng{7};

  Data(Index n, Index p, Index features) : x(l0::standard_normal<double>(rng, n, p)), eta(Column::Zero(n)) {
    for (Index j = 1; j < p; ++j) x.col(j) = 0.5 * x.col(j - 1) + std::sqrt(0.75) * x.col(j);
    for (Index k = 0; k < features; ++k) {
      const double size = 0.5 + 0.5 * static_cast<double>(k) / static_cast<double>(features);
      eta += (k % 2 == 0 ? size : -size) * x.col(k * p / features);
    }
  }
  Column gaussian() { return eta + l0::standard_normal<double>(rng, eta.size()); }
  Column uniforms() { return l0::standard_uniform<double>(rng, eta.size()); }
  Column labels() { return (uniforms().array() * (1 + (-eta.array()).exp()) < 1).cast<double>(); }
  Column counts() {
    const Column u = uniforms();
    Column y(eta.size());
    for (Index i = 0; i < y.size(); ++i) {  // by inversion
      double chance = std::exp(-std::exp(std::min(0.3 * eta(i), 5.0)));
      double below = chance;
      for (y(i) = 0; below < u(i) && y(i) < 1000; below += chance) {
        y(i) += 1;
        chance *= std::exp(std::min(0.3 * eta(i), 5.0)) / y(i);
      }
    }
    return y;
  }
};

double seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

struct Case {
  const char* name;
  Index n, p, features;
  Index (*run)(Data&, double& start);  ///< the features kept; `start` is when the fit began
};

template <class Model>
Index fit(Model model, const Dense& x, const Column& y, double& start) {
  start = seconds();
  model.fit(x, y);
  return model.report().size;
}

std::vector<Index> fives(Index p) {
  std::vector<Index> groups;
  for (Index j = 0; j < p; ++j) groups.push_back(j / 5);
  return groups;
}

using l0::LinearRegression;
using l0::LogisticRegression;
using l0::PoissonRegression;

const Case cases[] = {
    {"linear", 1000000, 200, 10,
     [](Data& d, double& s) { return fit(LinearRegression<double>(), d.x, d.gaussian(), s); }},
    {"linear-folds", 100000, 200, 10,
     [](Data& d, double& s) { return fit(LinearRegression<double>({.folds = 10}), d.x, d.gaussian(), s); }},
    {"linear-path", 50000, 100, 10,
     [](Data& d, double& s) {
       const Column y = d.gaussian();
       s = seconds();
       return l0::regularization_path(LinearRegression<double>(), d.x, y).chosen().size;
     }},
    {"linear-wide-folds", 500, 100000, 10,
     [](Data& d, double& s) { return fit(LinearRegression<double>({.folds = 10}), d.x, d.gaussian(), s); }},
    {"linear-250", 1000, 1000, 250,
     [](Data& d, double& s) { return fit(LinearRegression<double>({.max_features = 250}), d.x, d.gaussian(), s); }},
    {"linear-500", 2000, 2000, 500,
     [](Data& d, double& s) { return fit(LinearRegression<double>({.max_features = 500}), d.x, d.gaussian(), s); }},
    {"linear-groups", 1000, 10000, 10,
     [](Data& d, double& s) {
       return fit(LinearRegression<double>({.groups = fives(d.x.cols())}), d.x, d.gaussian(), s);
     }},
    {"logistic", 100000, 200, 10,
     [](Data& d, double& s) { return fit(LogisticRegression<double>(), d.x, d.labels(), s); }},
    {"logistic-folds", 100000, 200, 10,
     [](Data& d, double& s) { return fit(LogisticRegression<double>({.folds = 10}), d.x, d.labels(), s); }},
    {"logistic-1000", 100000, 1000, 10,
     [](Data& d, double& s) { return fit(LogisticRegression<double>(), d.x, d.labels(), s); }},
    {"poisson-folds", 1000, 5000, 10,
     [](Data& d, double& s) { return fit(PoissonRegression<double>({.folds = 10}), d.x, d.counts(), s); }},
    {"multinomial", 10000, 784, 20,
     [](Data& d, double& s) {
       Column classes(d.eta.size());  // ten: the tenths of η with noise
       const Column y = d.gaussian();
       const double deviation = std::sqrt(y.squaredNorm() / static_cast<double>(y.size()));
       for (Index i = 0; i < y.size(); ++i)
         classes(i) = std::floor(5 + 5 * std::erf(y(i) / deviation / std::sqrt(2.0)));
       return fit(l0::MultinomialRegression<double>(), d.x, classes.cwiseMin(9), s);
     }},
};

}  // namespace

int main(int argc, char** argv) {
  std::printf("case,rows,columns,seconds,size\n");
  for (const Case& c : cases) {
    bool wanted = argc == 1;
    for (int i = 1; i < argc; ++i) wanted = wanted || std::strcmp(argv[i], c.name) == 0;
    if (!wanted) continue;
    Data data(c.n, c.p, c.features);
    double start = 0;
    const Index size = c.run(data, start);
    std::printf("%s,%td,%td,%.2f,%td\n", c.name, c.n, c.p, seconds() - start, size);
    std::fflush(stdout);
  }
}
