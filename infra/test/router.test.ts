import { execSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { accepts } from "../../packages/core/src/images/fixture-accept.ts";
import { pageHeaders } from "../../packages/web/src/headers.ts";
import { type EdgeRequest, pass } from "./edge.ts";
import { argsOf, resourcesOf } from "./graph.ts";
import { all, graphOf, regionOf, secondOriginOf } from "./graphs.ts";

const image = "/img_01/1-abcd/small.webp";
/** Managed-SecurityHeadersPolicy, for all stages but production, because an account may have only 20 policies. */
const securityHeaders = "67f7725c-6f97-4210-82d7-5512b31e9d03";
const none = {
  cookiesConfig: { cookieBehavior: "none" },
  queryStringsConfig: { queryStringBehavior: "none" },
};

describe.each(all)("%s", (name, graph) => {
  const distribution = argsOf(graph, /cloudfront\/distribution:/, "RouterCdnDistribution");
  const host = name === "configured" ? "images.example.com" : "d111.cloudfront.net";
  const region = regionOf(name);
  const kept = name === "production" || name === "configured";
  const api = distribution.defaultCacheBehavior;
  const [signed, media, page, assets, ...others] = distribution.orderedCacheBehaviors;

  test("HTTP is redirected to HTTPS, for files and for the API", () => {
    expect(others).toEqual([]);
    for (const each of [api, signed, media, page, assets])
      expect(each.viewerProtocolPolicy).toBe("redirect-to-https");
  });

  test("files can be read and nothing else; the API takes every method", () => {
    expect([signed, media, page, assets].map((each) => each.pathPattern)).toEqual([
      "/media/private/*",
      "/media/*",
      "/",
      "/assets/*",
    ]);
    expect(media.allowedMethods).toEqual(["GET", "HEAD", "OPTIONS"]);
    for (const each of [page, assets]) expect(each.allowedMethods).toEqual(["GET", "HEAD"]);
    expect(api.allowedMethods).toEqual(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]);
  });

  test("a private file is a file that asks for a signature of the key group, and no other behaviour asks for one", () => {
    const { trustedKeyGroups, pathPattern: _, ...asPublic } = signed;
    const { pathPattern: __, ...file } = media;
    expect(trustedKeyGroups).toEqual(["MediaKeys-id"]);
    expect(asPublic).toEqual(file);
    for (const each of [api, page, assets]) expect(each.trustedKeyGroups).toBeUndefined();
  });

  test.each([
    "/media/%70rivate/default/img_01/1-abcd/small.webp",
    "/media/privat%65/default/img_01/1-abcd/small.webp",
    "/media/private%2Fdefault/img_01/1-abcd/small.webp",
    "/media//private/default/img_01/1-abcd/small.webp",
    "/media/./private/default/img_01/1-abcd/small.webp",
    "/media/other/small.webp",
  ])("no path reaches a private file past its behaviour: %s", async (path) => {
    const { result } = await pass(graph, path, { host });
    expect((result as EdgeRequest).uri).toBe("/-");
  });

  test("a private file is found under its key, in the format that is asked for", async () => {
    const headers = { accept: { value: "image/avif" } };
    const path = "/private/default/img_01/1-abcd/small";
    const { result } = await pass(graph, `/media${path}.avif.webp`, { host, headers });
    expect((result as EdgeRequest).uri).toBe(`${path}.avif`);
  });

  test("a file's cache key is its path, for up to a year, and as long as the file says", () => {
    // Managed-CachingOptimized
    expect(media.cachePolicyId).toBe(kept ? "MediaCache-id" : "658327ea-f89d-4fab-a63d-7e88639e58f6");
    if (!kept) return;
    expect(argsOf(graph, /cachePolicy:/, "MediaCache")).toMatchObject({
      minTtl: 0,
      defaultTtl: 0,
      maxTtl: 31_536_000,
      parametersInCacheKeyAndForwardedToOrigin: {
        ...none,
        headersConfig: { headerBehavior: "none" },
        enableAcceptEncodingBrotli: false,
        enableAcceptEncodingGzip: false,
      },
    });
  });

  test("of what a viewer sends, only Accept reaches the bucket with the path, cut to 512 characters", async () => {
    for (const each of [media, page, assets]) expect(each.forwardedValues).toBeUndefined();
    for (const each of [page, assets]) expect(each.originRequestPolicyId).toBeUndefined();
    expect(media.originRequestPolicyId).toBe("MediaRequests-id");
    const { comment: _, ...forwarded } = argsOf(graph, /originRequestPolicy:/, "MediaRequests");
    expect(forwarded).toEqual({
      cookiesConfig: { cookieBehavior: "none" },
      headersConfig: { headerBehavior: "whitelist", headers: { items: ["accept"] } },
      queryStringsConfig: { queryStringBehavior: "none" },
    });
    const headers = { accept: { value: "image/webp,".repeat(1_000) } };
    const { result } = await pass(graph, "/media/img_0/a.webp", { host, headers });
    expect((result as EdgeRequest).headers.accept?.value).toHaveLength(512);
  });

  test("no two requests of the API share a cache key, and what they ask reaches it whole", async () => {
    expect(argsOf(graph, /cachePolicy:/, api.cachePolicyId.replace(/-id$/, ""))).toMatchObject({
      minTtl: 0,
      defaultTtl: 0,
      maxTtl: 1,
      parametersInCacheKeyAndForwardedToOrigin: {
        ...none,
        headersConfig: { headerBehavior: "whitelist", headers: { items: ["x-request-key"] } },
      },
    });
    // Managed-AllViewerExceptHostHeader
    expect(api.originRequestPolicyId).toBe("b689b0a8-53d0-40ab-baf2-68738e2966ac");
    for (const requestId of ["one", "two"]) {
      const forged = { "x-request-key": { value: "forged" } };
      const { result } = await pass(graph, "/images", { host, requestId, headers: forged });
      expect((result as EdgeRequest).headers["x-request-key"]).toEqual({ value: requestId });
    }
  });

  test("the API's answers and the gallery are compressed; images are already", () => {
    expect([api, page, assets, media].map((each) => each.compress)).toEqual([true, true, true, false]);
    expect(
      argsOf(graph, /cachePolicy:/, "RouterServerCachePolicy").parametersInCacheKeyAndForwardedToOrigin,
    ).toMatchObject({ enableAcceptEncodingBrotli: true, enableAcceptEncodingGzip: true });
    // Managed-CachingOptimized: CloudFront compresses only if the cache key contains the encoding.
    const optimized = "658327ea-f89d-4fab-a63d-7e88639e58f6";
    expect([page, assets].map((each) => each.cachePolicyId)).toEqual([optimized, optimized]);
  });

  test("all go through the router's function, which takes the prefix off files", async () => {
    for (const each of [media, page, assets])
      expect(each.functionAssociations).toEqual(api.functionAssociations);
    expect(api.functionAssociations).toEqual([
      {
        eventType: "viewer-request",
        functionArn: expect.stringContaining("RouterCloudfrontFunctionRequest"),
      },
    ]);
    // The runtime that supports origin selection and key-value stores.
    const { runtime, keyValueStoreAssociations } = argsOf(
      graph,
      /cloudfront\/function:/,
      "RouterCloudfrontFunctionRequest",
    );
    expect([runtime, keyValueStoreAssociations]).toEqual([
      "cloudfront-js-2.0",
      [expect.stringContaining("RouterKvStore")],
    ]);
    const { result, origin } = await pass(graph, `/media${image}`, { host });
    expect([(result as EdgeRequest).uri, origin]).toEqual([image, undefined]);
  });

  test.each(accepts)("$client gets the $extension file of a variant in three formats", async (each) => {
    const headers: Record<string, { value: string }> = each.accept ? { accept: { value: each.accept } } : {};
    const { result } = await pass(graph, "/media/img_01/1-abcd/medium.avif.webp.jpg", { host, headers });
    expect((result as EdgeRequest).uri).toBe(`/img_01/1-abcd/medium.${each.extension}`);
  });

  test("a file is read from the bucket, signed; one that is missing is a 404 with a problem", async () => {
    expect(media.targetOriginId).toBe("media");
    expect(distribution.originGroups).toEqual([
      {
        originId: "media",
        failoverCriteria: { statusCodes: [400, 403, 404] },
        members: [{ originId: "processed" }, { originId: "missing" }],
      },
    ]);
    const [, processed, missing] = distribution.origins;
    const { bucket } = argsOf(graph, /s3\/bucket(V2)?:/, "ProcessedBucket");
    expect(processed).toEqual({
      originId: "processed",
      domainName: `${bucket}.s3.${region}.amazonaws.com`,
      originAccessControlId: "ProcessedAccess-id",
    });
    expect(argsOf(graph, /originAccessControl:/, "ProcessedAccess")).toMatchObject({
      originAccessControlOriginType: "s3",
      signingBehavior: "always",
      signingProtocol: "sigv4",
    });
    const originSecret = graph.links.OriginSecret as { current: string };
    expect(missing).toMatchObject({
      originId: "missing",
      domainName: `${secondOriginOf(name).toLowerCase()}url.lambda-url.${region}.on.aws`,
      customHeaders: [{ name: "x-origin-secret", value: originSecret.current }],
      customOriginConfig: { originProtocolPolicy: "https-only", originSslProtocols: ["TLSv1.2"] },
    });
  });

  test("every request of the API has the router's secret, whatever the client sends under its name", async () => {
    const { current } = graph.links.OriginSecret as { current: string };
    const headers = { "x-origin-secret": { value: "forged" } };
    const { result } = await pass(graph, "/images", { host, headers });
    expect((result as EdgeRequest).headers["x-origin-secret"]).toEqual({ value: current });
    expect(current).toMatch(/^[0-9a-f]{64}$/);
  });

  const { bucketName, files, purge } = argsOf(
    graph,
    /dynamic:Resource/,
    "PageAssetFiles.sst.aws.BucketFiles",
  );
  type File = { key: string; source: string; contentType: string; cacheControl: string };
  /** Returns the uploaded file that a request for the gallery resolves to. */
  const fileAt = async (uri: string): Promise<File | undefined> => {
    const { result, origin } = await pass(graph, uri, { host });
    expect(origin).toMatchObject({
      domainName: `${bucketName}.s3.${region}.amazonaws.com`,
      originAccessControlConfig: { enabled: true, signingBehavior: "always", signingProtocol: "sigv4" },
    });
    return files.find(({ key }: File) => `/${key}` === (result as EdgeRequest).uri);
  };

  test("the gallery is at /, with every file that it names, and each may be kept as long as its name lasts", async () => {
    const html = await fileAt("/");
    expect(html).toMatchObject({ contentType: "text/html;charset=UTF-8", cacheControl: "no-cache" });
    const text = readFileSync(html?.source ?? "", "utf8");
    const named = [...text.matchAll(/(?:src|href)="\.(\/assets\/[^"]+)"/g)].map(([, path = ""]) => path);
    expect(named.map((path) => path.replace(/^.*\./, "")).sort()).toEqual(["css", "js", "md", "svg"]);
    for (const { key } of files as File[]) {
      if (key === html?.key) continue;
      const file = await fileAt(`/assets/${basename(key)}`);
      // Only the licences have no hash in their name.
      const control = key.endsWith(".md") ? "no-cache" : "public, max-age=31536000, immutable";
      expect([file?.key, file?.cacheControl]).toEqual([key, control]);
      expect(file?.contentType).toMatch(/^(text\/(javascript|css|markdown)|image\/svg\+xml)/);
    }
    for (const path of named) expect(await fileAt(path)).toBeDefined();
  });

  test.each(["/assets/none.js", "/assets/index.html", "/assets/assets", "/assets/a/b"])(
    "%s is nothing, and not the gallery either",
    async (uri) => expect(await fileAt(uri)).toBeUndefined(),
  );

  test.each(["/assets", "/assets/"])(
    "%s leads to the gallery, whose address SST prints like this",
    async (uri) => {
      const { result } = await pass(graph, uri, { host });
      expect(result).toEqual({ statusCode: 302, headers: { location: { value: "/" } } });
    },
  );

  test("the gallery has the headers that it has under `npm start`, and may upload to this stage's bucket alone", () => {
    expect([page, assets].map((each) => each.responseHeadersPolicyId)).toEqual([
      "GalleryHeaders-id",
      "GalleryHeaders-id",
    ]);
    const { securityHeadersConfig: security, customHeadersConfig } = argsOf(
      graph,
      /responseHeadersPolicy:/,
      "GalleryHeaders",
    );
    const sent: Record<string, string> = {
      "content-security-policy": security.contentSecurityPolicy.contentSecurityPolicy,
      "referrer-policy": security.referrerPolicy.referrerPolicy,
      "x-content-type-options": security.contentTypeOptions.override && "nosniff",
      ...Object.fromEntries(
        customHeadersConfig.items.map(({ header, value }: Record<string, string>) => [header, value]),
      ),
    };
    const { url } = graph.links.Uploads as { url: string };
    expect(sent).toEqual(pageHeaders({ store: url }));
    expect(sent["cross-origin-resource-policy"]).toBe("same-origin");
    expect(security.strictTransportSecurity).toMatchObject({ accessControlMaxAgeSec: 63_072_000 });
  });

  test("a deployment leaves the files of an open gallery in place, and throws no image out of the caches", () => {
    expect(purge).toBe(false);
    expect(resourcesOf(graph, /dynamic:Resource/).map((each) => each.name)).not.toContainEqual(
      expect.stringMatching(/Invalidation/),
    );
  });

  test.each(["/images", "/images/img_01", "/mediafile", "/docs", "/assetsfile", "/index.html", "//"])(
    "%s goes to the API over TLS 1.2",
    async (uri) => {
      const { result, origin } = await pass(graph, uri, { host });
      expect((result as EdgeRequest).uri).toBe(uri);
      expect(origin).toMatchObject({
        domainName: expect.stringMatching(`\\.lambda-url\\.${region}\\.on\\.aws$`),
        customOriginConfig: { protocol: "https", sslProtocols: ["TLSv1.2"] },
        originAccessControlConfig: { enabled: false },
      });
      // A long poll takes up to 20 s.
      expect(origin?.timeouts?.readTimeout).toBeGreaterThan(20);
    },
  );

  test("a request that no route takes goes nowhere, least of all with its credentials to somebody else", async () => {
    const { origin } = await pass(graph, "/images", { host, broken: true });
    expect(origin).toBeUndefined();
    expect(distribution.origins[0]).toEqual({
      originId: "default",
      domainName: "unrouted.invalid",
      customOriginConfig: expect.objectContaining({ originProtocolPolicy: "https-only" }),
    });
    for (const each of [api, page, assets]) expect(each.targetOriginId).toBe("default");
  });

  test("a page that shows an answer of the API may load and run nothing", () => {
    expect(api.responseHeadersPolicyId).toBe(kept ? "ApiHeaders-id" : securityHeaders);
    if (!kept) return;
    const { securityHeadersConfig, customHeadersConfig } = argsOf(
      graph,
      /responseHeadersPolicy:/,
      "ApiHeaders",
    );
    expect(securityHeadersConfig).toMatchObject({
      strictTransportSecurity: { accessControlMaxAgeSec: 63_072_000, includeSubdomains: true },
      contentTypeOptions: { override: true },
      // Not overridden, because the API's page at /docs sends a different policy.
      contentSecurityPolicy: {
        contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'",
        override: false,
      },
      referrerPolicy: { referrerPolicy: "no-referrer", override: false },
    });
    expect(customHeadersConfig.items).toEqual([
      { header: "Cross-Origin-Resource-Policy", value: "same-origin", override: false },
    ]);
  });

  test("files are shown anywhere and run nowhere", () => {
    expect(media.responseHeadersPolicyId).toBe(kept ? "MediaHeaders-id" : securityHeaders);
    if (!kept) return;
    const { securityHeadersConfig, customHeadersConfig } = argsOf(
      graph,
      /responseHeadersPolicy:/,
      "MediaHeaders",
    );
    expect(securityHeadersConfig).toMatchObject({
      strictTransportSecurity: { accessControlMaxAgeSec: 63_072_000, includeSubdomains: true },
      contentTypeOptions: { override: true },
      contentSecurityPolicy: {
        contentSecurityPolicy: "default-src 'none'; style-src 'unsafe-inline'; sandbox",
        override: true,
      },
    });
    expect(customHeadersConfig.items).toEqual([
      { header: "Cross-Origin-Resource-Policy", value: "cross-origin", override: true },
      { header: "Vary", value: "Accept, Origin", override: true },
    ]);
  });

  test("there is one distribution, and its address is what the deployment prints and the API knows", () => {
    expect(resourcesOf(graph, /cloudfront\/distribution:/)).toHaveLength(1);
    expect(distribution.enabled).toBe(true);
    const url =
      name === "configured" ? "https://images.example.com" : "https://routercdndistribution.cloudfront.net";
    expect(graph.outputs.url).toBe(url);
    expect(graph.links.Router).toEqual({ url });
  });
});

