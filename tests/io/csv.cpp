// SPDX-License-Identifier: MIT
#include <l0/io/csv.hpp>

#include <filesystem>
#include <fstream>

#include "support/catch.hpp"

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::CsvTable;
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
  CHECK(CsvTable::parse("a;b\n1;2\n", "text", ';').numbers("b") == std::vector<double>{2});
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

  const CsvTable table = CsvTable::parse("a,b\n1,\n2,x\n3,inf\n", "t.csv");
  CHECK_THROWS_WITH(table.column("c"), ContainsSubstring("'c', expected one of a, b"));
  CHECK_THROWS_WITH(table.numbers("b"), ContainsSubstring("t.csv, column b, row 1 is ''"));
  CHECK_THROWS_WITH(table.numbers("b", 0), ContainsSubstring("row 2 is 'x', expected a finite number"));
  CHECK_THROWS_AS(CsvTable::read("/no such file.csv"), l0::Error);
}
