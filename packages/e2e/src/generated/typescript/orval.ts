/** Uploads the image at the second argument to the API at the first, with the client of orval. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { createImage, deleteImage, getImage, ImageStatus, listImages } from "./images";
import { pause, put } from "./put";

const [baseUrl = "", path = ""] = process.argv.slice(2);
process.env.IMAGES_URL = baseUrl;
const file = Uint8Array.from(await readFile(path));

const body = { filename: basename(path), contentType: "image/jpeg", bytes: file.length, tags: ["orval"] };
const headers = { "Idempotency-Key": randomUUID() };
const created = await createImage(body, headers);
if (created.status !== 201) throw new Error("code" in created.data ? created.data.code : created.data.status);
console.log("created", created.data.status);
const repeated = await createImage(body, headers);
console.log("repeated", repeated.status === 201 && repeated.data.id === created.data.id);

if (created.data.upload) await put(created.data.upload, file);

let image = await getImage(created.data.id);
while (image.status === 200 && ["pending", "processing"].includes(image.data.status)) {
  await pause();
  image = await getImage(created.data.id);
}
if (image.status === 200) console.log(image.data.status, image.data.variants?.thumbnail?.width);

const page = await listImages({ tag: ["orval"], status: ImageStatus.ready });
console.log("listed", page.status === 200 && page.data.items[0]?.id === created.data.id);

const unknown = await getImage("img_00000000000000000000000000");
if (unknown.status === 404) console.log(unknown.status, unknown.data.code);
await deleteImage(created.data.id, { permanent: true });