test("a custom domain has its own certificate, TLS 1.2 at the least, and DNS records", async () => {
  const graph = await graphOf("configured");
  const { aliases, viewerCertificate } = argsOf(graph, /cloudfront\/distribution:/, "RouterCdnDistribution");
  expect(aliases).toEqual(["images.example.com"]);
  expect(viewerCertificate).toEqual({
    acmCertificateArn: expect.stringMatching(/^arn:aws:acm:us-east-1:/),
    sslSupportMethod: "sni-only",
    minimumProtocolVersion: "TLSv1.2_2021",
  });
  // CloudFront accepts only certificates in us-east-1, for a stage in any region.
  const [certificate] = resourcesOf(graph, /certificate:/);
  expect([certificate?.region, certificate?.inputs.domainName, certificate?.inputs.validationMethod]).toEqual(
    ["us-east-1", "images.example.com", "DNS"],
  );
  const records = resourcesOf(graph, /route53\/record:/).map(
    ({ inputs: { type, name, records, aliases } }) => `${type} ${name}: ${records ?? aliases[0].name}`,
  );
  expect(records.sort()).toEqual([
    "A images.example.com: routercdndistribution.cloudfront.net",
    "AAAA images.example.com: routercdndistribution.cloudfront.net",
    "CNAME _validate: _valid",
  ]);
});

