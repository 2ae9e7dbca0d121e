/** The HTTP API as a Lambda function behind a function URL. */
import type { Context, LambdaFunctionURLEvent } from "aws-lambda";
import { handle, type LambdaEvent } from "hono/aws-lambda";
import { app } from "./http/app.ts";

const serve = handle(app);

/** Answers one request. */
export const handler = (event: LambdaFunctionURLEvent, context: Context) => serve(acceptable(event), context);

/** The event without what `Request` would not take, so that it is answered as every other mistake is. */
function acceptable(event: LambdaFunctionURLEvent): Extract<LambdaEvent, { rawPath: string }> {
  const { requestContext, body = null } = event;
  const { http } = requestContext;
  // A body where none belongs is left out; https://fetch.spec.whatwg.org/#dom-request
  const hasBody = http.method !== "GET" && http.method !== "HEAD";
  const method = /^(connect|trace|track)$/i.test(http.method) ? `X-${http.method}` : http.method;
  return {
    ...event,
    body: hasBody ? body : null,
    requestContext: { ...requestContext, authentication: null, authorizer: {}, http: { ...http, method } },
  };
}
