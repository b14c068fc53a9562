// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <l0/io/network.hpp>
#include <l0/layers/conv2d.hpp>
#include <l0/networks/sequential.hpp>

#include "io/files.hpp"
#include "support/catch.hpp"
#include "support/golden.hpp"
#include "support/tolerances.hpp"

namespace tests::io::tensor_types {

namespace {

using namespace std::string_literals;
using Catch::Matchers::ContainsSubstring;
using l0::Index;
using l0::Matrix;
using l0::test::TemporaryFile;

/// A file with the given header and numbers.
std::string file_of(const std::string& header, const std::string& numbers) {
  std::string bytes;
  for (int k = 0; k < 8; ++k) bytes += static_cast<char>(header.size() >> (8 * k) & 0xFF);
  return bytes + header + numbers;
}

l0::TensorFile<float> read(const std::string& bytes) {
  const TemporaryFile file;
  file.write(bytes);
  return l0::read_safetensors<float>(file.path());
}

std::string header_of(const std::string& type, std::size_t count, std::size_t bytes) {
  return R"({"a":{"dtype":")" + type + R"(","shape":[)" + std::to_string(count) + R"(],"data_offsets":[0,)" +
         std::to_string(bytes) + "]}}";
}

/// A layer with the weights of a file that PyTorch wrote, all gates open.
template <class Layer>
void take(Layer& layer, const l0::TensorFile<double>& file, const std::string& name) {
  using Rows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto& weight = file.tensors.at(name + ".weight").values;
  const auto& bias = file.tensors.at(name + ".bias").values;
  REQUIRE(weight.size() == static_cast<std::size_t>(layer.weight().size()));
  REQUIRE(bias.size() == static_cast<std::size_t>(layer.bias().size()));
  layer.weight() = Eigen::Map<const Rows>(weight.data(), layer.weight().rows(), layer.weight().cols());
  for (std::size_t i = 0; i < bias.size(); ++i) layer.bias()(static_cast<Index>(i)) = bias[i];
  layer.log_alpha().setConstant(20);
}

}  // namespace

TEST_CASE("Files of safetensors' own writer") {
  // The bytes that its own tests expect of it: blanks that bring the numbers to a multiple of 8, other types, no
  // tensors.
  const auto bf16 = read(
      "@\0\0\0\0\0\0\0{\"test\":{\"dtype\":\"BF16\",\"shape\":[2,2],\"data_offsets\":[0,8]}}    "
      "\x10@\x80?\x80?\x80?"s);
  CHECK(bf16.tensors.at("test").shape == std::vector<Index>{2, 2});
  CHECK(bf16.tensors.at("test").values == std::vector<float>{2.25F, 1, 1, 1});
  const auto i32 = read(
      "@\0\0\0\0\0\0\0{\"test\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}    "
      "\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0"s);
  CHECK(i32.tensors.empty());
  CHECK(i32.integers.at("test").values == std::vector<std::int64_t>{0, 0, 0, 1});
  const auto f32 = read(
      "H\0\0\0\0\0\0\0{\"attn0\":{\"dtype\":\"F32\",\"shape\":[1,1,2,3],\"data_offsets\":[0,24]}}       "
      "\0\0\0\0\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\0\0\xA0@"s);
  CHECK(f32.tensors.at("attn0").shape == std::vector<Index>{1, 1, 2, 3});
  CHECK(f32.tensors.at("attn0").values == std::vector<float>{0, 1, 2, 3, 4, 5});
  const auto empty = read("(\0\0\0\0\0\0\0{\"__metadata__\":{\"framework\":\"pt\"}}     "s);
  CHECK(empty.metadata.at("framework") == "pt");
  CHECK(empty.tensors.empty());
  CHECK_THROWS_WITH(read("@\0\0\0\0\0\0\0{\"test\":{\"dtype\":\"C64\",\"shape\":[2,2],\"data_offsets\":[0,32]}}    "s +
                         std::string(32, '\0')),
                    ContainsSubstring("tensor test of type C64, expected F32, F16, BF16 or whole numbers"));
}

TEST_CASE("A state_dict of PyTorch: its numbers, and what its network gives") {
  const std::string path = l0::test::data_file("torch_state.safetensors").string();
  const l0::test::Golden golden(l0::test::data_file("torch_state.txt"));
  const auto file = l0::read_safetensors<double>(path);
  const auto in_float = l0::read_safetensors<float>(path);
  CHECK(file.metadata.at("format") == "pt");
  CHECK(file.tensors.size() == 10);
  for (const auto& [name, tensor] : file.tensors) {
    CAPTURE(name);
    CHECK(tensor.shape == golden.shape(name));
    const Eigen::VectorXd expected = golden.vector(name);
    CHECK(std::equal(tensor.values.begin(), tensor.values.end(), expected.begin(), expected.end()));
    const auto& floats = in_float.tensors.at(name).values;
    CHECK(std::equal(tensor.values.begin(), tensor.values.end(), floats.begin(), floats.end()));
  }
  const auto& count = file.integers.at("norm.num_batches_tracked");
  CHECK(count.type == "I64");
  CHECK(count.shape.empty());
  CHECK(count.values == std::vector<std::int64_t>{3});
  const auto& mask = file.integers.at("masked.mask");
  CHECK(mask.type == "BOOL");
  CHECK(mask.values == std::vector<std::int64_t>{1, 0, 1, 1});

  l0::Rng rng(1);
  const auto numbers = [&](const char* name) {
    return Eigen::Map<const Eigen::ArrayXd>(file.tensors.at(name).values.data(), 4).eval();
  };
  l0::L0Conv2d<double> stem({2, 5, 5}, 4, {3, 3}, rng, {.padding = {1, 1}});
  l0::L0Conv2d<double> squeeze({4, 5, 5}, 3, {2, 2}, rng, {.stride = {2, 2}});
  l0::L0Linear<double> head(12, 2, rng);
  take(stem, file, "stem");
  take(squeeze, file, "squeeze");
  take(head, file, "head");
  Matrix<double> y = stem.predict(golden.matrix("x"));
  CHECK(l0::test::close(y, golden.matrix("stem"), l0::test::tolerance::golden));
  const Eigen::ArrayXd factor = numbers("norm.weight") / (numbers("norm.running_var") + 1e-5).sqrt();
  for (Index channel = 0; channel < 4; ++channel) {
    auto part = y.middleCols(25 * channel, 25).array();
    part = (part - numbers("norm.running_mean")(channel)) * factor(channel) + numbers("norm.bias")(channel);
  }
  CHECK(l0::test::close(y, golden.matrix("norm"), l0::test::tolerance::golden));
  for (Index channel = 0; channel < 4; ++channel) {
    const auto open = static_cast<double>(mask.values[static_cast<std::size_t>(channel)]);
    y.middleCols(25 * channel, 25) = (open * y.middleCols(25 * channel, 25)).cwiseMax(0);
  }
  y = squeeze.predict(y);
  CHECK(l0::test::close(y, golden.matrix("squeeze"), l0::test::tolerance::golden));
  CHECK(l0::test::close(head.predict(y), golden.matrix("head"), l0::test::tolerance::golden));
}

TEST_CASE("Counts of PyTorch's batch norms do not stand in the way") {
  l0::Rng rng(1);
  l0::Sequential net{l0::L0Linear<float>(2, 1, rng)};
  net.part<0>().weight() << 0.5F, -2;
  const TemporaryFile file;
  auto tensors = l0::to_tensors(net);
  tensors.integers["1.num_batches_tracked"] = {{}, {100}};
  tensors.integers["mask"] = {{2}, {1, 0}, "BOOL"};
  l0::write_safetensors(file.path(), tensors);
  const auto again = l0::read_safetensors<float>(file.path());
  CHECK(again.integers.at("1.num_batches_tracked").values == std::vector<std::int64_t>{100});
  CHECK(again.integers.at("1.num_batches_tracked").shape.empty());
  CHECK(again.integers.at("mask").type == "BOOL");
  l0::Sequential other{l0::L0Linear<float>(2, 1, rng)};
  l0::load_network(file.path(), other);
  CHECK(other.part<0>().weight() == net.part<0>().weight());
  // Eight bytes wide before four before one: each begins at a multiple of its width, as in files of their writer.
  const std::string text = file.read();
  CHECK_THAT(text, ContainsSubstring(R"("1.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
                                     R"("0.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]})"));
  CHECK_THAT(text, ContainsSubstring(R"("mask":{"dtype":"BOOL","shape":[2],"data_offsets":[28,30]}})"));
}

