// SPDX-License-Identifier: MIT
// Ratings of films by users, of which one in five is known: how many factors there are, what the gates close as their
// price rises, and what to recommend.
#include <cmath>
#include <cstdio>
#include <fstream>
#include <vector>

#include "support.hpp"

namespace {

using Eigen::Index;

struct Ratings {
  Eigen::SparseMatrix<double> known;
  std::vector<Eigen::Triplet<double>> unknown;

  double error(const l0::MatrixFactorization<double>& model) const {
    double sum = 0;
    for (const auto& e : unknown) {
      const double d = e.value() - model.predict(e.row(), e.col());
      sum += d * d;
    }
    return std::sqrt(sum / static_cast<double>(unknown.size()));
  }
};

/// Users and films with biases and four tastes of falling strength.
Ratings make_ratings(Index users, Index films) {
  l0::Rng rng(3);
  const Eigen::Vector4d strength(0.8, 0.6, 0.5, 0.35);
  const Eigen::MatrixXd taste = l0::standard_normal<double>(rng, users, 4);
  const Eigen::MatrixXd flavour = l0::standard_normal<double>(rng, films, 4);
  Eigen::MatrixXd value = taste * strength.asDiagonal() * flavour.transpose();
  value.colwise() += 0.4 * l0::standard_normal<double>(rng, users).col(0);
  value.rowwise() += 0.5 * l0::standard_normal<double>(rng, films).col(0).transpose();
  value.array() += 3.5 + 0.5 * l0::standard_normal<double>(rng, users, films).array();
  Ratings ratings;
  std::vector<Eigen::Triplet<double>> known;
  for (int i = 0; i < users; ++i) {
    for (int j = 0; j < films; ++j) {
      const bool seen = static_cast<double>(rng() >> 11) * 0x1p-53 < 0.2;
      (seen ? known : ratings.unknown).emplace_back(i, j, value(i, j));
    }
  }
  ratings.known.resize(users, films);
  ratings.known.setFromTriplets(known.begin(), known.end());
  return ratings;
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = example::quick(argc, argv);
  const Ratings ratings = quick ? make_ratings(150, 120) : make_ratings(500, 400);
  const Index most = quick ? 6 : 12;

  l0::MatrixFactorization<double> model({.max_rank = most});
  model.fit(ratings.known);
  std::printf("%td users, %td films, %td ratings\n\nrank  error of known  error of held-out ratings\n", model.rows(),
              model.columns(), ratings.known.nonZeros());
  std::ofstream ranks("matrix_factorization_ranks.csv");
  for (const auto& point : model.report().ranks) {
    std::printf("%4td  %14.4f  %25.4f%s\n", point.rank, std::sqrt(point.train_loss), std::sqrt(point.held_out_loss),
                point.rank == model.rank() ? "  <- chosen" : "");
    ranks << point.rank << ',' << std::sqrt(point.train_loss) << ',' << std::sqrt(point.held_out_loss) << '\n';
  }
  std::printf("\n%td factors, error of the %zu unknown ratings %.4f; strength of the factors:", model.rank(),
              ratings.unknown.size(), ratings.error(model));
  for (const double s : model.importance()) std::printf(" %.1f", s);

  std::puts("\n\nprice of a factor  factors  error of unknown ratings");
  std::ofstream prices("matrix_factorization_prices.csv");
  for (const double lambda : {0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0}) {
    if (quick && lambda < 0.03) continue;
    l0::MatrixFactorization<double> priced({.max_rank = most, .lambda_l0 = lambda});
    priced.fit(ratings.known);
    std::printf("%17g  %7td  %24.4f\n", lambda, priced.rank(), ratings.error(priced));
    prices << lambda << ',' << priced.rank() << ',' << ratings.error(priced) << '\n';
  }

  std::printf("\nuser 0 may like:");
  for (const auto& entry : model.top_k(0, 5)) std::printf("  film %td (%.1f)", entry.column, entry.prediction);
  std::puts("");

  ranks.close();
  prices.close();
  example::draw("matrix_factorization.svg", "chosen = " + std::to_string(model.rank()) + R"(
set multiplot layout 1,2
set key top right; set xlabel 'factors'; set title 'root mean squared error'; set xtics 1
set arrow 1 from first chosen, graph 0 to first chosen, graph 1 nohead dt 2 lc '#888888'
plot 'matrix_factorization_ranks.csv' using 1:2 with linespoints pt 7 ps 0.6 lc '#888888' title 'known ratings', \
  'matrix_factorization_ranks.csv' using 1:3 with linespoints pt 7 ps 0.6 lc '#2166ac' title 'held-out ratings'
unset arrow 1; unset key; set logscale x; set xtics auto; set xlabel 'price of a factor'
set title 'factors that the gates leave'; set yrange [-0.2:*]; set ytics 1
plot 'matrix_factorization_prices.csv' using 1:2 with steps lw 2 lc '#2166ac', \
  'matrix_factorization_prices.csv' using 1:2 with points pt 7 ps 0.6 lc '#2166ac'
unset multiplot
)");
}
