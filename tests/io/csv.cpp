// SPDX-License-Identifier: MIT
#include <l0/io/csv.hpp>

#include <cmath>
#include <limits>
#include <locale>
#include <vector>

#include <l0/callbacks/report.hpp>

#include "io/files.hpp"
#include "support/catch.hpp"

namespace tests::io::csv {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::CsvOptions;
using l0::CsvReader;
using l0::CsvTable;
using l0::Index;
using l0::test::TemporaryFile;
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("CSV: quotes, line ends, empty fields") {
  const CsvTable table = CsvTable::parse(
      "\xEF\xBB\xBF"
      "name,value,\"long, name\"\r\na,1,\r\n\"b \"\"q\"\"\",-2.5,\"two\nlines\"\n\nlast,+3e2,\"\"");
  CHECK(table.names() == Texts{"name", "value", "long, name"});
  CHECK(table.rows() == 3);
  CHECK(table.column("name") == Texts{"a", "b \"q\"", "last"});
  CHECK(table.column("long, name") == Texts{"", "two\nlines", ""});
  CHECK(table.numbers("value") == std::vector<double>{1, -2.5, 300});
  CHECK(table.has("value"));
  CHECK_FALSE(table.has("Value"));
  CHECK(CsvTable::parse("a;b\n1;2\n", "text", {.separator = ';'}).numbers("b") == std::vector<double>{2});
  CHECK(CsvTable::parse("only\n").rows() == 0);
  CHECK(CsvTable::parse("only\n1\n\n3\n").column("only") == Texts{"1", "", "3"});
  CHECK(CsvTable::parse("only\n1\n\n3\n").numbers("only", 0) == std::vector<double>{1, 0, 3});
}

TEST_CASE("CSV: a field survives being written") {
  for (const std::string text : {"plain", "with, comma", "with \"quotes\"", "two\nlines", "", "end\r"}) {
    CAPTURE(text);
    CHECK(CsvTable::parse("a,b\n" + l0::csv_field(text) + ",x\n").column("a") == Texts{text});
  }
  CHECK(l0::csv_field("a;b", ';') == "\"a;b\"");
}

TEST_CASE("CSV: malformed texts are refused with their line") {
  const auto refuses = [](const std::string& text, const char* message) {
    CAPTURE(text);
    CHECK_THROWS_WITH(CsvTable::parse(text, "t.csv"), ContainsSubstring(message));
  };
  refuses("", "t.csv is empty");
  refuses("\n\n", "t.csv is empty");
  refuses("a,b\n1,2\n3\n", "t.csv, line 3 is 1 fields, expected 2");
  refuses("a,b\n1,2,3\n", "line 2 is 3 fields");
  refuses("a,b\n\"x\ny\",2\n3\n", "line 4 is 1 fields");
  refuses("a,a\n", "'a' twice");
  refuses("a,b\n\"1,2\n", "quote without end");
  refuses("a,b\n\"1\"x,2\n", "text after a closing quote");
  refuses("a,b\nx\"1\",2\n", "a quote inside a field");

  refuses("a,b\r1,2\r3\r", "line 3 is 1 fields");
  refuses("a,b\n1,\"2\n\n3", "line 2 is a quote without end");
  refuses(std::string("\xFF\xFE"
                      "a\0",
                      4),
          "t.csv is in UTF-16");

  const CsvTable table = CsvTable::parse("a,b\n1,\n\n2,x\n3,inf\n", "t.csv");
  CHECK_THROWS_WITH(table.column("c"), ContainsSubstring("'c', expected one of a, b"));
  CHECK_THROWS_WITH(table.numbers("b"), ContainsSubstring("t.csv, line 2, column b is ''"));
  CHECK_THROWS_WITH(table.numbers("b", 0), ContainsSubstring("line 4, column b is 'x', expected a finite number"));
  CHECK_THROWS_AS(CsvTable::read("/no such file.csv"), l0::Error);
  const auto refuses_options = [](const CsvOptions& options, const char* message) {
    CHECK_THROWS_WITH(CsvTable::parse("a\n", "t", options), ContainsSubstring(message));
  };
  refuses_options({.separator = '"'}, "separator is '\"'");
  refuses_options({.decimal = ','}, "decimal is ',', expected a point or a comma that is not the separator");
  refuses_options({.decimal = ';'}, "decimal is ';'");
}

TEST_CASE("CSV: numbers with blanks around them, missing ones by words") {
  const CsvTable table = CsvTable::parse(
      " x , y\n"
      "  1.5\t,NA\n"
      "\" -2 \", NaN \n"
      "+3e2 ,\n"
      "1e-400,null\n"
      "4,5\n");
  CHECK(table.names() == Texts{"x", "y"});
  CHECK(table.column("x")[0] == "  1.5\t");  // texts are as they stand
  CHECK(table.numbers("x") == std::vector<double>{1.5, -2, 300, 0, 4});
  CHECK(table.numbers("y", -1) == std::vector<double>{-1, -1, -1, -1, 5});
  const std::vector<double> with_nan = table.numbers("y", std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < 4; ++i) CHECK(std::isnan(with_nan[i]));
  CHECK(with_nan[4] == 5);
  CHECK_THROWS_WITH(table.numbers("y"),
                    ContainsSubstring("line 2, column y is 'NA', expected a finite number, or a value for missing"));

  const Eigen::MatrixXf both = table.matrix<float>({"y", "x"}, 7);
  REQUIRE((both.rows() == 5 && both.cols() == 2));
  CHECK((both(0, 0) == 7 && both(4, 0) == 5 && both(1, 1) == -2));
  CHECK_THROWS_WITH(CsvTable::parse("a\n1e39\n", "t.csv").matrix<float>({"a"}),
                    ContainsSubstring("t.csv, line 2, column a is '1e39', expected a finite number"));
  CHECK_THROWS_WITH(table.matrix({"x", "y"}), ContainsSubstring("line 2, column y"));

  const CsvOptions own{.missing = {"-999", "refused"}};
  const CsvTable survey = CsvTable::parse("income\n-999\n20\nrefused\n", "s.csv", own);
  CHECK(survey.numbers("income", 0) == std::vector<double>{0, 20, 0});
  CHECK_THROWS_WITH(CsvTable::parse("income\nNA\n", "s.csv", own).numbers("income", 0),
                    ContainsSubstring("line 2, column income is 'NA', expected a finite number"));
  CHECK_THROWS_WITH(CsvTable::parse("a\n1e400\n", "s.csv").numbers("a", 0), ContainsSubstring("'1e400'"));
}

TEST_CASE("CSV: decimal commas with semicolons") {
  const CsvOptions german{.separator = ';', .decimal = ','};
  const CsvTable table = CsvTable::parse("name;value\nein, zwei;1,5\ndrei;-2,5e1\nvier;,25\nacht;8\n", "t.csv", german);
  CHECK(table.column("name")[0] == "ein, zwei");
  CHECK(table.numbers("value") == std::vector<double>{1.5, -25, 0.25, 8});
  for (const char* text : {"1.5", "1.234,5", "1,2,3"}) {
    CHECK_THROWS_WITH(CsvTable::parse("value\n" + std::string(text) + "\n", "t.csv", german).numbers("value"),
                      ContainsSubstring("line 2, column value is '" + std::string(text) + "'"));
  }
}

TEST_CASE("CSV: lines that end in CR alone, and line breaks in quotes") {
  const CsvTable table = CsvTable::parse("a,b\r1,\"x\ry\"\r2,\"\"\r", "t.csv");
  CHECK(table.numbers("a") == std::vector<double>{1, 2});
  CHECK(table.column("b") == Texts{"x\ry", ""});
  const CsvTable mixed = CsvTable::parse("a,b\r\n1,\"two\r\nlines\"\r\nx,3\r\n", "t.csv");
  CHECK(mixed.column("b") == Texts{"two\r\nlines", "3"});
  CHECK_THROWS_WITH(mixed.numbers("a"), ContainsSubstring("t.csv, line 4, column a is 'x'"));
}

TEST_CASE("CSV: columns of texts as categories") {
  const CsvTable table = CsvTable::parse("region,y\nsouth,1\n north,2\nsouth ,3\nNA,4\neast,5\n", "t.csv");
  const l0::Categories regions = table.categories("region");
  CHECK(regions.names == Texts{"east", "north", "south"});
  CHECK(regions.codes == (Eigen::VectorXi(5) << 2, 1, 2, -1, 0).finished());
  CHECK_THROWS_WITH(regions.dummies(), ContainsSubstring("t.csv, column region, row 4 is missing"));

  const l0::Categories known = table.categories("region", {"south", "north", "east", "west"});
  CHECK(known.codes == (Eigen::VectorXi(5) << 0, 1, 0, -1, 2).finished());
  CHECK_THROWS_WITH(table.categories("region", {"south", "north"}),
                    ContainsSubstring("t.csv, line 6, column region is 'east', expected a category that is known"));
  CHECK_THROWS_WITH(table.categories("region", {"a", "a"}), ContainsSubstring("'a' twice"));

  const CsvTable empty_too = CsvTable::parse("region,y\nsouth,1\n,2\n", "t.csv", {.missing = {}});
  CHECK(empty_too.categories("region").names == Texts{"", "south"});
  Eigen::MatrixXd expected(2, 2);
  expected << 0, 1, 1, 0;
  CHECK(empty_too.categories("region").dummies() == expected);
  CHECK(empty_too.categories("region").dummies<float>(1) == Eigen::MatrixXf(expected.rightCols(1).cast<float>()));
  CHECK(empty_too.categories("region").dummies(2).cols() == 0);
  CHECK_THROWS_AS(empty_too.categories("region").dummies(3), l0::Error);
}

TEST_CASE("CSV: a table in parts is the table, wherever its blocks end") {
  std::string text = "id,text,value\r\n";
  Texts texts;
  for (int i = 0; i < 30000; ++i) {
    // Rows of up to 300 bytes with everything that may stand at the end of a block.
    const std::string field = i % 7 == 0   ? "\"\""
                              : i % 5 == 0 ? "two\r\nlines"
                                           : std::string(static_cast<std::size_t>(i % 300), 'x') + ",";
    texts.push_back(field);
    text += std::to_string(i) + "," + l0::csv_field(field) + "," + std::to_string(0.5 * i);
    text += i % 3 == 0 ? "\r\n" : i % 3 == 1 ? "\n" : "\r";
    if (i % 11 == 0) text += "\r\n";
  }
  texts.emplace_back(2'500'000, 'y');  // more than two blocks
  text += "30000,\"" + texts.back() + "\",1";
  REQUIRE(text.size() > 5'000'000);
  const TemporaryFile file;
  file.write("\xEF\xBB\xBF" + text);

  CsvReader reader(file.path());
  CHECK(reader.names() == Texts{"id", "text", "value"});
  Texts read;
  double sum = 0;
  Index parts = 0;
  for (CsvTable part; reader.next(part, 997); ++parts) {
    CHECK(part.rows() <= 997);
    read.insert(read.end(), part.column("text").begin(), part.column("text").end());
    sum += part.matrix({"value"}).sum();
  }
  CHECK(parts == 31);
  CHECK(reader.rows() == 30001);
  CHECK(read == texts);
  CHECK(sum == 0.5 * 29999 * 15000 + 1);
  CsvTable none;
  CHECK_FALSE(reader.next(none, 1));
  CHECK(none.rows() == 0);
  CHECK_THROWS_AS(reader.next(none, 0), l0::Error);

  CsvReader in_memory = CsvReader::of_text(text);
  CsvTable part;
  CHECK(in_memory.next(part, 2));
  CHECK(part.column("id") == Texts{"0", "1"});
}

TEST_CASE("CSV: wide tables") {
  std::string header;
  std::string row;
  Texts names;
  for (int j = 0; j < 20000; ++j) {
    names.push_back("gene" + std::to_string((j * 7919) % 20000));
    header += (j == 0 ? "" : ",") + names.back();
    row += (j == 0 ? "" : ",") + std::to_string(j);
  }
  const CsvTable table = CsvTable::parse(header + "\n" + row + "\n", "t.csv");
  const Eigen::MatrixXd X = table.matrix(names);
  CHECK((X.row(0).transpose() - Eigen::VectorXd::LinSpaced(20000, 0, 19999)).isZero());
  CHECK_THROWS_WITH(table.column("gene"), ContainsSubstring("one of gene0, gene7919, ") && ContainsSubstring(", ..."));
  CHECK_THROWS_WITH(CsvTable::parse(header + ",gene77", "t.csv"), ContainsSubstring("'gene77' twice"));
}

TEST_CASE("CSV: a callback hears how far reading is, and may stop it") {
  std::string text = "a\n";
  for (int i = 0; i < 500000; ++i) text += "123456\n";
  const TemporaryFile file;
  file.write(text);
  std::vector<l0::StepReport> seen;
  const CsvTable table =
      CsvTable::read(file.path(), {.callback = [&](const l0::StepReport& report) { seen.push_back(report); }});
  CHECK(table.rows() == 500000);
  REQUIRE(seen.size() == 4);  // at 1, 2, 3 and 3.5 million bytes
  for (const l0::StepReport& report : seen) CHECK(report.steps == static_cast<Index>(text.size()));
  CHECK(seen[0].step >= 1'000'000);
  CHECK(seen[3].step == seen[3].steps);
  CHECK(std::isnan(seen[0].loss));

  const auto stop = [](const l0::StepReport&) { return l0::Flow::stop; };
  CsvReader reader(file.path(), {.callback = stop});
  CsvTable part;
  CHECK(reader.next(part, 1'000'000));
  CHECK(part.rows() < 150000);
  CHECK_FALSE(reader.next(part, 1));
}

TEST_CASE("CSV: a file that is written to while it is read is refused") {
  std::string text = "a\n";
  for (int i = 0; i < 300000; ++i) text += "123456\n";
  const TemporaryFile file;
  file.write(text);
  CsvReader reader(file.path());
  CsvTable part;
  REQUIRE(reader.next(part, 10));
  file.write(text + "1\n");
  CHECK_THROWS_WITH(reader.next(part, 1'000'000), ContainsSubstring(file.path() + " is changed while it was read"));
  CHECK(part.rows() == 10);
}

}  // namespace tests::io::csv
