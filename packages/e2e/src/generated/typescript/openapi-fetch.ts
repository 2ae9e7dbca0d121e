/** Uploads the image at the second argument to the API at the first, with openapi-fetch. */
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import createClient from "openapi-fetch";
import { pause, put } from "./put";
import type { components, paths } from "./schema";

const [baseUrl = "", path = ""] = process.argv.slice(2);
const api = createClient<paths>({
  baseUrl,
  querySerializer: { object: { style: "form", explode: true } },
});
const file = Uint8Array.from(await readFile(path));

const body = {
  filename: basename(path),
  contentType: "image/jpeg",
  bytes: file.length,
  metadata: { program: "openapi-fetch" },
};
const params = { header: { "Idempotency-Key": randomUUID() } };
const { data: created, error } = await api.POST("/images", { body, params });
if (error) throw new Error(error.code);
console.log("created", created.status);
const { data: repeated } = await api.POST("/images", { body, params });
console.log("repeated", repeated?.id === created.id);

if (created.upload) await put(created.upload, file);

let image: components["schemas"]["Image"] | undefined;
do {
  if (image) await pause();
  ({ data: image } = await api.GET("/images/{id}", { params: { path: { id: created.id } } }));
} while (image?.status === "pending" || image?.status === "processing");
console.log(image?.status, image?.variants?.thumbnail?.width);

const query = { metadata: { "metadata.program": "openapi-fetch" }, status: "ready" } as const;
const { data: page } = await api.GET("/images", { params: { query } });
console.log("listed", page?.items[0]?.id === created.id);

const unknown = await api.GET("/images/{id}", { params: { path: { id: "img_00000000000000000000000000" } } });
console.log(unknown.response.status, unknown.error?.code);
await api.DELETE("/images/{id}", { params: { path: { id: created.id }, query: { permanent: true } } });
