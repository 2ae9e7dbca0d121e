import type { NextRequest } from "next/server";
import { apiUrl, token } from "../../api";

/** Requests that an upload makes. The browser sends the bytes to S3 itself, by a presigned URL. */
const allowed = /^(POST images|GET images\/img_\w+|DELETE images\/img_\w+|POST uploads\/sign)$/;
const requestHeaders = ["accept", "content-type", "idempotency-key", "if-none-match"];
const responseHeaders = ["content-type", "etag", "retry-after"];

/** Sends a request of the browser to the API, with the token of the server. */
async function forward(request: NextRequest, { params }: { params: Promise<{ path: string[] }> }) {
  // Here, check the session of the user, and that the image is the user's.
  const path = (await params).path.join("/");
  if (!allowed.test(`${request.method} ${path}`)) return new Response(null, { status: 404 });
  const headers = pick(request.headers, requestHeaders);
  if (token) headers.set("authorization", `Bearer ${token}`);
  const body = request.method === "POST" ? await request.text() : undefined;
  const response = await fetch(`${apiUrl}/${path}`, { method: request.method, headers, body });
  return new Response(response.body, {
    status: response.status,
    headers: pick(response.headers, responseHeaders),
  });
}

function pick(headers: Headers, names: readonly string[]): Headers {
  return new Headers([...headers].filter(([name]) => names.includes(name)));
}

export { forward as DELETE, forward as GET, forward as POST };
