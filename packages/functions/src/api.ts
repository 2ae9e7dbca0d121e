/** The HTTP API as a Lambda function behind a function URL. */
import type { LambdaFunctionURLEvent } from "aws-lambda";
import { handle, type LambdaContext } from "hono/aws-lambda";
import { app } from "./http/app.ts";

const serve = handle(app);

/** Answers one request. */
export const handler = (event: LambdaFunctionURLEvent, context: LambdaContext) =>
  serve(acceptable(event), context);

/** What `Request` would not take, so that it is answered as every other mistake is. */
function acceptable(event: LambdaFunctionURLEvent): LambdaFunctionURLEvent {
  const { http } = event.requestContext;
  // A body where none belongs is left out; https://fetch.spec.whatwg.org/#dom-request
  if (http.method === "GET" || http.method === "HEAD") return { ...event, body: undefined };
  if (!/^(connect|trace|track)$/i.test(http.method)) return event;
  return {
    ...event,
    requestContext: { ...event.requestContext, http: { ...http, method: `X-${http.method}` } },
  };
}
