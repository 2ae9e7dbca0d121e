/**
 * SIGKILL of a real server: the embedded server is killed at each call that it makes while a client uploads, overwrites,
 * patches, reprocesses or deletes. After a restart it must hold everything that it had acknowledged.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Transition } from "@image-pipeline/core/table/event-entity";
import { names } from "@image-pipeline/local/environment";
import { AwsClient } from "aws4fetch";
import { type File, isNear, look, makeFiles } from "./image-files.ts";
import { openProcess, type ServerProcess } from "./process.ts";

/** Kills at every `every`-th call in each of `rounds` rounds; a round begins one call later than the one before. */
export type Options = { dataDir: string; every: number; rounds: number; print(line: string): void };

/** The number of kills and of images, and every deviation from what was acknowledged. */
export type Result = { kills: number; images: number; violations: string[] };

type Body = {
  id: string;
  status: string;
  title?: string;
  source: { key: string; sha256?: string };
  variants?: Record<string, { url: string; width: number; height: number; bytes: number; format: string }>;
  upload: { url: string; method: string; headers: Record<string, string> };
};

/**
 * One image, and what was acknowledged of it: `done` are its transitions, `may` its possible bytes, of which there are
 * two while a request is unanswered.
 */
type Subject = {
  id?: string;
  key?: string;
  may: (File | undefined)[];
  title?: string;
  gone?: boolean;
  done: TrailEntry["type"][];
};

/** An entry of the audit trail in the API. */
type TrailEntry = Pick<Transition, "type"> & { detail?: { etag?: string; unchanged?: string } };

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Verifications of one image, 250 ms apart: the queue empties within a minute, also on a busy machine. */
const triesMax = 240;

/** More calls than one operation makes in one process. */
const callsMax = 400;

/** Kills a server over an empty folder. Once in a process. */
export async function playKills({ dataDir, every, rounds, print }: Options): Promise<Result> {
  const server = await openProcess(dataDir);
  const [red, green] = await makeFiles();
  if (!red || !green) throw new Error("The suite needs two files.");
  const result: Result = { kills: 0, images: 0, violations: [] };
  await server.start(0);
  const client = await clientOf(server, red, green);
  for (let round = 0; round < rounds; round++) {
    for (const [name, { prepare, act }] of Object.entries(client.operations)) {
      for (const role of ["server", "processor"] as const) {
        for (let call = 1 + (round % every); call < callsMax; call += every) {
          const subject = await prepare();
          await server.killAt(role, call);
          // The kill may come at any line of this. `subject` holds what was acknowledged until then.
          await Promise.race([act(subject).catch(() => {}), server.exited()]);
          const survived = await survives(server);
          if (!survived) result.kills++;
          await server.kill();
          await server.start(hourMs);
          const wrong = await client.verify(subject);
          result.violations.push(...wrong.map((what) => `${name}, ${role} killed at call ${call}: ${what}`));
          print(
            `${name}: the ${role} ${survived ? "makes fewer than" : "was killed at"} ${call} calls; ${wrong.join(", ") || "nothing lost"}`,
          );
          if (survived) break;
        }
      }
    }
  }
  await server.kill();
  await server.start(2 * dayMs);
  Object.assign(result, await client.verifyAll(result.violations));
  await server.kill();
  return result;
}

/** Returns true if the server survives an operation and the work that follows it, such as a clean-up. */
async function survives(server: ServerProcess): Promise<boolean> {
  await sleep(300);
  return !server.isDead();
}

