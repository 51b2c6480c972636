// A port in Rust, no crates: the first attention layer of a BERT-like encoder, in float64.
//     rustc -O --edition 2021 port.rs && ./port DIR OUT CASE
//     minires oracle check DIR OUT
// With a fourth argument "no-scale" it leaves out 1 / sqrt(K): a mistake for the check to find.
mod minires;
use minires::{read, write, Tensor, Tensors};

type Rows = Vec<Vec<f64>>;

fn linear(rows: &Rows, weight: &Tensor, bias: &Tensor) -> Rows {
    let out = weight.shape[1];
    let one = |x: &Vec<f64>| (0..out).map(|o| {
        bias.data[o] + x.iter().enumerate().map(|(i, value)| value * weight.data[i * out + o]).sum::<f64>()
    }).collect();
    rows.iter().map(one).collect()
}

fn normalized(x: &[f64], gain: &Tensor, bias: &Tensor, epsilon: f64) -> Vec<f64> {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / x.len() as f64;
    (0..x.len()).map(|d| (x[d] - mean) / (variance + epsilon).sqrt() * gain.data[d] + bias.data[d]).collect()
}

// rows (B T, n K) -> (B n T) rows of K
fn heads(rows: &Rows, time: usize, n: usize, width: usize) -> Rows {
    let batch = rows.len() / time;
    (0..batch * n * time).map(|i| {
        let (b, h, t) = (i / time / n, i / time % n, i % time);
        rows[b * time + t][h * width..(h + 1) * width].to_vec()
    }).collect()
}

fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(a, b)| a * b).sum()
}

fn named(shape: &[usize], rows: &Rows) -> Tensor {
    Tensor { shape: shape.to_vec(), data: rows.concat() }
}

// The first number of this name in case.json.
fn config(json: &str, key: &str) -> Result<f64, String> {
    let start = json.find(&format!("\"{key}\":")).ok_or(format!("case.json has no {key}"))? + key.len() + 3;
    let end = json[start..].find([',', '}', '\n']).map_or(json.len(), |end| start + end);
    json[start..end].trim().parse().map_err(|_| format!("{key} is no number"))
}

fn port(dir: &str, scaled: bool) -> Result<Tensors, String> {
    let given = read(&format!("{dir}/tensors.safetensors"))?;
    let json = std::fs::read_to_string(format!("{dir}/case.json")).map_err(|error| error.to_string())?;
    let of = |name: &str| given.get(name).ok_or(format!("{dir}: no tensor {name}"));
    let at = |name: &str| format!("layers.0.attention.{name}");
    let (tokens, table, position) = (of("inputs.tokens")?, of("embedding.W_token")?, of("embedding.W_position")?);
    let (b_n, t_n, d_n) = (tokens.shape[0], tokens.shape[1], table.shape[1]);
    let (gain, bias, epsilon) = (of("start_norm.gain")?, of("start_norm.bias")?, config(&json, "epsilon")?);
    let padding = of("inputs.padding")?;
    let h_n = config(&json, "heads")? as usize;
    let k_n = of(&at("W_q"))?.shape[1] / h_n;
    let g_n = of(&at("W_k"))?.shape[1] / k_n;

    let x: Rows = (0..b_n * t_n).map(|r| {
        let token = tokens.data[r] as usize;
        let sum: Vec<f64> = (0..d_n).map(|d| table.data[token * d_n + d] + position.data[r % t_n * d_n + d]).collect();
        normalized(&sum, gain, bias, epsilon)
    }).collect();
    let projected = |letter: &str, n: usize| -> Result<Rows, String> {
        Ok(heads(&linear(&x, of(&at(&format!("W_{letter}")))?, of(&at(&format!("b_{letter}")))?), t_n, n, k_n))
    };
    let (q, k, v) = (projected("q", h_n)?, projected("k", g_n)?, projected("v", g_n)?);
    let (mut scores, mut probabilities, mut mixed): (Rows, Rows, Rows) = (vec![], vec![], vec![]);
    for row in 0..b_n * h_n * t_n {
        let (b, h) = (row / t_n / h_n, row / t_n % h_n);
        let (group, seen) = ((b * g_n + h * g_n / h_n) * t_n, |s: usize| padding.data[b * t_n + s] != 0.0);
        let factor = if scaled { 1.0 / (k_n as f64).sqrt() } else { 1.0 };
        let score: Vec<f64> = (0..t_n).map(|s| dot(&q[row], &k[group + s]) * factor).collect();
        let largest = (0..t_n).filter(|&s| seen(s)).map(|s| score[s]).fold(f64::NEG_INFINITY, f64::max);
        let raised: Vec<f64> = (0..t_n).map(|s| if seen(s) { (score[s] - largest).exp() } else { 0.0 }).collect();
        let total: f64 = raised.iter().sum();
        let p: Vec<f64> = raised.iter().map(|e| e / total).collect();
        mixed.push((0..k_n).map(|i| (0..t_n).map(|s| p[s] * v[group + s][i]).sum()).collect());
        scores.push(score);
        probabilities.push(p);
    }
    let flat: Rows = (0..b_n * t_n).map(|r| {
        (0..h_n).flat_map(|h| mixed[(r / t_n * h_n + h) * t_n + r % t_n].clone()).collect()
    }).collect();
    let output = linear(&flat, of(&at("W_o"))?, of(&at("b_o"))?);
    Ok(Tensors::from([
        ("layers.0.input".to_string(), named(&[b_n, t_n, d_n], &x)),
        (at("query_heads"), named(&[b_n, h_n, t_n, k_n], &q)),
        (at("key_heads"), named(&[b_n, g_n, t_n, k_n], &k)),
        (at("value_heads"), named(&[b_n, g_n, t_n, k_n], &v)),
        (at("fresh_scores"), named(&[b_n, h_n, t_n, t_n], &scores)),
        (at("probabilities"), named(&[b_n, h_n, t_n, t_n], &probabilities)),
        (at("heads"), named(&[b_n, h_n, t_n, k_n], &mixed)),
        (at("output"), named(&[b_n, t_n, d_n], &output)),
    ]))
}

fn main() -> Result<(), String> {
    let words: Vec<String> = std::env::args().collect();
    let [dir, out, id]: &[String; 3] = words.get(1..4).and_then(|words| words.try_into().ok()).ok_or("expected DIR OUT CASE")?;
    let scaled = words.get(4).map(String::as_str) != Some("no-scale");
    write(&format!("{out}/{id}/tensors.safetensors"), &port(&format!("{dir}/{id}"), scaled)?)?;
    let subject = "{\"name\": \"Rust sample\", \"version\": \"1\", \"profile\": \"float64\"}\n";
    std::fs::write(format!("{out}/subject.json"), subject).map_err(|error| error.to_string())
}
