/** Uploads a file with a presigned URL. Throws if S3 refuses it. */
export async function put(
  upload: { url: string; headers?: Record<string, string> },
  file: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const { ok, status } = await fetch(upload.url, { method: "PUT", headers: upload.headers, body: file });
  if (!ok) throw new Error(`S3 responded with ${status}.`);
}

export const pause = () => new Promise((resolve) => setTimeout(resolve, 1_000));
