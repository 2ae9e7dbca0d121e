/**
 * A deployed stage without a cloud: answers a request by the evaluated distribution. Behaviour and allowed methods, the
 * router's function, the origin or its group, then the response headers policy and compression.
 *
 * The caller passes the origins: the deployed bundles for the functions, and S3's documented answers for the buckets.
 */
import { type EdgeRequest, type Answer as Generated, type Origin, pass } from "./edge.ts";
import { argsOf, type Graph, type Resource, short } from "./graph.ts";

/** A request. `path` contains the query, and is sent as it is. Header names are in lower case. */
export type Asked = { method: string; path: string; headers: Record<string, string>; body?: string };

/** A response. Header names are in lower case. */
export type Answered = { status: number; headers: Record<string, string>; body: string };

/** The origins. `file` returns undefined where the bucket has no such key. */
export type Origins = {
  api(request: Asked): Promise<Answered>;
  missing(accept?: string): Promise<Answered>;
  /** The second origin of files where the recipe has lazy ones. */
  renderer?(request: { path: string; headers: Record<string, string> }): Promise<Answered>;
  file(bucket: "Processed" | "PageAssets", key: string): Answered | undefined | Promise<Answered | undefined>;
};

type Inputs = Resource["inputs"];

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html */
const managed: Record<string, Inputs> = {
  "67f7725c-6f97-4210-82d7-5512b31e9d03": {
    securityHeadersConfig: {
      referrerPolicy: { referrerPolicy: "strict-origin-when-cross-origin", override: false },
      strictTransportSecurity: { accessControlMaxAgeSec: 31_536_000, override: false },
      contentTypeOptions: { override: true },
      frameOptions: { frameOption: "SAMEORIGIN", override: false },
      xssProtection: { protection: true, modeBlock: true, override: false },
    },
  },
};

/** Responds to a request as the stage of `graph` does at `host`. */
export async function respond(graph: Graph, host: string, asked: Asked, origins: Origins): Promise<Answered> {
  const distribution = argsOf(graph, /cloudfront\/distribution:/, "RouterCdnDistribution");
  if ((distribution.customErrorResponses ?? []).length > 0)
    throw new Error("This model has no custom error responses.");
  const [uri = "", query = ""] = asked.path.split("?", 2);
  const behavior =
    distribution.orderedCacheBehaviors.find(({ pathPattern }: { pathPattern: string }) =>
      new RegExp(`^${pathPattern.replaceAll("*", ".*")}$`).test(uri),
    ) ?? distribution.defaultCacheBehavior;
  // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-403-permission-denied.html
  if (!behavior.allowedMethods.includes(asked.method))
    return { status: 403, headers: { "content-type": "text/html" }, body: "<!DOCTYPE HTML>" };

  const headers = Object.fromEntries(Object.entries(asked.headers).map(([name, value]) => [name, { value }]));
  const { result, origin } = await pass(graph, uri, { host, method: asked.method, headers });
  if ("statusCode" in result) return generated(result);
  const answer = await fetchFrom({ graph, distribution, behavior, origin, asked, query, origins }, result);
  apply(policyOf(graph, behavior.responseHeadersPolicyId), asked.headers.origin, answer.headers);
  if (behavior.compress) compress(asked.headers["accept-encoding"] ?? "", answer);
  return asked.method === "HEAD" ? { ...answer, body: "" } : answer;
}

/** The response of a function. It has what the function sets; whether the policy adds to it is not documented. */
function generated({ statusCode, headers = {} }: Generated): Answered {
  const all = Object.entries(headers).map(([name, { value }]) => [name, value]);
  return { status: statusCode, headers: Object.fromEntries(all), body: "" };
}

type Context = {
  graph: Graph;
  distribution: Inputs;
  behavior: Inputs;
  origin: Origin | undefined;
  asked: Asked;
  query: string;
  origins: Origins;
};

