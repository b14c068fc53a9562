// SPDX-License-Identifier: MIT
// What the example calibrate_survey reads: margins from records, totals as they come from an office.
#include <filesystem>
#include <fstream>
#include <string>

#include "../../examples/survey.hpp"
#include "support/catch.hpp"

namespace tests::calibration::margins {

namespace {

using Catch::Matchers::ContainsSubstring;

/// A file that is gone at the end of the test.
class File {
 public:
  File(const std::string& name, const std::string& text)
      : path_((std::filesystem::temp_directory_path() / ("l0_margins_" + name)).string()) {
    std::ofstream(path_) << text;
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

const char* const people = "who,sex,region,income\na7,f,north,100\nb2,m,north,200\nc9,f,south,50\n";

example::Survey read(const std::string& totals, const std::vector<example::Margin>& margins) {
  const File records("records.csv", people);
  const File targets("targets.csv", totals);
  return example::make_record_survey(l0::CsvTable::read(records.path()), margins, "", targets.path(), "who");
}

}  // namespace

TEST_CASE("Totals find their cells, whatever their order, and records keep their names") {
  const std::vector<example::Margin> margins{example::Margin("sex"), example::Margin("income@region")};
  const auto survey =
      read("name,target\nincome@region=south,70\nsex=m,12\nsex=f,30\nincome@region=north,400\n", margins);
  REQUIRE(survey.names == std::vector<std::string>{"sex=f", "sex=m", "income@region=north", "income@region=south"});
  CHECK(survey.targets == std::vector<double>{30, 12, 400, 70});
  CHECK(survey.ids == std::vector<std::string>{"a7", "b2", "c9"});
}

TEST_CASE("Totals as an office publishes them: variable, category, total") {
  const File targets("published.csv",
                     "variable,category,total\nsex,m,12\nsex,f,30\nregion,north,20\nregion,south,22\n");
  const auto margins = example::published_margins(targets.path());
  REQUIRE(margins.size() == 2);
  CHECK(margins[0].text == "sex");
  CHECK(margins[1].text == "region");
  const File records("records.csv", people);
  const auto survey = example::make_record_survey(l0::CsvTable::read(records.path()), margins, "", targets.path());
  CHECK(survey.targets == std::vector<double>{30, 12, 20, 22});
  CHECK(survey.ids.empty());
}

TEST_CASE("A total that nobody can meet, one that stands there twice, and a cell without one are refused by name") {
  const std::vector<example::Margin> sex{example::Margin("sex")};
  CHECK_THROWS_WITH(read("name,target\nsex=f,1\nsex=m,2\nsex=x,3\n", sex),
                    ContainsSubstring("a total of 3 for 'sex=x', which has no record"));
  CHECK_THROWS_WITH(read("name,target\nsex=f,1\nsex=m,2\nsex=f,3\n", sex), ContainsSubstring("'sex=f' twice, 1 and 3"));
  CHECK_THROWS_WITH(read("name,target\nsex=f,1\n", sex), ContainsSubstring("without a row 'sex=m'"));
  CHECK_NOTHROW(read("name,target\nsex=f,1\nsex=m,2\nsex=x,0\n", sex));
}

}  // namespace tests::calibration::margins