async function clientOf(server: ServerProcess, red: File, green: File) {
  const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
  const { Storage } = await import("@image-pipeline/core/aws/storage");
  const { readMany } = await import("@image-pipeline/core/records/record");
  const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = process.env;
  const s3 = new AwsClient({ accessKeyId, secretAccessKey, region: "us-east-1", service: "s3", retries: 0 });
  const objectOf = (key: string) => `${process.env.AWS_ENDPOINT_URL_S3}/${names.uploads}/${key}`;
  const subjects: Subject[] = [];

  async function api<T = Body>(method: string, path: string, body?: object): Promise<T> {
    const headers = body ? { "content-type": "application/json" } : undefined;
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (response.status === 204 ? {} : await response.json()) as T;
  }

  async function put(url: string, { bytes }: File, init: RequestInit, send = fetch) {
    const response = await send(url, { ...init, method: "PUT", body: new Uint8Array(bytes) });
    if (!response.ok) throw new Error(`PUT: ${response.status} ${await response.text()}`);
  }

  async function upload(subject: Subject) {
    const { length: bytes } = red.bytes;
    const image = await api("POST", "/images", { filename: "red.jpg", contentType: "image/jpeg", bytes });
    Object.assign(subject, { id: image.id, key: image.source.key, may: [undefined, red] });
    subject.done.push("announced");
    await put(image.upload.url, red, { headers: image.upload.headers });
    subject.may = [red];
    await api("GET", `/images/${image.id}?wait=20`);
  }

  const fresh = async () => {
    const subject: Subject = { may: [undefined], done: [] };
    subjects.push(subject);
    return subject;
  };
  const ready = async () => {
    const subject = await fresh();
    await upload(subject);
    return subject;
  };

  const operations: Record<string, { prepare(): Promise<Subject>; act(subject: Subject): Promise<void> }> = {
    upload: { prepare: fresh, act: upload },
    overwrite: {
      prepare: ready,
      async act(subject) {
        subject.may = [red, green];
        await put(objectOf(subject.key ?? ""), green, {}, s3.fetch.bind(s3) as typeof fetch);
        subject.may = [green];
        const { source } = await final(subject);
        if (source.sha256 !== green.sha256) await sleep(500);
      },
    },
    patch: {
      prepare: ready,
      async act(subject) {
        const { title = "" } = await api("PATCH", `/images/${subject.id}`, {
          title: "A title",
          tags: ["cat"],
        });
        subject.title = title;
        subject.done.push("updated");
      },
    },
    reprocess: {
      prepare: ready,
      async act(subject) {
        await api("POST", `/images/${subject.id}/reprocess`);
        subject.done.push("reprocessed");
        await final(subject);
      },
    },
    delete: {
      prepare: ready,
      async act(subject) {
        subject.may = [undefined, red];
        await api("DELETE", `/images/${subject.id}`);
        Object.assign(subject, { may: [undefined], gone: true });
        subject.done.push("deleting");
      },
    },
  };

  const final = ({ id }: Subject) => api("GET", `/images/${id}?wait=20`);

  /** Runs the reconciler, which would run by schedule, and returns what is still wrong once the queue is done. */
  async function verify(subject: Subject): Promise<string[]> {
    await Reconcile.compare();
    await Reconcile.stuck();
    for (let tries = 1; ; tries++) {
      const wrong = await inspect(subject);
      if (wrong.length === 0 || tries > triesMax) return wrong;
      await sleep(250);
    }
  }

  async function inspect(subject: Subject): Promise<string[]> {
    const { id, key, may, title, gone } = subject;
    if (!id || !key) return [];
    const stored = await s3.fetch(objectOf(key));
    const bytes = Buffer.from(await stored.arrayBuffer());
    const file = stored.ok ? may.find((file) => file?.bytes.equals(bytes)) : undefined;
    if (stored.ok && !file) return ["the bytes are not those that were sent"];
    if (!stored.ok && !may.includes(undefined)) return ["an acknowledged upload is lost"];
    const response = await fetch(`${server.url}/images/${id}`);
    const trail = checkTrail(await trailOf(id), subject);
    if (trail) return [trail];
    if (!file) return response.status === 404 ? [] : ["an image without an upload is left"];
    if (gone) return ["a deleted image is back"];
    if (!response.ok) return [`an uploaded image is not found: ${response.status}`];
    const image = (await response.json()) as Body;
    if (image.status !== "ready") return [`it is left ${image.status}`];
    if (image.source.sha256 !== file.sha256) return ["it is of another upload"];
    if (title !== undefined && image.title !== title) return ["an acknowledged change is lost"];
    return checkVariants(image, file);
  }

  async function trailOf(id: string): Promise<TrailEntry[]> {
    const response = await fetch(`${server.url}/images/${id}/events`);
    return response.ok ? ((await response.json()) as { items: TrailEntry[] }).items : [];
  }

  /** Verifies every image again, two days later, and that no orphan is left. */
  async function verifyAll(found: readonly string[]): Promise<Pick<Result, "images" | "violations">> {
    await Reconcile.sweep();
    const wrong = [...found];
    let images = 0;
    for (const subject of subjects) {
      if (subject.id) images++;
      wrong.push(...(await verify(subject)).map((what) => `in the end: ${what}`));
    }
    const ids = subjects.flatMap(({ id }) => id ?? []);
    const used = new Set<string>();
    for (const { variants = {} } of await readMany(ids))
      for (const { key } of Object.values(variants)) used.add(key);
    for await (const page of Storage.pages("processed"))
      for (const { key } of page) if (!used.has(key)) wrong.push(`in the end: an orphan is left, ${key}`);
    return { images, violations: wrong };
  }

  return { operations, verify, verifyAll };
}

/**
 * Checks an image's audit trail: it has what was acknowledged, each transition once, each result after what asked for
 * it, and the image's status at its end. Returns the first deviation.
 */
function checkTrail(trail: readonly TrailEntry[], { may, done, gone }: Subject): string | undefined {
  const types = trail.map(({ type }) => type);
  // Never uploaded and over a day old: it has expired.
  if (types.length === 0 && may.includes(undefined)) return undefined;
  const said = `its history is ${types.join(", ") || "empty"}`;
  const times = (type: TrailEntry["type"]) => types.filter((other) => other === type).length;
  if (types[0] !== "announced") return `${said}: it does not begin with its creation`;
  for (const type of ["announced", "updated", "reprocessed", "deleting", "deleted"] as const)
    if (times(type) > 1) return `${said}: one transition is in it twice`;
  for (const type of done) if (times(type) !== 1) return `${said}: an acknowledged change is not in it`;
  const uploads = trail.filter(({ type, detail }) => type === "uploaded" && !detail?.unchanged);
  if (new Set(uploads.map(({ detail }) => detail?.etag)).size !== uploads.length)
    return `${said}: one upload is in it twice`;
  const steps = types.filter((type) => type !== "updated");
  for (const [place, type] of steps.entries())
    if (type === "ready" && !["uploaded", "reprocessed"].includes(steps[place - 1] ?? ""))
      return `${said}: nothing asked for one of its results`;
  const end = gone ? "deleted" : may.includes(undefined) ? undefined : "ready";
  return end && steps.at(-1) !== end ? `${said}: it does not end ${end}` : undefined;
}

async function checkVariants({ variants = {} }: Body, file: File): Promise<string[]> {
  const wrong: string[] = [];
  for (const [name, { url, ...said }] of Object.entries(variants)) {
    const response = await fetch(url);
    if (!response.ok) return [`its variant ${name} is missing`];
    const seen = await look(Buffer.from(await response.arrayBuffer()));
    if (!file.color || !isNear(seen.color, file.color))
      wrong.push(`its variant ${name} shows another upload`);
    if (seen.width !== said.width || seen.height !== said.height || seen.bytes !== said.bytes)
      wrong.push(`its variant ${name} is not what the record says`);
  }
  return Object.keys(variants).length === 0 ? ["it has no variants"] : wrong;
}
