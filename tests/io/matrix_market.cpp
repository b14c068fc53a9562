// SPDX-License-Identifier: MIT
#include <l0/io/matrix_market.hpp>

#include <filesystem>
#include <random>

#include <l0/random/rng.hpp>

#include "support/catch.hpp"

namespace {

using Catch::Matchers::ContainsSubstring;

Eigen::MatrixXd parse(const std::string& text) { return l0::parse_matrix_market<double>(text); }

void refuses(const std::string& text, const char* message) {
  CAPTURE(text);
  CHECK_THROWS_MATCHES(l0::parse_matrix_market<double>(text, "m.mtx"), l0::Error,
                       Catch::Matchers::Predicate<l0::Error>([&](const l0::Error& error) {
                         return std::string(error.what()).find(message) != std::string::npos;
                       }));
}

const std::string banner = "%%MatrixMarket matrix coordinate real general\n";

}  // namespace

TEST_CASE("Matrix Market: every kind that is real") {
  Eigen::MatrixXd expected(2, 3);
  expected << 1.5, 0, 0, 0, -2, 1e3;
  CHECK(parse(banner + "% a comment\n\n2 3 3\n1 1 1.5\n2 2 -2\n2 3 1e3\n") == expected);
  CHECK(parse("%%matrixmarket MATRIX Coordinate Integer General\r\n2 3 3\r\n1 1 1\r\n2 2 2\r\n2 3 3\r\n")(1, 2) == 3);
  CHECK(parse("%%MatrixMarket matrix array real general\n2 3\n1.5\n0\n0\n-2\n0\n+1000") == expected);
  CHECK(parse("%%MatrixMarket matrix coordinate pattern general\n2 2 1\n2 1\n")(1, 0) == 1);
  CHECK(parse(banner + "2 2 3\n1 1 1\n1 1 2\n2 2 5\n")(0, 0) == 3);  // given twice
  CHECK(parse(banner + "0 0 0\n").size() == 0);

  Eigen::Matrix2d symmetric;
  symmetric << 1, 2, 2, 3;
  CHECK(parse("%%MatrixMarket matrix coordinate real symmetric\n2 2 3\n1 1 1\n2 1 2\n2 2 3\n") == symmetric);
  CHECK(parse("%%MatrixMarket matrix array real symmetric\n2 2\n1\n2\n3\n") == symmetric);
  Eigen::Matrix2d skew;
  skew << 0, -2, 2, 0;
  CHECK(parse("%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n2 1 2\n") == skew);
  CHECK(parse("%%MatrixMarket matrix array real skew-symmetric\n2 2\n2\n") == skew);
}

TEST_CASE("Matrix Market: what is written is read again to the last bit") {
  l0::Rng rng(1);
  std::normal_distribution<double> normal;
  Eigen::MatrixXd dense = Eigen::MatrixXd::NullaryExpr(7, 9, [&] { return rng() % 3 == 0 ? normal(rng) * 1e-7 : 0.0; });
  const Eigen::SparseMatrix<double, Eigen::RowMajor> matrix = dense.sparseView();
  const std::string path = (std::filesystem::temp_directory_path() / "l0_matrix.mtx").string();
  l0::write_matrix_market(path, matrix);
  CHECK(Eigen::MatrixXd(l0::read_matrix_market<double>(path)) == dense);
  std::filesystem::remove(path);
  CHECK_THROWS_AS(l0::read_matrix_market<float>(path), l0::Error);
  CHECK_THROWS_AS(l0::write_matrix_market("/no such folder/m.mtx", matrix), l0::Error);
}

TEST_CASE("Matrix Market: malformed texts are refused with their line") {
  refuses("", "m.mtx, line 0 is 'end of file'");
  refuses("1 2 3\n", "line 1");
  refuses("%%MatrixMarket vector coordinate real general\n", "%%MatrixMarket matrix");
  refuses("%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1 0\n", "a field real");
  refuses("%%MatrixMarket matrix coordinate real hermitian\n1 1 1\n1 1 1\n", "general, symmetric");
  refuses("%%MatrixMarket matrix array pattern general\n1 1\n", "pattern in coordinate");
  refuses("%%MatrixMarket matrix list real general\n1 1\n", "coordinate or array");
  refuses("%%MatrixMarket matrix coordinate real general extra\n1 1 0\n", "five words");
  refuses(banner, "a line with the sizes");
  refuses(banner + "2 2\n", "sizes");
  refuses(banner + "2 2 -1\n", "sizes");
  refuses(banner + "2 x 1\n1 1 1\n", "sizes");
  refuses(banner + "3000000000 2 1\n1 1 1\n", "sizes");
  refuses(banner + "2 2 1 7\n1 1 1\n", "rows, columns and entries");
  refuses(banner + "2 2 1000000000\n1 1 1\n", "than the file can hold");
  refuses(banner + "2 2 2\n1 1 1\n", "2 entries, 1 found");
  refuses(banner + "2 2 1\n1 1 1\n2 2 2\n", "the end of the file after 1 entries");
  refuses(banner + "2 2 1\n0 1 1\n", "line 3");
  refuses(banner + "2 2 1\n1 3 1\n", "numbers from 1 to 2x2");
  refuses(banner + "2 2 1\n1 1\n", "a finite number");
  refuses(banner + "2 2 1\n1 1 nan\n", "a finite number");
  refuses(banner + "2 2 1\n1 1 1e999\n", "a finite number");
  refuses(banner + "2 2 1\n1 1 1 1\n", "nothing after");
  refuses(banner + "2 2 1\n1.5 1 1\n", "row and column");
  refuses("%%MatrixMarket matrix coordinate real symmetric\n2 3 1\n1 1 1\n", "as many rows");
  refuses("%%MatrixMarket matrix coordinate real symmetric\n2 2 1\n1 2 1\n", "lower triangle");
  refuses("%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n1 1 1\n", "no diagonal");
  CHECK_THROWS_WITH(l0::parse_matrix_market<float>(banner + "1 1 1\n1 1 1e39\n"), ContainsSubstring("a finite number"));
}
