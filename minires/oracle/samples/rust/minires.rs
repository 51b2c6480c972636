// Reads and writes safetensors in Rust, nothing but the standard library:
// 8 bytes length of the header (little-endian), the header in JSON, the numbers in C order.
use std::collections::BTreeMap;
use std::{fs, path::Path};

pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}
pub type Tensors = BTreeMap<String, Tensor>;

// As much of JSON as the header has: objects, lists of whole numbers, strings without escapes.
struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn skip(&mut self, wanted: u8) -> bool {
        while self.at < self.text.len() && self.text[self.at].is_ascii_whitespace() {
            self.at += 1;
        }
        let there = self.text.get(self.at) == Some(&wanted);
        self.at += there as usize;
        there
    }
    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.skip(wanted as u8) { Ok(()) } else { Err(format!("expected {wanted} in the header")) }
    }
    fn until(&mut self, more: impl Fn(u8) -> bool) -> String {
        let start = self.at;
        while self.at < self.text.len() && more(self.text[self.at]) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[start..self.at]).into_owned()
    }
    fn word(&mut self) -> Result<String, String> {
        self.expect('"')?;
        let word = self.until(|byte| byte != b'"');
        self.expect('"')?;
        Ok(word)
    }
    fn numbers(&mut self) -> Result<Vec<usize>, String> {
        let mut found = vec![];
        self.expect('[')?;
        while !self.skip(b']') {
            found.push(self.until(|byte| byte.is_ascii_digit()).parse().map_err(|_| "expected a number in the header")?);
            self.skip(b',');
        }
        Ok(found)
    }
}

fn number(dtype: &str, bytes: &[u8]) -> Result<f64, String> {
    let fixed = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let eight: [u8; 8] = std::array::from_fn(fixed);
    let four: [u8; 4] = std::array::from_fn(fixed);
    Ok(match dtype {
        "F64" => f64::from_le_bytes(eight),
        "F32" => f32::from_le_bytes(four) as f64,
        "BF16" => f32::from_le_bytes([0, 0, four[0], four[1]]) as f64,
        "I64" => i64::from_le_bytes(eight) as f64,
        "I32" => i32::from_le_bytes(four) as f64,
        "U8" | "BOOL" => four[0] as f64,
        _ => return Err(format!("cannot read {dtype}")),
    })
}

pub fn read(path: &str) -> Result<Tensors, String> {
    let bytes = fs::read(path).map_err(|error| format!("{path}: {error}"))?;
    let head: [u8; 8] = bytes.get(..8).and_then(|head| head.try_into().ok()).ok_or(format!("{path}: not whole"))?;
    let length = u64::from_le_bytes(head) as usize;
    let text = bytes[8..].get(..length).ok_or(format!("{path}: not a whole safetensors file"))?;
    let (body, mut scan, mut found) = (&bytes[8 + length..], Scanner { text, at: 0 }, Tensors::new());
    scan.expect('{')?;
    while !scan.skip(b'}') {
        let (name, mut dtype, mut shape, mut range) = (scan.word()?, String::new(), vec![], vec![]);
        scan.expect(':')?;
        scan.expect('{')?;
        while !scan.skip(b'}') {
            let key = scan.word()?;
            scan.expect(':')?;
            match key.as_str() {
                "shape" => shape = scan.numbers()?,
                "data_offsets" => range = scan.numbers()?,
                _ => dtype = scan.word()?,
            }
            scan.skip(b',');
        }
        scan.skip(b',');
        if name != "__metadata__" {
            let part = (range.len() == 2).then(|| body.get(range[0]..range[1])).flatten()
                .ok_or(format!("{path}: {name} ends beyond the file"))?;
            let width = (part.len() / shape.iter().product::<usize>().max(1)).max(1);
            let data = part.chunks(width).map(|bytes| number(&dtype, bytes)).collect::<Result<_, _>>()?;
            found.insert(name, Tensor { shape, data });
        }
    }
    Ok(found)
}

pub fn write(path: &str, tensors: &Tensors) -> Result<(), String> {
    let (mut rows, mut body) = (vec![], vec![]);
    for (name, Tensor { shape, data }) in tensors {
        let start = body.len();
        data.iter().for_each(|x| body.extend(x.to_le_bytes()));
        rows.push(format!("\"{name}\":{{\"dtype\":\"F64\",\"shape\":{shape:?},\"data_offsets\":[{start},{}]}}", body.len()));
    }
    let header = format!("{{{}}}", rows.join(","));
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &body].concat();
    fs::create_dir_all(Path::new(path).parent().unwrap()).map_err(|error| error.to_string())?;
    fs::write(path, bytes).map_err(|error| format!("{path}: {error}"))
}
