"use client";
/** Hook for one upload. */
import type { Client, Source } from "@image-pipeline/client";
import { useEffect, useMemo, useSyncExternalStore } from "react";
import { createTransfer, type Options, type State } from "./transfer.ts";

/** Options of an upload: description, content type, SHA-256, timeouts. */
export type UploadOptions = Options;

/** State of `useUpload` and its methods. */
export type UploadState = State & {
  /**
   * Uploads a file, and cancels the upload in progress. Resolves to the final state: `done`, `failed`, or `idle` if it
   * was cancelled. Never rejects.
   */
  upload(file: Source, options?: UploadOptions): Promise<State>;
  /** Repeats a `failed` upload. Of a multipart upload, sends the missing parts only. */
  retry(): Promise<State>;
  /** Cancels the upload and deletes its image if the bytes are not complete. The state is `idle`. */
  cancel(): void;
  /** Cancels the upload, and forgets its result. */
  reset(): void;
};

/**
 * Uploads one file, with its progress. Cancels the upload when the component unmounts. An upload that must survive that,
 * or a restart of the app, belongs into a queue: `useUploads`. Create `client` once, outside of components.
 */
export function useUpload(client: Pick<Client, "images" | "upload">): UploadState {
  const transfer = useMemo(() => createTransfer(client), [client]);
  useEffect(() => transfer.cancel, [transfer]);
  const state = useSyncExternalStore(transfer.subscribe, transfer.snapshot, transfer.initial);
  return useMemo(() => {
    const { upload, retry, cancel, reset } = transfer;
    return { ...state, upload, retry, cancel, reset };
  }, [state, transfer]);
}
