import type { Upload } from "@image-pipeline/client/uploads";
import { useEffect, useState } from "react";
import { client, uploads } from "./images.ts";

/** An upload whose bytes have arrived: waits for its variants, then removes it from the queue. */
export function Processing({ upload, onReady }: { upload: Upload; onReady: () => Promise<void> }) {
  const { id, imageID = "", filename } = upload;
  const [failure, setFailure] = useState<string>();

  useEffect(() => {
    const abort = new AbortController();
    const { signal } = abort;
    async function wait() {
      const { status, error } = await client.images.wait(imageID, { signal });
      if (status !== "ready") throw new Error(error?.message ?? `The image is ${status}.`);
      await onReady();
      await uploads.dismiss(id);
    }
    wait().catch((error: Error) => signal.aborted || setFailure(error.message));
    return () => abort.abort();
  }, [id, imageID, onReady]);

  if (!failure) return <p role="status">Processing {filename}</p>;
  return (
    <p role="alert">
      {filename}: {failure}{" "}
      <button type="button" onClick={() => uploads.dismiss(id)}>
        Dismiss
      </button>
    </p>
  );
}
