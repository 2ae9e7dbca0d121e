/**
 * The CDN's hit ratio by `s-maxage`, from a replayed trace: `node bench/hits.ts`.
 *
 * The trace is generated from a seed: images are uploaded all through 60 days, each viewed 20 times on average with
 * popularity by Zipf's law (exponent 0.9), nine tenths of the views in the first week. One cache, without eviction, so
 * the figures are an upper bound at each `s-maxage` and only their differences count.
 */
import { pathToFileURL } from "node:url";
import { randomFrom } from "../packages/core/src/fixture-random.ts";

const day = 86_400;
const [images, days, viewsPerImage, exponent] = [20_000, 60, 20, 0.9];

/** A request: seconds since the start, and the image. */
type View = { at: number; image: number };

/** The requests in order of time. */
function trace(random: () => number): View[] {
  const weights = Array.from({ length: images }, (_, rank) => (rank + 1) ** -exponent);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const views: View[] = [];
  for (const [image, weight] of weights.entries()) {
    const uploaded = random() * days * day;
    const count = Math.round((weight / total) * images * viewsPerImage);
    for (let n = 0; n < count; n++) {
      const age = random() < 0.9 ? random() ** 2 * 7 * day : random() * days * day;
      if (uploaded + age < days * day) views.push({ at: uploaded + age, image });
    }
  }
  return views.sort((a, b) => a.at - b.at);
}

/** The share of requests that the cache serves without asking the origin, when files are fresh for `freshSeconds`. */
function hitRatio(views: View[], freshSeconds: number): number {
  const fetched = new Map<number, number>();
  let hits = 0;
  for (const { at, image } of views) {
    if (at - (fetched.get(image) ?? Number.NEGATIVE_INFINITY) < freshSeconds) hits += 1;
    else fetched.set(image, at);
  }
  return hits / views.length;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const views = trace(randomFrom(1));
  console.log(`${views.length} views of ${images} images`);
  for (const [name, seconds] of Object.entries({
    "1 hour": day / 24,
    "1 day": day,
    "1 week": 7 * day,
    "1 year": 365 * day,
  })) {
    console.log(`s-maxage ${name.padEnd(7)} ${(hitRatio(views, seconds) * 100).toFixed(1)} %`);
  }
}
