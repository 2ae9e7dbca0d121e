/** Uploads the image at the second argument to the API at the first, with the client of @hey-api/openapi-ts. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { createImage, deleteImage, getImage, type Image, listImages } from "./client";
import { client } from "./client/client.gen";
import { pause, put } from "./put";

const [baseUrl = "", path = ""] = process.argv.slice(2);
client.setConfig({ baseUrl });
const file = Uint8Array.from(await readFile(path));

const body = {
  filename: basename(path),
  contentType: "image/jpeg",
  bytes: file.length,
  metadata: { program: "hey-api" },
};
const headers = { "Idempotency-Key": randomUUID() };
const { data: created, error } = await createImage({ body, headers });
if (!created) throw new Error(error?.code);
console.log("created", created.status);
const { data: repeated } = await createImage({ body, headers });
console.log("repeated", repeated?.id === created.id);

if (created.upload) await put(created.upload, file);

let image: Image | undefined;
do {
  if (image) await pause();
  ({ data: image } = await getImage({ path: { id: created.id } }));
} while (image?.status === "pending" || image?.status === "processing");
console.log(image?.status, image?.variants?.thumbnail?.width);

const { data: page } = await listImages({
  query: { metadata: { "metadata.program": "hey-api" }, status: "ready" },
});
console.log("listed", page?.items[0]?.id === created.id);

const unknown = await getImage({ path: { id: "img_00000000000000000000000000" } });
console.log(unknown.response?.status, unknown.error?.code);
await deleteImage({ path: { id: created.id }, query: { permanent: true } });
