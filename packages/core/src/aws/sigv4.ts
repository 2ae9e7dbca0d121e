/**
 * Signature Version 4 of a POST to `/`, which is all that AWS's JSON protocols ask for.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
 */
import { createHash, createHmac } from "node:crypto";
import type { Credentials } from "./aws.ts";

/** What is signed: `headers` by lower-case name, `host` among them. */
export type Post = { headers: Record<string, string>; body: string; service: string; region: string };

/** The headers with those that sign them, and the body, for the time `now` (milliseconds). */
export function signPost(
  { headers, body, service, region }: Post,
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  now: number,
): Record<string, string> {
  const time = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const day = time.slice(0, 8);
  const signed: Record<string, string> = { ...headers, "x-amz-date": time };
  if (sessionToken) signed["x-amz-security-token"] = sessionToken;
  const names = Object.keys(signed).sort();
  const lines = names.map((name) => `${name}:${signed[name]?.trim()}\n`).join("");
  const canonical = `POST\n/\n\n${lines}\n${names.join(";")}\n${sha256(body)}`;
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`;
  const signature = createHmac("sha256", keyOf(secretAccessKey, scope)).update(text).digest("hex");
  signed.authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  return signed;
}

let last: { secret: string; scope: string; key: Buffer } | undefined;

/** The key of a day, a region and a service; the same for a day's requests, so that it is worked out once. */
function keyOf(secret: string, scope: string): Buffer {
  if (last?.secret !== secret || last.scope !== scope) {
    const key = scope
      .split("/")
      .reduce((key, part) => createHmac("sha256", key).update(part).digest(), Buffer.from(`AWS4${secret}`));
    last = { secret, scope, key };
  }
  return last.key;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