/** Sends the request to its origin, and to the second of an origin group where the first fails. */
async function fetchFrom(context: Context, request: EdgeRequest): Promise<Answered> {
  const { graph, distribution, behavior, origin, asked, query, origins } = context;
  const from = async (domain: string): Promise<Answered> => {
    const bucket = (["Processed", "PageAssets"] as const).find((name) =>
      domain.startsWith(bucketOf(graph, name)),
    );
    if (bucket) return await ofBucket(graph, bucket, asked.method, request.uri, origins);
    if (domain.startsWith("missingurl.")) return await origins.missing(request.headers.accept?.value);
    if (domain.startsWith("rendererurl.") && origins.renderer) {
      const { customHeaders = [] } = distribution.origins.find(
        ({ domainName }: { domainName: string }) => domainName === domain,
      );
      // What the origin request policy of the behaviour forwards, and the origin's own headers.
      const accept = request.headers.accept?.value ?? "";
      const own = customHeaders.map(({ name, value }: { name: string; value: string }) => [name, value]);
      return await origins.renderer({ path: request.uri, headers: { accept, ...Object.fromEntries(own) } });
    }
    if (!/^apiurl\./.test(domain)) return { status: 502, headers: {}, body: "" };
    const path = request.uri + (query && `?${query}`);
    const sent = Object.entries(request.headers).map(([name, { value }]) => [name, value]);
    return await origins.api({ ...asked, path, headers: Object.fromEntries(sent) });
  };
  if (origin) return await from(origin.domainName);
  const domainOf = (id: string) =>
    distribution.origins.find(({ originId }: { originId: string }) => originId === id)?.domainName;
  const group = distribution.originGroups.find(
    ({ originId }: { originId: string }) => originId === behavior.targetOriginId,
  );
  if (!group) return await from(domainOf(behavior.targetOriginId));
  const [first, second] = group.members.map(({ originId }: { originId: string }) => domainOf(originId));
  const answer = await from(first);
  // https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorOriginGroups.html
  const fails = group.failoverCriteria.statusCodes.includes(answer.status);
  return fails && ["GET", "HEAD", "OPTIONS"].includes(asked.method) ? await from(second) : answer;
}

const bucketOf = (graph: Graph, name: string): string =>
  argsOf(graph, /s3\/bucket(V2)?:/, `${name}Bucket`).bucket;

/** S3's answer to CloudFront, whose rights are in the bucket's policy. */
async function ofBucket(
  graph: Graph,
  bucket: "Processed" | "PageAssets",
  method: string,
  uri: string,
  { file }: Origins,
): Promise<Answered> {
  if (method === "OPTIONS") return xml(403, "AccessForbidden");
  const { Statement: statements } = JSON.parse(argsOf(graph, /bucketPolicy:/, `${bucket}Policy`).policy);
  const allowed = statements.filter(({ effect = "Allow" }: { effect?: string }) => effect === "Allow");
  const may = (action: string, resource: string) =>
    allowed.some(
      ({ actions, resources }: { actions: string[]; resources: string[] }) =>
        actions.includes(action) &&
        resources.some((each) =>
          new RegExp(`^${short(each).replaceAll(/[{}]/g, "\\$&").replaceAll("*", ".*")}$`).test(resource),
        ),
    );
  let key: string;
  try {
    key = decodeURIComponent(uri.slice(1));
  } catch {
    return xml(400, "InvalidURI");
  }
  const found = may("s3:GetObject", `{${bucket}}/${key}`) ? await file(bucket, key) : undefined;
  if (found) return found;
  // https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, "Permissions"
  return may("s3:ListBucket", `{${bucket}}`) ? xml(404, "NoSuchKey") : xml(403, "AccessDenied");
}

