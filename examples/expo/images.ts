/** The client and the upload queue of the app. */
import { createClient } from "@image-pipeline/client";
import { createUploads, sqliteStore } from "@image-pipeline/client/uploads";
import { File, Paths } from "expo-file-system";
import type { ImagePickerAsset } from "expo-image-picker";
import { openDatabaseSync } from "expo-sqlite";
import { AppState } from "react-native";

const baseUrl = process.env.EXPO_PUBLIC_IMAGES_URL ?? "http://127.0.0.1:3000";

// On a deployed stage: add `token`, a function that returns the JWT of the signed-in user.
export const client = createClient({ baseUrl });

/** Uploads of this device. SQLite keeps them, so that they continue in the next start of the app. */
export const uploads = createUploads({
  baseUrl,
  store: sqliteStore(openDatabaseSync("uploads.db")),
  exists: (uri) => new File(uri).exists,
});

// The system stops timers of an app in the background.
AppState.addEventListener("change", (state) => {
  if (state === "active") void uploads.online();
});

/** Queues a photo of the picker. Copies it first, because the system empties the cache of the picker. */
export async function addPhoto({ uri, fileName, mimeType = "image/jpeg" }: ImagePickerAsset): Promise<void> {
  const picked = new File(uri);
  const copy = new File(Paths.document, `${Date.now()}-${picked.name}`);
  picked.copy(copy);
  await uploads.add({ uri: copy.uri, name: fileName ?? picked.name, type: mimeType, size: copy.size });
}
