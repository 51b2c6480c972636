// Reads and writes safetensors in C++17, nothing but the standard library:
// 8 bytes length of the header (little-endian), the header in JSON, the numbers in C order.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>
namespace minires {
struct Tensor { std::vector<size_t> shape; std::vector<double> data; };
using Tensors = std::map<std::string, Tensor>;
// As much of JSON as the header has: objects, lists of whole numbers, strings without escapes.
struct Scanner {
    const std::string& text;
    size_t at = 0;
    bool skip(char wanted) {
        at = std::min(text.find_first_not_of(" \t\r\n", at), text.size());
        return text[at] == wanted ? (++at, true) : false;
    }
    void expect(char wanted) {
        if (!skip(wanted)) throw std::runtime_error(std::string("expected ") + wanted + " in the header");
    }
    std::string word() {
        expect('"');
        size_t start = at, end = std::min(text.find('"', at), text.size());
        at = end + 1;
        return text.substr(start, end - start);
    }
    std::vector<size_t> numbers() {
        std::vector<size_t> found;
        for (expect('['); !skip(']'); skip(',')) {
            found.push_back(std::stoull(text.substr(at, 20)));
            at = std::min(text.find_first_not_of("0123456789 ", at), text.size());
        }
        return found;
    }
};
template <class T> double number(const char* at) { T x; std::memcpy(&x, at, sizeof x); return double(x); }
inline double number_of(const std::string& dtype, const char* at) {
    if (dtype == "F64" || dtype == "F32") return dtype == "F64" ? number<double>(at) : number<float>(at);
    if (dtype == "I64" || dtype == "I32") return dtype == "I64" ? number<int64_t>(at) : number<int32_t>(at);
    if (dtype == "BOOL" || dtype == "U8") return number<uint8_t>(at);
    if (dtype != "BF16") throw std::runtime_error("cannot read " + dtype);
    uint32_t bits = uint32_t(number<uint16_t>(at)) << 16;
    return number<float>(reinterpret_cast<const char*>(&bits));
}

inline Tensors read(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    uint64_t length = 0;
    if (bytes.size() >= 8) std::memcpy(&length, bytes.data(), 8);
    if (!file || bytes.size() < 8 || length > bytes.size() - 8) throw std::runtime_error(path + ": not a whole safetensors file");
    std::string header = bytes.substr(8, length);
    Scanner scan{header};
    Tensors found;
    for (scan.expect('{'); !scan.skip('}'); scan.skip(',')) {
        std::string name = scan.word(), dtype;
        std::vector<size_t> shape, range;
        scan.skip(':');
        for (scan.expect('{'); !scan.skip('}'); scan.skip(',')) {
            std::string key = scan.word();
            scan.skip(':');
            if (key == "shape" || key == "data_offsets") (key == "shape" ? shape : range) = scan.numbers();
            else dtype = scan.word();
        }
        if (name == "__metadata__") continue;
        size_t count = 1;
        for (size_t n : shape) count *= n;
        if (range.size() != 2 || range[1] < range[0] || 8 + length + range[1] > bytes.size())
            throw std::runtime_error(path + ": " + name + " ends beyond the file");
        size_t width = count ? (range[1] - range[0]) / count : 0;  // bytes
        Tensor& tensor = found[name] = {shape, std::vector<double>(count)};
        for (size_t i = 0; i < count; ++i) tensor.data[i] = number_of(dtype, bytes.data() + 8 + length + range[0] + i * width);
    }
    return found;
}
inline void write(const std::string& path, const Tensors& tensors) {  // as float32
    std::string header = "{", body;
    for (const auto& [name, tensor] : tensors) {
        header += (header.size() > 1 ? ",\"" : "\"") + name + "\":{\"dtype\":\"F32\",\"shape\":[";
        for (size_t i = 0; i < tensor.shape.size(); ++i) header += (i ? "," : "") + std::to_string(tensor.shape[i]);
        header += "],\"data_offsets\":[" + std::to_string(body.size()) + ",";
        for (double x : tensor.data) {
            float single = float(x);
            body.append(reinterpret_cast<const char*>(&single), sizeof single);
        }
        header += std::to_string(body.size()) + "]}";
    }
    header += "}";
    uint64_t length = header.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), 8) << header << body;
    if (!file.flush()) throw std::runtime_error(path + ": cannot be written");
}
}  // namespace minires
