// SPDX-License-Identifier: MIT
#pragma once

/// \file
/// Reads and writes safetensors files (https://github.com/huggingface/safetensors): eight bytes with the length of a
/// JSON header, little-endian, the header, then the numbers of all tensors, row by row, without gaps. Python reads them
/// with safetensors.torch.load_file. A door of its own: `l0.hpp` does not include it.

#include <map>
#include <utility>

#include <l0/core/types.hpp>
#include <l0/io/bytes.hpp>
#include <l0/io/safetensors_header.hpp>

namespace l0 {

/// A tensor of floating-point numbers: its shape, and the numbers row by row.
template <std::floating_point Scalar>
struct Tensor {
  std::vector<Index> shape;    ///< size of every dimension
  std::vector<Scalar> values;  ///< row by row: the last dimension runs fastest
};

/// Tensors by name, of float or of double, and remarks by name.
template <std::floating_point Scalar>
struct TensorFile {
  std::map<std::string, Tensor<Scalar>> tensors;  ///< by name
  std::map<std::string, std::string> metadata;    ///< texts by key
};

namespace detail {

template <class Scalar>
constexpr std::string_view dtype_of() {
  static_assert(sizeof(Scalar) == 4 || sizeof(Scalar) == 8);
  return sizeof(Scalar) == 4 ? "F32" : "F64";
}

}  // namespace detail

/// Writes a file; one that is there already is replaced once the new one is whole. Throws `Error` where it cannot be
/// written.
template <std::floating_point Scalar>
void write_safetensors(const std::string& path, const TensorFile<Scalar>& file) {
  std::string header = "{\"__metadata__\":{";
  for (const auto& [key, value] : file.metadata) {
    if (header.back() != '{') header += ',';
    header += detail::quoted(key) + ":" + detail::quoted(value);
  }
  header += '}';
  std::size_t offset = 0;
  for (const auto& [name, tensor] : file.tensors) {
    std::string shape;
    std::size_t count = 1;
    for (const Index extent : tensor.shape) {
      shape += (shape.empty() ? "" : ",") + detail::to_text(extent);
      count *= static_cast<std::size_t>(extent);
    }
    detail::require(count == tensor.values.size(), "size of tensor " + name, tensor.values.size(),
                    detail::to_text(count) + ", the product of its shape");
    const std::size_t end = offset + sizeof(Scalar) * count;
    header += "," + detail::quoted(name) + ":{\"dtype\":\"" + std::string(detail::dtype_of<Scalar>()) +
              "\",\"shape\":[" + shape + "],\"data_offsets\":[" + detail::to_text(offset) + "," + detail::to_text(end) +
              "]}";
    offset = end;
  }
  header += '}';
  while (header.size() % 8 != 0) header += ' ';  // numbers begin at a multiple of their size
  std::vector<unsigned char> bytes;
  bytes.reserve(8 + header.size() + offset);
  detail::append_number(bytes, static_cast<std::uint64_t>(header.size()), std::endian::little);
  bytes.insert(bytes.end(), header.begin(), header.end());
  for (const auto& entry : file.tensors) {
    for (const Scalar value : entry.second.values) detail::append_number(bytes, value, std::endian::little);
  }
  detail::write_bytes(path, bytes);
}

/// Reads a file whose tensors are all F32 or all F64, as `Scalar` says. Throws `Error`, naming the file, for one that
/// cannot be read, is cut off or has bytes left over, whose header is not what the format asks for, whose tensors
/// overlap, leave gaps or do not have the bytes of their shape, and for tensors of another type.
template <std::floating_point Scalar>
TensorFile<Scalar> read_safetensors(const std::string& path) {
  const std::vector<unsigned char> bytes = detail::read_bytes(path);
  if (bytes.size() < 8) detail::fail_file(path, detail::to_text(bytes.size()) + " bytes long", "a safetensors header");
  const auto header_size = detail::number_at<std::uint64_t>(bytes.data(), std::endian::little);
  if (header_size > bytes.size() - 8) {
    detail::fail_file(path, "with a header of " + detail::to_text(header_size) + " bytes",
                      "at most " + detail::to_text(bytes.size() - 8) + ", what the file has");
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, static_cast<std::size_t>(header_size));
  detail::TensorHeader header = detail::HeaderParser(path, text).parse();
  const unsigned char* data = bytes.data() + 8 + header_size;
  const std::size_t size = bytes.size() - 8 - static_cast<std::size_t>(header_size);
  detail::require_gapless(path, header, size);

  TensorFile<Scalar> file;
  file.metadata = std::move(header.metadata);
  for (auto& [name, entry] : header.tensors) {
    if (entry.dtype != detail::dtype_of<Scalar>()) {
      detail::fail_file(path, "with tensor " + name + " of type " + entry.dtype,
                        std::string(detail::dtype_of<Scalar>()) + ", as the program asks for");
    }
    std::size_t count = 1;
    const std::size_t available = (entry.end - entry.begin) / sizeof(Scalar);
    for (const std::uint64_t extent : entry.shape) {
      count = extent == 0 ? 0 : count > available / extent ? available + 1 : count * static_cast<std::size_t>(extent);
      if (count == 0) break;
    }
    if (count != available || (entry.end - entry.begin) % sizeof(Scalar) != 0) {
      detail::fail_file(path, "with tensor " + name + " of " + detail::to_text(entry.end - entry.begin) + " bytes",
                        "as many as its shape asks for");
    }
    Tensor<Scalar>& tensor = file.tensors[name];
    tensor.shape.assign(entry.shape.begin(), entry.shape.end());
    tensor.values.resize(count);
    for (std::size_t k = 0; k < count; ++k) {
      tensor.values[k] = detail::number_at<Scalar>(data + entry.begin + k * sizeof(Scalar), std::endian::little);
    }
  }
  return file;
}

}  // namespace l0
