/** The HTTP API as a Lambda function behind a function URL. */
import type { Context, LambdaFunctionURLEvent } from "aws-lambda";
import { handle, type LambdaEvent } from "hono/aws-lambda";
import { Resource } from "sst";
import { createApp } from "./http/app.ts";
import type { AppSettings } from "./http/auth.ts";
import { bypassed, isFromRouter } from "./origin.ts";

/** Reads the settings of this stage as SST links them. */
export const linkedSettings = (): AppSettings => ({
  ...Resource.Settings,
  url: Resource.Router.url,
  stage: Resource.App.stage,
});

let serve: ReturnType<typeof handle> | undefined;

/** Responds to one request: 403 before anything else to one that bypassed CloudFront. The first creates the application. */
export const handler = async (event: LambdaFunctionURLEvent, context: Context) => {
  if (!isFromRouter(event, Resource.OriginSecret)) return bypassed;
  serve ??= handle(createApp(linkedSettings()));
  return serve(acceptable(event), context);
};

/** Removes what makes `Request` throw, so that such an event gets a problem response like every invalid request. */
function acceptable(event: LambdaFunctionURLEvent): Extract<LambdaEvent, { rawPath: string }> {
  const { requestContext, body = null } = event;
  const { http } = requestContext;
  // GET and HEAD have no body, and three methods are forbidden: https://fetch.spec.whatwg.org/#dom-request
  const hasBody = http.method !== "GET" && http.method !== "HEAD";
  const method = /^(connect|trace|track)$/i.test(http.method) ? `X-${http.method}` : http.method;
  return {
    ...event,
    body: hasBody ? body : null,
    requestContext: { ...requestContext, authentication: null, authorizer: {}, http: { ...http, method } },
  };
}
