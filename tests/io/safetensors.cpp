// SPDX-License-Identifier: MIT
#include <array>
#include <limits>
#include <string>
#include <vector>

#include <l0/io/network.hpp>
#include <l0/networks/sequential.hpp>

#include "io/files.hpp"
#include "networks/networks.hpp"
#include "support/catch.hpp"

namespace tests::io::safetensors {

namespace {

using Catch::Matchers::ContainsSubstring;
using l0::Index;
using l0::Matrix;
using l0::test::TemporaryFile;

/// A file with the given header and `size` bytes of numbers.
std::string file_of(const std::string& header, std::size_t size) {
  std::string bytes;
  for (int k = 0; k < 8; ++k) bytes += static_cast<char>(header.size() >> (8 * k) & 0xFF);
  return bytes + header + std::string(size, '\0');
}

l0::TensorFile<float> read(const std::string& bytes) {
  const TemporaryFile file;
  file.write(bytes);
  return l0::read_safetensors<float>(file.path());
}

}  // namespace

TEST_CASE("A written file has the bytes that the format asks for") {
  const TemporaryFile file;
  l0::TensorFile<float> tensors;
  tensors.tensors["a"] = {{2}, {1.0F, -2.0F}};
  tensors.metadata["k"] = "v\"\n";
  l0::write_safetensors(file.path(), tensors);
  const std::string header =
      R"({"__metadata__":{"k":"v\"\u000a"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  const std::string bytes = file_of(padded, 0) + std::string("\x00\x00\x80\x3F\x00\x00\x00\xC0", 8);
  CHECK(file.read() == bytes);
  const auto again = l0::read_safetensors<float>(file.path());
  CHECK(again.metadata == tensors.metadata);
  CHECK(again.tensors.at("a").shape == std::vector<Index>{2});
  CHECK(again.tensors.at("a").values == std::vector<float>{1, -2});
}

TEST_CASE("Files as other programs write them") {
  const auto file =
      read(file_of("{ \"b\" : {\"shape\":[], \"data_offsets\":[0,4], "
                   "\"dtype\":\"F32\"},\n\"\\u00e9\":{\"dtype\":\"F32\",\"shape\":[0,3],"
                   "\"data_offsets\":[4,4]}}  ",
                   4));
  CHECK(file.tensors.at("b").values == std::vector<float>{0});
  CHECK(file.tensors.at("\xC3\xA9").shape == std::vector<Index>{0, 3});
  CHECK(read(file_of("{}", 0)).tensors.empty());
}

TEST_CASE("Malformed safetensors files are refused") {
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  CHECK_NOTHROW(read(file_of(good, 8)));
  CHECK_THROWS_AS(l0::read_safetensors<float>("/no/such/file"), l0::Error);
  const std::string whole = file_of(good, 8);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK_THROWS_AS(read(whole.substr(0, size)), l0::Error);
  }
  CHECK_THROWS_AS(read(whole + '\0'), l0::Error);
  CHECK_THROWS_AS(read(std::string(8, '\xFF') + whole.substr(8)), l0::Error);
  for (std::size_t k = 0; k < good.size(); ++k) {  // a byte lost anywhere in the header
    std::string damaged = good;
    damaged.erase(k, 1);
    CAPTURE(damaged);
    if (damaged.find("\"\":") == std::string::npos) CHECK_THROWS_AS(read(file_of(damaged, 8)), l0::Error);
  }
  for (
      const char* header : {
          "",
          "[]",
          " {}",
          "{} x",
          "{",
          "{\"a\"}",
          "{\"a\":1}",
          "{\"a\":{}}",
          "{,}",
          "null",
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1}})",
          R"({"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
          R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
          R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})",
          R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})",
          R"({"a":{"dtype":"F32","shape":[02],"data_offsets":[0,8]}})",
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})",
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}})",
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
          R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
          R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}})",
          R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999]}})",
          R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})",
          R"({"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}})",
          R"({"__metadata__":{"x":1},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
          R"({"__metadata__":{"x":"\ud800"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
          R"({"__metadata__":{"x":"\q"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
      }) {
    CAPTURE(header);
    CHECK_THROWS_AS(read(file_of(header, 8)), l0::Error);
  }
}

