/**
 * `npm run smoke -- --stage NAME` or `-- --url URL`: one image through a running stage, over HTTP(S), and deleted again.
 *
 * With `--stage` it runs under `sst shell`, creates an API key for itself and revokes it at the end. With `--url` it
 * takes the key from `KEY`, or none where the API admits anonymous callers.
 */
import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sharp from "sharp";

const { stage, url } = parseArgs({ options: { stage: { type: "string" }, url: { type: "string" } } }).values;
const linked = process.env.SST_RESOURCE_Router;

if (url) await smoke(url, process.env.KEY);
else if (!stage) {
  console.error("smoke: name the stage with --stage NAME, or its URL with --url URL.");
  process.exitCode = 2;
} else if (!linked) {
  const self = fileURLToPath(import.meta.url);
  const command = ["sst", "shell", "--stage", stage, "--", process.execPath, self, "--stage", stage];
  process.exitCode = spawnSync("npx", command, { stdio: "inherit" }).status ?? 1;
} else {
  const Key = await import("@image-pipeline/core/api-key");
  const { id, key } = await Key.create({ name: "smoke", scopes: ["images:read", "images:write"] });
  try {
    await smoke((JSON.parse(linked) as { url: string }).url, key);
  } finally {
    await Key.revoke(id);
  }
}

type Image = { id: string; status: string; variants?: Record<string, { url: string; bytes: number }> };

/** Uploads a generated photo, waits until it is ready, and checks every answer on the way. Throws at the first fault. */
async function smoke(base: string, key?: string): Promise<void> {
  const authorization: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};
  const call = async (method: string, path: string, expected: number, body?: object): Promise<Response> => {
    const started = performance.now();
    const response = await fetch(new URL(path, base), {
      method,
      headers: { ...authorization, ...(body && { "content-type": "application/json" }) },
      body: body && JSON.stringify(body),
    }).catch((cause: unknown) => {
      throw new Error(`${method} ${path}: no response from ${base}. Check the URL and the network.`, {
        cause,
      });
    });
    const line = `${method} ${path} ${response.status} ${Math.round(performance.now() - started)} ms`;
    if (response.status !== expected) throw new Error(`${line}, not ${expected}: ${await response.text()}`);
    console.log(line);
    return response;
  };

  const noise = { type: "gaussian", mean: 128, sigma: 40 } as const;
  const create = { width: 1200, height: 900, channels: 3, background: "white", noise } as const;
  const photo = await sharp({ create }).jpeg().toBuffer();
  const described = { filename: "smoke.jpg", contentType: "image/jpeg", bytes: photo.length };
  const { id, upload } = (await (await call("POST", "/images", 201, described)).json()) as Image & {
    upload: { url: string; method: string; headers: Record<string, string> };
  };
  const { method, headers } = upload;
  const put = await fetch(upload.url, { method, headers, body: new Uint8Array(photo) });
  if (!put.ok) throw new Error(`${method} ${new URL(upload.url).host} ${put.status}: ${await put.text()}`);

  let image: Image = { id, status: "pending" };
  for (let tries = 0; tries < 12 && !["ready", "rejected", "failed"].includes(image.status); tries++) {
    image = (await (await call("GET", `/images/${id}?wait=10`, 200)).json()) as Image;
  }
  if (image.status !== "ready") throw new Error(`Image ${id} is ${image.status}, not ready.`);

  const { items } = (await (await call("GET", "/images?status=ready&limit=10", 200)).json()) as {
    items: Image[];
  };
  if (!items.some((each) => each.id === id)) throw new Error(`Image ${id} is not in the list.`);
  const variants = Object.entries(image.variants ?? {});
  if (variants.length === 0) throw new Error(`Image ${id} has no variants.`);
  for (const [name, variant] of variants) {
    const response = await fetch(variant.url);
    const bytes = (await response.arrayBuffer()).byteLength;
    if (!response.ok || bytes !== variant.bytes) {
      throw new Error(
        `Variant ${name} at ${variant.url}: ${response.status}, ${bytes} of ${variant.bytes} bytes.`,
      );
    }
    console.log(`${name} ${bytes} bytes`);
  }

  await call("DELETE", `/images/${id}?permanent=true`, 204);
  await call("GET", `/images/${id}`, 404);
  // The store's deletion event removes the variants.
  for (let tries = 0; tries < 30; tries++) {
    const [first] = variants;
    const { status } = await fetch(`${first?.[1].url}?gone=${tries}`);
    if (status === 404)
      return console.log(`${base} works: ${variants.length} variants made, served and deleted.`);
    await sleep(2_000);
  }
  console.log(`${base} works. The CDN still serves the deleted variants, for up to five minutes.`);
}