test("with a custom domain the distribution's own address answers nothing", async () => {
  for (const path of ["/images", `/media${image}`, "/"]) {
    const { result } = await pass(await graphOf("configured"), path, { host: "d111.cloudfront.net" });
    expect([path, result]).toEqual([path, expect.objectContaining({ statusCode: 403 })]);
  }
});

test("only named origins may read a file's pixels", async () => {
  const corsOf = async (name: "production" | "configured") =>
    argsOf(await graphOf(name), /responseHeadersPolicy:/, "MediaHeaders").corsConfig;
  expect(await corsOf("production")).toBeUndefined();
  expect(await corsOf("configured")).toMatchObject({
    accessControlAllowCredentials: false,
    accessControlAllowOrigins: { items: ["https://app.example.com", "https://admin.example.com"] },
    accessControlAllowMethods: { items: ["GET", "HEAD"] },
    accessControlExposeHeaders: { items: ["etag"] },
    originOverride: true,
  });
});

test("the command of the deployment builds the very files that are uploaded", async () => {
  const graph = await graphOf("production");
  const { create, dir } = argsOf(graph, /command:local:Command/, "PageBuilder");
  const { files } = argsOf(graph, /dynamic:Resource/, "PageAssetFiles.sst.aws.BucketFiles");
  const made = mkdtempSync(join(tmpdir(), "image-page-"));
  try {
    execSync(`${create} -- --outDir ${made} --emptyOutDir --logLevel error`, { cwd: dir, stdio: "pipe" });
    const built = readdirSync(made, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
    const textOf = (path: string) => readFileSync(path, "utf8");
    const found = built.map(({ parentPath, name }) => join(parentPath, name));
    expect(Object.fromEntries(found.map((path) => [path.replace(made, "assets"), textOf(path)]))).toEqual(
      Object.fromEntries(
        files.map(({ key, source }: Record<"key" | "source", string>) => [key, textOf(source)]),
      ),
    );
  } finally {
    rmSync(made, { recursive: true });
  }
});
