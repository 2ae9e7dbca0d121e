/** The client and the upload queue of the app. */
import { createClient } from "@image-pipeline/client";
import { createUploads, indexedDBStore } from "@image-pipeline/client/uploads";

const baseUrl: string = import.meta.env.VITE_IMAGES_URL ?? "http://127.0.0.1:3000";

// On a deployed stage: add `token`, a function that returns the JWT of the signed-in user.
export const client = createClient({ baseUrl });

/** Uploads of this browser. IndexedDB keeps the files, so that they continue after a reload. */
export const uploads = createUploads({ baseUrl, store: indexedDBStore() });
