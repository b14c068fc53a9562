// SPDX-License-Identifier: MIT
#include <l0/io/csv.hpp>

#include "fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = l0::fuzz::Input(data, size).rest();
  l0::fuzz::accepted([&] {
    const auto table = l0::CsvTable::parse(text);
    for (const auto& name : table.names()) {
      l0::fuzz::require(static_cast<l0::Index>(table.column(name).size()) == table.rows(), "columns are of one length");
      l0::fuzz::accepted([&] {
        const auto numbers = table.numbers(name);
        l0::fuzz::require(numbers.size() == table.rows(), "a number per row");
        for (const double x : numbers) l0::fuzz::require(std::isfinite(x), "numbers are finite");
      });
    }
  });
  return 0;
}
