/**
 * The check that a request came through CloudFront, which adds a secret header. The function URL is public, and SST
 * grants `lambda:InvokeFunction` to every principal, so any AWS account can send a forged event.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { APIGatewayProxyStructuredResultV2 } from "aws-lambda";

/** The header that the router adds; Lambda sends header names in lower case. */
const header = "x-origin-secret";

/** The values that the API accepts: the router's own, and those before and after a rotation. */
export type Secrets = { previous: string; current: string; next: string };

/** Returns true if an event has one of the secrets. Compares in constant time. */
export function isFromRouter(event: unknown, secrets: Secrets): boolean {
  const { headers } = (event ?? {}) as { headers?: Record<string, unknown> };
  const value = headers?.[header];
  if (typeof value !== "string" || value === "") return false;
  const given = digest(value);
  const matches = [secrets.previous, secrets.current, secrets.next].map((secret) =>
    timingSafeEqual(given, digest(secret)),
  );
  return matches.includes(true);
}

/** The response to a request that bypassed CloudFront. */
export const bypassed: APIGatewayProxyStructuredResultV2 = {
  statusCode: 403,
  headers: { "content-type": "application/problem+json", "cache-control": "no-store" },
  body: JSON.stringify({
    type: "about:blank",
    title: "Forbidden.",
    status: 403,
    detail: "This function responds to CloudFront only. Use the stage's URL.",
    code: "forbidden",
  }),
};

const digest = (text: string) => createHash("sha256").update(text).digest();
