"use client";
/** Hook for the upload queue. */
import type { Upload, Uploads } from "@image-pipeline/client/uploads";
import { useSyncExternalStore } from "react";

const none: readonly Upload[] = [];

/**
 * Returns the uploads of a queue, oldest first, and renders again after each change. Unmounting changes nothing in the
 * queue. On a server, returns an empty list.
 */
export function useUploads(uploads: Pick<Uploads, "list" | "subscribe">): readonly Upload[] {
  return useSyncExternalStore(uploads.subscribe, uploads.list, () => none);
}
