/**
 * Images per second from upload to ready in the embedded mode, against the engine alone, both with one worker for each
 * of two cores. Uploads, storage, table, queue and the uploading client share these cores.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsClient } from "aws4fetch";
import { startRuntime } from "../packages/local/src/runtime.ts";
import { cpuSince, mean, median, roundsOf, table } from "./measure.ts";
import { photos, provenance } from "./photos.ts";

const workers = 2;
const rounds = roundsOf(3);
/** Enough that idle cores at the start and the end of a round count little. */
const imagesPerRound = Number(process.env.BENCH_IMAGES ?? 36);
/** Concurrent uploads of an app. */
const uploadsAtOnce = 4;

type Cpu = { main: number; children: number; client: number };

/** Measures both and returns the table. */
export async function run(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "bench-"));
  const inputs = (await photos(12)).map((bytes, index) => {
    const file = join(dir, `${index}.jpg`);
    writeFileSync(file, bytes);
    return { file, bytes };
  });
  const batch = Array.from({ length: imagesPerRound }, (_, index) => inputs[index % inputs.length]).filter(
    (input) => input !== undefined,
  );
  const engine = startRuntime({
    name: "engine",
    module: new URL("render-handler.ts", import.meta.url),
    region: "us-east-1",
    workers,
    timeoutSeconds: 120,
    memoryMB: 1024,
    env: process.env,
  });
  const cloud = fork(new URL("cloud.ts", import.meta.url), [join(dir, "data"), String(workers)]);
  try {
    const [{ s3Url }] = await once(cloud, "message");
    const aws = new AwsClient({
      accessKeyId: "local",
      secretAccessKey: "local-secret",
      region: "us-east-1",
      service: "s3",
      retries: 0,
    });
    const start = process.cpuUsage();
    let uploads = 0;
    const upload = async ({ bytes }: { bytes: Buffer }) => {
      const response = await aws.fetch(`${s3Url}/uploads/bench/${++uploads}.jpg`, {
        method: "PUT",
        body: new Uint8Array(bytes),
        headers: { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" },
      });
      if (!response.ok) throw new Error(await response.text());
    };
    /** Waits until the queue is empty and returns the CPU in ms that each part has used so far. */
    const settled = async (): Promise<Cpu> => {
      cloud.send("settled?");
      const [{ main, children }] = await once(cloud, "message");
      return { main, children, client: cpuSince(start) };
    };
    const seconds = async (work: () => Promise<unknown>) => {
      const began = performance.now();
      await work();
      return (performance.now() - began) / 1000;
    };
    const engineCpu: number[] = [];
    const alone = async () => {
      const used = await Promise.all(batch.map(({ file }) => engine.invoke({ file })));
      engineCpu.push(...used.map(Number));
    };
    const whole = async () => {
      const left = [...batch];
      const client = async () => {
        for (let next = left.shift(); next; next = left.shift()) await upload(next);
      };
      await Promise.all(Array.from({ length: uploadsAtOnce }, client));
      await settled();
    };
    // Warm-up: loads and compiles the workers' code.
    await alone();
    await whole();
    engineCpu.length = 0;
    const pairs: { engine: number; embedded: number }[] = [];
    const before = await settled();
    for (let round = 0; round < rounds; round++) {
      // The order alternates, so that load of the machine affects both alike.
      const first = round % 2 === 0 ? await seconds(alone) : undefined;
      const embedded = await seconds(whole);
      pairs.push({ engine: first ?? (await seconds(alone)), embedded });
    }
    const after = await settled();
    const each = (part: keyof Cpu) => (after[part] - before[part]) / (rounds * imagesPerRound);
    const engineEach = mean(engineCpu);
    const all = each("main") + each("children") + each("client");
    const perSecond = (name: "engine" | "embedded") =>
      (imagesPerRound / median(pairs.map((pair) => pair[name]))).toFixed(2);
    const ratio = median(pairs.map(({ engine, embedded }) => engine / embedded));
    return [
      `Upload to ready, two workers (${provenance()}, 12 MP JPEG; ${rounds} rounds of ${imagesPerRound} images; target in brackets):`,
      "",
      table(
        ["", "images/s", "CPU ms per image", "workers", "main process", "uploading client"],
        [
          ["engine alone", perSecond("engine"), Math.round(engineEach), Math.round(engineEach), "", ""],
          [
            "embedded mode",
            perSecond("embedded"),
            Math.round(all),
            ...(["children", "main", "client"] as const).map((part) => Math.round(each(part))),
          ],
          ["embedded / engine", `${ratio.toFixed(3)} (≥ 0.8)`, (engineEach / all).toFixed(3), "", "", ""],
        ],
      ),
      "",
      "Images/s: median of paired rounds. The ratio of CPU is the one without idle cores; it depends less on the load of the machine.",
    ].join("\n");
  } finally {
    cloud.disconnect();
    await Promise.all([once(cloud, "exit"), engine.close(0)]);
    rmSync(dir, { recursive: true, force: true });
  }
}
