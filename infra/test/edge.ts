/**
 * Runs the router's CloudFront function with the code, routes and key-value store of the deployment.
 */
import { argsOf, type Graph, resourcesOf } from "./graph.ts";

export type EdgeRequest = {
  method: string;
  uri: string;
  querystring: Record<string, unknown>;
  headers: Record<string, { value: string }>;
  cookies: Record<string, unknown>;
};

/** The origin that the function sets, if any. */
export type Origin = {
  domainName: string;
  timeouts?: { readTimeout?: number };
  originAccessControlConfig: { enabled: boolean; signingBehavior?: string; signingProtocol?: string };
  customOriginConfig?: { protocol: string; sslProtocols: string[] };
};

export type Answer = { statusCode: number; headers?: Record<string, { value: string }> };
type Handler = (event: unknown) => Promise<EdgeRequest | Answer>;

/** Passes a request through the viewer-request function. `broken`: the key-value store cannot be read. */
export async function pass(
  graph: Graph,
  uri: string,
  {
    host = "d111.cloudfront.net",
    method = "GET",
    headers = {},
    broken = false,
    requestId = "request-1",
  } = {},
): Promise<{ result: Awaited<ReturnType<Handler>>; origin: Origin | undefined }> {
  let origin: Origin | undefined;
  const values = broken ? new Map<string, string>() : storeOf(graph);
  const cloudfront = {
    kvs: () => ({
      get: async (key: string) => values.get(key) ?? Promise.reject(new Error(`KeyNotFound ${key}`)),
    }),
    updateRequestOrigin(given: Origin) {
      origin = given;
    },
  };
  const { code } = argsOf(graph, /cloudfront\/function:/, "RouterCloudfrontFunctionRequest");
  const body = String(code).replace(/import cf from\s*"cloudfront";/, "");
  const handler = new Function("cf", `${body}; return handler;`)(cloudfront) as Handler;
  const result = await handler({
    context: { requestId },
    request: {
      method,
      uri,
      querystring: {},
      headers: { host: { value: host }, ...headers },
      cookies: {},
    } satisfies EdgeRequest,
  });
  return { result, origin };
}

/** Returns the key-value store as SST's providers fill it; keys are `namespace:key`. */
export function storeOf(graph: Graph): Map<string, string> {
  const values = new Map<string, string>();
  const routes = new Map<string, string[]>();
  for (const { name, inputs } of resourcesOf(graph, /dynamic:Resource/)) {
    if (name.endsWith("KvKeys")) {
      for (const [key, value] of Object.entries<string>(inputs.entries)) {
        values.set(`${inputs.namespace}:${key}`, value);
      }
    }
    if (name.endsWith("KvRoutesUpdate")) {
      const key = `${inputs.namespace}:${inputs.key}`;
      routes.set(key, [...(routes.get(key) ?? []), inputs.entry]);
    }
  }
  for (const [key, entries] of routes) values.set(key, JSON.stringify(entries));
  return values;
}
