/** Settings and requests for tests of the API. */
import { Settings } from "@image-pipeline/core/settings";
import type { AppSettings } from "./auth.ts";

/** Settings of a stage whose table and buckets do not exist: no server listens at its URLs. */
export const settings: AppSettings = {
  ...Settings.pipelineDefaults,
  anonymous: true,
  url: "http://127.0.0.1:9",
  stage: "test",
};

/** A request: `json` is sent as the body, `as` as the credential. */
export type Ask = {
  method?: string;
  json?: unknown;
  as?: string;
  headers?: Record<string, string>;
  body?: string;
};

/** Returns a request as `fetch` and `app.request` take it. Redirects are not followed. */
export const requestOf = ({ method, json, as, headers, body }: Ask = {}): RequestInit => ({
  method: method ?? (json === undefined ? "GET" : "POST"),
  redirect: "manual",
  body: json === undefined ? body : JSON.stringify(json),
  headers: {
    ...(json === undefined ? {} : { "content-type": "application/json" }),
    ...(as === undefined ? {} : { authorization: `Bearer ${as}` }),
    ...headers,
  },
});

/** Returns the code of a problem, and the status of every other response. */
export async function codeOf(response: Response): Promise<string> {
  if (response.headers.get("content-type") !== "application/problem+json") return String(response.status);
  const { code }: { code: string } = (await response.json()) as { code: string };
  return code;
}
