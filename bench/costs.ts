/**
 * `npm run costs`: what a million images cost, line by line, written to docs/costs.md. CPU and bytes are measured
 * here on a camera's photos; requests and the table's units are counted in a run of the deployed bundles; the rest is
 * list prices.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { evaluate, resourcesOf } from "../infra/test/graph.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { count } from "./life.ts";
import { median, table } from "./measure.ts";
import { photos, provenance } from "./photos.ts";
import { prices } from "./prices.ts";

/** What is assumed where nothing can be measured here; each is said in the text. */
const assumed = {
  /** A core of Lambda's Arm machines against one of this machine. */
  speed: 1,
  /** Waiting for S3 and DynamoDB in one run of the processor, in seconds. */
  waitSeconds: 0.15,
  apiSeconds: 0.02,
  logBytes: 1200,
  views: 20,
  hitRatio: 0.9,
  /** How Lambda reads a queue that is empty: at first by five at once, who wait 20 s each. */
  pollersPerQueue: 5,
  pollSeconds: 20,
} as const;

const million = 1e6;
const GB = 1e9;
const { processorMemoryMB } = Settings.readCloud({});
const vCPU = processorMemoryMB / 1769;

const limits = Settings.pipelineDefaults;
const inputs = await photos(12);
const { render } = await import("../packages/core/src/engine/render.ts");

const cpu: number[] = [];
const sizes: Record<string, number[]> = {};
for (let round = -1; round < 3; round++) {
  for (const bytes of inputs) {
    const before = process.cpuUsage();
    const { variants } = await render(bytes, limits);
    const { user, system } = process.cpuUsage(before);
    if (round < 0)
      for (const variant of variants) {
        sizes[variant.name] ??= [];
        sizes[variant.name]?.push(variant.files[0].bytes.length);
      }
    else cpu.push((user + system) / 1e6);
  }
}
const cpuSeconds = median(cpu);
const originalBytes = mean(inputs.map((bytes) => bytes.length));
const variantBytes = Object.fromEntries(Object.entries(sizes).map(([name, all]) => [name, mean(all)]));
const allVariants = Object.values(variantBytes).reduce((sum, bytes) => sum + bytes, 0);

const life = await count(inputs[0] ?? Buffer.alloc(0));
const runSeconds = cpuSeconds / assumed.speed / vCPU + assumed.waitSeconds;

type Line = [what: string, much: string, dollars: number];
const make: Line[] = [
  [
    `Lambda, processor: ${processorMemoryMB} MB for ${runSeconds.toFixed(2)} s`,
    `${((runSeconds * processorMemoryMB) / 1024).toFixed(2)} GB-s each`,
    million * ((runSeconds * processorMemoryMB) / 1024) * prices.lambdaGBSecond,
  ],
  [
    "Lambda, API: announcing and one look-up",
    "2 × 1024 MB for 20 ms",
    2 * million * assumed.apiSeconds * prices.lambdaGBSecond,
  ],
  ["Lambda, requests", "3 each", 3 * million * prices.lambdaRequest],
  [
    "CloudFront, the API's two requests",
    "with its function and two reads",
    2 * million * (prices.edgeRequest + prices.edgeFunction + 2 * prices.edgeStoreRead),
  ],
  ["DynamoDB, writes", `${life.writeUnits} units each`, million * life.writeUnits * prices.tableWrite],
  ["DynamoDB, reads", `${life.readUnits} units each`, million * life.readUnits * prices.tableRead],
  ["S3, PUT", `${life.puts} each`, million * life.puts * prices.s3Put],
  ["S3, GET", `${life.gets} each`, million * life.gets * prices.s3Get],
  ["SQS", "3 requests each", 3 * million * prices.queueRequest],
  ["CloudWatch Logs", `${assumed.logBytes} bytes each`, (million * assumed.logBytes * prices.logGB) / GB],
];
const keep: Line[] = [
  ["S3, originals", `${kB(originalBytes)} each`, ((million * originalBytes) / GB) * prices.s3GBMonth],
  ["S3, variants", `${kB(allVariants)} each`, ((million * allVariants) / GB) * prices.s3GBMonth],
  ["DynamoDB", `${life.itemBytes} bytes each`, ((million * life.itemBytes) / GB) * prices.tableGBMonth],
  [
    "The daily comparison: listings and reads",
    "30 days",
    30 * ((5 * million) / 1000) * prices.s3Put + 30 * 2 * million * prices.tableRead,
  ],
];
const medium = variantBytes.medium ?? 0;
const views = million * assumed.views;
const show: Line[] = [
  ["CloudFront, bytes", `${kB(medium)} each`, ((views * medium) / GB) * prices.edgeGB],
  ["CloudFront, requests", "1 each", views * prices.edgeRequest],
  [
    "CloudFront, function and its two reads",
    "1 each",
    views * (prices.edgeFunction + 2 * prices.edgeStoreRead),
  ],
  [
    "S3, GET",
    `${Math.round((1 - assumed.hitRatio) * 100)} % misses`,
    views * (1 - assumed.hitRatio) * prices.s3Get,
  ],
];

