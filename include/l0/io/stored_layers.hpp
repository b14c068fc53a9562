// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cmath>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <l0/io/safetensors.hpp>
#include <l0/io/text.hpp>
#include <l0/layers/batch_norm.hpp>
#include <l0/layers/embedding.hpp>
#include <l0/layers/layer_norm.hpp>
#include <l0/networks/residual.hpp>

/// \file
/// How a network of this library's layers is written so that it can be read without being built before: every layer as
/// a word and numbers in the metadata, under "layer." and its place. What a layer consists of stands beside it as ever.

namespace l0::detail {

using LayerTexts = std::map<std::string, std::string>;

template <class Numbers>
std::string with_numbers(std::string text, const Numbers& numbers) {
  for (const auto& number : numbers) text += ' ' + to_text(number);
  return text;
}

inline std::string window_text(std::string text, const Window& w) {
  return with_numbers(std::move(text),
                      std::array<Index, 11>{w.image().channels, w.image().height, w.image().width, w.kernel().height,
                                            w.kernel().width, w.stride().height, w.stride().width, w.padding().height,
                                            w.padding().width, w.dilation().height, w.dilation().width});
}

/// Layers by their names: what is written and what can be read.
template <class Scalar>
class StoredLayers {
 public:
  using Any = AnyLayer<Scalar>;

  /// Writes the layers of a network into `texts`; a layer that is not known here is left out.
  static void write(LayerTexts& texts, const Network<Scalar>& network, const std::string& place) {
    texts["layer" + place] = with_numbers("Network", std::array<Index, 2>{network.inputs(), network.size()});
    for (std::size_t k = 0; k < network.layers().size(); ++k) {
      write(texts, network.layers()[k], place + "." + to_text(k));
    }
  }

  /// The network that stands at a place in a file, its arrays still to be filled in.
  static Network<Scalar> read_network(const std::string& path, const TensorFile<Scalar>& file,
                                      const std::string& place) {
    return StoredLayers(path, file, place).network();
  }

