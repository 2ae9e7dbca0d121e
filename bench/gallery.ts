/**
 * The gallery in Chromium with 5,000 images: requests and bytes of the first screen, elements in the document, memory,
 * and the CPU of scrolling to the end, relative to a plain page that shows the same images with `loading="lazy"`.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Image } from "../packages/client/src/client.ts";
import { srcset } from "../packages/client/src/show.ts";
import { chromiumPath } from "../packages/e2e/src/browser.fixture.ts";
import { fill } from "../packages/e2e/src/web/fill.fixture.ts";
import { open, startWorld, type World } from "../packages/e2e/src/web/page.fixture.ts";
import { median, roundsOf, table } from "./measure.ts";

type Page = Awaited<ReturnType<typeof open>>;
type Session = Awaited<ReturnType<World["context"]["newCDPSession"]>>;

const count = Number(process.env.GALLERY_IMAGES ?? 5000);

/** Processed images; the other records are copies of theirs. */
const pictures = 100;

const rounds = roundsOf(5);

/** The height of the gallery's rows in a window of 1280 pixels. */
const rowHeight = 208;

/** Starts a cloud and a browser with `count` ready images, and stops them after `run`. */
export async function withGallery<T>(
  count: number,
  pictures: number,
  run: (world: World) => Promise<T>,
): Promise<T> {
  if (!chromiumPath) throw new Error("Chromium not found: apt-get install chromium, or set CHROME_PATH.");
  const world = await startWorld();
  try {
    await fill(world.client, count, pictures);
    return await run(world);
  } finally {
    await world.stop();
  }
}

/** Measures the gallery and the plain page, and returns the tables. */
export function run(): Promise<string> {
  return withGallery(count, pictures, async (world) => {
    const plain = await startPlainPage(world);
    try {
      const first = await firstScreen(world);
      const runs: Record<"gallery" | "plain", Scrolled[]> = { gallery: [], plain: [] };
      for (let round = 0; round < rounds; round++) {
        runs.gallery.push(await scroll(world, await open(world)));
        const page = await world.context.newPage();
        await page.setViewportSize({ width: 1280, height: 860 });
        await page.goto(plain.url);
        runs.plain.push(await scroll(world, page));
      }
      return report(first, runs);
    } finally {
      plain.stop();
    }
  });
}

type First = { lists: number; images: number; tiles: number; bytes: Record<string, number> };

/** Loads the first screen with an empty cache. */
async function firstScreen(world: World): Promise<First> {
  const page = await world.context.newPage();
  await page.setViewportSize({ width: 1280, height: 860 });
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  const kinds = new Map<string, string>();
  const first: First = { lists: 0, images: 0, tiles: 0, bytes: {} };
  session.on("Network.responseReceived", ({ requestId, type, response }) => {
    if (response.url.startsWith("data:")) return;
    const isList = new URL(response.url).pathname === "/images";
    kinds.set(requestId, isList ? "list" : type.toLowerCase());
    if (isList) first.lists++;
    if (type === "Image") first.images++;
  });
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const kind = kinds.get(requestId);
    if (kind) first.bytes[kind] = (first.bytes[kind] ?? 0) + encodedDataLength;
  });
  await page.goto(`${world.url}/`);
  await page.locator(".tile img.shown").first().waitFor();
  await page.waitForLoadState("networkidle");
  first.tiles = await page.locator(".tile").count();
  await page.close();
  return first;
}

type Scrolled = {
  frames: number;
  late: number;
  /** Milliseconds of the main thread per frame, and of which in scripts, styles and layout. */
  task: number;
  script: number;
  style: number;
  layout: number;
  /** Milliseconds of CPU of all of the browser's processes per frame. */
  cpu: number;
  lists: number;
  nodesMax: number;
  /** JavaScript heap at the end in MB. */
  heap: number;
};