TEST_CASE("Networks come back from their file, gates too") {
  l0::Rng rng(1);
  auto net = l0::test::small_convolutional_network(rng);
  l0::test::spread_gates(net);
  const TemporaryFile file;
  net.forward(l0::test::fixed_numbers(2, 144, 1), rng);
  l0::save_network(file.path(), net);
  l0::Rng other_rng(2);
  auto other = l0::test::small_convolutional_network(other_rng);
  l0::load_network(file.path(), other);
  const Matrix<double> X = l0::test::fixed_numbers(3, 144, 1);
  CHECK(other.predict(X) == net.predict(X));
  CHECK(other.part<0>().temperature() == net.part<0>().temperature());
  CHECK(other.forward(X, rng) == net.forward(X, rng));  // the same draws too

  const auto tensors = l0::read_safetensors<double>(file.path()).tensors;
  CHECK(tensors.at("0.weight").shape == std::vector<Index>{4, 2, 3, 3});
  CHECK(tensors.at("0.weight").values[9 + 3 * 1 + 2] == net.part<0>().weight()(0, 9 + 5));
  CHECK(tensors.at("3.weight").shape == std::vector<Index>{4, 1, 2, 2});
  CHECK(tensors.at("8.weight").shape == std::vector<Index>{5, 6});
  CHECK(tensors.at("8.weight").values[1 * 6 + 2] == net.part<8>().weight()(1, 2));
  CHECK(tensors.at("8.log_alpha").shape == std::vector<Index>{5, 6});
  CHECK(tensors.at("10.log_alpha").shape == std::vector<Index>{5});
}

TEST_CASE("A file of another architecture is refused, and the network stays as it was") {
  l0::Rng rng(1);
  const TemporaryFile file;
  l0::Sequential net{l0::L0Linear<float>(3, 2, rng), l0::Relu{}, l0::L0Linear<float>(2, 2, rng)};
  l0::save_network(file.path(), net);
  const auto refuses = [&](auto other, const char* message) {
    const Matrix<float> before = other.template part<0>().weight();
    CHECK_THROWS_WITH(l0::load_network(file.path(), other), ContainsSubstring(message));
    CHECK(other.template part<0>().weight() == before);
  };
  refuses(l0::Sequential{l0::L0Linear<float>(4, 2, rng), l0::Relu{}, l0::L0Linear<float>(2, 2, rng)},
          "with tensor 0.weight of shape [2, 3], expected [2, 4]");
  refuses(l0::Sequential{l0::L0Linear<float>(3, 2, rng), l0::L0Linear<float>(2, 2, rng)}, "without tensor 1.weight");
  refuses(l0::Sequential{l0::L0Linear<float>(3, 2, rng)}, "with 6 tensors, expected 3");
  refuses(l0::Sequential{l0::L0Linear<float, l0::PerInput>(3, 2, rng), l0::Relu{}, l0::L0Linear<float>(2, 2, rng)},
          "with tensor 0.log_alpha of shape [2, 3], expected [3]");
  // Doubles hold floats, and not the other way round.
  l0::Sequential of_doubles{l0::L0Linear<double>(3, 2, rng), l0::Relu{}, l0::L0Linear<double>(2, 2, rng)};
  const TemporaryFile wide;
  l0::save_network(wide.path(), of_doubles);
  CHECK_THROWS_WITH(l0::load_network(wide.path(), net), ContainsSubstring("of type F64, expected F32, F16, BF16"));
  l0::load_network(file.path(), of_doubles);
  CHECK(of_doubles.part<0>().weight() == net.part<0>().weight().cast<double>());
}

