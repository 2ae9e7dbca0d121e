/**
 * The renderer: the second origin of `/media/*`, to which CloudFront fails over where the bucket has no such file. Makes
 * and stores the lazy files that records name, and responds 404 to everything else.
 */
import { Storage } from "@image-pipeline/core/aws/storage";
import { Exhausted } from "@image-pipeline/core/engine/budget";
import { Lazy } from "@image-pipeline/core/pipeline/lazy";
import type { APIGatewayProxyStructuredResultV2, Context, LambdaFunctionURLEvent } from "aws-lambda";
import { Resource } from "sst";
import { logger } from "./log.ts";
import { notFound } from "./missing.ts";
import { bypassed, isFromRouter } from "./origin.ts";

/**
 * Largest file in a response, in bytes: base64 makes a third more of it, and Lambda sends 6 MB.
 * https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
 */
const bytesMax = 4_500_000;

/** Responds with the file of a path such as `/img_…/1-0a1b2c3d/medium@320.webp`. */
export const handler = async (
  event: Pick<LambdaFunctionURLEvent, "rawPath" | "headers">,
  context: Pick<Context, "memoryLimitInMB">,
): Promise<APIGatewayProxyStructuredResultV2> => {
  if (!isFromRouter(event, Resource.OriginSecret)) return bypassed;
  const { rawPath, headers } = event;
  const key = keyOf(rawPath);
  if (key === undefined) return notFound(headers.accept);
  const started = performance.now();
  const made = await Lazy.make(key, Resource.Settings, Number(context.memoryLimitInMB)).catch(failed);
  const ms = Math.round(performance.now() - started);
  if (made.is !== "missing") logger().info("lazy file", { key, did: made.is, ms });
  return responseOf(made, rawPath, headers.accept);
};

/** Returns the response to a request with this path and `Accept`. */
export function responseOf(
  made: Lazy.Made | { is: "failed" },
  rawPath: string,
  accept?: string,
): APIGatewayProxyStructuredResultV2 {
  switch (made.is) {
    case "missing":
      return notFound(accept);
    case "over_quota":
      return problem(
        503,
        "Service unavailable",
        "The stage has made as many files as it may in a day (UTC).",
        {
          "retry-after": String(made.retryAfterSeconds),
          // The CDN asks again soon: the limit may be raised meanwhile.
          "cache-control": "public, max-age=60",
        },
      );
    case "failed":
      return problem(500, "Internal server error", "The file could not be made. Try again later.", {
        "cache-control": "no-store",
      });
    case "made": {
      const { bytes, contentType, etag } = made;
      const file = {
        "content-type": contentType,
        etag,
        "accept-ranges": "bytes",
        "cache-control": Storage.variantCaching,
      };
      if (bytes.length <= bytesMax)
        return { statusCode: 200, headers: file, body: bytes.toString("base64"), isBase64Encoded: true };
      // The file is in the bucket now, from which the next request gets it.
      return {
        statusCode: 307,
        headers: { location: `/media${rawPath}`, "cache-control": "no-store" },
      };
    }
  }
}

/** Ends the process if a decoder does not stop, before Lambda sends it another request; CloudFront then responds 502. */
function failed(error: unknown): { is: "failed" } {
  logger().error("not rendered", { error });
  if (error instanceof Exhausted) process.exit(1);
  return { is: "failed" };
}

/** Returns the key of a path; undefined if its percent-encoding is invalid. */
function keyOf(rawPath: string): string | undefined {
  try {
    return decodeURIComponent(rawPath.slice(1));
  } catch {
    return undefined;
  }
}

const problem = (
  status: number,
  title: string,
  detail: string,
  headers: Record<string, string>,
): APIGatewayProxyStructuredResultV2 => ({
  statusCode: status,
  headers: { "content-type": "application/problem+json", ...headers },
  body: JSON.stringify({ type: "about:blank", title, status, detail }),
});
