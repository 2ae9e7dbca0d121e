/** Uploads of this page: a queue of files, each uploaded and followed until its image is final. */
import { ClientError, type Image, isFinal } from "@image-pipeline/client";
import { batch, computed, type Signal, signal } from "@preact/signals";
import { onUnreachable, uploadApi, uploadTries } from "../api.ts";
import { publish, subscribe } from "../live.ts";
import { type Words, wordsFor, wordsOf } from "../words.ts";

/** State of an upload. `processing`, `ready`, `rejected` and `failed` are those of its image. */
export type State = "waiting" | "uploading" | "processing" | "ready" | "rejected" | "failed" | "cancelled";

/** One upload. */
export type Transfer = {
  key: number;
  file: File;
  /** Object URL of the file, shown until a variant is ready. */
  preview: string;
  /** Width over height, known once the preview is loaded. */
  ratio: Signal<number | undefined>;
  state: Signal<State>;
  /** Bytes sent. */
  sent: Signal<number>;
  /** Reason of a rejection or failure. */
  why: Signal<Words | undefined>;
  imageID: Signal<string | undefined>;
};

/** Uploads since the list was last cleared, oldest first. */
export const transfers = signal<readonly Transfer[]>([]);

/** Concurrent uploads. More would share the same bandwidth. */
const atOnce = 4;

/** Larger files are not hashed, because the whole file is read into memory for it. */
const hashBytesMax = 64 * 1024 * 1024;

const aborts = new WeakMap<Transfer, AbortController>();
let keys = 0;

/** Number of uploads (`count`), of those that are over, ready and failed; bytes sent and in total. */
export const progress = computed(() => {
  const counted = transfers.value.filter(({ state }) => state.value !== "cancelled");
  const isOver = ({ state }: Transfer) => !isRunning(state.value);
  return {
    count: counted.length,
    over: counted.filter(isOver).length,
    ready: counted.filter(({ state }) => state.value === "ready").length,
    failed: counted.filter(({ state }) => state.value === "failed").length,
    sent: sum(counted.map((transfer) => (isOver(transfer) ? transfer.file.size : transfer.sent.value))),
    total: sum(counted.map(({ file }) => file.size)),
  };
});

/** Uploads of this page by image id. */
export const transferOf = computed(
  () =>
    new Map(
      transfers.value.flatMap((transfer) =>
        transfer.imageID.value ? [[transfer.imageID.value, transfer]] : [],
      ),
    ),
);

/** Queues files for upload. */
export function add(files: readonly File[]): void {
  const added = files.map(
    (file): Transfer => ({
      key: keys++,
      file,
      preview: URL.createObjectURL(file),
      ratio: signal(undefined),
      state: signal("waiting"),
      sent: signal(0),
      why: signal(undefined),
      imageID: signal(undefined),
    }),
  );
  transfers.value = [...transfers.peek(), ...added];
  pump();
}

/** Cancels an upload and deletes its pending image. */
export function cancel(transfer: Transfer): void {
  aborts.get(transfer)?.abort(new DOMException("Cancelled.", "AbortError"));
  transfer.state.value = "cancelled";
  pump();
}

/** Queues a failed or cancelled upload again. */
export function retry(transfer: Transfer): void {
  batch(() => {
    transfer.state.value = "waiting";
    transfer.sent.value = 0;
    transfer.why.value = undefined;
  });
  pump();
}

/** Queues all failed uploads again. */
export function retryFailed(): void {
  batch(() => {
    for (const transfer of transfers.peek()) if (transfer.state.peek() === "failed") retry(transfer);
  });
}

/** Removes uploads that are over from the list. */
export function clear(): void {
  const over = transfers.peek().filter(({ state }) => !isRunning(state.peek()));
  transfers.value = transfers.peek().filter((transfer) => !over.includes(transfer));
  for (const { preview } of over) URL.revokeObjectURL(preview);
}

/** Returns true for an upload that is not over. */
export const isRunning = (state: State) =>
  state === "waiting" || state === "uploading" || state === "processing";

/** Returns true for an upload whose bytes are not all sent. */
export const isSending = (state: State) => state === "waiting" || state === "uploading";

function pump() {
  const line = transfers.peek();
  const busy = line.filter(({ state }) => state.peek() === "uploading").length;
  for (const transfer of line.filter(({ state }) => state.peek() === "waiting").slice(0, atOnce - busy)) {
    transfer.state.value = "uploading";
    // `run` catches its errors.
    void run(transfer).finally(pump);
  }
}

async function run(transfer: Transfer): Promise<void> {
  const { file, state, sent, why, imageID } = transfer;
  const abort = new AbortController();
  aborts.set(transfer, abort);
  let starts = 0;
  try {
    const image = await uploadApi.upload(file, {
      signal: abort.signal,
      contentType: typeOf(file),
      sha256: await hashOf(file),
      tries: uploadTries,
      waitSeconds: 0,
      onCreated: (created) => {
        imageID.value = created.id;
        publish(created);
      },
      onProgress: ({ phase, sent: bytes }) => {
        sent.value = bytes;
        // Progress restarts at 0 after an attempt without a response.
        if (phase === "uploading" && bytes === 0 && ++starts > 1) onUnreachable();
      },
    });
    batch(() => {
      imageID.value = image.id;
      state.value = "processing";
    });
    settle(transfer, image);
    publish(image);
  } catch (error) {
    if (abort.signal.aborted) return;
    batch(() => {
      state.value = isInvalid(error) ? "rejected" : "failed";
      why.value = wordsOf(error);
    });
  }
}

/** True if the API refused to create the image: an empty file, an unsupported type or too many bytes. */
const isInvalid = (error: unknown) =>
  error instanceof ClientError &&
  ["invalid_request", "unsupported_format", "too_many_bytes"].includes(error.code);

function settle({ state, why }: Transfer, image: Image) {
  if (!isFinal(image)) return;
  batch(() => {
    state.value = image.status === "ready" ? "ready" : image.status === "rejected" ? "rejected" : "failed";
    if (image.error) why.value = wordsFor(image.error.code, image.error.message);
  });
}

subscribe({
  onImage: (image) => {
    const transfer = transferOf.peek().get(image.id);
    if (transfer?.state.peek() === "processing") settle(transfer, image);
  },
  unfinished: () =>
    transfers
      .peek()
      .flatMap(({ state, imageID }) => (state.peek() === "processing" ? (imageID.peek() ?? []) : [])),
});

/** Returns a file's content type, by its extension where the system does not know HEIC or AVIF. */
function typeOf({ type, name }: File): string {
  if (type) return type;
  const extension = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  return (
    { heic: "image/heic", heif: "image/heif", avif: "image/avif" }[extension] ?? "application/octet-stream"
  );
}

/** Returns a file's SHA-256 in hex: S3 verifies it, and copies a known file instead of receiving it again. */
async function hashOf(file: File): Promise<string | undefined> {
  // `crypto.subtle` exists in secure contexts only.
  if (file.size > hashBytesMax || !globalThis.crypto?.subtle) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
