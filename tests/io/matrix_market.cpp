// SPDX-License-Identifier: MIT
#include <l0/io/matrix_market.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <locale>
#include <random>
#include <vector>

#include <l0/random/rng.hpp>

#include "io/files.hpp"
#include "support/catch.hpp"

namespace tests::io::matrix_market {

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
  const l0::test::TemporaryFile file;
  l0::write_matrix_market(file.path(), matrix);
  CHECK(Eigen::MatrixXd(l0::read_matrix_market<double>(file.path())) == dense);
  CHECK_THROWS_WITH(l0::read_matrix_market<float>("/no such file.mtx"), ContainsSubstring("/no such file.mtx"));
  CHECK_THROWS_AS(l0::write_matrix_market("/no such folder/m.mtx", matrix), l0::Error);
}

TEST_CASE("Matrix Market: malformed texts are refused with their line") {
  refuses("", "m.mtx, line 0 is 'end of file'");
  refuses("1 2 3\n", "line 1");
  refuses("%%MatrixMarket vector coordinate real general\n", "%%MatrixMarket matrix");
  refuses("%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1 0\n",
          "a field real, integer, unsigned-integer or pattern");
  refuses("%%MatrixMarket matrix coordinate real hermitian\n1 1 1\n1 1 1\n", "general, symmetric");
  refuses("%%MatrixMarket matrix array pattern general\n1 1\n", "pattern in coordinate");
  refuses("%%MatrixMarket matrix list real general\n1 1\n", "coordinate or array");
  refuses("%%MatrixMarket matrix coordinate real general extra\n1 1 0\n", "five words");
  refuses(banner, "a line with the sizes");
  refuses(banner + "2 2\n", "sizes");
  refuses(banner + "2 2 -1\n", "sizes");
  refuses(banner + "2 x 1\n1 1 1\n", "sizes");
  refuses(banner + "3000000000 2 1\n1 1 1\n", "line 2 is '3000000000 2 1', expected sizes from 0 to 2147483647");
  refuses(banner + "2 2 3000000000\n1 1 1\n", "2147483647 entries, what the StorageIndex int of Eigen::SparseMatrix");
  refuses(banner + "1 2147483647 0\n", "at most 4194304 columns");
  refuses("%%MatrixMarket matrix array real general\n2000000000 2000000000\n1\n", "than the file can hold");
  refuses(banner + "2 2 1 7\n1 1 1\n", "rows, columns and entries");
  refuses(banner + "2 2 1000000000\n1 1 1\n", "than the file can hold");
  refuses(banner + "2 2 2\n1 1 1\n", "2 entries, 1 found");
  refuses(banner + "2 2 1\n1 1 1\n2 2 2\n", "the end of the file after 1 entries");
  refuses(banner + "2 2 1\n0 1 1\n", "line 3");
  refuses(banner + "2 2 1\n1 3 1\n", "numbers from 1 to 2x2");
  refuses(banner + "2 2 1\n1 1\n", "a finite number");
  refuses(banner + "2 2 1\n1 1 nan\n", "a finite number");
  refuses(banner + "2 2 1\n1 1 1e999\n", "a finite number");
  refuses(banner + "2 2 1\n1 1 inf\n", "a finite number");
  refuses("%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 1 2.5\n",
          "line 3 is '1 1 2.5', expected a whole number in a file of integers");
  refuses("%%MatrixMarket matrix array integer general\n1 1\n1e3\n", "line 3 is '1e3', expected a whole number");
  refuses("%%MatrixMarket matrix coordinate unsigned-integer general\n1 1 1\n1 1 -2\n", "a number >= 0");
  refuses(banner + "1.234 1 0\n", "line 2 is '1.234 1 0', expected sizes");
  refuses("\xFE\xFF", "m.mtx is in UTF-16");
  refuses("%%MatrixMarket matrix coordinate real general\r1 1 1\r1 1 x\r", "line 3 is '1 1 x'");
  refuses(banner + "2 2 1\n1 1 1 1\n", "nothing after");
  refuses(banner + "2 2 1\n1.5 1 1\n", "row and column");
  refuses("%%MatrixMarket matrix coordinate real symmetric\n2 3 1\n1 1 1\n", "as many rows");
  refuses("%%MatrixMarket matrix coordinate real symmetric\n2 2 1\n1 2 1\n", "lower triangle");
  refuses("%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n1 1 1\n", "no diagonal");
  CHECK_THROWS_WITH(l0::parse_matrix_market<float>(banner + "1 1 1\n1 1 1e39\n"), ContainsSubstring("a finite number"));
}