/** Scrolls to the last image, 120 px per frame, and closes the page. */
async function scroll({ context }: World, page: Page): Promise<Scrolled> {
  let lists = 0;
  page.on("request", (request) => {
    if (new URL(request.url()).searchParams.has("cursor")) lists++;
  });
  await page.locator("img").first().waitFor();
  await page.waitForLoadState("networkidle");
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable");
  const before = await measure(session, page);
  const seen = await page.evaluate(async () => {
    let frames = 0;
    let late = 0;
    let nodesMax = 0;
    let still = 0;
    let last = performance.now();
    while (still < 120) {
      const now = await new Promise<number>(requestAnimationFrame);
      const from = scrollY;
      scrollBy(0, 120);
      // At the end of the loaded images it waits for the next page.
      if (scrollY > from) {
        frames++;
        still = 0;
        if (now - last > 25) late += Math.round((now - last) / 16.7) - 1;
      } else still++;
      last = now;
      if (frames % 50 === 0) nodesMax = Math.max(nodesMax, document.getElementsByTagName("*").length);
    }
    return { frames, late, nodesMax };
  });
  const after = await measure(session, page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await page.close();
  const { frames } = seen;
  const each = (name: keyof typeof after) => (after[name] - before[name]) / frames;
  return {
    ...seen,
    lists,
    heap: usedSize / 1e6,
    task: each("task"),
    script: each("script"),
    style: each("style"),
    layout: each("layout"),
    cpu: each("cpu"),
  };
}

/** Returns the milliseconds spent so far. */
async function measure(session: Session, page: Page) {
  const { metrics } = await session.send("Performance.getMetrics");
  const of = (name: string) => (metrics.find((metric) => metric.name === name)?.value ?? 0) * 1000;
  const browser = await page.context().browser()?.newBrowserCDPSession();
  const processes = await browser?.send("SystemInfo.getProcessInfo");
  await browser?.detach();
  return {
    task: of("TaskDuration"),
    script: of("ScriptDuration"),
    style: of("RecalcStyleDuration"),
    layout: of("LayoutDuration"),
    cpu: (processes?.processInfo ?? []).reduce((sum, { cpuTime }) => sum + cpuTime * 1000, 0),
  };
}

/** Serves a page with the same images in rows of the same height, and nothing else. */
async function startPlainPage({ client }: World) {
  const images: Image[] = [];
  for await (const image of client.images.list({ limit: 100 })) images.push(image);
  const all = images.map((image) => {
    const { width = 1, height = 1 } = image.source;
    const shown = Math.round((rowHeight * width) / height);
    return `<img loading="lazy" decoding="async" src="${image.variants?.small?.url}" srcset="${srcset(image)}" sizes="${shown}px" width="${shown}" height="${rowHeight}" alt="">`;
  });
  const html = `<!doctype html><style>body{display:flex;flex-wrap:wrap;gap:6px}</style>${all.join("")}`;
  const server = createServer((_, response) => response.setHeader("content-type", "text/html").end(html));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    stop: () => server.close().closeAllConnections(),
  };
}

function report(
  { lists, images, tiles, bytes }: First,
  { gallery, plain }: Record<"gallery" | "plain", Scrolled[]>,
) {
  const kilobytes = (value = 0) => `${(value / 1000).toFixed(1)} kB`;
  const of = (runs: Scrolled[], name: keyof Scrolled) => median(runs.map((run) => run[name]));
  const ratio = (name: keyof Scrolled) =>
    median(gallery.map((run, round) => run[name] / (plain[round]?.[name] ?? Number.NaN)));
  // The plain page has hardly any scripts, styles and layout: no ratio.
  const row = (what: string, name: keyof Scrolled, compared = true) => [
    what,
    of(gallery, name).toFixed(2),
    of(plain, name).toFixed(2),
    compared && Number.isFinite(ratio(name)) ? ratio(name).toFixed(2) : "–",
  ];
  const total = Object.values(bytes).reduce((sum, value) => sum + value, 0);
  return `The first screen, 1280 × 860, nothing cached: ${kilobytes(total)}, of which ${images} images ${kilobytes(bytes.image)}, scripts ${kilobytes(
    bytes.script,
  )}, styles ${kilobytes(bytes.stylesheet)}, the page ${kilobytes(bytes.document)}, ${lists} list ${lists === 1 ? "request" : "requests"} ${kilobytes(bytes.list)}. ${tiles} tiles are in the document.

Scrolling through ${count} images, ${pictures} of them different, 120 px per frame (milliseconds per frame; medians of ${rounds}):

${table(
  ["", "gallery", "plain page", "ratio"],
  [
    row("CPU of the browser", "cpu"),
    row("main thread, wall clock", "task"),
    row("of which scripts", "script", false),
    row("of which styles", "style", false),
    row("of which layout", "layout", false),
    row("frames", "frames"),
    row("frames late", "late"),
    row("elements, maximum", "nodesMax"),
    row("heap at the end, MB", "heap"),
  ],
)}

List requests while scrolling: ${of(gallery, "lists")}, one per hundred images after the first.`;
}