TEST_CASE("Whole numbers of all types") {
  const auto one = [](const std::string& type, const std::string& bytes) {
    return read(file_of(header_of(type, 1, bytes.size()), bytes)).integers.at("a").values.at(0);
  };
  CHECK(one("I8", "\xFE") == -2);
  CHECK(one("U8", "\xFE") == 254);
  CHECK(one("BOOL", "\1") == 1);
  CHECK(one("I16", "\xFE\xFF") == -2);
  CHECK(one("U16", "\xFE\xFF") == 65534);
  CHECK(one("I32", "\xFE\xFF\xFF\xFF") == -2);
  CHECK(one("U32", "\xFE\xFF\xFF\xFF") == 4294967294);
  CHECK(one("I64", "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF") == -2);
  CHECK(one("U64", "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\x7F") == 9223372036854775806);
  CHECK_THROWS_WITH(one("U64", "\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), ContainsSubstring("numbers beyond 2^63"));

  const TemporaryFile file;
  struct Range {
    std::string type;
    std::int64_t lowest, highest;
  };
  for (const auto& [type, lowest, highest] : {Range{"I8", -128, 127},
                                              {"U8", 0, 255},
                                              {"BOOL", 0, 1},
                                              {"I16", -32768, 32767},
                                              {"U16", 0, 65535},
                                              {"I32", -2147483648LL, 2147483647},
                                              {"U32", 0, 4294967295LL}}) {
    CAPTURE(type);
    l0::TensorFile<float> tensors;
    tensors.integers["n"] = {{2}, {lowest, highest}, type};
    l0::write_safetensors(file.path(), tensors);
    const auto again = l0::read_safetensors<float>(file.path());
    CHECK(again.integers.at("n").values == tensors.integers.at("n").values);
    CHECK(again.integers.at("n").type == type);
    for (const std::int64_t value : {lowest - 1, highest + 1}) {
      tensors.integers["n"].values[0] = value;
      CHECK_THROWS_WITH(l0::write_safetensors(file.path(), tensors), ContainsSubstring("expected one of " + type));
    }
  }
  l0::TensorFile<float> tensors;
  tensors.integers["n"] = {{1}, {-1}, "U64"};
  CHECK_THROWS_WITH(l0::write_safetensors(file.path(), tensors), ContainsSubstring("is -1, expected one of U64"));
  tensors.integers["n"] = {{1}, {1}, "F32"};
  CHECK_THROWS_WITH(l0::write_safetensors(file.path(), tensors), ContainsSubstring("type of tensor n is F32"));
  tensors.integers["n"].type = "I64";
  tensors.tensors["n"] = {{1}, {1}};
  CHECK_THROWS_WITH(l0::write_safetensors(file.path(), tensors), ContainsSubstring("n is there twice"));
}

TEST_CASE("F16 and BF16: every number is read exactly and written as it was") {
  const TemporaryFile file;
  for (const bool is_half : {true, false}) {
    const std::string type = is_half ? "F16" : "BF16";
    std::string bytes;
    for (unsigned bits = 0; bits < 65536; ++bits) {
      bytes += static_cast<char>(bits & 0xFF);
      bytes += static_cast<char>(bits >> 8);
    }
    file.write(file_of(header_of(type, 65536, 131072), bytes));
    const auto in_double = l0::read_safetensors<double>(file.path());
    const auto in_float = l0::read_safetensors<float>(file.path());
    const int exponent_bits = is_half ? 5 : 8;
    const int digits = 15 - exponent_bits;
    const int bias = (1 << (exponent_bits - 1)) - 1;
    std::size_t wrong = 0;
    for (int bits = 0; bits < 65536; ++bits) {
      const int exponent = (bits & 0x7FFF) >> digits;
      const int fraction = bits & ((1 << digits) - 1);
      const double value = in_double.tensors.at("a").values[static_cast<std::size_t>(bits)];
      const float as_float = in_float.tensors.at("a").values[static_cast<std::size_t>(bits)];
      double expected = exponent == 0 ? std::ldexp(fraction, 1 - bias - digits)
                                      : std::ldexp((1 << digits) + fraction, exponent - bias - digits);
      if (exponent == (1 << exponent_bits) - 1) expected = fraction == 0 ? HUGE_VAL : std::nan("");
      if (bits >= 0x8000) expected = -expected;
      const bool is_same = std::isnan(expected) ? std::isnan(value) && std::isnan(as_float)
                                                : value == expected && as_float == static_cast<float>(expected) &&
                                                      std::signbit(value) == std::signbit(expected);
      wrong += is_same ? 0 : 1;
    }
    CHECK(wrong == 0);

    auto numbers = in_double;  // all but NaN, whose bits may change
    auto& values = numbers.tensors.at("a").values;
    values.erase(std::remove_if(values.begin(), values.end(), [](double x) { return std::isnan(x); }), values.end());
    numbers.tensors.at("a").shape = {static_cast<Index>(values.size())};
    l0::write_safetensors(file.path(), numbers, is_half ? l0::StoredPrecision::half : l0::StoredPrecision::bfloat16);
    CHECK(l0::read_safetensors<double>(file.path()).tensors.at("a").values == values);
    CHECK_THAT(file.read(), ContainsSubstring("\"dtype\":\"" + type + "\""));
  }
}

TEST_CASE("F16 and BF16: numbers between are rounded to the nearest, once") {
  const TemporaryFile file;
  const auto written = [&](double value, l0::StoredPrecision precision) {
    l0::TensorFile<double> tensors;
    tensors.tensors["a"] = {{1}, {value}};
    l0::write_safetensors(file.path(), tensors, precision);
    return l0::read_safetensors<double>(file.path()).tensors.at("a").values[0];
  };
  constexpr auto half = l0::StoredPrecision::half;
  constexpr auto brain = l0::StoredPrecision::bfloat16;
  CHECK(written(1 + std::ldexp(1, -11), half) == 1);  // halfway: to even
  CHECK(written(1 + 3 * std::ldexp(1, -11), half) == 1 + std::ldexp(1, -9));
  CHECK(written(1 + std::ldexp(1, -11) + std::ldexp(1, -50), half) == 1 + std::ldexp(1, -10));  // by way of float: 1
  CHECK(written(-1 - std::ldexp(1, -8) - std::ldexp(1, -50), brain) == -1 - std::ldexp(1, -7));
  CHECK(written(1 + 3 * std::ldexp(1, -8) - std::ldexp(1, -50), brain) == 1 + std::ldexp(1, -7));
  CHECK(written(65519, half) == 65504);
  CHECK(written(std::ldexp(1, -26), half) == 0);
  CHECK(written(1e-320, half) == 0);
  CHECK(std::isinf(written(HUGE_VAL, half)));
  CHECK_THROWS_WITH(written(65520, half), ContainsSubstring("a number of tensor a is 65520, expected one of F16"));
  CHECK_THROWS_WITH(written(1e300, brain), ContainsSubstring("expected one of BF16"));

  l0::Rng rng(1);
  l0::Sequential net{l0::L0Linear<float>(3, 2, rng)};
  l0::save_network(file.path(), net, brain);
  l0::Sequential other{l0::L0Linear<float>(3, 2, rng)};
  l0::load_network(file.path(), other);
  const Matrix<float> error = other.part<0>().weight() - net.part<0>().weight();
  CHECK((error.array().abs() <= net.part<0>().weight().array().abs() * std::ldexp(1.0F, -8)).all());
  CHECK(other.part<0>().temperature() == net.part<0>().temperature());
}

TEST_CASE("Names beyond U+FFFF, as Python's json escapes them") {
  const auto named = [](const std::string& name) {
    return file_of("{\"" + name + R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}})", "");
  };
  CHECK(read(named(R"(\ud83d\ude00)")).tensors.count("\xF0\x9F\x98\x80") == 1);
  CHECK(read(named(R"(\u20ac)")).tensors.count("\xE2\x82\xAC") == 1);
  CHECK(read(named(R"(\u00e9\u0041)"))
            .tensors.count("\xC3\xA9"
                           "A") == 1);
  for (const char* name : {R"(\ud83d)", R"(\ud83dx)", R"(\ud83d\u0041)", R"(\ude00\ud83d)", R"(\ud83d\ud83d)"}) {
    CAPTURE(name);
    CHECK_THROWS_WITH(read(named(name)), ContainsSubstring("two surrogates, or none"));
  }
}

TEST_CASE("Tensor files that are none") {
  CHECK_THROWS_WITH(read("\x1F\x8B\x08\x08 and so on"), ContainsSubstring("compressed by gzip"));
  CHECK_THROWS_WITH(l0::read_safetensors<float>("/"), ContainsSubstring("file / is a directory"));
  const std::string header = header_of("F32", 2, 8);
  CHECK(l0::parse_safetensors<float>(file_of(header, "12345678")).tensors.at("a").values.size() == 2);
  // A header of 0x...8b1f bytes begins as compressed files do.
  CHECK_NOTHROW(read(file_of(header + std::string(0x8B1F - header.size(), ' '), "12345678")));
  CHECK_THROWS_WITH(read(file_of(header_of("F16", 3, 8), "12345678")), ContainsSubstring("tensor a of 8 bytes"));
  CHECK_THROWS_WITH(read(file_of(header_of("I64", 2, 8), "12345678")), ContainsSubstring("tensor a of 8 bytes"));
}

}  // namespace tests::io::tensor_types
