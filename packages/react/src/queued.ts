"use client";
/** Work of an upload button: files in the upload queue. */
import type { ClientError } from "@image-pipeline/client";
import type { Uploads } from "@image-pipeline/client/uploads";
import { useState } from "react";
import type { Batch, Failure } from "./batch.ts";
import { errorOf } from "./problem.ts";
import { useUploads } from "./use-uploads.ts";

/** Options of uploads through the queue. */
export type QueuedOptions = {
  uploads: Uploads;
  /** Receives the local id of each file once the queue has stored it. */
  onQueued?: (id: string, file: File) => void;
  /** Receives the error of a file that the queue could not store. */
  onError?: (error: ClientError, file: File) => void;
};

/** Adds files to the queue, and returns the state of all uploads in it. */
export function useQueued({ uploads, onQueued, onError }: QueuedOptions): Batch {
  const list = useUploads(uploads);
  const [refused, setRefused] = useState<readonly Failure[]>([]);

  async function queue(file: File): Promise<void> {
    try {
      const { id } = await uploads.add(file);
      onQueued?.(id, file);
    } catch (cause) {
      const error = errorOf(cause);
      const { code, message } = error;
      setRefused((known) => [
        ...known,
        { key: `refused ${known.length}`, filename: file.name, code, message },
      ]);
      onError?.(error, file);
    }
  }

  const failed = list.filter(({ state }) => state === "failed");
  const counted = list.filter(({ state }) => state !== "failed" && state !== "cancelling");
  const running = counted.filter(({ state }) => state !== "uploaded");
  const all = counted.reduce((bytes, { total }) => bytes + total, 0);
  const sent = counted.reduce((bytes, upload) => bytes + upload.sent, 0);
  return {
    isRunning: running.length > 0,
    share: running.length > 0 && all > 0 ? sent / all : 0,
    failures: [
      ...refused,
      ...failed.map(({ id, filename, error }) => ({
        key: id,
        filename,
        code: error?.code ?? "unexpected_answer",
        message: error?.message ?? "The upload failed.",
      })),
    ],
    add(files) {
      setRefused([]);
      for (const file of files) void queue(file);
    },
    cancel: () => tell(running.map(({ id }) => uploads.cancel(id))),
    retry() {
      setRefused([]);
      tell(failed.map(({ id }) => uploads.retry(id)));
    },
  };

  function tell(calls: readonly Promise<void>[]): void {
    Promise.all(calls).catch((cause) => {
      const { code, message } = errorOf(cause);
      setRefused((known) => [...known, { key: `refused ${known.length}`, filename: "", code, message }]);
    });
  }
}
