/**
 * What the CDN does with the bodies of the API and of the page: compressed where it pays, by its own rules.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

const compressors = {
  // Quality 5 costs as little as gzip; 11, the default, a tenth of a second for a script.
  br: (bytes: Buffer) =>
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: (bytes: Buffer) => promisify(gzip)(bytes),
};

/** Bodies outside of these are sent as they are: small ones gain nothing. */
const bytesMin = 1000;
const bytesMax = 10_000_000;

const statuses = [200, 403, 404];

const types =
  /^(text\/(html|css|plain|xml|javascript)|application\/(json|xml|javascript)|image\/svg\+xml)\s*(;|$)/i;

/**
 * Ends a response whose status and headers are set with this whole body, compressed as the client takes it. An ETag
 * becomes weak, because the bytes are no longer those that it was made of. HEAD gets the headers of GET.
 */
export async function endCompressed(
  { method, headers }: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
): Promise<void> {
  let body = bytes;
  if (mayCompress(response, bytes)) {
    response.appendHeader("vary", "Accept-Encoding");
    const encoding = encodingFor(headers["accept-encoding"]);
    if (encoding) {
      body = await compressors[encoding](bytes);
      const etag = response.getHeader("etag");
      if (typeof etag === "string" && !etag.startsWith("W/")) response.setHeader("etag", `W/${etag}`);
      response.setHeader("content-encoding", encoding);
      response.setHeader("content-length", body.length);
    }
  }
  if (!response.hasHeader("content-length")) response.setHeader("content-length", body.length);
  response.end(method === "HEAD" ? undefined : body);
}

function mayCompress(response: ServerResponse, { length }: Buffer): boolean {
  return (
    length >= bytesMin &&
    length <= bytesMax &&
    statuses.includes(response.statusCode) &&
    !response.hasHeader("content-encoding") &&
    types.test(String(response.getHeader("content-type") ?? ""))
  );
}

/** The better one of those that the client takes. */
function encodingFor(accept: string | string[] = ""): keyof typeof compressors | undefined {
  const taken = new Set(
    String(accept)
      .toLowerCase()
      .split(",")
      .map((each) => each.split(";").map((part) => part.trim()))
      .filter(([, quality]) => !/^q=0(\.0*)?$/.test(quality ?? ""))
      .map(([name]) => name),
  );
  return (["br", "gzip"] as const).find((name) => taken.has(name));
}
