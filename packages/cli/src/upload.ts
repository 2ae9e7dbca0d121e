/** `upload`: files in, records out, four at a time. */
import { createHash } from "node:crypto";
import { createReadStream, openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, extname } from "node:path";
import { type Client, ClientError, type Image } from "@image-pipeline/client/client";
import { apiOptions, defineCommand, UsageError, whole } from "./command.ts";
import { connect, explain } from "./connect.ts";
import { summary } from "./show.ts";
import { bold, dim, isTerminal, live, printable, red } from "./terminal.ts";
import { createTransfers, type Transfer } from "./transfers.ts";

export const upload = defineCommand({
  usage: "upload <file>…",
  summary: "Upload files and wait until their variants are made",
  about:
    "Sends the files four at a time and prints each image's record when it is\n" +
    "final. A file whose very bytes are there already is not sent again.",
  options: {
    title: { type: "string", value: "text", about: "Title, for people (one file only)" },
    alt: {
      type: "string",
      value: "text",
      about: "What the picture shows, for those who cannot see it (one file only)",
    },
    tag: { type: "string", multiple: true, value: "word", about: "A tag for each file; may be repeated" },
    concurrency: { type: "string", value: "n", about: "Files at a time, 1–32 (4)" },
    wait: { type: "string", value: "seconds", about: "Longest wait for one image's variants, 1–3600 (120)" },
    ...apiOptions,
  },
  examples: [
    "npm run image -- upload photo.jpg",
    "npm run image -- upload ~/Pictures/*.jpg --tag holiday",
    "npm run --silent image -- upload photo.jpg --json | jq -r .variants.thumbnail.url",
  ],
  async run({ values, positionals: paths }) {
    if (paths.length === 0) throw new UsageError("Which files?");
    if (paths.length > 1 && (values.title ?? values.alt) !== undefined) {
      throw new UsageError("--title and --alt are for one file alone.");
    }
    const concurrency = whole("concurrency", values.concurrency, 1, 32) ?? 4;
    const waitSeconds = whole("wait", values.wait, 1, 3600) ?? 120;
    const client = await connect(values.url);
    const cancel = new AbortController();
    process.once("SIGINT", () => cancel.abort());

    const transfers = createTransfers(paths.map((path) => basename(path)));
    const screen = live(transfers.lines);
    const waiting = transfers.all.map((transfer, index) => ({ transfer, path: paths[index] ?? "" }));
    const announce = !values.json && !isTerminal(process.stderr);

    const worker = async () => {
      for (let next = waiting.shift(); next && !cancel.signal.aborted; next = waiting.shift()) {
        const { transfer, path } = next;
        if (announce) process.stderr.write(`… ${printable(path)}\n`);
        const began = Date.now();
        const details = { title: values.title, alt: values.alt, tags: values.tag };
        try {
          const image = await one(client, path, transfer, { ...details, waitSeconds, signal: cancel.signal });
          const took = Date.now() - began;
          transfer.state = image.status === "ready" ? "ready" : "failed";
          screen.print(values.json ? JSON.stringify(image) : `${summary(image, { name: path, took })}\n`);
        } catch (error) {
          transfer.state = cancel.signal.aborted ? "cancelled" : "failed";
          if (cancel.signal.aborted) continue;
          const { code, message } = faultOf(error);
          const what = code === "timed_out" ? "not ready yet" : "not uploaded";
          if (values.json)
            screen.print(JSON.stringify({ filename: basename(path), error: { code, message } }));
          else
            screen.print(
              `${red("✗")} ${bold(printable(path))}  ${what}\n  ${dim("why")}        ${message}\n`,
            );
        }
      }
    };
    try {
      await Promise.all(Array.from({ length: Math.min(concurrency, paths.length) }, worker));
    } finally {
      screen.stop();
    }
    if (!values.json && paths.length > 1) process.stderr.write(`${transfers.total()}\n`);
    if (cancel.signal.aborted) return 130;
    return transfers.all.every(({ state }) => state === "ready") ? 0 : 1;
  },
});

type Options = { title?: string; alt?: string; tags?: string[]; waitSeconds: number; signal: AbortSignal };

async function one(client: Client, path: string, transfer: Transfer, options: Options): Promise<Image> {
  const contentType = contentTypes[extname(path).toLowerCase()];
  const found = await stat(path);
  if (found.isDirectory()) throw new Error("It is a folder. Name its files, such as photos/*.jpg.");
  if (found.size === 0) throw new Error("It is empty.");
  if (!contentType) {
    throw new Error(`It is not named like an image. Known endings: ${Object.keys(contentTypes).join(" ")}`);
  }
  transfer.total = found.size;
  const [file, sha256] = await Promise.all([openAsBlob(path), hashOf(path)]);
  transfer.state = "uploading";
  return client.upload(file, {
    ...options,
    contentType,
    sha256,
    filename: basename(path),
    onProgress({ phase, sent }) {
      transfer.state = phase;
      transfer.sent = sent;
    },
  });
}

/** The type that goes with a file's ending; what the bytes are is decided by the bytes. */
const contentTypes: Record<string, string> = {
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".png": "image/png",
  ".webp": "image/webp",
  ".avif": "image/avif",
  ".gif": "image/gif",
  ".heic": "image/heic",
  ".heif": "image/heif",
  ".tif": "image/tiff",
  ".tiff": "image/tiff",
};

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Why a file was not uploaded, in words. */
function faultOf(error: unknown): { code: string; message: string } {
  if (error instanceof ClientError) return { code: error.code, message: explain(error) };
  if (!(error instanceof Error)) throw error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return { code: "file_not_found", message: "There is no such file." };
  if (code === "EACCES") return { code: "file_not_readable", message: "It may not be read." };
  return { code: "file_not_usable", message: printable(error.message) };
}
