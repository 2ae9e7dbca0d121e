/** Store of one upload, for `useSyncExternalStore`. */
import type {
  Client,
  ClientError,
  UploadOptions as ClientOptions,
  Image,
  Source,
  Ticket,
} from "@image-pipeline/client";
import { errorOf, faultOf } from "./problem.ts";

/** Options of an upload: those of the client, except for callbacks and the signal, which the hook has. */
export type Options = Omit<ClientOptions, "onCreated" | "onProgress" | "onTicket" | "resume" | "signal">;

/** State of an upload. `sent` and `total` are bytes. A `failed` upload whose image was rejected has `image`. */
export type State = { sent: number; total: number } & (
  | { status: "idle"; image?: undefined; error?: undefined }
  | { status: "uploading" | "processing"; image?: Image; error?: undefined }
  | { status: "done"; image: Image; error?: undefined }
  | { status: "failed"; image?: Image; error: ClientError }
);

/** The upload that `retry` repeats: it continues from the ticket, or waits for the image if its bytes are sent. */
type Job = { file: Source; options: Options; ticket?: Ticket; created?: Image; isSent?: boolean };

const idle: State = { status: "idle", sent: 0, total: 0 };

/** Creates a store of one upload. Makes no request. */
export function createTransfer({ images, upload }: Pick<Client, "images" | "upload">) {
  const listeners = new Set<() => void>();
  let state = idle;
  let job: Job | undefined;
  let abort: AbortController | undefined;

  function set(next: State): void {
    state = next;
    for (const listener of listeners) listener();
  }

  async function run(current: Job): Promise<State> {
    stop();
    abort = new AbortController();
    const { signal } = abort;
    job = current;
    const total = current.file.size;
    const report = (next: State) => {
      if (!signal.aborted) set(next);
    };
    report({ status: current.isSent ? "processing" : "uploading", sent: 0, total, image: current.created });
    try {
      const image = await attempt(current, signal, report);
      if (signal.aborted) return idle;
      const error = faultOf(image);
      // The bytes are at fault: a retry is a new upload.
      if (error) job = { file: current.file, options: current.options };
      const outcome: State = error
        ? { status: "failed", sent: total, total, image, error }
        : { status: "done", sent: total, total, image };
      report(outcome);
      return outcome;
    } catch (error) {
      if (signal.aborted) {
        // Because of `onTicket` the client keeps the image. If this fails, the pending image expires.
        if (current.created && !current.isSent)
          await images.remove(current.created.id).catch(() => undefined);
        return idle;
      }
      const { sent } = state;
      const outcome: State = { status: "failed", sent, total, image: current.created, error: errorOf(error) };
      report(outcome);
      return outcome;
    }
  }

  function attempt(current: Job, signal: AbortSignal, report: (next: State) => void): Promise<Image> {
    const { file, options, created, isSent, ticket } = current;
    if (created && isSent) return images.wait(created.id, { signal, seconds: options.waitSeconds });
    return upload(file, {
      ...options,
      signal,
      resume: ticket,
      onTicket: (next) => {
        current.ticket = next;
      },
      onCreated: (image) => {
        current.created = image;
      },
      onProgress: ({ phase, sent, total }) => {
        current.isSent = phase === "processing";
        report({ status: phase, sent, total, image: current.created });
      },
    });
  }

  function stop(): void {
    abort?.abort();
    abort = undefined;
    if (state.status === "uploading" || state.status === "processing") set(idle);
  }

  return {
    snapshot: (): State => state,
    initial: (): State => idle,
    subscribe(listener: () => void): () => void {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    upload: (file: Source, options: Options = {}): Promise<State> => run({ file, options }),
    retry: async (): Promise<State> => (state.status === "failed" && job ? run(job) : state),
    cancel: stop,
    reset(): void {
      stop();
      job = undefined;
      set(idle);
    },
  };
}
