// A port in JavaScript (node, no packages): the first attention layer of a BERT-like encoder, in float64.
//     node port.mjs DIR OUT CASE
//     minires oracle check DIR OUT
// With a fourth argument "no-scale" it leaves out 1 / sqrt(K): a mistake for the check to find.
import fs from "node:fs";
import { read, write } from "./minires.mjs";

const range = (n) => [...Array(n).keys()];
const sum = (list) => list.reduce((a, b) => a + b, 0);

// rows (R, in) times W (in, out), plus b
const linear = (rows, W, b) => rows.map((x) =>
  range(W.shape[1]).map((o) => b.data[o] + sum(x.map((value, i) => value * W.data[i * W.shape[1] + o]))));

function normalized(x, gain, bias, epsilon) {
  const mean = sum(x) / x.length, variance = sum(x.map((v) => (v - mean) ** 2)) / x.length;
  return x.map((v, d) => ((v - mean) / Math.sqrt(variance + epsilon)) * gain.data[d] + bias.data[d]);
}

function softmax(scores, seen) {
  const largest = Math.max(...scores.filter((_, s) => seen[s]));
  const raised = scores.map((z, s) => (seen[s] ? Math.exp(z - largest) : 0)), total = sum(raised);
  return raised.map((e) => e / total);
}

function port(dir, scaled) {
  const given = read(`${dir}/tensors.safetensors`), model = JSON.parse(fs.readFileSync(`${dir}/case.json`)).config.model;
  const at = "layers.0.attention.", tokens = given["inputs.tokens"], [B, T] = tokens.shape, H = model.heads;
  const W = given["embedding.W_token"], P = given["embedding.W_position"], D = W.shape[1];
  const K = given[`${at}W_q`].shape[1] / H, G = given[`${at}W_k`].shape[1] / K;
  const x = range(B * T).map((r) => normalized(
    range(D).map((d) => W.data[tokens.data[r] * D + d] + P.data[(r % T) * D + d]),
    given["start_norm.gain"], given["start_norm.bias"], model.epsilon));
  const projected = (letter) => linear(x, given[`${at}W_${letter}`], given[`${at}b_${letter}`]);
  // (B T, heads K) -> [b][h][t][k]
  const heads = (rows, n) => range(B).map((b) => range(n).map((h) => range(T).map((t) =>
    rows[b * T + t].slice(h * K, (h + 1) * K))));
  const q = heads(projected("q"), H), k = heads(projected("k"), G), v = heads(projected("v"), G);
  const each = (f) => range(B).map((b) => range(H).map((h) => range(T).map((t) => f(b, h, t, Math.floor((h * G) / H)))));
  const scores = each((b, h, t, g) => range(T).map((s) =>
    sum(q[b][h][t].map((a, i) => a * k[b][g][s][i])) / (scaled ? Math.sqrt(K) : 1)));
  const seen = (b) => given["inputs.padding"].data.slice(b * T, (b + 1) * T);
  const probabilities = each((b, h, t) => softmax(scores[b][h][t], seen(b)));
  const mixed = each((b, h, t, g) => range(K).map((i) => sum(range(T).map((s) => probabilities[b][h][t][s] * v[b][g][s][i]))));
  const flat = range(B * T).map((r) => range(H).flatMap((h) => mixed[Math.floor(r / T)][h][r % T]));
  const output = linear(flat, given[`${at}W_o`], given[`${at}b_o`]);
  const named = (shape, x) => ({ shape, data: x.flat(Infinity) });
  return {
    "layers.0.input": named([B, T, D], x), [`${at}query_heads`]: named([B, H, T, K], q),
    [`${at}key_heads`]: named([B, G, T, K], k), [`${at}value_heads`]: named([B, G, T, K], v),
    [`${at}fresh_scores`]: named([B, H, T, T], scores), [`${at}probabilities`]: named([B, H, T, T], probabilities),
    [`${at}heads`]: named([B, H, T, K], mixed), [`${at}output`]: named([B, T, D], output),
  };
}

const [dir, out, id, flag] = process.argv.slice(2);
if (!id) {
  console.error("expected DIR OUT CASE");
  process.exit(1);
}
write(`${out}/${id}/tensors.safetensors`, port(`${dir}/${id}`, flag !== "no-scale"));
fs.writeFileSync(`${out}/subject.json`, JSON.stringify({ name: "JavaScript sample", version: "1", profile: "float64" }));