TEST_CASE("A file with numbers that are not finite is refused before anything is written") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Linear<float>(3, 2, rng), l0::Relu{}, l0::L0Linear<float>(2, 2, rng)};
  const auto whole = l0::to_tensors(net);
  net.part<0>().weight().setConstant(3);
  for (const char* name : {"0.weight", "2.bias", "2.log_alpha"}) {
    for (const float value : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      CAPTURE(name, value);
      auto file = whole;
      file.tensors.at(name).values.back() = value;
      CHECK_THROWS_WITH(l0::from_tensors("net", file, net), ContainsSubstring(std::string("in the tensor ") + name));
      CHECK((net.part<0>().weight().array() == 3).all());
    }
  }
}

TEST_CASE("A file with gates that the network cannot have is refused before anything is written") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Linear<float>(3, 2, rng), l0::Relu{}, l0::L0Linear<float>(2, 2, rng)};
  const TemporaryFile file;
  const auto whole = l0::to_tensors(net);
  net.part<0>().weight().setConstant(3);
  net.part<0>().set_temperature(0.75F);
  for (const auto& [key, value, message] : std::vector<std::array<const char*, 3>>{
           {"0.temperature", "warm", "with 0.temperature = warm in its metadata, expected a finite number"},
           {"0.temperature", "inf", "with 0.temperature = inf in its metadata, expected a finite number"},
           {"2.temperature", "inf", "with 2.temperature = inf"},
           {"2.temperature", "nan", "with 2.temperature = nan"},
           {"2.temperature", "0", "with 2.temperature = 0 in its metadata, expected one > 0"},
           {"2.draw", "-1", "with 2.draw = -1"},
           {"2.gamma", "-0.2", "with 2.gamma = -0.2 in its metadata, expected -0.1, as in the model"},
           {"0.zeta", "1.2", "with 0.zeta = 1.2 in its metadata, expected 1.1"},
           {"2.frozen", "2", "with 2.frozen = 2 in its metadata, expected 0 or 1"},
       }) {
    CAPTURE(key, value);
    auto tensors = whole;
    tensors.metadata[key] = value;
    l0::write_safetensors(file.path(), tensors);
    CHECK_THROWS_WITH(l0::load_network(file.path(), net), ContainsSubstring(message));
    tensors.metadata.erase(key);
    l0::write_safetensors(file.path(), tensors);
    CHECK_THROWS_WITH(l0::load_network(file.path(), net), ContainsSubstring("without " + std::string(key)));
    CHECK(net.part<0>().weight() == Matrix<float>::Constant(2, 3, 3));
    CHECK(net.part<0>().temperature() == 0.75F);
  }
  l0::write_safetensors(file.path(), whole);
  CHECK_NOTHROW(l0::load_network(file.path(), net));
}

TEST_CASE("Gates that are held come back held, others free") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Linear<float>(3, 2, rng), l0::Relu{}, l0::L0Linear<float>(2, 2, rng)};
  net.part<2>().gate().freeze();
  const TemporaryFile file;
  l0::save_network(file.path(), net);
  l0::Sequential other{l0::L0Linear<float>(3, 2, rng), l0::Relu{}, l0::L0Linear<float>(2, 2, rng)};
  other.part<0>().gate().freeze();
  l0::load_network(file.path(), other);
  CHECK_FALSE(other.part<0>().gate().frozen());
  CHECK(other.part<2>().gate().frozen());
}

TEST_CASE("Files that cannot be written leave the old one") {
  l0::TensorFile<float> tensors;
  CHECK_THROWS_AS(l0::write_safetensors("/no/such/folder/file", tensors), l0::Error);
  tensors.tensors["a"] = {{3}, {1}};
  const TemporaryFile file;
  file.write("old");
  CHECK_THROWS_AS(l0::write_safetensors(file.path(), tensors), l0::Error);
  CHECK(file.read() == "old");
}

}  // namespace tests::io::safetensors
