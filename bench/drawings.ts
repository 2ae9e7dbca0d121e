/** Drawings of the fit of the quality predictor: pages of text, code, charts, tables and diagrams, rendered from SVG. */
import sharp from "sharp";

/** Drawing: its name, and its PNG. */
export type Drawing = { name: string; read(): Promise<Buffer> };

type Draw = (random: () => number, ink: string, paper: string) => string;

const words =
  "image upload variant record queue cursor lease backoff snapshot storage quality predict encode measure table photo screen text".split(
    " ",
  );

const sentence = (random: () => number, length: number) =>
  Array.from({ length }, () => words[Math.floor(random() * words.length)]).join(" ");
const many = (count: number, draw: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => draw(i)).join("");
const hue = (random: () => number, lightness = 50) => `hsl(${Math.floor(random() * 360)},70%,${lightness}%)`;

/** Each draws on 1440 × 1080. */
const kinds: Record<string, Draw> = {
  page: (random, ink) =>
    `<g font-family="DejaVu Serif" fill="${ink}"><text x="80" y="110" font-size="46">${sentence(random, 4)}</text>${many(
      32,
      (i) => `<text x="80" y="${170 + i * 27}" font-size="17">${sentence(random, 16)}</text>`,
    )}</g>`,
  code: (random) =>
    `<g font-family="DejaVu Sans Mono" font-size="15">${many(
      48,
      (i) =>
        `<text x="${60 + 24 * Math.floor(random() * 4)}" y="${50 + i * 21}" fill="${hue(random, 45)}">${sentence(random, 3 + Math.floor(random() * 8))}</text>`,
    )}</g>`,
  bars: (random, ink) =>
    `<g font-family="DejaVu Sans" font-size="16" fill="${ink}" stroke-width="1"><path d="M100 60V960H1380" stroke="${ink}" fill="none"/>${many(
      18,
      (i) => {
        const height = 80 + random() * 750;
        return `<rect x="${130 + i * 69}" y="${960 - height}" width="48" height="${height}" fill="${hue(random)}"/><text x="${130 + i * 69}" y="990">${words[i]?.slice(0, 6)}</text>`;
      },
    )}</g>`,
  lines: (random, ink) =>
    `<g font-family="DejaVu Sans" font-size="14" fill="none">${many(11, (i) => `<path d="M80 ${60 + i * 90}H1400" stroke="#8886"/><text x="20" y="${64 + i * 90}" fill="${ink}">${100 - i * 10}</text>`)}${many(
      6,
      () =>
        `<path stroke="${hue(random)}" stroke-width="${1 + Math.floor(random() * 3)}" d="M80 500${many(66, (i) => `L${80 + i * 20} ${Math.floor(100 + random() * 760)}`)}"/>`,
    )}</g>`,
  sheet: (random, ink) =>
    `<g font-family="DejaVu Sans" font-size="15" fill="${ink}">${many(38, (row) =>
      many(
        9,
        (column) =>
          `<rect x="${column * 160}" y="${row * 28}" width="160" height="28" fill="none" stroke="#9998"/><text x="${column * 160 + 8}" y="${row * 28 + 20}">${column ? (random() * 1e5).toFixed(2) : sentence(random, 1)}</text>`,
      ),
    )}</g>`,
  chat: (random) =>
    `<g font-family="DejaVu Sans" font-size="22">${many(12, (i) => {
      const isOwn = random() < 0.5;
      return `<rect x="${isOwn ? 560 : 60}" y="${30 + i * 86}" width="800" height="70" rx="24" fill="${isOwn ? "#2a7fff" : "#dfe3e8"}"/><text x="${isOwn ? 590 : 90}" y="${73 + i * 86}" fill="${isOwn ? "#fff" : "#111"}">${sentence(random, 6)}</text>`;
    })}</g>`,
  diagram: (random, ink) =>
    `<g font-family="DejaVu Sans" font-size="18" stroke="${ink}">${many(20, (i) => {
      const [x, y] = [60 + (i % 5) * 280, 60 + Math.floor(i / 5) * 260];
      return `<rect x="${x}" y="${y}" width="200" height="120" rx="12" fill="${hue(random, 85)}"/><text x="${x + 20}" y="${y + 66}" fill="#111" stroke="none">${sentence(random, 2)}</text><path d="M${x + 200} ${y + 60}h80M${x + 100} ${y + 120}v140" fill="none"/>`;
    })}</g>`,
  map: (random) =>
    `<rect width="1440" height="1080" fill="#eef0e6"/>${many(40, () => `<path d="M${Math.floor(random() * 1440)} ${Math.floor(random() * 1080)}q${Math.floor(random() * 400 - 200)} ${Math.floor(random() * 400 - 200)} ${Math.floor(random() * 800 - 400)} ${Math.floor(random() * 800 - 400)}" stroke="${random() < 0.4 ? "#f6c65b" : "#fff"}" stroke-width="${3 + Math.floor(random() * 12)}" fill="none"/>`)}${many(12, () => `<circle cx="${random() * 1440}" cy="${random() * 1080}" r="${20 + random() * 110}" fill="${random() < 0.5 ? "#b9dca8" : "#a9d3ee"}"/>`)}<g font-family="DejaVu Sans" font-size="18" fill="#555">${many(40, () => `<text x="${random() * 1300}" y="${random() * 1060}">${sentence(random, 2)}</text>`)}</g>`,
  dashboard: (random, ink) =>
    `<defs><linearGradient id="g"><stop stop-color="${hue(random, 40)}"/><stop offset="1" stop-color="${hue(random, 60)}"/></linearGradient></defs><rect width="1440" height="90" fill="url(#g)"/><text x="40" y="58" font-size="32" fill="#fff" font-family="DejaVu Sans">${sentence(random, 3)}</text>${many(
      9,
      (i) =>
        `<g transform="translate(${40 + (i % 3) * 460} ${130 + Math.floor(i / 3) * 310})" font-family="DejaVu Sans"><rect width="430" height="280" rx="16" fill="#8882"/><text x="24" y="52" font-size="20" fill="${ink}">${sentence(random, 3)}</text><text x="24" y="120" font-size="54" fill="${hue(random)}">${Math.floor(random() * 9999)}</text><path d="M24 240${many(12, (j) => `L${24 + j * 34} ${150 + Math.floor(random() * 100)}`)}" stroke="${hue(random)}" stroke-width="3" fill="none"/></g>`,
    )}`,
};

/** Returns two of each kind, light and dark, in three sizes: landscape, a laptop's and a phone's. */
export function drawings(): Drawing[] {
  const sizes = [1440, 2160, 2880];
  return Object.entries(kinds).flatMap(([kind, draw], at) =>
    [0, 1, 2, 3].map((i) => {
      const random = randomOf(1000 * at + i);
      const [paper, ink] = i % 2 ? ["#17191d", "#e6e8ea"] : ["#ffffff", "#1b1f24"];
      const width = sizes[(at + i) % sizes.length] ?? 1440;
      const body = `<rect width="1440" height="1080" fill="${paper}"/>${draw(random, ink, paper)}`;
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1440 1080" width="${width}" height="${width * 0.75}">${body}</svg>`;
      return { name: `drawing/${kind}-${i}`, read: () => rendered(svg) };
    }),
  );
}

function rendered(svg: string): Promise<Buffer> {
  // The engine blocks the SVG loader.
  sharp.unblock({ operation: ["VipsForeignLoadSvgBuffer"] });
  return sharp(Buffer.from(svg)).removeAlpha().png({ compressionLevel: 3 }).toBuffer();
}

/** Random numbers in [0, 1) from a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
