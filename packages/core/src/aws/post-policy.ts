/**
 * Browser forms that S3 takes: a policy, signed, that says what the form must be like.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 */
import { createHmac } from "node:crypto";
import { Aws } from "./aws.ts";

/** A form: each of `fields` must be sent as it is; `conditions` hold beside them. */
export type Form = {
  bucket: string;
  fields: Record<string, string>;
  conditions: readonly (readonly [string, number, number])[];
  seconds: number;
};

/** All fields of the form but the file, the signed policy among them. */
export async function policyOf({
  bucket,
  fields,
  conditions,
  seconds,
}: Form): Promise<Record<string, string>> {
  const { accessKeyId, secretAccessKey, sessionToken } = await Aws.credentials();
  const region = Aws.region();
  const now = Date.now();
  const time = new Date(now).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = [time.slice(0, 8), region, "s3", "aws4_request"];
  const all = {
    ...fields,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": [accessKeyId, ...scope].join("/"),
    "X-Amz-Date": time,
    ...(sessionToken ? { "X-Amz-Security-Token": sessionToken } : {}),
  };
  const policy = {
    expiration: new Date(now + seconds * 1000).toISOString(),
    conditions: [
      { bucket },
      ...Object.entries(all).map(([name, value]) => ({ [name]: value })),
      ...conditions,
    ],
  };
  const Policy = Buffer.from(JSON.stringify(policy)).toString("base64");
  const key = scope.reduce<string | Buffer>((key, part) => hmac(key, part), `AWS4${secretAccessKey}`);
  return { ...all, Policy, "X-Amz-Signature": hmac(key, Policy).toString("hex") };
}

const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
