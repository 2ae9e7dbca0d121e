/** `upload`: uploads files and imports URLs, several at a time, and prints their final records. */
import { createHash } from "node:crypto";
import { createReadStream, openAsBlob } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, extname, join, relative } from "node:path";
import { type Client, ClientError, type Image, type UploadOptions } from "@image-pipeline/client";
import { ContentType } from "@image-pipeline/core/images/content-type";
import pMap from "p-map";
import { collect, command, expiry, jsonOption, program, UsageError, urlOption, whole } from "./command.ts";
import { connect, explain } from "./connect.ts";
import { bold, dim, printable, red, summary } from "./format.ts";
import { live } from "./progress.ts";
import { createTransfers, type Transfer } from "./transfers.ts";

export const upload = command(
  "upload",
  `Upload files, or import URLs, and wait until their variants are made

Prints each image's record when it is final. The bytes of a file that was uploaded before are not sent again: S3 copies them into the new image.`,
  [
    `${program} upload photo.jpg`,
    `${program} upload ~/Pictures --tag holiday`,
    `${program} upload https://example.com/photo.jpg`,
    "npm run --silent image -- upload photo.jpg --json | jq -r .variants.thumbnail.url",
  ],
)
  .argument("<path...>", "Image files, folders whose images are uploaded, and URLs to import")
  .option("--title <text>", "Title (one file only)")
  .option("--alt <text>", "Text alternative for people who cannot see the image (one file only)")
  .option("--tag <tag>", "Tag for each image (repeatable)", collect)
  .option("--private", "Files that only signed URLs open, which expire")
  .option("--expires <time>", "Delete each image at this time, or after so long: 30d, 12h", expiry)
  .option("--concurrency <n>", "Files at a time, 1–32", whole(1, 32), 4)
  .option("--wait <seconds>", "Longest wait for the variants of one image, 1–3600", whole(1, 3600), 120)
  .addOption(urlOption())
  .addOption(jsonOption())
  .action(
    async (
      paths,
      { title, alt, tag: tags, private: isPrivate, expires, concurrency, wait: waitSeconds, url, json },
    ) => {
      const files = (await Promise.all(paths.map(filesIn))).flat();
      if (files.length > 1 && (title ?? alt) !== undefined) {
        throw new UsageError("--title and --alt take one file only.");
      }
      const client = await connect(url);
      const cancel = new AbortController();
      process.once("SIGINT", () => cancel.abort());
      const { signal } = cancel;

      const transfers = createTransfers(files);
      const screen = live(transfers.lines);
      try {
        await pMap(
          transfers.all,
          async (transfer) => {
            if (signal.aborted) return;
            if (!json && !process.stderr.isTTY) process.stderr.write(`… ${printable(transfer.path)}\n`);
            const began = Date.now();
            try {
              const image = await uploadOne(client, transfer, {
                ...{ title, alt, tags, waitSeconds, signal },
                visibility: isPrivate ? "private" : undefined,
                expiresAt: expires,
              });
              transfer.state = image.status === "ready" ? "ready" : "failed";
              const result = { name: transfer.path, took: Date.now() - began };
              screen.print(json ? JSON.stringify(image) : `${summary(image, result)}\n`);
            } catch (error) {
              transfer.state = signal.aborted ? "cancelled" : "failed";
              if (!signal.aborted) screen.print(failure(transfer.path, error, json));
            }
          },
          { concurrency },
        );
      } finally {
        screen.stop();
      }
      if (!json && files.length > 1) process.stderr.write(`${transfers.total()}\n`);
      if (signal.aborted) process.exitCode = 130;
      else if (!transfers.all.every(({ state }) => state === "ready")) process.exitCode = 1;
    },
  );

/**
 * Returns the images in a folder and its subfolders, by the extension of their names and without hidden ones, or a path
 * as it is if it is no folder. Throws a `UsageError` for a folder without images.
 */
async function filesIn(path: string): Promise<string[]> {
  if (isURL(path)) return [path];
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const images = entries
    .filter((entry) => entry.isFile() && ContentType.ofExtension(extname(entry.name)) !== undefined)
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !/(^|[/\\])\./.test(relative(path, file)));
  if (images.length === 0) throw new UsageError(`The folder ${printable(path)} has no images.`);
  return images.sort();
}

type Options = {
  title: string | undefined;
  alt: string | undefined;
  tags: string[] | undefined;
  visibility: "private" | undefined;
  expiresAt: string | undefined;
  waitSeconds: number;
  signal: AbortSignal;
};

async function uploadOne(client: Client, transfer: Transfer, options: Options): Promise<Image> {
  const { path } = transfer;
  if (isURL(path)) return importOne(client, transfer, options);
  transfer.total = (await stat(path)).size;
  const sha256 = await sha256Of(path);
  transfer.state = "uploading";
  return uploadFile(client, path, {
    ...options,
    sha256,
    onProgress({ phase, sent }) {
      transfer.state = phase;
      transfer.sent = sent;
    },
  });
}

/** Imports a URL and waits for its variants. The pipeline gets the file, so that no bytes pass through here. */
async function importOne(client: Client, transfer: Transfer, options: Options): Promise<Image> {
  const { waitSeconds: seconds, signal, ...described } = options;
  transfer.state = "processing";
  const { id } = await client.images.importURL(transfer.path, { ...described, signal });
  return client.images.wait(id, { signal, seconds });
}

/** Returns whether an argument is a URL and no path. */
const isURL = (path: string) => /^https?:\/\//i.test(path);

/** Uploads a file, under its name and with the content type of its extension. Throws as the client's `upload` does. */
export async function uploadFile(client: Client, path: string, options: UploadOptions): Promise<Image> {
  const file = await openAsBlob(path);
  if (file.size === 0) throw new Error("It is empty.");
  const contentType = ContentType.ofExtension(extname(path)) ?? ContentType.unknown;
  return client.upload(file, { contentType, filename: basename(path), ...options });
}

/** Returns the SHA-256 of a file in hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

function failure(path: string, error: unknown, json: boolean | undefined): string {
  const { code, message } = reasonOf(error);
  if (json) return JSON.stringify({ filename: basename(path), error: { code, message } });
  const what = code === "timed_out" ? "not ready yet" : "not uploaded";
  return `${red("✗")} ${bold(printable(path))}  ${what}\n  ${dim("error")}      ${message}\n`;
}

/** Returns why a file was not uploaded. Throws what is not an error. */
function reasonOf(error: unknown): { code: string; message: string } {
  if (error instanceof ClientError) return { code: error.code, message: explain(error) };
  if (!(error instanceof Error)) throw error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return { code: "file_not_found", message: "There is no such file." };
  if (code === "EACCES") return { code: "file_not_readable", message: "Permission to read it is denied." };
  return { code: "file_not_usable", message: printable(error.message) };
}
