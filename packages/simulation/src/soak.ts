/** The embedded server under a steady load: growth of memory, open descriptors, and images that are late or fail. */
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFiles } from "./image-files.ts";
import { openProcess } from "./process.ts";

/** Uploads `perSecond` images a second for `minutes`. Each is deleted after a hundred newer ones. */
export type Options = { dataDir: string; minutes: number; perSecond: number; print(line: string): void };

/** `slopeMB`: growth of resident memory in MB an hour, over the second half of the time. `late`: not ready in 20 s. */
export type Result = {
  uploads: number;
  failed: number;
  late: number;
  slopeMB: number;
  descriptors: number[];
};

type Image = { id: string; upload: { url: string; headers: Record<string, string> } };

const keptMax = 100;

/** Runs the load over an empty folder. Needs Linux, whose /proc it reads. Once in a process. */
export async function playSoak({ dataDir, minutes, perSecond, print }: Options): Promise<Result> {
  const server = await openProcess(dataDir);
  await server.start(0);
  const files = (await makeFiles()).filter(({ color }) => color);
  const kept: string[] = [];
  const samples: { hour: number; mb: number; descriptors: number }[] = [];
  const result: Result = { uploads: 0, failed: 0, late: 0, slopeMB: 0, descriptors: [] };
  const underway = new Set<Promise<void>>();
  const started = performance.now();
  const elapsedMs = () => performance.now() - started;

  const once = async () => {
    const file = files[result.uploads++ % files.length];
    if (!file) return;
    const { length: bytes } = file.bytes;
    const made = await fetch(`${server.url}/images`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ filename: `${file.name}.jpg`, contentType: "image/jpeg", bytes }),
    });
    const { id, upload } = (await made.json()) as Image;
    const { url, headers } = upload;
    await (await fetch(url, { method: "PUT", headers, body: new Uint8Array(file.bytes) })).arrayBuffer();
    const image = await (await fetch(`${server.url}/images/${id}?wait=20`)).json();
    if ((image as { status: string }).status !== "ready") result.late++;
    kept.push(id);
    const oldest = kept.length > keptMax ? kept.shift() : undefined;
    if (oldest) await fetch(`${server.url}/images/${oldest}`, { method: "DELETE" });
  };

  for (let minute = 0; minute < minutes; ) {
    const run = once()
      .catch(() => void result.failed++)
      .finally(() => underway.delete(run));
    underway.add(run);
    await sleep(1000 / perSecond);
    if (elapsedMs() < (minute + 1) * 60_000) continue;
    minute++;
    const { mb, serverMB, descriptors } = await measure(server.pid());
    samples.push({ hour: elapsedMs() / 3_600_000, mb, descriptors });
    const { uploads, failed, late } = result;
    print(
      `minute ${minute}: ${mb.toFixed(0)} MB, ${serverMB.toFixed(0)} of it the server's own, ${descriptors} descriptors, ${uploads} uploads, ${failed} failed, ${late} late`,
    );
  }
  await Promise.all(underway);
  await server.kill();
  const settled = samples.slice(Math.floor(samples.length / 2));
  result.slopeMB = slope(settled.map(({ hour, mb }) => [hour, mb]));
  result.descriptors = samples.map(({ descriptors }) => descriptors);
  return result;
}

/** Measures resident memory and open descriptors of the server and its child processes. */
async function measure(pid: number): Promise<{ mb: number; serverMB: number; descriptors: number }> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  let [kb, serverKB, descriptors] = [0, 0, 0];
  for (const one of [String(pid), ...children.trim().split(" ").filter(Boolean)]) {
    const status = await readFile(`/proc/${one}/status`, "utf8");
    const resident = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    kb += resident;
    if (one === String(pid)) serverKB = resident;
    descriptors += (await readdir(`/proc/${one}/fd`)).length;
  }
  return { mb: kb / 1024, serverMB: serverKB / 1024, descriptors };
}

/** Returns the slope of the least-squares line. */
function slope(points: [x: number, y: number][]): number {
  const mean = (of: (point: [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point[0]), mean((point) => point[1])];
  const spread = mean((point) => (point[0] - x) ** 2);
  return spread === 0 ? 0 : mean((point) => (point[0] - x) * (point[1] - y)) / spread;
}