 private:
  StoredLayers(const std::string& path, const TensorFile<Scalar>& file, const std::string& place)
      : path_(path), file_(file), place_(place) {
    const auto found = file.metadata.find("layer" + place);
    if (found == file.metadata.end()) {
      fail_file(path, "without the layer" + place + " in its metadata",
                "a network of layers of this library, stored as l0::Network or l0::Sequential");
    }
    std::string_view rest = found->second;
    word_ = std::string(next_word(rest));
    for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest)) {
      double number = 0;
      if (!parse_number(word, number)) refuse();
      numbers_.push_back(number);
    }
  }

  [[noreturn]] void refuse() const {
    fail_file(path_, "with layer" + place_ + " = " + file_.metadata.at("layer" + place_) + " in its metadata",
              "a layer that can be read");
  }

  // What is written.

  template <class L, class Use>
  static bool known(const Any& layer, Use&& use) {
    const L* found = layer.template get_if<L>();
    if (found != nullptr) use(*found);
    return found != nullptr;
  }

  static void write(LayerTexts& texts, const Any& layer, const std::string& place) {
    std::string& text = texts["layer" + place];
    const auto linear = [&](std::string name) {
      return [&, name](const auto& l) {
        text = with_numbers(name, std::array<Index, 3>{l.inputs(), l.outputs(), l.has_bias() ? 1 : 0});
        add_stretch(text, l);
      };
    };
    const auto conv = [&](std::string name) {
      return [&, name](const auto& l) {
        text = with_numbers(window_text(name, l.window()),
                            std::array<Index, 2>{l.output_shape().channels, l.has_bias() ? 1 : 0});
        add_stretch(text, l);
      };
    };
    const auto plain = [&](const auto& l) { text = std::string(std::remove_cvref_t<decltype(l)>::type_name); };
    const auto sized = [&](const auto& l) {
      text = std::string(std::remove_cvref_t<decltype(l)>::type_name) + ' ' + to_text(l.inputs());
    };
    const auto pool = [&](const auto& l) {
      text = window_text(std::string(l.operation().type_name), l.operation().window());
    };
    const bool is_known =
        known<Linear<Scalar>>(layer, linear("Linear")) || known<L0Linear<Scalar>>(layer, linear("L0Linear")) ||
        known<L0Linear<Scalar, PerInput>>(layer, linear("L0Linear:PerInput")) ||
        known<L0Linear<Scalar, PerOutput>>(layer, linear("L0Linear:PerOutput")) ||
        known<Conv2d<Scalar>>(layer, conv("Conv2d")) || known<L0Conv2d<Scalar>>(layer, conv("L0Conv2d")) ||
        known<L0Conv2d<Scalar, PerInput>>(layer, conv("L0Conv2d:PerInput")) ||
        known<DepthwiseConv2d<Scalar>>(layer, conv("DepthwiseConv2d")) ||
        known<L0DepthwiseConv2d<Scalar>>(layer, conv("L0DepthwiseConv2d")) ||
        known<ActivationLayer<Scalar, Relu>>(layer, plain) || known<ActivationLayer<Scalar, Sigmoid>>(layer, plain) ||
        known<ActivationLayer<Scalar, Tanh>>(layer, plain) || known<ActivationLayer<Scalar, LeakyRelu>>(layer, plain) ||
        known<ActivationLayer<Scalar, Elu>>(layer, plain) || known<ActivationLayer<Scalar, Gelu>>(layer, plain) ||
        known<ActivationLayer<Scalar, Silu>>(layer, plain) || known<IdentityLayer<Scalar>>(layer, plain) ||
        known<LayerNorm<Scalar>>(
            layer, [&](const auto& l) { text = "LayerNorm " + to_text(l.inputs()) + ' ' + to_text(l.epsilon()); }) ||
        known<ColumnScale<Scalar>>(layer, sized) ||
        known<BatchNorm<Scalar>>(
            layer, [&](const auto& l) { text = "BatchNorm " + to_text(l.channels()) + ' ' + to_text(l.epsilon()); }) ||
        known<Embedding<Scalar>>(layer,
                                 [&](const auto& l) {
                                   text = with_numbers("Embedding", std::array<Index, 2>{l.rows(), l.dimension()});
                                 }) ||
        known<DropoutLayer<Scalar>>(layer, [&](const auto& l) { text = "Dropout " + to_text(l.rate()); }) ||
        known<OperationLayer<Scalar, MaxPool2d>>(layer, pool) ||
        known<OperationLayer<Scalar, AvgPool2d>>(layer, pool) ||
        known<OperationLayer<Scalar, GlobalAvgPool2d>>(layer, pool) ||
        known<SelectColumns<Scalar>>(
            layer, [&](const auto& l) { text = with_numbers("SelectColumns " + to_text(l.inputs()), l.from()); }) ||
        known<SparseLinear<Scalar>>(layer, [&](const auto& l) { text = sparse_text(l); }) ||
        known<Network<Scalar>>(layer, [&](const auto& l) { write(texts, l, place); }) ||
        known<Residual<Network<Scalar>>>(layer,
                                         [&](const auto& l) {
                                           texts["layer" + place] = "Residual";
                                           write(texts, l.template branch<0>(), place + ".0");
                                         }) ||
        known<Parallel<Network<Scalar>, Network<Scalar>>>(layer,
                                                          [&](const auto& l) {
                                                            texts["layer" + place] = "Parallel";
                                                            write(texts, l.template branch<0>(), place + ".0");
                                                            write(texts, l.template branch<1>(), place + ".1");
                                                          }) ||
        known<BranchSum<Scalar>>(layer, [&](const auto& l) {
          text = with_numbers("BranchSum " + to_text(l.inputs()) + ' ' + to_text(l.skip().size()), l.skip());
          for (std::size_t b = 0; b < l.branches().size(); ++b) {
            text += with_numbers(' ' + to_text(l.branches()[b].into.size()), l.branches()[b].into);
            write(texts, l.branches()[b].network, place + "." + to_text(b));
          }
        });
    if (!is_known) texts.erase("layer" + place);
  }

  template <class L>
  static void add_stretch(std::string& text, const L& layer) {
    if constexpr (L::has_gates) {
      text += ' ' + to_text(layer.gate().distribution().gamma) + ' ' + to_text(layer.gate().distribution().zeta);
    }
  }

  static std::string sparse_text(const SparseLinear<Scalar>& layer) {
    const auto weight = layer.weight();
    std::string text = with_numbers("SparseLinear", std::array<Index, 2>{weight.rows(), weight.cols()});
    for (Index o = 0; o < weight.outerSize(); ++o) {
      for (typename decltype(weight)::InnerIterator entry(weight, o); entry; ++entry) {
        text += ' ' + to_text(entry.row()) + ' ' + to_text(entry.col());
      }
    }
    return text;
  }

  // What is read. No number is believed before it is known to belong to what the file holds.

  double number(std::size_t k) const {
    if (k >= numbers_.size()) refuse();
    return numbers_[k];
  }
  Index index(std::size_t k) const {
    const double value = number(k);
    if (!(std::abs(value) < 0x1p31) || value != std::floor(value)) refuse();
    return static_cast<Index>(value);
  }
  void require_count(std::size_t count) const {
    if (numbers_.size() != count) refuse();
  }
  /// That the file has an array of this name, of so many numbers: what is built is then no larger than the file.
  void require_array(const char* name, double size) const {
    const auto found = file_.tensors.find((place_.empty() ? "" : place_.substr(1) + ".") + name);
    if (found == file_.tensors.end() || static_cast<double>(found->second.values.size()) != size) refuse();
  }

  Network<Scalar> network() const {
    if (word_ != "Network") refuse();
    require_count(2);
    const Index size = index(1);
    if (index(0) < -1 || size < 0) refuse();
    Network<Scalar> result({}, index(0));
    for (Index k = 0; k < size; ++k) result.add(StoredLayers(path_, file_, place_ + "." + to_text(k)).layer());
    return result;
  }

  Any layer() const {
    if (word_ == "Linear") return linear<NoGates>();
    if (word_ == "L0Linear") return linear<PerWeight>();
    if (word_ == "L0Linear:PerInput") return linear<PerInput>();
    if (word_ == "L0Linear:PerOutput") return linear<PerOutput>();
    if (word_ == "Conv2d") return convolution<Conv2d<Scalar>>();
    if (word_ == "L0Conv2d") return convolution<L0Conv2d<Scalar>>();
    if (word_ == "L0Conv2d:PerInput") return convolution<L0Conv2d<Scalar, PerInput>>();
    if (word_ == "DepthwiseConv2d") return convolution<DepthwiseConv2d<Scalar>>();
    if (word_ == "L0DepthwiseConv2d") return convolution<L0DepthwiseConv2d<Scalar>>();
    if (word_ == "Relu") return Any(ActivationLayer<Scalar, Relu>());
    if (word_ == "Sigmoid") return Any(ActivationLayer<Scalar, Sigmoid>());
    if (word_ == "Tanh") return Any(ActivationLayer<Scalar, Tanh>());
    if (word_ == "LeakyRelu") return Any(ActivationLayer<Scalar, LeakyRelu>());
    if (word_ == "Elu") return Any(ActivationLayer<Scalar, Elu>());
    if (word_ == "Gelu") return Any(ActivationLayer<Scalar, Gelu>());
    if (word_ == "Silu") return Any(ActivationLayer<Scalar, Silu>());
    if (word_ == "Identity") return Any(IdentityLayer<Scalar>());
    if (word_ == "MaxPool2d") return pooling<MaxPool2d>();
    if (word_ == "AvgPool2d") return pooling<AvgPool2d>();
    if (word_ == "Network") return Any(network());
    if (word_ == "Residual") return Any(Residual<Network<Scalar>>(StoredLayers(path_, file_, place_ + ".0").network()));
    if (word_ == "Parallel") {
      return Any(Parallel<Network<Scalar>, Network<Scalar>>(StoredLayers(path_, file_, place_ + ".0").network(),
                                                            StoredLayers(path_, file_, place_ + ".1").network()));
    }
    if (word_ == "Dropout") return Any(DropoutLayer<Scalar>(number(0)));
    if (word_ == "BatchNorm") {
      require_array("weight", number(0));
      return Any(BatchNorm<Scalar>(index(0), {.epsilon = number(1)}));
    }
    if (word_ == "LayerNorm") {
      require_array("weight", number(0));
      return Any(LayerNorm<Scalar>(index(0), {.epsilon = number(1)}));
    }
    if (word_ == "Embedding") {
      require_array("weight", number(0) * number(1));
      Rng rng;
      return Any(Embedding<Scalar>(index(0), index(1), rng));
    }
    if (word_ == "ColumnScale") {
      require_array("weight", number(0));
      if (index(0) < 0) refuse();
      return Any(ColumnScale<Scalar>(Vector<Scalar>::Zero(index(0)), Vector<Scalar>::Zero(index(0))));
    }
    if (word_ == "SelectColumns") return select();
    if (word_ == "SparseLinear") return sparse();
    if (word_ == "BranchSum") return branches();
    refuse();
  }

  template <class Grouping>
  Any linear() const {
    using Layer = L0Linear<Scalar, Grouping>;
    require_array("weight", number(0) * number(1));
    typename Layer::Options options;
    options.bias = number(2) != 0;
    read_stretch(options, 3);
    Rng rng;
    return Any(Layer(index(0), index(1), rng, options));
  }

  template <class Layer>
  Any convolution() const {
    const ImageShape image = shape();
    const Index outputs = index(11);
    constexpr bool is_depthwise = requires { Layer::is_depthwise; };
    require_array("weight", number(3) * number(4) * number(11) * (is_depthwise ? 1 : number(0)));
    typename Layer::Options options;
    options.stride = extent(5);
    options.padding = extent(7);
    options.dilation = extent(9);
    options.bias = number(12) != 0;
    read_stretch(options, 13);
    Rng rng;
    if constexpr (is_depthwise) {
      if (outputs != image.channels) refuse();
      return Any(Layer(image, extent(3), rng, options));
    } else {
      return Any(Layer(image, outputs, extent(3), rng, options));
    }
  }

  template <class Options>
  void read_stretch(Options& options, std::size_t at) const {
    if constexpr (requires { options.gate; }) {
      require_count(at + 2);
      options.gate.gamma = static_cast<Scalar>(number(at));
      options.gate.zeta = static_cast<Scalar>(number(at + 1));
    } else {
      require_count(at);
    }
  }

  template <class Pool>
  Any pooling() const {
    require_count(11);
    return Any(OperationLayer<Scalar, Pool>(Pool(shape(), extent(3), {.stride = extent(5), .padding = extent(7)})));
  }

  ImageShape shape() const { return {index(0), index(1), index(2)}; }
  Extent extent(std::size_t k) const { return {index(k), index(k + 1)}; }

  std::vector<Index> list(std::size_t first, std::size_t count) const {
    std::vector<Index> result;
    for (std::size_t k = first; k < first + count; ++k) result.push_back(index(k));
    return result;
  }
  /// The length of a list that begins behind its length.
  std::size_t length(std::size_t k) const {
    const Index count = index(k);
    if (count < 0 || static_cast<std::size_t>(count) > numbers_.size()) refuse();
    return static_cast<std::size_t>(count);
  }

  Any select() const {
    if (numbers_.empty()) refuse();
    const auto from = list(1, numbers_.size() - 1);
    return Any(SelectColumns<Scalar>(index(0), from, Vector<Scalar>::Zero(static_cast<Index>(from.size()))));
  }

  Any sparse() const {
    require_array("bias", number(0));
    const Index rows = index(0);
    const Index columns = index(1);
    if (columns < 0 || numbers_.size() % 2 != 0) refuse();
    typename SparseLinear<Scalar>::Weight weight(rows, columns);
    std::vector<Eigen::Triplet<Scalar, int>> entries;
    Index last = -1;
    for (std::size_t k = 2; k < numbers_.size(); k += 2) {
      const Index row = index(k);
      const Index column = index(k + 1);
      if (row < 0 || row >= rows || column < 0 || column >= columns || row * columns + column <= last) refuse();
      last = row * columns + column;
      entries.emplace_back(static_cast<int>(row), static_cast<int>(column), Scalar(1));
    }
    weight.setFromTriplets(entries.begin(), entries.end());
    return Any(SparseLinear<Scalar>(std::move(weight), Vector<Scalar>(Vector<Scalar>::Zero(rows))));
  }

  Any branches() const {
    const std::size_t size = length(1);
    const auto skip = list(2, size);
    std::vector<typename BranchSum<Scalar>::Branch> all;
    for (std::size_t at = 2 + size; at < numbers_.size();) {
      const std::size_t count = length(at);
      const std::string place = place_ + "." + to_text(all.size());
      all.push_back({StoredLayers(path_, file_, place).network(), list(at + 1, count)});
      at += 1 + count;
    }
    return Any(BranchSum<Scalar>(index(0), std::move(all), skip, Vector<Scalar>::Zero(static_cast<Index>(size))));
  }

  const std::string& path_;
  const TensorFile<Scalar>& file_;
  std::string place_;
  std::string word_;
  std::vector<double> numbers_;
};

}  // namespace l0::detail
