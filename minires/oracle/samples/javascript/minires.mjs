// Reads and writes safetensors in JavaScript (node, no packages):
// 8 bytes length of the header (little-endian), the header in JSON, the numbers in C order.
import fs from "node:fs";
import path from "node:path";

const KINDS = {
  F64: [8, (view, at) => view.getFloat64(at, true)], F32: [4, (view, at) => view.getFloat32(at, true)],
  I64: [8, (view, at) => Number(view.getBigInt64(at, true))], I32: [4, (view, at) => view.getInt32(at, true)],
  U8: [1, (view, at) => view.getUint8(at)], BOOL: [1, (view, at) => view.getUint8(at)],
  BF16: [2, (view, at) => {
    const wide = new DataView(new ArrayBuffer(4));
    wide.setUint32(0, view.getUint16(at, true) << 16);
    return wide.getFloat32(0);
  }],
};

// {name: {shape, data}}, data a Float64Array
export function read(file) {
  const bytes = fs.readFileSync(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = bytes.length < 8 ? Infinity : Number(view.getBigUint64(0, true));
  if (length > bytes.length - 8) throw new Error(`${file}: not a whole safetensors file`);
  const found = {};
  for (const [name, row] of Object.entries(JSON.parse(bytes.toString("utf8", 8, 8 + length)))) {
    if (name === "__metadata__") continue;
    if (!(row.dtype in KINDS)) throw new Error(`${file}: ${name}: cannot read ${row.dtype}`);
    const [width, number] = KINDS[row.dtype], [start, end] = row.data_offsets;
    if (8 + length + end > bytes.length) throw new Error(`${file}: ${name} ends beyond the file`);
    const data = Float64Array.from({ length: (end - start) / width }, (_, i) => number(view, 8 + length + start + i * width));
    found[name] = { shape: row.shape, data };
  }
  return found;
}

// {name: {shape, data}} as float64
export function write(file, tensors) {
  const header = {}, parts = [];
  let at = 0;
  for (const [name, { shape, data }] of Object.entries(tensors)) {
    const part = Buffer.alloc(8 * data.length);
    data.forEach((x, i) => part.writeDoubleLE(x, 8 * i));
    header[name] = { dtype: "F64", shape, data_offsets: [at, at += part.length] };
    parts.push(part);
  }
  const text = Buffer.from(JSON.stringify(header)), length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, Buffer.concat([length, text, ...parts]));
}
