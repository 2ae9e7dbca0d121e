/**
 * `npm run costs` computes the cost of a million images and writes docs/costs.md. CPU and bytes are measured on photos,
 * requests and capacity units are counted in a run of the deployed bundles, prices are AWS's list prices.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { evaluate, resourcesOf } from "../infra/test/graph.ts";
import { Settings } from "../packages/core/src/settings.ts";
import { lazyCosts } from "./lazy-cost.ts";
import { cpuSince, mean, median, table } from "./measure.ts";
import { photos, provenance } from "./photos.ts";
import { prices } from "./prices.ts";
import { count, type Requests } from "./requests.ts";

/** Assumptions, named in the text. */
const assumed = {
  /** Speed of a Lambda Arm core relative to a core of this machine. */
  speed: 1,
  /** Seconds of waiting for S3 and DynamoDB per run of the processor. */
  waitSeconds: 0.15,
  apiSeconds: 0.02,
  /** Seconds from the end of an upload until its image is ready: queue, cold starts and the run. */
  readySeconds: 3,
  /** Memory of a separate function that only waits, MB. */
  waiterMB: 128,
  /** Seconds between look-ups: the API's `Retry-After`, and half of the client's jitter. */
  pollPauseSeconds: 1.125,
  /** The functions' three lines, measured: 830 bytes. The start and report of three runs that Lambda writes are estimated. */
  logBytes: 2600,
  platformLogBytes: 1700,
  views: 20,
  hitRatio: 0.9,
  /** Lambda's long polling of an empty queue: five pollers, 20 s each. */
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
const { followsFocus, recipe } = await import("../packages/core/src/engine/recipe.ts");

/** The variants that a new focal point replaces. */
const cropped = Object.fromEntries(Object.entries(recipe).filter(([, spec]) => followsFocus(spec)));

/** The least CPU of each photo: load of the machine only adds to it. */
const cpu = inputs.map(() => Number.POSITIVE_INFINITY);
const cropCPU = inputs.map(() => Number.POSITIVE_INFINITY);
const sizes: Record<string, number[]> = {};
for (let round = -1; round < 3; round++) {
  for (const [index, bytes] of inputs.entries()) {
    const before = process.cpuUsage();
    const { variants } = await render(bytes, limits);
    const spent = cpuSince(before) / 1000;
    if (round < 0)
      for (const variant of variants) {
        sizes[variant.name] ??= [];
        sizes[variant.name]?.push(variant.files[0].bytes.length);
      }
    else cpu[index] = Math.min(cpu[index] ?? spent, spent);
    const start = process.cpuUsage();
    await render(bytes, limits, cropped, { focus: { x: 0.2, y: 0.2 } });
    if (round >= 0) cropCPU[index] = Math.min(cropCPU[index] ?? 0, cpuSince(start) / 1000);
  }
}
const cpuSeconds = median(cpu);
const cropSeconds = median(cropCPU);
const originalBytes = mean(inputs.map((bytes) => bytes.length));
const variantBytes = Object.fromEntries(Object.entries(sizes).map(([name, all]) => [name, mean(all)]));
const allVariants = Object.values(variantBytes).reduce((sum, bytes) => sum + bytes, 0);

const { life, focus, trash, restore, delivery } = await count(inputs[0] ?? Buffer.alloc(0));
type Line = [what: string, much: string, dollars: number];

/** Seconds of a run of the processor that needs this CPU. */
const runSecondsOf = (cpu: number) => cpu / assumed.speed / vCPU + assumed.waitSeconds;

/** Lines of a million runs of the processor with their two API requests. `request` names the first of these. */
const linesOf = (cpu: number, requests: Requests, request: string): Line[] => {
  const runSeconds = runSecondsOf(cpu);
  return [
    [
      `Lambda, processor: ${processorMemoryMB} MB for ${runSeconds.toFixed(2)} s`,
      `${((runSeconds * processorMemoryMB) / 1024).toFixed(2)} GB-s each`,
      million * ((runSeconds * processorMemoryMB) / 1024) * prices.lambdaGBSecond,
    ],
    [
      `Lambda, API: one ${request} and one look-up`,
      "2 × 1024 MB for 20 ms",
      2 * million * assumed.apiSeconds * prices.lambdaGBSecond,
    ],
    ["Lambda, requests", "3 each", 3 * million * prices.lambdaRequest],
    [
      "CloudFront, two API requests",
      "with function and two key-value reads",
      2 * million * (prices.edgeRequest + prices.edgeFunction + 2 * prices.edgeStoreRead),
    ],
    [
      "DynamoDB, writes",
      `${requests.writeUnits} units each`,
      million * requests.writeUnits * prices.tableWrite,
    ],
    ["DynamoDB, reads", `${requests.readUnits} units each`, million * requests.readUnits * prices.tableRead],
    ["S3, PUT", `${requests.puts} each`, million * requests.puts * prices.s3Put],
    ["S3, GET", `${requests.gets} each`, million * requests.gets * prices.s3Get],
    ["SQS", "3 requests each", 3 * million * prices.queueRequest],
    ["CloudWatch Logs", `${assumed.logBytes} bytes each`, (million * assumed.logBytes * prices.logGB) / GB],
  ];
};
const make = linesOf(cpuSeconds, life, "upload");
const refocus = linesOf(cropSeconds, focus, "change");
const restored = linesOf(cpuSeconds, restore, "restore");
const trashed: Line[] = [
  ["Lambda, API: one deletion", "1024 MB for 20 ms", million * assumed.apiSeconds * prices.lambdaGBSecond],
  [
    "Lambda, processor: removes the files",
    `${processorMemoryMB} MB for ${assumed.waitSeconds.toFixed(2)} s`,
    million * ((assumed.waitSeconds * processorMemoryMB) / 1024) * prices.lambdaGBSecond,
  ],
  ["Lambda, requests", "2 each", 2 * million * prices.lambdaRequest],
  [
    "CloudFront, one API request",
    "with function and two key-value reads",
    million * (prices.edgeRequest + prices.edgeFunction + 2 * prices.edgeStoreRead),
  ],
  ["DynamoDB, writes", `${trash.writeUnits} units each`, million * trash.writeUnits * prices.tableWrite],
  [
    "DynamoDB, the reconciler's two writes",
    `at most ${2 * trash.writeUnits} units each`,
    2 * million * trash.writeUnits * prices.tableWrite,
  ],
  ["DynamoDB, reads", `${trash.readUnits} units each`, million * trash.readUnits * prices.tableRead],
  ["S3, the reconciler's LIST", "2 each", 2 * million * prices.s3Put],
  ["S3, GET", `${trash.gets} each`, million * trash.gets * prices.s3Get],
  ["SQS", "3 requests each", 3 * million * prices.queueRequest],
];
const keep: Line[] = [
  ["S3, originals", `${kB(originalBytes)} each`, ((million * originalBytes) / GB) * prices.s3GBMonth],
  ["S3, variants", `${kB(allVariants)} each`, ((million * allVariants) / GB) * prices.s3GBMonth],
  ["DynamoDB", `${life.itemBytes} bytes each`, ((million * life.itemBytes) / GB) * prices.tableGBMonth],
  [
    "Daily reconciliation: listings and reads",
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
    "CloudFront, function and two key-value reads",
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
/** Alarms are billed per metric. */
const watched = resourcesOf(await evaluate({ stage: "production" }), /metricAlarm:/).reduce(
  (sum, { inputs }) => sum + (inputs.metricQueries ? inputs.metricQueries.length - 1 : 1),
  0,
);
/** Receives on empty queues in a month. */
const emptyReceives = (5 * assumed.pollersPerQueue * 30 * 86_400) / assumed.pollSeconds;
const head = ["what", "how much", "US $"];
const dollarsOf = (start: string) => make.find(([what]) => what.startsWith(start))?.[2] ?? 0;
const [compute, writes, puts] = [
  dollarsOf("Lambda, processor"),
  dollarsOf("DynamoDB, writes"),
  dollarsOf("S3, PUT"),
];
/** A look-up through CloudFront: its requests and its share of the API. */
const lookUp =
  prices.edgeRequest +
  prices.edgeFunction +
  2 * prices.edgeStoreRead +
  prices.lambdaRequest +
  assumed.apiSeconds * prices.lambdaGBSecond +
  prices.tableRead;
/** Reads of `Image.whenFinal` while it waits: after 0.1 s, then 1.5 times the pause, at most a second. */
function readsWithin(seconds: number): number {
  let reads = 1;
  for (let at = 0, pause = 0.1; at < seconds; pause = Math.min(pause * 1.5, 1)) {
    at += pause;
    reads++;
  }
  return reads;
}
const polls = Math.ceil(assumed.readySeconds / assumed.pollPauseSeconds);
const heldReads = (readsWithin(assumed.readySeconds) - 1) * prices.tableRead;
const held = (MB: number) =>
  million * ((assumed.readySeconds * MB * prices.lambdaGBSecond) / 1024 + heldReads);
const polling = million * polls * lookUp;
const waits: Line[] = [
  ["polling after `Retry-After`: client, command line", `${polls} look-ups more`, polling],
  ["`?wait` in the API function: scripts", `1024 MB for ${assumed.readySeconds} s`, held(1024)],
  [
    "`?wait` in a function that only waits: not built",
    `${assumed.waiterMB} MB for ${assumed.readySeconds} s`,
    held(assumed.waiterMB),
  ],
];
const perDay = Settings.readCloud({}).processedPerDayMax;

const { processorTimeoutSeconds } = limits;
const { processorConcurrencyMax: concurrency } = Settings.readCloud({});
const gigabytes = processorMemoryMB / 1024;
/** The dearest run: until the function's timeout. The breaker looks every five minutes and needs up to two more. */
const dearest = processorTimeoutSeconds * gigabytes * prices.lambdaGBSecond;
const overshoot = concurrency * 420 * gigabytes * prices.lambdaGBSecond;
/** Requests per second that 1,000 concurrent executions, the default of an older account, can answer. */
const anonymousADay = (executions: number) => (executions / assumed.apiSeconds) * 86_400 * lookUp;
const normalImages = 1_000;
const perImage = total(make) / million;
const days = [
  ["normal: 1,000 images, each waited for", "", (normalImages * (perImage + polling / million)).toFixed(2)],
  [
    `hostile files: every run lasts ${processorTimeoutSeconds} s`,
    `${perDay.toLocaleString("en-GB")} runs (\`PROCESSED_PER_DAY_MAX\`), then what ${concurrency} functions do in seven minutes`,
    Math.min(
      perDay * dearest + overshoot,
      (concurrency * 86_400 * dearest) / processorTimeoutSeconds,
    ).toFixed(2),
  ],
  [
    "the same without the breaker",
    `${concurrency} functions all day (\`PROCESSOR_CONCURRENCY_MAX\`)`,
    ((concurrency * 86_400 * dearest) / processorTimeoutSeconds).toFixed(2),
  ],
  [
    "replays of presigned forms",
    "each counts in its owner's quota (`UPLOADS_PER_DAY_MAX`) and for the breaker",
    (perDay * perImage).toFixed(2),
  ],
  [
    "anonymous requests, a new account",
    "10 concurrent executions; beyond, `FIREWALL_REQUESTS_MAX`",
    anonymousADay(10).toFixed(2),
  ],
  [
    "anonymous requests, 1,000 concurrent executions",
    "`FIREWALL_REQUESTS_MAX`: requests of an IP address in five minutes",
    anonymousADay(1_000).toFixed(2),
  ],
];

/** Dollars of a million runs of the processor with another memory. */
const processorWith = (MB: number) =>
  ((million * (cpuSeconds / assumed.speed / (MB / 1769) + assumed.waitSeconds) * MB) / 1024) *
  prices.lambdaGBSecond;
/** Use of provisioned capacity over a day, with auto scaling. */
const provisionedUse = 0.5;
const perMillion = (units: number) => units * million * prices.tableWrite;
const savings: [change: string, saves: number, why: string][] = [
  [
    `\`gsi1\` and \`gsi2\` project what locates an image: ${life.narrowWriteUnits} write units`,
    perMillion(life.writeUnits - life.narrowWriteUnits),
    "open: a page of 50 then reads 50 records (52 read units in place of 13, $4.90 per million pages) in a second request",
  ],
  [
    "No count of `processing`, one counter row for the total and the hour",
    perMillion(2),
    "open: changes the counters of the record protocol",
  ],
  [
    "No `processing` in the record: a separate item for the lease",
    perMillion(8),
    "open: the claim is the fencing token's compare-and-set, and the status that callers see",
  ],
  [
    `Provisioned capacity, ${provisionedUse * 100} % used`,
    perMillion(life.writeUnits) - (million * life.writeUnits * prices.tableWriteHour) / 3600 / provisionedUse,
    "a steady load only: a burst of uploads is throttled until auto scaling follows, and the capacity costs at rest",
  ],
  [
    "Processor with 1,024 MB",
    compute - processorWith(1024),
    "a 50-megapixel original needs more memory, and an image takes 1.7 times as long",
  ],
  [
    "Processor with 1,769 MB, one core",
    compute - processorWith(1769),
    "`PROCESSOR_MEMORY_MB=1769`; less room for large originals, which run out of memory together with the process",
  ],
  [
    "Batches of ten messages",
    million * 1.8 * prices.queueRequest + million * 0.9 * prices.lambdaRequest,
    "a file that crashes the process would fail nine others",
  ],
  [
    "Lambda's own log lines only from WARN",
    (million * assumed.platformLogBytes * prices.logGB) / GB,
    "no memory and duration of single runs, which explain slow images",
  ],
  [
    "Log class Infrequent Access",
    (million * assumed.logBytes * (prices.logGB - prices.rareLogGB)) / GB,
    "no live tail and no metric filters; an existing log group keeps its class",
  ],
  [
    "Three variants in place of four",
    million * prices.s3Put,
    "the recipe is the product; one edit changes it",
  ],
];

const text = `# Costs

Written by \`npm run costs\`: list prices of us-east-1 beyond the free tier, CPU (the least of three rounds) and bytes measured on ${inputs.length} photos of 12 megapixels (${provenance()}), requests and the table's units counted in a run of the deployed bundles. Storage excludes noncurrent object versions, which production keeps for 30 days.

Not yet measured on AWS. Assumptions: a Lambda core is as fast as a core of the measuring machine, ${assumed.waitSeconds * 1000} ms of waiting for S3 and DynamoDB per run, ${assumed.apiSeconds * 1000} ms per API response, ${assumed.logBytes} bytes of log per image (two thirds of them are lines that Lambda writes, estimated), ${assumed.pollersPerQueue} pollers per queue with a wait time of ${assumed.pollSeconds} s on an empty queue.

## Processing a million images

${table(head, rows(make))}

The writes include ${life.termUnits} rows by which the image is found (below): two words of its file name, its format, its time of capture and five bands of its perceptual hash. Each takes ${cpuSeconds.toFixed(2)} s of CPU for its four variants; ${processorMemoryMB} MB are ${vCPU.toFixed(2)} of a core.

## Moving a million focal points

A new focal point makes the cropped variants again (${Object.keys(cropped)
  .map((name) => `\`${name}\``)
  .join(
    ", ",
  )}) and keeps the others. The replaced files stay for a day. A change of the title, alternative text, tags or metadata alone runs no processor.

