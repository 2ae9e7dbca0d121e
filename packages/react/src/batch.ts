"use client";
/** Work of an upload button: several files, one after the other. */
import type { Client, ClientError, Image } from "@image-pipeline/client";
import { useEffect, useRef, useState } from "react";
import type { Options } from "./transfer.ts";
import { useUpload } from "./use-upload.ts";

/** A file that was not uploaded. `code` is that of a `ClientError`. */
export type Failure = { key: string; filename: string; code: string; message: string };

/** Files of an upload button. `share` is the part that is uploaded, 0 to 1. */
export type Batch = {
  isRunning: boolean;
  share: number;
  failures: readonly Failure[];
  add(files: readonly File[]): void;
  cancel(): void;
  retry(): void;
};

/** Options of uploads through the client. */
export type BatchOptions = {
  client: Pick<Client, "images" | "upload">;
  /** Options of each upload, or a function that returns those of a file. */
  options?: Options | ((file: File) => Options);
  /** Receives each image that is `ready`, or `pending` with `waitSeconds: 0`. */
  onUploaded?: (image: Image, file: File) => void;
  onError?: (error: ClientError, file: File) => void;
};

type Failed = { file: File; error: ClientError };
type Line = { count: number; over: number; failed: readonly Failed[] };

const none: Line = { count: 0, over: 0, failed: [] };

/** Uploads files one after the other. Unmounting cancels the rest. */
export function useBatch(given: BatchOptions): Batch {
  const { upload, cancel, status, sent, total } = useUpload(given.client);
  const [line, setLine] = useState(none);
  const waiting = useRef<File[]>([]);
  const isWorking = useRef(false);
  // The callbacks of the last render: an upload outlives many.
  const latest = useRef(given);
  useEffect(() => {
    latest.current = given;
  });
  useEffect(
    () => () => {
      waiting.current = [];
    },
    [],
  );

  async function work(): Promise<void> {
    if (isWorking.current) return;
    isWorking.current = true;
    for (let file = waiting.current.shift(); file; file = waiting.current.shift()) {
      const { options } = latest.current;
      const outcome = await upload(file, typeof options === "function" ? options(file) : options);
      if (outcome.status !== "idle") end(file, outcome);
    }
    isWorking.current = false;
  }

  function end(file: File, { image, error }: { image?: Image; error?: ClientError }): void {
    const failed = error ? [{ file, error }] : [];
    setLine((now) => ({ ...now, over: now.over + 1, failed: [...now.failed, ...failed] }));
    if (error) latest.current.onError?.(error, file);
    else if (image) latest.current.onUploaded?.(image, file);
  }

  function add(files: readonly File[], failed = line.failed): void {
    setLine(({ count, over }) =>
      over < count ? { count: count + files.length, over, failed } : { count: files.length, over: 0, failed },
    );
    waiting.current.push(...files);
    void work();
  }

  const isRunning = line.over < line.count;
  const current = (status === "uploading" || status === "processing") && total > 0 ? sent / total : 0;
  return {
    isRunning,
    share: isRunning ? (line.over + current) / line.count : 0,
    failures: line.failed.map(({ file, error }, index) => ({
      key: `${index} ${file.name}`,
      filename: file.name,
      code: error.code,
      message: error.message,
    })),
    add: (files) => add(files),
    cancel() {
      waiting.current = [];
      setLine(({ failed }) => ({ ...none, failed }));
      cancel();
    },
    retry: () =>
      add(
        line.failed.map(({ file }) => file),
        [],
      ),
  };
}
