/**
 * Lighthouse scores of gallery and operations view with 2,000 images, on mobile and desktop. npx downloads Lighthouse on
 * the first run: its 153 packages take 185 MB, too much for each install.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { chromiumPath } from "../packages/e2e/src/browser.fixture.ts";
import { withGallery } from "./gallery.ts";
import { median, roundsOf, table } from "./measure.ts";

const version = "12.8.2";
const runs = roundsOf(5);

const pages = { gallery: "#/", operations: "#/operations" };

/** `mobile` is Lighthouse's default: slow 4G and a CPU slowed down four times. */
const devices: Record<string, string[]> = { mobile: [], desktop: ["--preset=desktop"] };

const categories = ["performance", "accessibility", "best-practices", "seo"] as const;

const metrics = {
  "first-contentful-paint": "first paint, s",
  "largest-contentful-paint": "largest paint, s",
  "speed-index": "speed index, s",
  "total-blocking-time": "blocked, ms",
  "cumulative-layout-shift": "layout shift",
} as const;

type Report = {
  categories: Record<(typeof categories)[number], { score: number | null }>;
  audits: Record<keyof typeof metrics, { numericValue: number }>;
};

/** Runs Lighthouse and returns the table of scores. */
export function run(): Promise<string> {
  return withGallery(2000, 60, async ({ url }) => {
    const folder = await mkdtemp(join(tmpdir(), "bench-"));
    const rows = [];
    for (const [device, options] of Object.entries(devices)) {
      for (const [page, route] of Object.entries(pages)) {
        const reports = [];
        for (let i = 0; i < runs; i++) {
          reports.push(await look(`${url}/${route}`, options, join(folder, "report.json")));
        }
        rows.push(rowOf(`${page}, ${device}`, reports));
      }
    }
    await rm(folder, { recursive: true });
    return `Lighthouse ${version}, medians of ${runs} runs; lowest in brackets (target: ≥ 95 each):

${table(["", ...categories, ...Object.values(metrics)], rows)}`;
  });
}

/** Makes one report. Retries, because Lighthouse fails if the browser does not start in time. */
async function look(url: string, options: readonly string[], file: string, tries = 3): Promise<Report> {
  try {
    await lighthouse(url, options, file);
  } catch (error) {
    if (tries > 1) return look(url, options, file, tries - 1);
    throw error;
  }
  return JSON.parse(await readFile(file, "utf8")) as Report;
}

async function lighthouse(url: string, options: readonly string[], file: string): Promise<void> {
  const flags = "--headless=new --no-sandbox --disable-gpu";
  await promisify(execFile)(
    "npx",
    [
      ...["--yes", `lighthouse@${version}`, url, ...options, "--quiet", "--no-enable-error-reporting"],
      ...["--output=json", `--output-path=${file}`, `--chrome-flags=${flags}`],
    ],
    { env: { ...process.env, CHROME_PATH: chromiumPath }, maxBuffer: 10_000_000 },
  );
}

function rowOf(name: string, reports: readonly Report[]): (string | number)[] {
  const scores = categories.map((category) => {
    const each = reports.map(({ categories }) => Math.round((categories[category].score ?? 0) * 100));
    const lowest = Math.min(...each);
    return lowest === median(each) ? lowest : `${median(each)} (${lowest})`;
  });
  const values = Object.entries(metrics).map(([metric, title]) => {
    const value = median(reports.map(({ audits }) => audits[metric as keyof typeof metrics].numericValue));
    return title.endsWith(" s") ? (value / 1000).toFixed(1) : value.toFixed(title.endsWith("ms") ? 0 : 3);
  });
  return [name, ...scores, ...values];
}