${table(head, rows(refocus))}

## Putting a million images into the trash

The processor removes the files. A quarter of an hour later the reconciler looks for files of workers that were fenced. Until the days in the trash are over, the originals and the records are stored as before, and the variants are not.

${table(head, rows(trashed))}

Restoring a million processes them again, for $${total(restored).toFixed(0)}. An \`expiresAt\` costs nothing until the deletion, which is one without the trash.

## Waiting for a million images

An image is ready after ${assumed.readySeconds} s, as assumed, and its client looks it up every ${assumed.pollPauseSeconds} s until then. The price is not in the table above.

${table(
  ["way", "how much", "US $"],
  waits.map(([what, much, dollars]) => [what, much, dollars.toFixed(2)]),
)}

Together with processing: $${(total(make) + polling).toFixed(2)} where clients poll, $${(total(make) + held(1024)).toFixed(2)} where they send \`?wait\` (docs/decisions.md, "Waiting"). The page polls all of its unfinished images in one request.

## Storing a million images for a month

${table(head, rows(keep))}

## Finding images

A row, one write unit, for each word of the first 50, each tag, metadata entry, the format and the time of capture, five for the bands of the perceptual hash, and another unit when it is removed ([docs/queries.md](queries.md)). Per million images:

| index | US $ |
| --- | --- |
| \`IMG_2041.jpg\`, without title, tags and metadata: ${life.termUnits} rows | ${perMillion(life.termUnits).toFixed(2)} |
| each word of a title, an alternative text or a file name, each tag, each metadata entry | ${perMillion(1).toFixed(2)} |
| of these, similar images: five bands of the perceptual hash | ${perMillion(5).toFixed(2)} |
| all removed again, of an image with ${life.termUnits} rows | ${perMillion(life.termUnits).toFixed(2)} |

Changing one tag costs two units, not those of the others; a new status none. A page of 20 reads two units of rows and one of each image: $${(22 * million * prices.tableRead).toFixed(2)} per million pages. A count of 1,000 images reads them: $${(1066 * 1000 * prices.tableRead).toFixed(2)} per thousand counts. An intersection that finds nothing reads at most 100 blocks of up to 101 rows, or 25 records of a status, eight units each: $${(800 * 1000 * prices.tableRead).toFixed(2)} per thousand pages.

Similar images of an owner with up to 100 images are one query of up to 29 KB, 4 units with the record: $${(4 * million * prices.tableRead).toFixed(2)} per million look-ups, and half a unit more for each image found, at most 100. Of a larger owner there are 52 further queries within a distance of 8 bits, half a unit each as long as they find few rows: $${(30 * million * prices.tableRead).toFixed(2)} per million. A search among any number of equal or nearly equal images ends after about 200 queries of 21 rows (6 KB, a unit): $${(200 * 1000 * prices.tableRead).toFixed(2)} per thousand look-ups, and five times that with \`limit=100\`.

An import by URL costs what an upload does, and per million $${(million * (prices.lambdaGBSecond + prices.lambdaRequest + 3 * prices.queueRequest)).toFixed(2)} more if its source answers within a second: 1 GB-s, and three requests of the queue. A source that does not answer costs 20 GB-s for each of four tries.

## Keeping copies

The index of changes takes ${life.changeUnits} of the ${life.writeUnits} write units of an image from its upload until it is ready, $${perMillion(life.changeUnits).toFixed(2)} per million: one for its first bytes, and two for each later change, as its row moves. A page of 500 images ([docs/sync.md](sync.md)) reads 500 records and about 20 units of rows: 100,000 images are 201 requests, $${(201 * (520 * prices.tableRead + prices.lambdaRequest)).toFixed(3)} without the CPU. A poll that finds nothing reads half a unit: $${(million * (prices.tableRead / 2 + prices.lambdaRequest + assumed.apiSeconds * prices.lambdaGBSecond)).toFixed(2)} per million, with ${assumed.apiSeconds * 1000} ms of the API. A client that waits an hour by \`wait\` holds a function for it: $${(3600 * prices.lambdaGBSecond).toFixed(3)}, and about 25 half units for each 20 s.

## Webhooks

An event of an owner without endpoints costs no write: only the reads of two short lists of endpoints, half a unit each, which a process keeps for ten seconds. A delivery that succeeds at once costs ${delivery.writeUnits} write units, ${delivery.readUnits} read units and three requests to SQS: the row of the delivery, with the image as it was, is written before the image, and again with the result, and it enters and leaves the index of what is due. Its body has ${delivery.bodyBytes} bytes. The sender takes one message at a time, so that a receiver that stalls holds no other's; with receivers that answer in 100 ms a delivery is 100 ms of 512 MB. Together $${(million * (delivery.writeUnits * prices.tableWrite + delivery.readUnits * prices.tableRead + 3 * prices.queueRequest + 0.05 * prices.lambdaGBSecond + prices.lambdaRequest)).toFixed(2)} per million deliveries. Each failed attempt costs as much again, and two units of the endpoint's row. A message to a slow receiver takes three further requests to SQS, and an attempt that is not answered 15 s: $${(1000 * 7.5 * prices.lambdaGBSecond).toFixed(2)} per thousand, of which an endpoint has five before its pause.

## ${assumed.views} million views

${assumed.views} per image, all of \`medium\`, ${assumed.hitRatio * 100} % of them from CloudFront's cache. The first terabyte and the first ten million requests of a month are free.

${table(head, rows(show))}

${await lazyCosts(inputs, assumed.waitSeconds)}
## Fixed costs

A production stage at rest costs about $${(watched * prices.alarmMetric + 2 * prices.ownMetric + emptyReceives * prices.queueRequest).toFixed(2)} a month: ${watched} metrics that its alarms look at, the breaker's own two, and ${(emptyReceives / million).toFixed(1)} million receives on five empty queues ($${(emptyReceives * prices.queueRequest).toFixed(2)}; the account's first million is free). Other stages have alarms only if they set an e-mail address; the breaker's metrics are $${(2 * prices.ownMetric).toFixed(2)}. Schedules are within the free tier.

## Worst day

| day | bound | US $ |
| --- | --- | --- |
${days.map((row) => `| ${row.join(" | ")} |`).join("\n")}

The budget (\`BUDGET_DOLLARS\`) reports each of them and stops none.

## Savings that were examined

Per million images, each computed on this run; they overlap. PUTs, writes and CloudFront alone are $${(puts + writes + dollarsOf("CloudFront, two")).toFixed(2)}, more than the $45 that were the aim.

| change | saves US $ | |
| --- | --- | --- |
${savings.map(([change, saves, why]) => `| ${change} | ${saves.toFixed(2)} | ${why} |`).join("\n")}

## Ways to save

1. **Views.** ${(total(show) / total(make)).toFixed(1)} times the cost of processing, at ${assumed.views} views. Smaller variants save most: quality, effort, AVIF, and showing \`small\` (${kB(variantBytes.small ?? 0)}) instead of \`medium\` (${kB(medium)}) where that is enough. The recipe is one file.
2. **Originals.** ${Math.round((originalBytes / (originalBytes + allVariants)) * 100)} % of the stored bytes, and rarely read: a lifecycle rule to Glacier Instant Retrieval cuts their storage price to a sixth and makes reads more expensive (\`infra/storage.ts\`).
3. **Number of variants.** Each is one PUT; ${life.puts} PUTs cost $${puts.toFixed(0)}, more than the CPU ($${compute.toFixed(0)}).
4. **DynamoDB.** Writes cost $${writes.toFixed(0)}, because each transition writes the record to two indexes with all attributes, so that a page of a list is one query. An app that never lists by status can drop one of them.
5. **Memory.** More memory does not save: most of the work runs on one core. Less memory pays less for the ${assumed.waitSeconds * 1000} ms of waiting, takes longer, and leaves less room for large originals.

## Cost limits

- At most ${Settings.readCloud({}).processorConcurrencyMax} images at once (\`PROCESSOR_CONCURRENCY_MAX\`).
- At most ${perDay.toLocaleString("en-GB")} runs a day (\`PROCESSED_PER_DAY_MAX\`): about $${((perDay / million) * total(make)).toFixed(2)} a day. Further images wait in the queue until midnight UTC, and an alarm fires. The limit is checked every five minutes; at full concurrency some ${Math.round(((Settings.readCloud({}).processorConcurrencyMax / runSecondsOf(cpuSeconds)) * 420) / 1000)} thousand images can be processed in between.
- Quotas per owner, checked when an upload is created (\`PENDING_MAX\`, \`UPLOADS_PER_DAY_MAX\`, \`BYTES_PER_DAY_MAX\`). A presigned form that is used again takes other bytes from the same quota: one conditional update more ($0.63 per million), for such uploads alone.
- A quarter of those runs for the images of one user (\`PROCESSED_PER_OWNER_MAX\`); further ones wait until midnight UTC. Counting takes one conditional update a run ($0.63 per million), for images of users and of keys with an owner. A run that only defers an image decodes nothing: it costs about $2 per million, and the breaker leaves it out.
- A batch (\`POST /images/batch\`) is one API request for up to 100 changes, and costs in DynamoDB what they cost alone. Each counts against the quotas; under an idempotency key two writes more.
- \`GET /usage\` reads one row for each day of the month in one request and the owner's row of what is stored, 16 read units: $2 per million; for the owner \`default\` 18 queries instead of the last, 9 units more. The rows are those of the quotas, and are kept for 13 months. Uploads, runs and stored bytes of \`default\` are counted in rows that are written anyway. What another owner has stored is a row of the owner: one update when an image is ready, one when it is deleted ($0.63 per million each).
- An \`export\` reads each file once, and once more to compare it; an \`import\` reads each original twice, writes the files, the record, its audit trail and its rows of the search index, and runs the processor once for each original without decoding it. See [Moving images](deploying.md#moving-images).
- An account budget with an e-mail at 80 % and when the forecast exceeds it (\`BUDGET_DOLLARS\`).
- Deleted images are invalidated at the CDN, two paths each (three for a batch of many): the first 1,000 paths of a month are free, then $5 a thousand. At most 14 paths are sent every five minutes, $20 a day (\`INVALIDATED_IMAGES_MAX\`).
- Signatures of private images cost no request: one is 0.3 ms of the API's CPU for an image, and kept for its window. A change of the visibility costs as much as a reprocess.
- An AWS WAF, where \`FIREWALL_REQUESTS_MAX\` asks for it, costs $9 a month and $0.60 per million requests, and limits the requests of each IP address.
- Views are not limited: CloudFront has no cap. The budget reports them.
`;

const file = fileURLToPath(new URL("../docs/costs.md", import.meta.url));
writeFileSync(file, text);
console.log(readFileSync(file, "utf8"));

function kB(bytes: number): string {
  return bytes > 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.round(bytes / 1000)} KB`;
}

function total(lines: readonly Line[]): number {
  return lines.reduce((sum, [, , dollars]) => sum + dollars, 0);
}
