import type { Upload } from "@image-pipeline/client/uploads";
import { useEffect, useState } from "react";
import { Button, Text, View } from "react-native";
import { client, uploads } from "./images.ts";

/** An upload of the queue. Once its bytes have arrived, waits for its variants and removes it from the queue. */
export function Row({ upload, onReady }: { upload: Upload; onReady: () => Promise<void> }) {
  const { id, state, imageID, filename, sent, total, error } = upload;
  const [rejection, setRejection] = useState<string>();

  useEffect(() => {
    if (state !== "uploaded" || !imageID) return;
    const abort = new AbortController();
    const { signal } = abort;
    wait(imageID, signal)
      .then(onReady)
      .then(() => uploads.dismiss(id))
      .catch((error: Error) => signal.aborted || setRejection(error.message));
    return () => abort.abort();
  }, [id, state, imageID, onReady]);

  const failure = rejection ?? (state === "failed" ? error?.message : undefined);
  return (
    <View>
      <Text style={{ color: failure ? "#dc2626" : "#737373" }}>
        {filename}: {failure ?? (state === "sending" ? `${Math.round((100 * sent) / total)} %` : state)}
      </Text>
      {failure && <Button title="Remove" onPress={() => uploads.dismiss(id)} />}
      {state === "failed" && <Button title="Try again" onPress={() => uploads.retry(id)} />}
    </View>
  );
}

/** Waits until an image is ready. Throws the reason if it was rejected. */
async function wait(imageID: string, signal: AbortSignal): Promise<void> {
  const { status, error } = await client.images.wait(imageID, { signal });
  if (status !== "ready") throw new Error(error?.message ?? `The image is ${status}.`);
}