/** An error of S3. */
export const xml = (status: number, code: string): Answered => ({
  status,
  headers: {
    "content-type": "application/xml",
    server: "AmazonS3",
    "x-amz-request-id": "0",
    "x-amz-id-2": "0",
  },
  body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code></Error>`,
});

function policyOf(graph: Graph, id: string): Inputs {
  return managed[id] ?? argsOf(graph, /responseHeadersPolicy:/, id.replace(/-id$/, ""));
}

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/understanding-response-headers-policies.html */
function apply(policy: Inputs, origin: string | undefined, headers: Record<string, string>): void {
  const { securityHeadersConfig: security = {}, customHeadersConfig, corsConfig: cors } = policy;
  const set = (name: string, value: string, { override }: { override: boolean }) => {
    if (override || headers[name] === undefined) headers[name] = value;
  };
  const { strictTransportSecurity: hsts, contentTypeOptions, contentSecurityPolicy: csp } = security;
  const { referrerPolicy, frameOptions, xssProtection } = security;
  const scope = hsts?.includeSubdomains ? "; includeSubDomains" : "";
  if (hsts) set("strict-transport-security", `max-age=${hsts.accessControlMaxAgeSec}${scope}`, hsts);
  if (contentTypeOptions) set("x-content-type-options", "nosniff", contentTypeOptions);
  if (csp) set("content-security-policy", csp.contentSecurityPolicy, csp);
  if (referrerPolicy) set("referrer-policy", referrerPolicy.referrerPolicy, referrerPolicy);
  if (frameOptions) set("x-frame-options", frameOptions.frameOption, frameOptions);
  if (xssProtection) set("x-xss-protection", "1; mode=block", xssProtection);
  for (const item of customHeadersConfig?.items ?? []) set(item.header.toLowerCase(), item.value, item);
  if (!cors) return;
  headers.vary = "Origin";
  if (!cors.accessControlAllowOrigins.items.includes(origin)) return;
  headers["access-control-allow-origin"] = origin ?? "";
  headers["access-control-expose-headers"] = cors.accessControlExposeHeaders.items.join(",");
}

/** https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html */
function compress(accepted: string, { headers, body }: Answered): void {
  const encoding = ["br", "gzip"].find((each) => accepted.split(/[,;] */).includes(each));
  const type = (headers["content-type"] ?? "").replace(/;.*/, "");
  const isText =
    /^(text\/(html|css|javascript|plain)|application\/(json|xml|javascript)|image\/svg\+xml)$/.test(type);
  if (!encoding || !isText || headers["content-encoding"] || Buffer.byteLength(body) < 1000) return;
  headers["content-encoding"] = encoding;
  headers.vary = headers.vary ? `${headers.vary}, Accept-Encoding` : "Accept-Encoding";
  if (headers.etag) headers.etag = headers.etag.replace(/^"/, 'W/"');
  delete headers["content-length"];
}

/** A rule of a bucket's CORS configuration. */
export type CorsRule = {
  allowedOrigins: string[];
  allowedMethods: string[];
  allowedHeaders?: string[];
  exposeHeaders?: string[];
  maxAgeSeconds?: number;
};

/**
 * S3's answer to a preflight: the first rule whose origin, method and every requested header match.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html, https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html
 */
export function preflight(rules: CorsRule[], { headers }: Asked): Answered {
  const { origin = "", "access-control-request-method": method = "" } = headers;
  const wanted = headers["access-control-request-headers"];
  const names = (wanted ?? "").split(",").flatMap((name) => name.trim().toLowerCase() || []);
  // One `*` in a pattern matches any characters.
  const fits = (patterns: string[], value: string) =>
    patterns.some((pattern) => {
      const [start = "", end] = pattern.split("*");
      return end === undefined ? value === pattern : value.startsWith(start) && value.endsWith(end);
    });
  const rule = rules.find(
    ({ allowedOrigins, allowedMethods, allowedHeaders = [] }) =>
      fits(allowedOrigins, origin) &&
      allowedMethods.includes(method) &&
      names.every((name) =>
        fits(
          allowedHeaders.map((each) => each.toLowerCase()),
          name,
        ),
      ),
  );
  if (!rule) return xml(403, "AccessForbidden");
  return {
    status: 200,
    headers: {
      "access-control-allow-origin": origin,
      "access-control-allow-methods": rule.allowedMethods.join(", "),
      ...(wanted && { "access-control-allow-headers": names.join(", ") }),
      ...(rule.exposeHeaders && { "access-control-expose-headers": rule.exposeHeaders.join(", ") }),
      ...(rule.maxAgeSeconds !== undefined && { "access-control-max-age": String(rule.maxAgeSeconds) }),
      vary: "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
      server: "AmazonS3",
      "x-amz-request-id": "0",
      "x-amz-id-2": "0",
    },
    body: "",
  };
}
