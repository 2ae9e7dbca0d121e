/**
 * Whether the gallery stays smooth while it grows: scrolling, another page and memory at 2,000 images and at 100,000,
 * in one page of a real Chromium that loads them all by scrolling.
 */
import { chromiumPath } from "../packages/e2e/src/browser.fixture.ts";
import { fill } from "../packages/e2e/src/web/fill.fixture.ts";
import { open, startWorld, type World } from "../packages/e2e/src/web/page.fixture.ts";
import { median, table } from "./measure.ts";

type Page = Awaited<ReturnType<typeof open>>;
type Session = Awaited<ReturnType<World["context"]["newCDPSession"]>>;

const counts = (process.env.ENDLESS_COUNTS ?? "2000,20000,100000").split(",").map(Number);
const frames = 300;
const pages = 10;

/** Prints how each figure grows. */
export async function run(): Promise<string> {
  if (!chromiumPath)
    throw new Error("There is no Chromium here: apt-get install chromium, or set CHROME_PATH.");
  const world = await startWorld();
  try {
    // A few more than are shown, so that there is always another page.
    await fill(world.client, Math.max(...counts) + 2 * pages * 100, 60);
    return await measure(world, await open(world));
  } finally {
    await world.stop();
  }
}

/** Goes through the counts with one page. */
export async function measure({ context }: Pick<World, "context">, page: Page): Promise<string> {
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable");
  await page.locator(".tile img.shown").first().waitFor();
  const rows = [];
  for (const count of counts) {
    await load(page, count);
    const scrolled = await scroll(session, page);
    const more = await growth(session, page);
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = await session.send("Runtime.getHeapUsage");
    rows.push([
      count,
      scrolled.task.toFixed(2),
      scrolled.script.toFixed(2),
      scrolled.late,
      more.toFixed(1),
      scrolled.elements,
      (usedSize / 1e6).toFixed(1),
    ]);
  }
  return `${frames} frames of 120 px among the last images that were loaded; another page is the median of ${pages}, in milliseconds of script:

${table(
  [
    "images",
    "main thread, ms a frame",
    "of it scripts",
    "frames late",
    "another page",
    "elements",
    "heap, MB",
  ],
  rows,
)}`;
}

/** Loads so many images, by scrolling to the end again and again. */
async function load(page: Page, count: number) {
  await page.evaluate(async (wanted) => {
    const loaded = () => {
      const shown = [...document.querySelectorAll("li[aria-posinset]")];
      return Math.max(0, ...shown.map((tile) => Number(tile.getAttribute("aria-posinset"))));
    };
    while (loaded() < wanted) {
      scrollTo(0, document.documentElement.scrollHeight);
      await new Promise(requestAnimationFrame);
    }
    // Until the pictures of the last rows have come, roughly.
    for (let frame = 0; frame < 60; frame++) await new Promise(requestAnimationFrame);
  }, count);
}

async function scroll(session: Session, page: Page) {
  const before = await durations(session);
  const seen = await page.evaluate(async (wanted) => {
    let late = 0;
    let last = await new Promise<number>(requestAnimationFrame);
    for (let frame = 0; frame < wanted; frame++) {
      // Back and forth, so that nothing is loaded meanwhile.
      scrollBy(0, frame < wanted / 2 ? -120 : 120);
      const now = await new Promise<number>(requestAnimationFrame);
      if (now - last > 25) late += Math.round((now - last) / 16.7) - 1;
      last = now;
    }
    return { late, elements: document.getElementsByTagName("*").length };
  }, frames);
  const after = await durations(session);
  return {
    ...seen,
    task: (after.task - before.task) / frames,
    script: (after.script - before.script) / frames,
  };
}

/** What it costs the page's scripts to take another page in. */
async function growth(session: Session, page: Page): Promise<number> {
  const costs = [];
  for (let i = 0; i < pages; i++) {
    const before = await durations(session);
    await page.evaluate(async () => {
      const { scrollHeight } = document.documentElement;
      scrollTo(0, scrollHeight);
      while (document.documentElement.scrollHeight === scrollHeight) await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
    });
    costs.push((await durations(session)).script - before.script);
  }
  return median(costs);
}

async function durations(session: Session) {
  const { metrics } = await session.send("Performance.getMetrics");
  const of = (name: string) => (metrics.find((metric) => metric.name === name)?.value ?? 0) * 1000;
  return { task: of("TaskDuration"), script: of("ScriptDuration") };
}
