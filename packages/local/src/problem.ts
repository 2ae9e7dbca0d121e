import type { ServerResponse } from "node:http";

/** Answers in the API's own form for errors (RFC 9457), where the API itself is not asked; `code` as it would say it. */
export function problem(
  response: ServerResponse,
  status: number,
  title: string,
  detail: string,
  code?: string,
): void {
  const body = JSON.stringify({ type: "about:blank", title, status, detail, code });
  response.writeHead(status, {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(status === 413 ? { connection: "close" } : {}),
  });
  response.end(body);
}