TEST_CASE("Matrix Market: stored zeros are data") {
  const auto matrix = l0::parse_matrix_market<double>(banner + "3 2 4\n3 1 0\n1 1 1\n2 2 0.0\n1 2 -0\n");
  CHECK(matrix.nonZeros() == 4);
  CHECK(matrix.isCompressed());
  const l0::test::TemporaryFile file;
  l0::write_matrix_market(file.path(), matrix);
  CHECK(file.read() == banner + "3 2 4\n1 1 1\n3 1 0\n1 2 -0\n2 2 0\n");
  const auto again = l0::read_matrix_market<double>(file.path());
  CHECK(again.nonZeros() == 4);
  CHECK(Eigen::MatrixXd(again) == Eigen::MatrixXd(matrix));
  CHECK(l0::parse_matrix_market<float>("%%MatrixMarket matrix coordinate real symmetric\n2 2 2\n1 1 0\n2 1 0\n")
            .nonZeros() == 3);
  // 1 and -1 at one place are an entry too; an array, which has all entries, is taken without its zeros.
  CHECK(l0::parse_matrix_market<double>(banner + "2 2 2\n1 1 1\n1 1 -1\n").nonZeros() == 1);
  CHECK(l0::parse_matrix_market<double>("%%MatrixMarket matrix array real general\n2 1\n0\n5\n").nonZeros() == 1);
}

TEST_CASE("Matrix Market: entries in any order come sorted, those of one place summed in their order") {
  l0::Rng rng(3);
  constexpr int rows = 17;
  constexpr int columns = 5;
  std::string text;
  std::vector<Eigen::Triplet<double>> entries;
  for (int k = 0; k < 300; ++k) {
    const int i = static_cast<int>(rng() % rows);
    const int j = k % 3 == 0 ? 4 : static_cast<int>(rng() % 3);  // column 3 stays empty
    const double value = static_cast<double>(rng() % 1000) / 8;
    entries.emplace_back(i, j, value);
    text += std::to_string(i + 1) + " " + std::to_string(j + 1) + " " + l0::detail::to_text(value) + "\n";
  }
  Eigen::SparseMatrix<double> expected(rows, columns);
  expected.setFromTriplets(entries.begin(), entries.end());
  const auto matrix = l0::parse_matrix_market<double>(banner + "17 5 300\n" + text);
  CHECK(Eigen::MatrixXd(matrix) == Eigen::MatrixXd(expected));  // eighths add up without rounding
  REQUIRE(matrix.nonZeros() == expected.nonZeros());
  CHECK(std::equal(matrix.innerIndexPtr(), matrix.innerIndexPtr() + matrix.nonZeros(), expected.innerIndexPtr()));
  CHECK(std::equal(matrix.outerIndexPtr(), matrix.outerIndexPtr() + columns + 1, expected.outerIndexPtr()));
  // 1e16 + 1 + 1 in this order is 1e16; in another it would be more.
  CHECK(parse(banner + "1 1 3\n1 1 1e16\n1 1 1\n1 1 1\n")(0, 0) == 1e16);
}

TEST_CASE("Matrix Market: files as others write them") {
  // As scipy.io.mmwrite puts a matrix of unsigned numbers.
  const auto counts = l0::parse_matrix_market<double>(
      "%%MatrixMarket matrix coordinate unsigned-integer general\n%\n2 2 2\n1 1 3\n2 2 18446744073709551615\n");
  CHECK(counts.coeff(0, 0) == 3);
  CHECK(counts.coeff(1, 1) == 18446744073709551616.0);
  CHECK(parse("\xEF\xBB\xBF" + banner + "1 1 1\n1 1 2\n")(0, 0) == 2);
  CHECK(parse("%%MatrixMarket matrix coordinate real general\r% CR alone\r1 1 1\r1 1 2\r")(0, 0) == 2);
  const auto tiny = l0::parse_matrix_market<double>(banner + "1 2 2\n1 1 1e-400\n1 2 -1e-400\n");
  CHECK(tiny.nonZeros() == 2);
  CHECK((tiny.coeff(0, 0) == 0 && std::signbit(tiny.coeff(0, 1))));
  CHECK(l0::parse_matrix_market<float>(banner + "1 1 1\n1 1 1e-60\n").coeff(0, 0) == 0);
  // Many rows cost nothing, and neither do as many columns as an honest file may have.
  CHECK(l0::parse_matrix_market<double>(banner + "2147483647 1 1\n2147483647 1 5\n").coeff(2147483646, 0) == 5);
  CHECK(l0::parse_matrix_market<double>(banner + "1 4194304 0\n").cols() == 4194304);
  const std::string large = banner + "%" + std::string(2'000'000, '-') + "\n1 8000000 1\n1 8000000 5\n";
  CHECK(l0::parse_matrix_market<double>(large).coeff(0, 7999999) == 5);
}

