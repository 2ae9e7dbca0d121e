/** The files that are on their way: announced, sent, watched until they are done. */
import { ClientError, type Image, isFinal } from "@image-pipeline/client/client";
import { batch, computed, type Signal, signal } from "@preact/signals";
import { patience, patient } from "../api.ts";
import { lost } from "../connection.ts";
import { listen, tell } from "../live.ts";
import { type Words, wordsFor, wordsOf } from "../words.ts";
import { typeOf } from "./pick.ts";

export type State = "waiting" | "uploading" | "processing" | "ready" | "refused" | "failed" | "cancelled";

export type Transfer = {
  key: number;
  file: File;
  /** A picture of it for this page, until the real one is there. */
  preview: string;
  /** Its width over its height, once the preview has been shown. */
  ratio: Signal<number | undefined>;
  state: Signal<State>;
  /** Bytes that the network has taken. */
  sent: Signal<number>;
  /** Why it was refused or failed. */
  why: Signal<Words | undefined>;
  imageID: Signal<string | undefined>;
};

/** Every transfer since the tray was last cleared, in the order of their coming. */
export const transfers = signal<readonly Transfer[]>([]);

/** How many files are sent at once. More would only share the same line. */
const atOnce = 4;

/** Larger files are not read into memory for their hash. */
const hashBytesMax = 64 * 1024 * 1024;

const aborts = new WeakMap<Transfer, AbortController>();
let keys = 0;

/** How many of them are done, how many went wrong, and how far all are, in bytes. */
export const progress = computed(() => {
  const counted = transfers.value.filter(({ state }) => state.value !== "cancelled");
  const isOver = ({ state }: Transfer) => !isRunning(state.value);
  return {
    count: counted.length,
    over: counted.filter(isOver).length,
    ready: counted.filter(({ state }) => state.value === "ready").length,
    sent: sum(counted.map((transfer) => (isOver(transfer) ? transfer.file.size : transfer.sent.value))),
    total: sum(counted.map(({ file }) => file.size)),
  };
});

/** The transfer that an image came from, if it was sent from this page. */
export const transferOf = computed(
  () =>
    new Map(
      transfers.value.flatMap((transfer) =>
        transfer.imageID.value ? [[transfer.imageID.value, transfer]] : [],
      ),
    ),
);

/** Sends these files, as soon as the line is free. */
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

/** Stops one; what was announced is taken back. */
export function cancel(transfer: Transfer): void {
  aborts.get(transfer)?.abort(new DOMException("Cancelled.", "AbortError"));
  transfer.state.value = "cancelled";
  pump();
}

/** Sends one again from the start. */
export function retry(transfer: Transfer): void {
  batch(() => {
    transfer.state.value = "waiting";
    transfer.sent.value = 0;
    transfer.why.value = undefined;
  });
  pump();
}

/** Forgets those that are over. */
export function clear(): void {
  const over = transfers.peek().filter(({ state }) => !isRunning(state.peek()));
  transfers.value = transfers.peek().filter((transfer) => !over.includes(transfer));
  for (const { preview } of over) URL.revokeObjectURL(preview);
}

/** Whether something still happens to it. */
export const isRunning = (state: State) =>
  state === "waiting" || state === "uploading" || state === "processing";

function pump() {
  const line = transfers.peek();
  const busy = line.filter(({ state }) => state.peek() === "uploading").length;
  for (const transfer of line.filter(({ state }) => state.peek() === "waiting").slice(0, atOnce - busy)) {
    transfer.state.value = "uploading";
    // It catches its own errors.
    void run(transfer).finally(pump);
  }
}

async function run(transfer: Transfer): Promise<void> {
  const { file, state, sent, why, imageID } = transfer;
  const abort = new AbortController();
  aborts.set(transfer, abort);
  let beginnings = 0;
  try {
    const image = await patient.upload(file, {
      signal: abort.signal,
      contentType: typeOf(file),
      sha256: await hashOf(file),
      tries: patience,
      waitSeconds: 0,
      onCreated: (announced) => {
        imageID.value = announced.id;
        tell(announced);
      },
      onProgress: ({ phase, sent: bytes }) => {
        sent.value = bytes;
        // Sent from the start again: nobody answered.
        if (phase === "uploading" && bytes === 0 && ++beginnings > 1) lost();
      },
    });
    batch(() => {
      imageID.value = image.id;
      state.value = "processing";
    });
    settle(transfer, image);
    tell(image);
  } catch (error) {
    if (abort.signal.aborted) return;
    batch(() => {
      state.value = isRefusal(error) ? "refused" : "failed";
      why.value = wordsOf(error);
    });
  }
}

/** Whether what was announced can never be taken: an empty file, or of a kind or size that is not. */
const isRefusal = (error: unknown) => error instanceof ClientError && error.code === "invalid_request";

function settle({ state, why }: Transfer, image: Image) {
  if (!isFinal(image)) return;
  batch(() => {
    state.value = image.status === "ready" ? "ready" : image.status === "rejected" ? "refused" : "failed";
    if (image.error) why.value = wordsFor(image.error.code, image.error.message);
  });
}

listen({
  onImage: (image) => {
    const transfer = transferOf.peek().get(image.id);
    if (transfer?.state.peek() === "processing") settle(transfer, image);
  },
  unfinished: () =>
    transfers
      .peek()
      .flatMap(({ state, imageID }) => (state.peek() === "processing" ? (imageID.peek() ?? []) : [])),
});

/** The SHA-256 of a file in hex: the store checks it, and what is there already is not sent twice. */
async function hashOf(file: File): Promise<string | undefined> {
  // Browsers hash on pages of a secure origin alone.
  if (file.size > hashBytesMax || !globalThis.crypto?.subtle) return undefined;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
