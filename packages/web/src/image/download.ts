/** Downloads of originals. */
import { api } from "../api.ts";

/** Time that the browser gets to start a download: of several that start at the same time it drops some. */
const pauseMs = 400;

/** Downloads an image's original. Throws if there is none. */
export async function download(id: string): Promise<void> {
  const { url } = await api.images.original(id);
  const link = document.createElement("a");
  // S3 responds with `Content-Disposition: attachment`, so the page stays.
  link.href = url;
  link.download = "";
  link.click();
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
}
