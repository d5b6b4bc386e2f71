// From a photograph (PPM, P6) and five points to a score, with onnxruntime-node.
//
//   npm install onnxruntime-node
//   node score.mjs fiqa.onnx fiqa.json photo.ppm X Y X Y X Y X Y X Y
import { readFileSync } from "node:fs";
import ort from "onnxruntime-node";

const SIDE = 112;
const TEMPLATE = [
  [38.2946, 51.6963],
  [73.5318, 51.5014],
  [56.0252, 71.7366],
  [41.5493, 92.3655],
  [70.7299, 92.2041],
];
const LEVELS = ["unusable", "low", "medium", "good", "perfect"];

// Width, height and bytes of a PPM file.
function photograph(path) {
  const bytes = readFileSync(path);
  const [head, width, height] = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.toString("latin1", 0, 64));
  return { width: +width, height: +height, pixels: bytes.subarray(head.length) };
}

// The network's input: the crop, bilinear, black outside of the photograph, normalized, in planes.
function input({ width, height, pixels }, points, { scale, mean, std }) {
  const middle = (all) => [0, 1].map((axis) => all.reduce((sum, p) => sum + p[axis] / 5, 0));
  const from = middle(points), to = middle(TEMPLATE);
  let a = 0, b = 0, size = 0; // the turn a + bi that brings the points onto the template
  points.forEach(([x, y], k) => {
    const [px, py] = [x - from[0], y - from[1]];
    const [tx, ty] = [TEMPLATE[k][0] - to[0], TEMPLATE[k][1] - to[1]];
    a += px * tx + py * ty;
    b += px * ty - py * tx;
    size += px * px + py * py;
  });
  a /= size;
  b /= size;
  const norm = a * a + b * b;
  const planes = new Float32Array(3 * SIDE * SIDE);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const [px, py] = [x - to[0], y - to[1]];
      const u = (a * px + b * py) / norm + from[0];
      const v = (a * py - b * px) / norm + from[1];
      const left = Math.floor(u), top = Math.floor(v);
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0;
        for (const [dx, dy] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
          const [c, r] = [left + dx, top + dy];
          if (c < 0 || r < 0 || c >= width || r >= height) continue;
          const share = (dx ? u - left : 1 - u + left) * (dy ? v - top : 1 - v + top);
          sum += share * pixels[3 * (r * width + c) + channel];
        }
        planes[(channel * SIDE + y) * SIDE + x] =
          (Math.round(sum) / scale - mean[channel]) / std[channel];
      }
    }
  }
  return planes;
}

const [model, cardFile, photo, ...numbers] = process.argv.slice(2);
const card = JSON.parse(readFileSync(cardFile, "utf8"));
const points = TEMPLATE.map((_, k) => [+numbers[2 * k], +numbers[2 * k + 1]]);
const session = await ort.InferenceSession.create(model);
const crops = new ort.Tensor("float32", input(photograph(photo), points, card.input), [1, 3, SIDE, SIDE]);
const { quality } = await session.run({ crops });
const raw = quality.data[0];
const { x0, w, level_cuts: cuts } = card.calibration;
const uqs = Math.round(100 / (1 + Math.exp(-(raw - x0) / w)));
console.log(raw.toFixed(6), uqs, LEVELS[cuts.filter((cut) => uqs >= cut).length]);
