// SPDX-License-Identifier: MIT
#include <l0/io/text.hpp>

#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <locale>
#include <vector>

#include <l0/random/rng.hpp>

#include "io/files.hpp"
#include "support/catch.hpp"

namespace tests::io::text {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::LineReader;
using l0::test::TemporaryFile;

template <class Number>
Number number(const std::string& text) {
  Number value{};
  CAPTURE(text);
  CHECK(l0::parse_number(text, value));
  return value;
}

template <class Number>
bool refuses(const std::string& text) {
  Number value = 42;
  return !l0::parse_number(text, value) && value == 42;
}

std::vector<std::string> lines(const std::string& text) {
  LineReader reader(text);
  std::vector<std::string> result;
  for (std::string_view line; reader.next(line);) result.emplace_back(line);
  CHECK(reader.number() == result.size());
  CHECK(reader.left() == 0);
  return result;
}

/// Numbers of a country that writes 1.234,5.
struct Grouping : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

/// The global locale of C++, put back at the end.
struct GlobalLocale {
  std::locale before = std::locale::global(std::locale(std::locale::classic(), new Grouping));
  ~GlobalLocale() { std::locale::global(before); }
};

}  // namespace

TEST_CASE("Numbers: the whole of a text, rounded to the nearest") {
  CHECK(number<double>("1.5") == 1.5);
  CHECK(number<double>("+1e3") == 1000);
  CHECK(number<double>("-.5") == -0.5);
  CHECK(number<double>("5.") == 5);
  CHECK(number<double>("1E-2") == 0.01);
  CHECK(number<float>("16777217") == 16777216);  // halfway: to even
  CHECK(number<float>("16777217.0000000000000000000000000000001") == 16777218);
  CHECK(number<double>("9007199254740993." + std::string(900, '0') + "1") == 9007199254740994.0);
  CHECK(number<double>("1" + std::string(400, '0') + "e-400") == 1);
  CHECK(number<double>("0." + std::string(400, '0') + "1e401") == 1);
  CHECK(number<int>("+7") == 7);
  CHECK(number<int>("-7") == -7);
  CHECK(number<std::int64_t>("9223372036854775807") == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("Numbers: what is too small is 0, what is too large is none") {
  CHECK(number<double>("1e-400") == 0);
  CHECK(std::signbit(number<double>("-1e-400")));
  CHECK(number<double>("0." + std::string(500, '0') + "1") == 0);
  CHECK(number<double>("1e-99999999999999999999") == 0);
  CHECK(number<double>("0e99999999999999999999") == 0);
  CHECK(number<float>("1e-60") == 0);
  CHECK(number<double>("4.9406564584124654e-324") == std::numeric_limits<double>::denorm_min());
  CHECK(number<double>("1.7976931348623157e308") == std::numeric_limits<double>::max());
  for (const char* text : {"1e400", "-1e400", "1.8e308", "1e99999999999999999999"}) CHECK(refuses<double>(text));
  CHECK(refuses<double>("1" + std::string(400, '0')));
  CHECK(refuses<float>("1e39"));
  for (const char* text : {"2147483648", "-2147483649", "1.0", "1e3"}) CHECK(refuses<int>(text));
}

TEST_CASE("Numbers: everything else is none") {
  for (const char* text :
       {"",      "+",    "-",   ".",    "e5",       "1e",  "1e+", "+-1",    "++1", "1 ",  " 1", "1,5",
        "1.2.3", "0x10", "inf", "-inf", "infinity", "nan", "NaN", "nan(1)", "1f",  "--1", "-+1"}) {
    CAPTURE(text);
    CHECK(refuses<double>(text));
    CHECK(refuses<int>(text));
  }
  CHECK(refuses<double>(std::string("1\0", 2)));
}

TEST_CASE("Numbers: a library without from_chars gets the same bits") {
  l0::Rng rng(1);
  const auto check = [](const std::string& text) {
    double plain = 0;
    double other = 0;
    float plain_float = 0;
    float other_float = 0;
    CAPTURE(text);
    const bool is_double = l0::parse_number(text, plain);
    const bool is_float = l0::parse_number(text, plain_float);
    REQUIRE(is_double == l0::detail::parse_decimal_by_strtod(text, other));
    REQUIRE(is_float == l0::detail::parse_decimal_by_strtod(text, other_float));
    REQUIRE(std::bit_cast<std::uint64_t>(plain) == std::bit_cast<std::uint64_t>(other));
    REQUIRE(std::bit_cast<std::uint32_t>(plain_float) == std::bit_cast<std::uint32_t>(other_float));
  };
  const GlobalLocale locale;
  for (int k = 0; k < 20000; ++k) {
    const auto value = std::bit_cast<double>((std::uint64_t{rng()} << 32) | rng());
    if (!std::isfinite(value)) continue;
    const std::string text = l0::detail::to_text(value);
    check(text);
    CHECK(number<double>(text) == value);
    check(std::to_string(rng() % 100000) + "." + std::to_string(rng()) + "e-" + std::to_string(rng() % 400));
  }
  for (const char* text : {"1e-400", "-1e-400", "1e400", "2.4703282292062327e-324", "2.4703282292062328e-324", "1.",
                           ".", "1e", "inf", "nan", "0x1p3", "1,5", "", "-"}) {
    check(text);
  }
  check("0." + std::string(300, '1') + "e200");
}

TEST_CASE("Lines end in LF, CR LF or CR") {
  using Texts = std::vector<std::string>;
  CHECK(lines("a\nb\n") == Texts{"a", "b"});
  CHECK(lines("a\r\nb") == Texts{"a", "b"});
  CHECK(lines("a\rb\r") == Texts{"a", "b"});
  CHECK(lines("\n\r\n\r") == Texts{"", "", ""});
  CHECK(lines("\xEF\xBB\xBF"
              "a") == Texts{"a"});
  CHECK(lines("").empty());
  CHECK_THROWS_WITH(LineReader(std::string_view("\xFF\xFE"
                                                "a\0",
                                                4),
                               "t.txt"),
                    ContainsSubstring("t.txt is in UTF-16"));
}

TEST_CASE("A reader of one's own says line, text and expectation") {
  const TemporaryFile file;
  file.write(
      "\xEF\xBB\xBF"
      "first 1\r\n\tsecond\t x\x1B[31m\n");
  LineReader reader = LineReader::open(file.path());
  std::string_view line;
  REQUIRE(reader.next(line));
  CHECK(l0::next_word(line) == "first");
  CHECK(l0::next_word(line) == "1");
  CHECK(l0::next_word(line).empty());
  REQUIRE(reader.next(line));
  CHECK(l0::next_word(line) == "second");
  CHECK_THROWS_WITH(reader.refuse(line, "a number"),
                    ContainsSubstring(file.path() + ", line 2 is '?\x20x?[31m', expected a number"));
  CHECK_FALSE(reader.next(line));
}

TEST_CASE("Files: directories, missing, unreadable, compressed ones are refused by name") {
  const auto refuses_file = [](const std::string& path, const char* message) {
    CAPTURE(path);
    CHECK_THROWS_MATCHES(l0::detail::read_file(path), l0::Error,
                         Catch::Matchers::Predicate<l0::Error>([&](const l0::Error& error) {
                           const std::string text = error.what();
                           return text.find(path) != std::string::npos && text.find(message) != std::string::npos;
                         }));
  };
  refuses_file(std::filesystem::temp_directory_path().string(), "a directory, expected a file");
  refuses_file("/no such folder/file", "not readable (No such file or directory)");
  const TemporaryFile file;
  file.write("\x1F\x8B\x08 and so on");
  refuses_file(file.path(), "compressed by gzip");
  if (std::filesystem::exists("/proc/self/mem")) refuses_file("/proc/self/mem", "that can be read to its end");
  file.write("");
  CHECK(l0::detail::read_file(file.path()).empty());
  std::string large(3'000'000, 'x');
  large[2'500'000] = 'y';
  file.write(large);
  CHECK(l0::detail::read_file(file.path()) == large);
  if (std::filesystem::exists("/proc/self/status")) {  // whose size is 0 by what the system says
    CHECK_THAT(l0::detail::read_file("/proc/self/status"), ContainsSubstring("Pid:"));
  }
}

TEST_CASE("Files that change while they are read are refused") {
  for (const std::string later : {"longer than before", "short", ""}) {
    CAPTURE(later);
    const TemporaryFile file;
    file.write("0123456789");
    l0::detail::FileReader reader(file.path());
    std::string bytes;
    CHECK(reader.read(bytes, 4));
    CHECK(bytes == "0123");
    file.write(later);
    CHECK_THROWS_WITH(reader.read(bytes, 4), ContainsSubstring(file.path() + " is changed while it was read"));
  }
}

TEST_CASE("Files are written as a whole or not at all") {
  const TemporaryFile file;
  l0::detail::write_file(file.path(), "old");
  {
    l0::detail::FileWriter writer(file.path());
    writer.write("new, and then something fails");
    CHECK(file.read() == "old");
  }
  CHECK(file.read() == "old");
  CHECK_FALSE(std::filesystem::exists(file.path() + ".part"));
  CHECK_THROWS_WITH(l0::detail::write_file("/no such folder/file", ""),
                    ContainsSubstring("/no such folder/file is not writable (No such file or directory)"));
}

}  // namespace tests::io::text
