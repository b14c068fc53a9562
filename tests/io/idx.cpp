// SPDX-License-Identifier: MIT
#include <l0/io/idx.hpp>

#include "io/files.hpp"
#include "support/catch.hpp"

namespace tests::io::idx {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::IdxArray;
using l0::Index;
using Bytes = std::string;

Bytes header(int type, std::initializer_list<std::uint32_t> shape) {
  Bytes bytes{0, 0, static_cast<char>(type), static_cast<char>(shape.size())};
  for (const std::uint32_t extent : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(extent >> shift & 0xFF);
  }
  return bytes;
}

IdxArray read(const Bytes& bytes) {
  const l0::test::TemporaryFile file;
  file.write(bytes);
  return IdxArray::read(file.path());
}

}  // namespace

TEST_CASE("Images come as rows, labels as integers") {
  const IdxArray images = read(header(8, {2, 2, 3}) + Bytes("\x00\x01\x02\x03\x04\xFF\x06\x07\x08\x09\x0A\x0B", 12));
  CHECK(images.shape() == std::vector<Index>{2, 2, 3});
  const auto X = images.matrix<float>();
  REQUIRE((X.rows() == 2 && X.cols() == 6));
  CHECK(X(0, 5) == 255);
  CHECK(X(1, 0) == 6);
  const Eigen::VectorXi labels = read(header(8, {3}) + Bytes("\x09\x00\x01", 3)).labels(10);
  CHECK(labels == Eigen::Vector3i(9, 0, 1));
}

TEST_CASE("All number types, big-endian") {
  CHECK(read(header(9, {1}) + Bytes("\xFE", 1)).matrix<double>()(0) == -2);
  CHECK(read(header(11, {1}) + Bytes("\xFF\x00", 2)).matrix<double>()(0) == -256);
  CHECK(read(header(12, {1}) + Bytes("\x00\x01\x00\x02", 4)).matrix<double>()(0) == 65538);
  CHECK(read(header(13, {1}) + Bytes("\x3F\xC0\x00\x00", 4)).matrix<double>()(0) == 1.5);
  CHECK(read(header(14, {1}) + Bytes("\xBF\xF8\x00\x00\x00\x00\x00\x00", 8)).matrix<double>()(0) == -1.5);
}

TEST_CASE("Empty IDX files") {
  const auto X = read(header(8, {0, 28, 28})).matrix<double>();
  CHECK((X.rows() == 0 && X.cols() == 0));
  CHECK(read(header(8, {0})).labels(10).size() == 0);
}

TEST_CASE("Malformed IDX files are refused") {
  CHECK_THROWS_AS(IdxArray::read("/no/such/file"), l0::Error);
  const Bytes good = header(8, {2, 3}) + Bytes(6, '\1');
  CHECK_NOTHROW(read(good));
  for (std::size_t size = 0; size < good.size(); ++size) {  // truncated anywhere
    CAPTURE(size);
    CHECK_THROWS_AS(read(good.substr(0, size)), l0::Error);
  }
  CHECK_THROWS_WITH(read(good + '\1'), ContainsSubstring("7 bytes of numbers long"));
  CHECK_THROWS_WITH(read("\x1f\x8b" + good.substr(2)), ContainsSubstring("compressed by gzip"));
  CHECK_THROWS_WITH(IdxArray::read("/"), ContainsSubstring("file / is a directory"));
  CHECK(IdxArray::parse(good).size() == 6);
  CHECK_THROWS_AS(read(header(10, {1}) + Bytes(1, '\1')), l0::Error);
  CHECK_THROWS_AS(read(header(8, {})), l0::Error);
  // Sizes whose product overflows.
  CHECK_THROWS_AS(read(header(14, {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}) + Bytes(8, '\1')), l0::Error);
  CHECK_THROWS_AS(read(header(8, {0x80000000, 0x80000000, 4}) + Bytes(8, '\1')), l0::Error);
}

TEST_CASE("Labels outside their classes are refused by place and value") {
  CHECK_THROWS_WITH(read(header(8, {2}) + Bytes("\x03\x0A", 2)).labels(10),
                    ContainsSubstring("label 1 in file") && ContainsSubstring("is 10, expected a class in [0, 10)"));
  CHECK_THROWS_AS(read(header(9, {1}) + Bytes("\xFF", 1)).labels(10), l0::Error);
  CHECK_THROWS_AS(read(header(13, {1}) + Bytes("\x3F\xC0\x00\x00", 4)).labels(10), l0::Error);
  CHECK_THROWS_AS(read(header(8, {1, 1}) + Bytes(1, '\1')).labels(10), l0::Error);
}

}  // namespace tests::io::idx
