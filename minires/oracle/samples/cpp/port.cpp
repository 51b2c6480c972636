// A port in C++17: the first attention layer of a BERT-like encoder, in float32.
//     g++ -std=c++17 -O2 port.cpp -o port && ./port DIR OUT CASE
//     minires oracle check DIR OUT
// With a fourth argument "no-scale" it leaves out 1 / sqrt(K): a mistake for the check to find.
#include <cmath>
#include <filesystem>
#include <iostream>

#include "minires.hpp"

using minires::Tensor;
using Numbers = std::vector<float>;

static Numbers single(const Tensor& tensor) { return Numbers(tensor.data.begin(), tensor.data.end()); }
static Tensor named(std::vector<size_t> shape, const Numbers& x) { return {shape, {x.begin(), x.end()}}; }

static Numbers linear(const Numbers& x, size_t rows, const Tensor& W, const Tensor& b) {  // x W + b
    const size_t in = W.shape[0], out = W.shape[1];
    Numbers weights = single(W), bias = single(b), y(rows * out);
    for (size_t r = 0; r < rows; ++r)
        for (size_t o = 0; o < out; ++o) {
            float sum = bias[o];
            for (size_t i = 0; i < in; ++i) sum += x[r * in + i] * weights[i * out + o];
            y[r * out + o] = sum;
        }
    return y;
}

static Numbers heads(const Numbers& x, size_t T, size_t H, size_t K) {  // (B, T, H K) -> (B, H, T, K)
    Numbers y(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
        size_t k = i % K, h = i / K % H, t = i / K / H % T, b = i / K / H / T;
        y[((b * H + h) * T + t) * K + k] = x[i];
    }
    return y;
}

static double number(const std::string& json, const std::string& key) {  // the first of this name in case.json
    size_t at = json.find("\"" + key + "\":");
    if (at == std::string::npos) throw std::runtime_error("case.json has no " + key);
    return std::stod(json.substr(at + key.size() + 3, 24));
}

static void port(const std::string& dir, const std::string& out, bool scaled) {
    minires::Tensors in = minires::read(dir + "/tensors.safetensors"), answer;
    std::ifstream file(dir + "/case.json");
    std::string json{std::istreambuf_iterator<char>(file), {}}, at = "layers.0.attention.";
    const Tensor &tokens = in.at("inputs.tokens"), &W = in.at("embedding.W_token"), &P = in.at("embedding.W_position");
    const Tensor &gain = in.at("start_norm.gain"), &bias = in.at("start_norm.bias"), &padding = in.at("inputs.padding");
    size_t B = tokens.shape[0], T = tokens.shape[1], D = W.shape[1], H = size_t(number(json, "heads"));
    size_t K = in.at(at + "W_q").shape[1] / H, G = in.at(at + "W_k").shape[1] / K;
    float epsilon = float(number(json, "epsilon"));

    Numbers x(B * T * D);  // layer norm of token and position vectors
    for (size_t r = 0; r < B * T; ++r) {
        float mean = 0, variance = 0, *row = &x[r * D];
        for (size_t d = 0; d < D; ++d) row[d] = float(W.data[size_t(tokens.data[r]) * D + d]) + float(P.data[r % T * D + d]);
        for (size_t d = 0; d < D; ++d) mean += row[d] / D;
        for (size_t d = 0; d < D; ++d) variance += (row[d] - mean) * (row[d] - mean) / D;
        for (size_t d = 0; d < D; ++d) row[d] = (row[d] - mean) / std::sqrt(variance + epsilon) * gain.data[d] + bias.data[d];
    }
    auto projected = [&](const std::string& letter, size_t n) {
        return heads(linear(x, B * T, in.at(at + "W_" + letter), in.at(at + "b_" + letter)), T, n, K);
    };
    Numbers q = projected("q", H), k = projected("k", G), v = projected("v", G);
    Numbers scores(B * H * T * T), probabilities(scores.size()), mixed(q.size()), flat(q.size());
    for (size_t b = 0; b < B; ++b)
        for (size_t h = 0; h < H; ++h)
            for (size_t t = 0; t < T; ++t) {
                size_t row = (b * H + h) * T + t, group = b * G + h * G / H;
                float largest = -INFINITY, total = 0, *score = &scores[row * T], *p = &probabilities[row * T];
                for (size_t s = 0; s < T; ++s) {
                    for (size_t i = 0; i < K; ++i) score[s] += q[row * K + i] * k[(group * T + s) * K + i];
                    score[s] /= scaled ? std::sqrt(float(K)) : 1.0f;
                    if (padding.data[b * T + s]) largest = std::max(largest, score[s]);
                }
                for (size_t s = 0; s < T; ++s) total += p[s] = padding.data[b * T + s] ? std::exp(score[s] - largest) : 0.0f;
                for (size_t s = 0; s < T; ++s) p[s] /= total;
                for (size_t s = 0; s < T; ++s)
                    for (size_t i = 0; i < K; ++i) mixed[row * K + i] += p[s] * v[(group * T + s) * K + i];
                for (size_t i = 0; i < K; ++i) flat[((b * T + t) * H + h) * K + i] = mixed[row * K + i];
            }
    answer["layers.0.input"] = named({B, T, D}, x);
    answer[at + "query_heads"] = named({B, H, T, K}, q);
    answer[at + "key_heads"] = named({B, G, T, K}, k);
    answer[at + "value_heads"] = named({B, G, T, K}, v);
    answer[at + "fresh_scores"] = named({B, H, T, T}, scores);
    answer[at + "probabilities"] = named({B, H, T, T}, probabilities);
    answer[at + "heads"] = named({B, H, T, K}, mixed);
    answer[at + "output"] = named({B, T, D}, linear(flat, B * T, in.at(at + "W_o"), in.at(at + "b_o")));
    std::filesystem::create_directories(out);
    minires::write(out + "/tensors.safetensors", answer);
}

int main(int count, char** words) try {
    if (count < 4) throw std::runtime_error("expected DIR OUT CASE");
    std::string dir = words[1], out = words[2], id = words[3];
    port(dir + "/" + id, out + "/" + id, count < 5 || std::string(words[4]) != "no-scale");
    std::ofstream(out + "/subject.json") << "{\"name\": \"C++ sample\", \"version\": \"1\", \"profile\": \"float32\"}\n";
} catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
}
