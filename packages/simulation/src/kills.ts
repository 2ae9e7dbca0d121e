/**
 * Kill -9, for real: the embedded server is killed at each call that it makes while a client uploads, overwrites,
 * patches, reprocesses or deletes; started again, it must hold everything that it had acknowledged.
 */
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Transition } from "@image-pipeline/core/table/event-entity";
import { names } from "@image-pipeline/local/environment";
import { AwsClient } from "aws4fetch";
import { type File, isNear, look, makeFiles } from "./image-files.ts";
import { type Lives, openLives } from "./lives.ts";

/** Kills at every `every`-th call, the whole round `rounds` times over. */
export type Options = { dataDir: string; every: number; rounds: number; tell(line: string): void };

/** How many kills there were, how many images in the end, and everything that was not as it was acknowledged. */
export type Result = { kills: number; images: number; wrong: string[] };

type Body = {
  id: string;
  status: string;
  title?: string;
  source: { key: string; sha256?: string };
  variants?: Record<string, { url: string; width: number; height: number; bytes: number; format: string }>;
  upload: { url: string; method: string; headers: Record<string, string> };
};

/**
 * One image, and what of it was acknowledged: `done` are transitions, `may` the bytes, which may be either of two
 * while nobody has said which.
 */
type Subject = {
  id?: string;
  key?: string;
  may: (File | undefined)[];
  title?: string;
  gone?: boolean;
  done: Told["type"][];
};

/** An entry of the audit trail, as the API tells it. */
type Told = Pick<Transition, "type"> & { detail?: { etag?: string; unchanged?: string } };

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** What a check has sent through the queue is done within a minute, also on a machine that is busy. */
const triesMax = 240;

/** More calls than any operation makes in one process. */
const callsMax = 400;

/** Runs it all in an empty folder. Once in a process. */
export async function playKills({ dataDir, every, rounds, tell }: Options): Promise<Result> {
  const lives = await openLives(dataDir);
  const [red, green] = await makeFiles();
  if (!red || !green) throw new Error("There must be two files.");
  const result: Result = { kills: 0, images: 0, wrong: [] };
  await lives.start(0);
  const client = await clientOf(lives, red, green);
  for (let round = 0; round < rounds; round++) {
    for (const [name, { prepare, act }] of Object.entries(client.operations)) {
      for (const role of ["server", "processor"] as const) {
        for (let call = 1 + (round % every); call < callsMax; call += every) {
          const subject = await prepare();
          await lives.killAt(role, call);
          // It may be killed at any line of this; what it had acknowledged until then is in `subject`.
          await Promise.race([act(subject).catch(() => {}), lives.ended()]);
          const survived = await isCalm(lives);
          if (!survived) result.kills++;
          await lives.kill();
          await lives.start(hourMs);
          const wrong = await client.verify(subject);
          result.wrong.push(...wrong.map((what) => `${name}, ${role} killed at call ${call}: ${what}`));
          tell(
            `${name}: the ${role} ${survived ? "makes fewer than" : "was killed at"} ${call} calls; ${wrong.join(", ") || "nothing lost"}`,
          );
          if (survived) break;
        }
      }
    }
  }
  await lives.kill();
  await lives.start(2 * dayMs);
  Object.assign(result, await client.verifyAll(result.wrong));
  await lives.kill();
  return result;
}

/** Whether the server lives on after an operation: what follows it, such as a clean-up, gets a moment. */
async function isCalm(lives: Lives): Promise<boolean> {
  await sleep(300);
  return !lives.isDead();
}

async function clientOf(lives: Lives, red: File, green: File) {
  const { Reconcile } = await import("@image-pipeline/core/pipeline/reconcile");
  const { Storage } = await import("@image-pipeline/core/aws/storage");
  const { readMany } = await import("@image-pipeline/core/records/record");
  const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = process.env;
  const s3 = new AwsClient({ accessKeyId, secretAccessKey, region: "us-east-1", service: "s3", retries: 0 });
  const objectOf = (key: string) => `${process.env.AWS_ENDPOINT_URL_S3}/${names.uploads}/${key}`;
  const subjects: Subject[] = [];

  async function api<T = Body>(method: string, path: string, body?: object): Promise<T> {
    const headers = body ? { "content-type": "application/json" } : undefined;
    const response = await fetch(`${lives.url}${path}`, {
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
        if (source.sha256 !== sha256(green)) await sleep(500);
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

  /**
   * What is wrong with an image once the reconciler has done at once what its schedule would do in time, and the
   * queue what it was sent.
   */
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
    const response = await fetch(`${lives.url}/images/${id}`);
    const trail = checkTrail(await trailOf(id), subject);
    if (trail) return [trail];
    if (!file) return response.status === 404 ? [] : ["an image without an upload is left"];
    if (gone) return ["a deleted image is back"];
    if (!response.ok) return [`an uploaded image is not found: ${response.status}`];
    const image = (await response.json()) as Body;
    if (image.status !== "ready") return [`it is left ${image.status}`];
    if (image.source.sha256 !== sha256(file)) return ["it is of another upload"];
    if (title !== undefined && image.title !== title) return ["an acknowledged change is lost"];
    return checkVariants(image, file);
  }

  async function trailOf(id: string): Promise<Told[]> {
    const response = await fetch(`${lives.url}/images/${id}/events`);
    return response.ok ? ((await response.json()) as { items: Told[] }).items : [];
  }

  /** Everything again, two days later: no image is lost, and nothing lies about. */
  async function verifyAll(found: string[]): Promise<Pick<Result, "images" | "wrong">> {
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
    return { images, wrong };
  }

  return { operations, verify, verifyAll };
}

/**
 * What is wrong with an image's history: whatever was acknowledged stands in it, each transition once, each result
 * after what asked for it, and at the end how the image stands.
 */
function checkTrail(trail: readonly Told[], { may, done, gone }: Subject): string | undefined {
  const types = trail.map(({ type }) => type);
  // Announced, never uploaded, and over a day old: it has gone by itself.
  if (types.length === 0 && may.includes(undefined)) return undefined;
  const said = `its history is ${types.join(", ") || "empty"}`;
  const times = (type: Told["type"]) => types.filter((other) => other === type).length;
  if (types[0] !== "announced") return `${said}: it does not begin with its announcement`;
  for (const type of ["announced", "updated", "reprocessed", "deleting", "deleted"] as const)
    if (times(type) > 1) return `${said}: one transition stands there twice`;
  for (const type of done) if (times(type) !== 1) return `${said}: an acknowledged change is not in it`;
  const uploads = trail.filter(({ type, detail }) => type === "uploaded" && !detail?.unchanged);
  if (new Set(uploads.map(({ detail }) => detail?.etag)).size !== uploads.length)
    return `${said}: one upload stands there twice`;
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

const sha256 = ({ bytes }: File) => createHash("sha256").update(bytes).digest("hex");
