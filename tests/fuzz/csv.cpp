// SPDX-License-Identifier: MIT
// Tables as a whole, and in parts, which together are the same.
#include <l0/io/csv.hpp>

#include <array>
#include <cmath>

#include "fuzz/target.hpp"

namespace {

using l0::Index;
using l0::fuzz::accepted;
using l0::fuzz::require;

void use(const l0::CsvTable& table) {
  for (const auto& name : table.names()) {
    require(static_cast<Index>(table.column(name).size()) == table.rows(), "columns are of one length");
    accepted([&] {
      for (const double x : table.numbers(name)) require(std::isfinite(x), "numbers are finite");
    });
    accepted([&] {
      for (const double x : table.numbers(name, -7)) require(std::isfinite(x), "missing numbers are as given");
    });
    if (table.rows() > 100) continue;
    const auto categories = table.categories(name);
    for (const int code : categories.codes) {
      require(code >= -1 && code < static_cast<int>(categories.names.size()), "codes are places");
    }
    accepted([&] { categories.dummies(); });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  l0::fuzz::Input input(data, size);
  const auto kind = input.take<std::uint8_t>();
  l0::CsvOptions options;
  options.separator = std::array{',', ';', '\t', ' '}[kind % 4];
  options.decimal = kind / 4 % 2 == 1 && options.separator != ',' ? ',' : '.';
  l0::CsvTable whole;
  const bool taken = accepted([&] { whole = l0::CsvTable::parse(input.rest(), "the text", options); });
  if (taken) use(whole);

  // In parts: a damaged row is met later, but what comes before is the same.
  Index rows = 0;
  const bool parts_taken = accepted([&] {
    auto reader = l0::CsvReader::of_text(input.rest(), "the text", options);
    for (l0::CsvTable part; reader.next(part, 1 + kind % 3);) {
      for (const auto& name : part.names()) {
        for (Index i = 0; taken && i < part.rows(); ++i) {
          require(rows + i < whole.rows() && part.column(name)[static_cast<std::size_t>(i)] ==
                                                 whole.column(name)[static_cast<std::size_t>(rows + i)],
                  "parts are parts of the whole");
        }
      }
      rows += part.rows();
    }
  });
  require(parts_taken == taken && (!taken || rows == whole.rows()), "the parts are the whole");
  return 0;
}
