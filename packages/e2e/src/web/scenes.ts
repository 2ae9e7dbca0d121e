/** Test images: landscapes drawn from a seed. */
import sharp from "sharp";

/** Widths and heights of photos and of usual crops. */
const shapes: readonly [number, number][] = [
  [1600, 1200],
  [1200, 1600],
  [1800, 1200],
  [1200, 1800],
  [1920, 1080],
  [1400, 1400],
  [2100, 900],
  [1600, 1067],
];

/** Colours of the sky, of the horizon, and of near and far ranges. */
const palettes: readonly [string, string, string, string][] = [
  ["#1d3b6f", "#f6b27a", "#1c2740", "#c98a7a"],
  ["#5aa0d8", "#e8f1f4", "#2c4a3e", "#a9c4cf"],
  ["#0b1026", "#3b4a7a", "#05070f", "#2c3763"],
  ["#f2c6a0", "#fbe9d7", "#6b3f3a", "#dba58c"],
  ["#8fb7c9", "#f4f0e6", "#3a4a3a", "#b7c6bd"],
  ["#402a5c", "#f07f6a", "#1e1430", "#a5566f"],
  ["#dfe6ea", "#ffffff", "#5d6b75", "#c5d0d6"],
  ["#2f6f6a", "#f4d58d", "#12302e", "#7fa38c"],
];

/** Draws a landscape, as JPEG by default. The same seed draws the same one. */
export function scene(seed: number, format: "jpeg" | "png" | "webp" = "jpeg"): Promise<Buffer> {
  const random = randomFrom(seed);
  const [width, height] = pick(shapes, random);
  const [sky, horizon, near, far] = pick(palettes, random);
  const line = height * (0.45 + random() * 0.2);
  const sunX = width * (0.15 + random() * 0.7);
  const sunY = line * (0.35 + random() * 0.5);
  const sunRadius = Math.min(width, height) * (0.03 + random() * 0.05);
  const ranges = [0, 1, 2, 3].map((depth) => {
    const base = line + ((height - line) * depth) / 4;
    const high = height * (0.22 - depth * 0.035) * (0.6 + random() * 0.8);
    return `<path d="${range(width, height, base, high, random)}" fill="${mix(far, near, depth / 3)}"/>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <defs>
      <linearGradient id="s" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${sky}"/><stop offset=".8" stop-color="${horizon}"/></linearGradient>
      <radialGradient id="g"><stop offset="0" stop-color="#fff" stop-opacity=".75"/><stop offset="1" stop-color="#fff" stop-opacity="0"/></radialGradient>
    </defs>
    <rect width="100%" height="100%" fill="url(#s)"/>
    <circle cx="${sunX}" cy="${sunY}" r="${sunRadius * 5}" fill="url(#g)"/>
    <circle cx="${sunX}" cy="${sunY}" r="${sunRadius}" fill="#fffaf0"/>
    ${ranges.join("")}
  </svg>`;
  return sharp(Buffer.from(svg)).toFormat(format, { quality: 88 }).toBuffer();
}

/** A ridge: a sum of waves, closed along the lower edge. */
function range(width: number, height: number, base: number, high: number, random: () => number): string {
  const phases = [1, 2.3, 5.1, 11.7, 29].map((frequency) => ({ frequency, phase: random() * 7 }));
  const points = Array.from({ length: 121 }, (_, i) => {
    const at = i / 120;
    const wave = phases.reduce(
      (sum, { frequency, phase }) => sum + Math.sin(at * frequency * 4 + phase) / frequency,
      0,
    );
    return `${(at * width).toFixed(0)} ${(base - high * (0.5 + wave / 2)).toFixed(0)}`;
  });
  return `M0 ${height}L${points.join("L")}L${width} ${height}Z`;
}

function mix(from: string, to: string, share: number): string {
  const parts = [1, 3, 5].map((at) => {
    const [a, b] = [from, to].map((color) => Number.parseInt(color.slice(at, at + 2), 16));
    return Math.round((a ?? 0) + ((b ?? 0) - (a ?? 0)) * share)
      .toString(16)
      .padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

function pick<T>(from: readonly [T, ...T[]] | readonly T[], random: () => number): T {
  return from[Math.floor(random() * from.length)] as T;
}

/** Pseudorandom numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
