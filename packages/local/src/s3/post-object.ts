/** A browser's POST upload (PostObject): a form whose fields its policy allows, then the file. */
import type { IncomingMessage } from "node:http";
import { claimsOf, holdTo, metaOf, type Received, tooLarge } from "./body.ts";
import { locationOf } from "./complete.ts";
import { S3Error } from "./error.ts";
import { type Bounds, checkPolicy, type Form, readForm } from "./form.ts";
import { encryption, headerText, keptHeaders, refuseUnknown } from "./headers.ts";
import type { Meta } from "./object-file.ts";
import { bodyBytesMax, checkKey, parseTarget, placeOf, type S3Response } from "./request.ts";
import { verifyPolicy } from "./sigv2.ts";
import type { Store } from "./store.ts";
import { checkToken, hmacHex, type Identity, same, scopeOf } from "./verify-signature.ts";
import { document } from "./xml.ts";

/** Returns true if a request is a form, whose signature is in a field. */
export const isForm = ({ method, headers }: IncomingMessage): boolean =>
  method === "POST" && /^multipart\/form-data\b/i.test(headers["content-type"] ?? "");

/** PostObject. */
export async function postObject(
  message: IncomingMessage,
  store: Store,
  identity: Identity,
  endpointUrl: string,
  now: number,
): Promise<S3Response> {
  const bucket = bucketIn(message);
  store.keys(bucket);
  const form = await readForm(message, message.headers["content-type"] ?? "");
  try {
    const { fields } = form;
    const policy = await signedPolicy(fields, identity);
    const key = keyIn(form);
    const bounds = checkPolicy(policy, new Map([...fields, ["bucket", bucket], ["key", key]]), now);
    const headers = headersIn(fields);
    return await store.withDraft(async (draft) => {
      const received = await receiveFile(form, headers, bounds, draft.write);
      const meta = metaOf(received, key, keptHeaders(headers), now);
      await store.publish(bucket, meta, draft, "ObjectCreated:Post", () => {});
      return answer(fields, locationOf(endpointUrl, bucket, key), bucket, meta);
    });
  } finally {
    // Drains the rest of the body without the form reader, which would wait until the file is consumed.
    message.unpipe();
  }
}

function bucketIn(message: IncomingMessage): string {
  const { path, query } = parseTarget(message.url ?? "");
  const { bucket, key } = placeOf(path);
  if (bucket === "" || key !== "" || query.length > 0)
    throw new S3Error("MethodNotAllowed", "A form is posted to a bucket: http://host/bucket.");
  return bucket;
}

/** Returns the policy, still in base64, after the form's signature was verified. */
async function signedPolicy(fields: Form["fields"], identity: Identity): Promise<string> {
  const policy = fields.get("policy");
  if (!policy) throw new S3Error("AccessDenied", "Access Denied: the form has no policy.");
  if (fields.has("awsaccesskeyid")) {
    verifyPolicy(policy, fields, identity);
    return policy;
  }
  if (fields.get("x-amz-algorithm") !== "AWS4-HMAC-SHA256")
    throw new S3Error("InvalidArgument", "X-Amz-Algorithm only supports AWS4-HMAC-SHA256.");
  checkToken(fields.get("x-amz-security-token"), identity);
  const { signingKey } = await scopeOf(fields.get("x-amz-credential") ?? "", identity);
  if (!same(hmacHex(signingKey, policy), fields.get("x-amz-signature") ?? ""))
    throw new S3Error(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    );
  return policy;
}

function keyIn({ fields, filename }: Form): string {
  const key = fields.get("key");
  if (!key)
    throw new S3Error(
      "InvalidArgument",
      "Bucket POST must contain a field named 'key'. If it is specified, please check the order of the fields.",
      { ArgumentName: "key" },
    );
  // A function, because `$&` in a filename is a pattern in a replacement string.
  return checkKey(key.replaceAll(/\$\{filename\}/g, () => filename));
}

/** Fields of S3 that this endpoint does not support. Other unknown fields are ignored. */
const unsupported = ["tagging", "if-match", "if-none-match", "redirect"];

/** Converts the form's fields to the headers of an equivalent PUT. */
function headersIn(fields: Form["fields"]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of fields) {
    if (unsupported.includes(name))
      throw new S3Error("NotImplemented", `The form field ${name} is not implemented.`);
    if (/^(policy|key|x-amz-(algorithm|credential|date|security-token|signature))$/.test(name)) continue;
    headers[name === "acl" ? "x-amz-acl" : name] = headerText(value);
  }
  refuseUnknown(headers);
  return headers;
}

async function receiveFile(
  { file, ended }: Form,
  headers: Record<string, string>,
  { bytesMin, bytesMax }: Bounds,
  write: (chunk: Buffer) => Promise<void>,
): Promise<Received> {
  const most = Math.min(bytesMax, bodyBytesMax);
  let bytes = 0;
  const received = await holdTo(claimsOf(headers, ""), ["md5"], write, async (take) => {
    for await (const chunk of file) {
      bytes += chunk.length;
      if (bytes > most) throw tooLarge(bytes, most);
      await take(chunk);
    }
    await ended;
    return new Map();
  });
  if (bytes < bytesMin)
    throw new S3Error("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size", {
      ProposedSize: String(bytes),
      MinSizeAllowed: String(bytesMin),
    });
  return received;
}

function answer(fields: Form["fields"], location: string, bucket: string, { key, etag }: Meta): S3Response {
  const headers = { etag: `"${etag}"`, location, ...encryption };
  const redirect = URL.parse(fields.get("success_action_redirect") ?? "");
  // S3 ignores the field if it is not a URL.
  if (redirect && /^https?:$/.test(redirect.protocol)) {
    redirect.searchParams.set("bucket", bucket);
    redirect.searchParams.set("key", key);
    redirect.searchParams.set("etag", `"${etag}"`);
    return { status: 303, headers: { ...headers, location: redirect.href } };
  }
  const status = fields.get("success_action_status");
  if (status === "201") {
    const body = document("PostResponse", {
      Location: location,
      Bucket: bucket,
      Key: key,
      ETag: `"${etag}"`,
    });
    return { status: 201, headers, body };
  }
  return { status: status === "200" ? 200 : 204, headers };
}
