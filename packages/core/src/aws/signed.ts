/**
 * The few requests to S3 and SQS that the API makes or signs, without their clients: those would add 740 KB to its
 * bundle.
 */
import { AwsClient } from "aws4fetch";
import { Resource } from "sst";
import { Aws } from "./aws.ts";

/** A signer with this process's credentials. */
export async function signer(service: "s3" | "sqs"): Promise<AwsClient> {
  return new AwsClient({ ...(await Aws.credentials()), region: Aws.region(), service, retries: 3 });
}

/** A request for an original, to be signed. Every header of it must then be sent exactly so. */
export type Wanted = {
  method: string;
  key: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  seconds: number;
};

/** A presigned URL that is good for this very request and for `seconds`. */
export async function sign({ method, key, query = {}, headers = {}, seconds }: Wanted): Promise<string> {
  const url = urlOf(key);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  url.searchParams.set("X-Amz-Expires", String(seconds));
  const aws = await signer("s3");
  const request = await aws.sign(url, { method, headers, aws: { signQuery: true, allHeaders: true } });
  return request.url;
}

/** An original's address, each part of the key encoded as S3 wants it. */
export function urlOf(key: string): URL {
  const path = key.split("/").map((part) => encodeURIComponent(part).replace(/[!'()*]/g, percent));
  return new URL(`${Resource.Uploads.url}/${path.join("/")}`);
}

const percent = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
