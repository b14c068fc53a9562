// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Reads and writes safetensors files (https://github.com/huggingface/safetensors): eight bytes with the length of a
/// JSON header, little-endian, the header, then the numbers of all tensors, row by row, without gaps. Python reads them
/// with safetensors.torch.load_file. A door of its own: `l0.hpp` does not include it.

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <l0/core/types.hpp>
#include <l0/io/bytes.hpp>
#include <l0/io/json.hpp>
#include <l0/io/safetensors_header.hpp>
#include <l0/io/tensor_types.hpp>

namespace l0 {

/// A tensor of floating-point numbers: its shape, and the numbers row by row.
template <std::floating_point Scalar>
struct Tensor {
  std::vector<Index> shape;    ///< size of every dimension
  std::vector<Scalar> values;  ///< row by row: the last dimension runs fastest
};

/// A tensor of whole numbers, as PyTorch keeps counts (num_batches_tracked) and masks.
struct IntegerTensor {
  std::vector<Index> shape;          ///< size of every dimension
  std::vector<std::int64_t> values;  ///< row by row
  std::string type = "I64";          ///< in the file: I8, I16, I32, I64, U8, U16, U32, U64 or BOOL
};

/// Tensors by name, of float or of double, of whole numbers, and remarks by name.
template <std::floating_point Scalar>
struct TensorFile {
  std::map<std::string, Tensor<Scalar>> tensors;  ///< by name
  std::map<std::string, IntegerTensor> integers;  ///< by name
  std::map<std::string, std::string> metadata;    ///< texts by key
};

/// How many bits of a number a file gets.
enum class StoredPrecision {
  full,      ///< all: F32 for float, F64 for double
  half,      ///< F16: 11 significant bits, up to 65504
  bfloat16,  ///< BF16: 8 significant bits, range of float
};

namespace detail {

/// A tensor as it will stand in the file.
struct PackedTensor {
  std::string name;
  std::string_view type;
  const std::vector<Index>* shape;
  std::size_t width;
  std::string bytes;
};

inline void require_count(const std::string& name, const std::vector<Index>& shape, std::size_t size) {
  std::size_t count = 1;
  for (const Index extent : shape) count *= static_cast<std::size_t>(extent);
  require(count == size, "size of tensor " + name, size, to_text(count) + ", the product of its shape");
}

template <class Scalar>
PackedTensor packed(const std::string& name, const Tensor<Scalar>& tensor, StoredPrecision precision) {
  static_assert(sizeof(Scalar) == 4 || sizeof(Scalar) == 8);
  require_count(name, tensor.shape, tensor.values.size());
  if (precision == StoredPrecision::full) {
    PackedTensor result{name, sizeof(Scalar) == 4 ? "F32" : "F64", &tensor.shape, sizeof(Scalar), {}};
    result.bytes.reserve(sizeof(Scalar) * tensor.values.size());
    for (const Scalar value : tensor.values) append_number(result.bytes, value, std::endian::little);
    return result;
  }
  const bool is_half = precision == StoredPrecision::half;
  PackedTensor result{name, is_half ? "F16" : "BF16", &tensor.shape, 2, {}};
  result.bytes.reserve(2 * tensor.values.size());
  for (const Scalar value : tensor.values) {
    const std::uint16_t bits = is_half ? half_bits(value) : bfloat16_bits(value);
    if (is_infinite(bits, is_half) && has_finite_bits(value)) {
      fail("a number of tensor " + name, to_text(value),
           is_half ? "one of F16, at most 65504" : "one of BF16, at most 3.39e38");
    }
    append_number(result.bytes, bits, std::endian::little);
  }
  return result;
}

inline PackedTensor packed(const std::string& name, const IntegerTensor& tensor) {
  require_count(name, tensor.shape, tensor.values.size());
  const TensorType* type = tensor_type(tensor.type);
  if (type == nullptr || type->kind == TensorKind::floating) {
    fail("type of tensor " + name, tensor.type, "I8, I16, I32, I64, U8, U16, U32, U64 or BOOL");
  }
  PackedTensor result{name, type->name, &tensor.shape, type->width, {}};
  for (const std::int64_t value : tensor.values) {
    if (!append_integer(result.bytes, *type, value)) {
      fail("a number of tensor " + name, to_text(value), "one of " + tensor.type);
    }
  }
  return result;
}

}  // namespace detail

/// Writes a file; one that is there already is replaced once the new one is whole. With less than full precision
/// numbers are rounded to the nearest. Throws `Error` where the file cannot be written, for numbers that its types do
/// not have and for tensors that do not have as many numbers as their shape says.
template <std::floating_point Scalar>
void write_safetensors(const std::string& path, const TensorFile<Scalar>& file,
                       StoredPrecision precision = StoredPrecision::full) {
  std::vector<detail::PackedTensor> list;
  for (const auto& [name, tensor] : file.tensors) list.push_back(detail::packed(name, tensor, precision));
  for (const auto& [name, tensor] : file.integers) {
    if (file.tensors.count(name) > 0) detail::fail("tensor " + name, "there twice", "names that differ");
    list.push_back(detail::packed(name, tensor));
  }
  // Wide numbers first, as every tensor is to begin at a multiple of its numbers' size.
  std::sort(list.begin(), list.end(), [](const detail::PackedTensor& a, const detail::PackedTensor& b) {
    return a.width != b.width ? a.width > b.width : a.name < b.name;
  });
  std::string header = "{\"__metadata__\":{";
  for (const auto& [key, value] : file.metadata) {
    if (header.back() != '{') header += ',';
    header += detail::json_text(key) + ":" + detail::json_text(value);
  }
  header += '}';
  std::size_t offset = 0;
  for (const detail::PackedTensor& tensor : list) {
    const std::size_t end = offset + tensor.bytes.size();
    header += "," + detail::json_text(tensor.name) + ":{\"dtype\":" + detail::json_text(tensor.type) +
              ",\"shape\":" + detail::json_list(*tensor.shape) + ",\"data_offsets\":[" + detail::to_text(offset) + "," +
              detail::to_text(end) + "]}";
    offset = end;
  }
  header += '}';
  while (header.size() % 8 != 0) header += ' ';
  std::string begin;
  detail::append_number(begin, static_cast<std::uint64_t>(header.size()), std::endian::little);
  detail::FileWriter writer(path);
  writer.write(begin + header);
  for (const detail::PackedTensor& tensor : list) writer.write(tensor.bytes);
  writer.finish();
}

/// Reads the bytes of a file. Floating-point tensors that `Scalar` holds exactly (F16, BF16, F32; F64 in double) come
/// as `tensors`, whole numbers as `integers`. Throws `Error`, naming the file, for bytes that are cut off or left over,
/// for a header that is not what the format asks for, for tensors that overlap, leave gaps or do not have the bytes of
/// their shape, and for those of another type.
template <std::floating_point Scalar>
TensorFile<Scalar> parse_safetensors(std::string_view bytes, const std::string& name = "in memory") {
  if (bytes.size() < 8) detail::fail_file(name, detail::to_text(bytes.size()) + " bytes long", "a safetensors header");
  const auto header_size = detail::number_at<std::uint64_t>(bytes.data(), std::endian::little);
  if (header_size > bytes.size() - 8) {
    detail::fail_file(name, "with a header of " + detail::to_text(header_size) + " bytes",
                      "at most " + detail::to_text(bytes.size() - 8) + ", what the file has");
  }
  detail::TensorHeader header =
      detail::HeaderParser(name, bytes.substr(8, static_cast<std::size_t>(header_size))).parse();
  const std::string_view data = bytes.substr(8 + static_cast<std::size_t>(header_size));
  detail::require_gapless(name, header, data.size());

  TensorFile<Scalar> file;
  file.metadata = std::move(header.metadata);
  for (const auto& [key, entry] : header.tensors) {
    const detail::TensorType* type = detail::tensor_type(entry.dtype);
    if (type == nullptr || (type->kind == detail::TensorKind::floating && type->width > sizeof(Scalar))) {
      detail::fail_file(name, "with tensor " + key + " of type " + entry.dtype,
                        sizeof(Scalar) == 4 ? "F32, F16, BF16 or whole numbers: what float holds"
                                            : "F64, F32, F16, BF16 or whole numbers");
    }
    const std::size_t available = (entry.end - entry.begin) / type->width;
    std::size_t count = 1;
    for (const std::uint64_t extent : entry.shape) {
      count = extent == 0 ? 0 : count > available / extent ? available + 1 : count * static_cast<std::size_t>(extent);
      if (count == 0) break;
    }
    if (count != available || (entry.end - entry.begin) % type->width != 0) {
      detail::fail_file(name, "with tensor " + key + " of " + detail::to_text(entry.end - entry.begin) + " bytes",
                        "as many as its shape asks for");
    }
    const std::vector<Index> shape(entry.shape.begin(), entry.shape.end());
    const char* from = data.data() + entry.begin;
    if (type->kind == detail::TensorKind::floating) {
      Tensor<Scalar>& tensor = file.tensors[key] = {shape, std::vector<Scalar>(count)};
      for (Scalar& value : tensor.values) {
        value = detail::floating_at<Scalar>(from, *type);
        from += type->width;
      }
    } else {
      IntegerTensor& tensor = file.integers[key] = {shape, std::vector<std::int64_t>(count), entry.dtype};
      for (std::int64_t& value : tensor.values) {
        if (!detail::integer_at(from, *type, value)) {
          detail::fail_file(name, "with tensor " + key + " that has numbers beyond 2^63", "smaller whole numbers");
        }
        from += type->width;
      }
    }
  }
  return file;
}

/// The same of a file. Throws `Error` where it cannot be read.
template <std::floating_point Scalar>
TensorFile<Scalar> read_safetensors(const std::string& path) {
  return parse_safetensors<Scalar>(detail::read_file(path), path);
}

}  // namespace l0