const rows = (lines: Line[]) => [
  ...lines.map(([what, much, dollars]) => [what, much, dollars.toFixed(2)]),
  ["**together**", "", `**${total(lines).toFixed(2)}**`],
];
/** An alarm is paid for each metric it looks at. */
const watched = resourcesOf(await evaluate({ stage: "production" }), /metricAlarm:/).reduce(
  (sum, { inputs }) => sum + (inputs.metricQueries ? inputs.metricQueries.length - 1 : 1),
  0,
);
/** Queues are read whether or not something is in them. */
const emptyReceives = (2 * assumed.pollersPerQueue * 30 * 86_400) / assumed.pollSeconds;
const head = ["what", "how much", "US $"];
const dollarsOf = (start: string) => make.find(([what]) => what.startsWith(start))?.[2] ?? 0;
const [compute, writes, puts] = [
  dollarsOf("Lambda, processor"),
  dollarsOf("DynamoDB, writes"),
  dollarsOf("S3, PUT"),
];
const perDay = Settings.readCloud({}).processedPerDayMax;

const text = `# What it costs

Written by \`npm run costs\`: list prices of us-east-1 beyond the free tier, CPU and bytes measured on ${inputs.length} photos of 12 megapixels (${provenance()}), requests and the table's units counted in a run of the very bundles that are deployed. Storage is without older versions, which production keeps for 30 days.

Nobody has measured it on AWS yet. Assumed are: a core of Lambda's as fast as one of the machine that this ran on, ${assumed.waitSeconds * 1000} ms of waiting for S3 and DynamoDB in a run, ${assumed.apiSeconds * 1000} ms for an answer of the API, ${assumed.logBytes} bytes of log for an image, ${assumed.pollersPerQueue} readers of each queue who wait ${assumed.pollSeconds} s where it is empty.

## A million images made

${table(head, rows(make))}

Each takes ${cpuSeconds.toFixed(2)} s of CPU for its four variants; ${processorMemoryMB} MB are ${vCPU.toFixed(2)} of a core.

## A million images kept for a month

${table(head, rows(keep))}

## ${assumed.views} million views

${assumed.views} for each image, all of \`medium\`, ${assumed.hitRatio * 100} % of them answered at the edge. The first terabyte and the first ten million requests of a month are free.

${table(head, rows(show))}

## Whatever happens

A production stage at rest costs about $${(watched * prices.alarmMetric + prices.ownMetric + emptyReceives * prices.queueRequest).toFixed(2)} a month: ${watched} metrics that its alarms look at, the breaker's own, and ${(emptyReceives / million).toFixed(1)} million looks at two empty queues ($${(emptyReceives * prices.queueRequest).toFixed(2)}; the account's first million is free). Other stages have no alarms unless they have an address; the breaker's metric is $${prices.ownMetric.toFixed(2)}. The schedules run within the free tier.

## The biggest levers

1. **Views.** ${(total(show) / total(make)).toFixed(1)} times what making the images costs, at ${assumed.views} views. What makes variants smaller pays first: quality, effort, AVIF, and showing \`small\` (${kB(variantBytes.small ?? 0)}) where \`medium\` (${kB(medium)}) is not needed. The recipe is one file.
2. **Originals.** ${Math.round((originalBytes / (originalBytes + allVariants)) * 100)} % of what is stored, and seldom read: a lifecycle rule to Glacier Instant Retrieval makes them a sixth of the price to keep, and dearer to read again (\`infra/storage.ts\`).
3. **How many variants.** Each is a PUT, and ${life.puts} PUTs cost ${puts.toFixed(0)} $: more than the CPU (${compute.toFixed(0)} $).
4. **The table.** Writing costs ${writes.toFixed(0)} $, because each transition writes the record into two indexes that hold whole images, so that a page of a list is one read. An app that never lists by status could do without one of them.
5. **Memory.** More is not cheaper: most of the work is one core's. Less than a whole core (1,769 MB) costs the same and takes longer.

## What stops a runaway bill

- At most ${Settings.readCloud({}).processorConcurrencyMax} images at once (\`PROCESSOR_CONCURRENCY_MAX\`).
- At most ${perDay.toLocaleString("en-GB")} runs a day (\`PROCESSED_PER_DAY_MAX\`): about $${((perDay / million) * total(make)).toFixed(2)} a day. What comes then waits in the queue until midnight UTC, and an alarm says so. The limit is looked at every five minutes; at full concurrency some ${Math.round(((Settings.readCloud({}).processorConcurrencyMax / runSeconds) * 420) / 1000)} thousand images can come in between.
- Quotas of each owner, when an upload is announced (\`PENDING_MAX\`, \`UPLOADS_PER_DAY_MAX\`, \`BYTES_PER_DAY_MAX\`).
- A budget of the account, with an e-mail at 80 % and when the forecast passes it (\`BUDGET_DOLLARS\`).
- What is not limited: views. CloudFront has no cap; the budget tells.
`;

const file = fileURLToPath(new URL("../docs/costs.md", import.meta.url));
writeFileSync(file, text);
console.log(readFileSync(file, "utf8"));

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function kB(bytes: number): string {
  return bytes > 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.round(bytes / 1000)} KB`;
}

function total(lines: readonly Line[]): number {
  return lines.reduce((sum, [, , dollars]) => sum + dollars, 0);
}
