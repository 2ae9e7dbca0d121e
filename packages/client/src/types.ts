/** What goes over the wire, taken from the API's own routes. Types alone: nothing of the API is in the bundle. */
import type { Routes } from "@image-pipeline/functions/http/app";
import type { hc, InferRequestType, InferResponseType } from "hono/client";

type Api = ReturnType<typeof hc<Routes>>;

/** An uploaded picture and the variants made from it. */
export type Image = InferResponseType<Api["images"][":id"]["$get"], 200>;

/** How far an image is; final are `ready`, `rejected` and `failed`. */
export type Status = Image["status"];

/** The names of the recipe's variants. */
export type VariantName = keyof NonNullable<Image["variants"]>;

/** One variant, ready to be shown. */
export type Variant = NonNullable<NonNullable<Image["variants"]>[VariantName]>;

/** A page of a list; without `nextCursor` it is the last. */
export type Page = { items: Image[]; nextCursor?: string };

/** What is said of a file before it is sent. */
export type Announcement = InferRequestType<Api["images"]["$post"]>["json"];

/** What people may say of an image. */
export type Description = Pick<Announcement, "title" | "alt" | "tags" | "metadata">;

/** An image that was announced, with the request that sends its bytes. */
export type Announced = InferResponseType<Api["images"]["$post"], 201>;

/** How the pipeline is doing. */
export type Stats = InferResponseType<Api["stats"]["$get"], 200>;

/** One entry of an image's audit trail. */
export type Event = InferResponseType<Api["images"][":id"]["events"]["$get"], 200>["items"][number];

/** A request to the store, signed. */
export type Signed = InferResponseType<Api["uploads"]["sign"]["$post"], 200>;
