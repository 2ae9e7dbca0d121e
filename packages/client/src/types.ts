/** Request and response types, inferred from the API's routes. Types only: no code of the API is bundled. */
import type { Routes } from "@image-pipeline/functions/http/app";
import type { Fault as FaultOfApi, Problem, problems } from "@image-pipeline/functions/http/problem";
import type { hc, InferRequestType, InferResponseType } from "hono/client";

type Api = ReturnType<typeof hc<Routes>>;

/** An uploaded image and its variants, as `GET /images/{id}` returns it. */
export type Image = InferResponseType<Api["images"][":id"]["$get"], 200>;

/** State of an image. `ready`, `rejected` and `failed` are final. */
export type Status = Image["status"];

/** A variant's name in the recipe: `thumbnail`, `small`, ... */
export type VariantName = keyof NonNullable<Image["variants"]>;

/** One variant: `url`, size in pixels, format and bytes. */
export type Variant = NonNullable<NonNullable<Image["variants"]>[VariantName]>;

/** One page of a list. Without `nextCursor` it is the last page. */
export type Page = { items: Image[]; nextCursor?: string };

/** Response of `GET /images/count`. `estimate`: there are at least so many images. */
export type Count = InferResponseType<Api["images"]["count"]["$get"], 200>;

/** One page of the change feed. `more`: the next one has changes already. */
export type ChangePage = { items: Change[]; nextCursor: string; more: boolean };

/** A change: an image as it is now (`upsert`), or that it is gone (`delete`). It may come twice, with the same `version`. */
export type Change = { id: string; version: number; at: string } & (
  | { op: "upsert"; image: Image }
  | { op: "delete"; image?: undefined }
);

/** Response of `GET /images/{id}/similar`: the closest first. `complete`: there are no others. */
export type Similar = InferResponseType<Api["images"][":id"]["similar"]["$get"], 200>;

/** Format of an original. */
export type SourceFormat = NonNullable<InferRequestType<Api["images"]["$get"]>["query"]["format"]>;

/** Body of `POST /images`: file name, content type, size in bytes and optional description. */
export type ImageInput = Omit<Input, "from" | UploadField> & Required<Pick<Input, UploadField>>;

type Input = InferRequestType<Api["images"]["$post"]>["json"];
type UploadField = "filename" | "contentType" | "bytes";

/** Body of `POST /images` that imports an image: `from` is the URL of its file, with headers for a private source. */
export type ImportInput = Description & Pick<Input, "filename"> & Required<Pick<Input, "from">>;

/** Fields of an image that callers may change. */
export type Description = Pick<
  ImageInput,
  "title" | "alt" | "tags" | "metadata" | "focus" | "regions" | "visibility" | "expiresAt"
>;

/** Response of `POST /images`: the `pending` image and `upload`, the presigned request for its bytes. */
export type CreatedImage = InferResponseType<Api["images"]["$post"], 201>;

/** One operation of `POST /images/batch`. */
export type Operation = InferRequestType<Api["images"]["batch"]["$post"]>["json"]["operations"][number];

/** Response of `POST /images/batch`: a result for each operation, and how many failed. */
export type BatchResults = InferResponseType<Api["images"]["batch"]["$post"], 200>;

/** Response of `POST /media-session`: signed cookies for an owner's private files. */
export type MediaSession = InferResponseType<Api["media-session"]["$post"], 200>;

/** Response of `GET /stats`: counters, queue depths and rates. */
export type Stats = InferResponseType<Api["stats"]["$get"], 200>;

/** Response of `GET /health`: the days for which a deleted image can be restored; 0 without a trash. */
export type Health = InferResponseType<Api["health"]["$get"], 200>;

/** Response of `GET /usage`: an owner's numbers of a month, by day and in total. */
export type Usage = InferResponseType<Api["usage"]["$get"], 200>;

/** An endpoint that receives the events of images. */
export type Webhook = InferResponseType<Api["webhooks"][":webhook"]["$get"], 200>;

/** A webhook with its `secret`, which no later response has. */
export type WebhookWithSecret = InferResponseType<Api["webhooks"]["$post"], 201>;

/** Body of `POST /webhooks`. Without `owner`: the caller's, or the images of all owners. */
export type WebhookInput = InferRequestType<Api["webhooks"]["$post"]>["json"];

/** Body of `PATCH /webhooks/{webhook}`. `enabled: true` ends its failures as well. */
export type WebhookChanges = InferRequestType<Api["webhooks"][":webhook"]["$patch"]>["json"];

/** A message to a webhook, with its attempts. */
export type Delivery = InferResponseType<Api["webhooks"][":webhook"]["test"]["$post"], 202>;

/** One page of deliveries. Without `nextCursor` it is the last page. */
export type Deliveries = InferResponseType<Api["webhooks"][":webhook"]["deliveries"]["$get"], 200>;

/** One entry of an image's audit trail. */
export type Event = Events["items"][number];

/** One page of an image's audit trail. Without `nextCursor` it is the last page. */
export type Events = InferResponseType<Api["images"][":id"]["events"]["$get"], 200>;

/** Response of `POST /uploads/sign`: a presigned request to S3. */
export type Signed = InferResponseType<Api["uploads"]["sign"]["$post"], 200>;

/** Error codes that the API of this version sends. */
export type ApiCode = keyof typeof problems;

/** An invalid field or parameter of an `invalid_request`. */
export type Fault = FaultOfApi;

/** Body of an unsuccessful response (RFC 9457). */
export type ApiProblem = Problem;
