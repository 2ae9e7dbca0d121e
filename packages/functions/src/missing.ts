/** The response to requests for files that do not exist, behind the CDN's origin group for `/media/*`. */
import type { APIGatewayProxyStructuredResultV2, LambdaFunctionURLEvent } from "aws-lambda";
import { parseAccept } from "hono/utils/accept";

const problem = JSON.stringify({
  type: "about:blank",
  title: "Not found",
  status: 404,
  detail: "There is no file at this URL.",
});

/** A grey picture of any size. It has neither script nor style, so that every policy lets it be shown. */
const picture =
  '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="64" viewBox="0 0 96 64"><title>Not found</title>' +
  '<path fill="#e5e7eb" d="M0 0h96v64H0z"/><path fill="#9ca3af" d="m24 48 16-20 10 12 6-7 16 15z"/></svg>';

/**
 * Caches of browsers keep the response for ten seconds, shared caches not at all. CloudFront caches a 404 for ten
 * seconds unless it is `private`, under the path alone: the next client could not get the other body.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/custom-error-pages-expiration.html
 */
const caching = { "cache-control": "private, max-age=10", vary: "Accept" };

/** The types that decide between the bodies. Browsers name `image/svg+xml` or `image/*` for an `<img>`. */
const deciding = /^(image\/(svg\+xml|\*)|\*\/\*|application\/.*|text\/.*)$/i;

/** Returns the 404: a picture if `Accept` prefers images that may be SVG, else a problem document. */
export function notFound(accept = "") {
  const [first] = parseAccept(accept.slice(0, 512)).filter(({ type, q }) => q > 0 && deciding.test(type));
  const shown = first?.type.toLowerCase().startsWith("image/");
  const [type, body] = shown ? ["image/svg+xml", picture] : ["application/problem+json", problem];
  return { statusCode: 404 as const, headers: { "content-type": type, ...caching }, body };
}

/** Responds to every request with a 404, as `npm start` does. */
export const handler = async ({
  headers,
}: Pick<LambdaFunctionURLEvent, "headers">): Promise<APIGatewayProxyStructuredResultV2> =>
  notFound(headers.accept);
