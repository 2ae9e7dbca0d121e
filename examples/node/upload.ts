/**
 * Uploads the images of a folder, waits for their variants and prints the URL of each. Run it again after an
 * interruption: for a day, an image is not uploaded twice.
 *
 *   IMAGES_URL=https://images.example.com IMAGES_TOKEN=ip_... npm start -- ~/photos
 */
import { createHash } from "node:crypto";
import { createReadStream, openAsBlob } from "node:fs";
import { readdir } from "node:fs/promises";
import { extname, join, relative } from "node:path";
import { ClientError, createClient } from "@image-pipeline/client";

/** Uploads in flight. */
const parallel = 4;

const types: Record<string, string> = {
  ".avif": "image/avif",
  ".gif": "image/gif",
  ".heic": "image/heic",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".png": "image/png",
  ".webp": "image/webp",
};

const { IMAGES_URL = "http://127.0.0.1:3000", IMAGES_TOKEN } = process.env;
const { upload } = createClient({ baseUrl: IMAGES_URL, token: IMAGES_TOKEN });

const [folder] = process.argv.slice(2);
if (!folder) {
  console.error("Name the folder to upload, for example: npm start -- ~/photos");
  process.exit(2);
}

const entries = await readdir(folder, { recursive: true, withFileTypes: true });
const paths = entries
  .filter((entry) => entry.isFile() && extname(entry.name).toLowerCase() in types)
  .map((entry) => join(entry.parentPath, entry.name));

// The workers take their files from one iterator.
const queue = paths.values();
await Promise.all(
  Array.from({ length: parallel }, async () => {
    for (const path of queue) await uploadOne(path).catch((error) => report(path, error));
  }),
);
console.error(`${paths.length} images in ${folder}.`);

async function uploadOne(path: string): Promise<void> {
  const filename = relative(folder ?? "", path);
  const sha256 = await hashOf(path);
  const contentType = types[extname(path).toLowerCase()];
  const image = await upload(await openAsBlob(path, { type: contentType }), {
    filename,
    // S3 compares the bytes that arrive with the hash.
    sha256,
    // The same file in the same place has the same key in every run.
    idempotencyKey: createHash("sha256").update(`${filename}\n${sha256}`).digest("hex"),
  });
  if (image.status !== "ready") throw new Error(image.error?.message ?? `The image is ${image.status}.`);
  console.log(`${filename}\t${image.variants?.large?.url}`);
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

function report(path: string, error: unknown): void {
  process.exitCode = 1;
  const code = error instanceof ClientError ? `${error.code}: ` : "";
  console.error(`${path}\t${code}${error instanceof Error ? error.message : error}`);
}