TEST_CASE("Matrix Market: written under a global locale with grouping, read under any") {
  struct Grouping : std::numpunct<char> {
    char do_decimal_point() const override { return ','; }
    char do_thousands_sep() const override { return '.'; }
    std::string do_grouping() const override { return "\3"; }
  };
  Eigen::SparseMatrix<double> matrix(12345, 3);
  matrix.insert(12344, 1) = 1234.5;
  matrix.makeCompressed();
  const l0::test::TemporaryFile file;
  const std::locale before = std::locale::global(std::locale(std::locale::classic(), new Grouping));
  l0::write_matrix_market(file.path(), matrix);
  const auto within = l0::read_matrix_market<double>(file.path());
  std::locale::global(before);
  CHECK(file.read() == banner + "12345 3 1\n12345 2 1234.5\n");
  CHECK(within.coeff(12344, 1) == 1234.5);
}

TEST_CASE("Matrix Market: whole numbers are written as integers, NaN and infinities not at all") {
  const l0::test::TemporaryFile file;
  Eigen::SparseMatrix<int> counts(2, 2);
  counts.insert(1, 0) = -7;
  const std::string expected = "%%MatrixMarket matrix coordinate integer general\n2 2 1\n2 1 -7\n";
  l0::write_matrix_market(file.path(), counts);
  CHECK(file.read() == expected);
  Eigen::SparseMatrix<double> bad(2, 2);
  bad.insert(1, 0) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(l0::write_matrix_market(file.path(), bad), ContainsSubstring("matrix(1, 0) is nan"));
  CHECK(file.read() == expected);  // the old one
}

TEST_CASE("Rows cost nothing, read or written") {
  const l0::test::TemporaryFile file;
  Eigen::SparseMatrix<double> matrix(std::numeric_limits<int>::max(), 3);
  matrix.reserve(1);  // by hand: `insert` alone takes memory by the rows
  for (int j = 0; j < 3; ++j) {
    matrix.startVec(j);
    if (j == 1) matrix.insertBack(2147483000, j) = 2.5;
  }
  matrix.finalize();
  l0::write_matrix_market(file.path(), matrix);
  const auto back = l0::read_matrix_market(file.path());
  CHECK(back.rows() == std::numeric_limits<int>::max());
  CHECK(back.nonZeros() == 1);
  CHECK(back.coeff(2147483000, 1) == 2.5);
}

TEST_CASE("Matrices are written as they lie: by rows, with gaps, as expressions") {
  const l0::test::TemporaryFile file;
  Eigen::SparseMatrix<double> matrix(4, 3);
  for (int k = 0; k < 4; ++k) matrix.insert(3 - k, k % 3) = k - 1.5;  // leaves gaps
  REQUIRE_FALSE(matrix.isCompressed());
  const Eigen::MatrixXd expected = matrix;
  const auto written = [&](const auto& form) {
    l0::write_matrix_market(file.path(), form);
    return Eigen::MatrixXd(l0::read_matrix_market(file.path()));
  };
  CHECK(written(matrix) == expected);
  CHECK(written(Eigen::SparseMatrix<double, Eigen::RowMajor>(matrix)) == expected);
  CHECK(written(matrix.transpose()) == expected.transpose());
  CHECK(written(2 * matrix) == 2 * expected);
  CHECK(written(matrix.middleCols(1, 2)) == expected.middleCols(1, 2));
}

}  // namespace tests::io::matrix_market
