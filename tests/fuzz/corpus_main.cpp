// SPDX-License-Identifier: MIT
// Gives the files in some folders to a fuzz target, once each: a test of what fuzzing has found, for any compiler.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <vector>

#include "fuzz/target.hpp"

int main(int count, char** folders) {
  std::vector<std::filesystem::path> files;
  for (int k = 1; k < count; ++k) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folders[k])) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    std::cout << path.filename().string() << std::endl;  // flushed: what comes next may end the program
    // A copy of its size, so that a sanitizer sees what is read behind it.
    const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(exact.data(), exact.size());
  }
  if (files.empty()) std::cerr << "no files\n";
  return files.empty() ? 1 : 0;
}
