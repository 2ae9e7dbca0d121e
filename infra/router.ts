/**
 * The CloudFront distribution in front of the API, the processed bucket and the gallery.
 *
 * The routes of the API and the gallery are lazy: entries of a key-value store, not origins of the distribution. So the
 * API's `Resource.Router.url` makes no circular dependency.
 */
import { transform } from "esbuild";
import { negotiate } from "../packages/core/src/images/negotiate.ts";
import { cloud } from "./config.ts";
import { firewall } from "./firewall.ts";
import { mediaGroup, originGroups, origins } from "./media.ts";
import { mediaKeys } from "./media-key.ts";
import { apiCache, caching, headers, mediaRequests } from "./policies.ts";
import { originSecret } from "./settings.ts";
import { serveFrom } from "./storage.ts";

// CloudFront accepts 10,240 bytes, and SST's own code with its comments and indentation is more than that. Without its
// import, the code is a script to esbuild, which keeps the name of the handler.
$transform(aws.cloudfront.Function, (args) => {
  args.code = $output(args.code).apply(async (code) => {
    const [imported = ""] = /^\s*import cf from "cloudfront";/.exec(code) ?? [];
    const minify = { minifyWhitespace: true, minifyIdentifiers: true, legalComments: "none" } as const;
    return imported.trim() + (await transform(code.slice(imported.length), minify)).code;
  });
});

export const router = new sst.aws.Router("Router", {
  ...(cloud.domain && { domain: cloud.domain }),
  edge: {
    viewerRequest: {
      injection: $interpolate`
        const sent = event.request;
        // The API accepts requests with this header only. What a client sends under the name is overwritten.
        sent.headers["x-origin-secret"] = { value: "${originSecret.current}" };
        // A cache key for each request of the API. Without it CloudFront would let a second request for a path wait
        // for the response to the first (request collapsing), which takes up to 20 s with \`wait\`.
        sent.headers["x-request-key"] = { value: event.context.requestId };
        const asked = sent.uri;
        // Files need no lookup: their origin is the behaviour's own.
        if (asked.startsWith("/media/")${cloud.domain ? ' && !sent.headers.host.value.includes("cloudfront.net")' : ""}) {
          // Before the cache: its keys are the paths of files, for every value of Accept.
          // Cut, because S3 refuses long headers, and the failover would make that a 404.
          const accept = sent.headers.accept ? sent.headers.accept.value.slice(0, 512) : "";
          sent.headers.accept = { value: accept };
          // Exactly these, and no encoding of them: a path that S3 decodes to a private key would match the behaviour of
          // public files, which asks for no signature.
          const isPlain = asked.startsWith("/media/img_") || asked.startsWith("/media/private/");
          sent.uri = isPlain ? (${negotiate.toString()})(asked.slice("/media".length), accept) : "/-";
          if (sent.method !== "OPTIONS") return sent;
          // S3 refuses the preflight of a bucket without CORS rules. Any page may send the request that follows; the
          // response says which origins may read it.
          const wanted = sent.headers["access-control-request-headers"];
          const headers = {
            allow: { value: "GET, HEAD, OPTIONS" },
            "access-control-allow-origin": { value: "*" },
            "access-control-max-age": { value: "7200" },
          };
          if (wanted) headers["access-control-allow-headers"] = { value: wanted.value };
          return { statusCode: 204, headers };
        }
        // SST keeps a site under one prefix. The gallery is at "/", and its files are at "/assets/...".
        if (asked === "/") sent.uri = "/assets/index.html";
        else if (asked.startsWith("/assets/")) sent.uri = "/assets" + asked;
        // The URL that SST prints for the site.
        if (asked === "/assets" || asked === "/assets/") {
          return { statusCode: 302, headers: { location: { value: "/" } } };
        }
      `,
    },
  },
  transform: {
    cachePolicy: apiCache,
    cdn: (args) => {
      // The origin of a request that no route takes, as none does while the key-value store cannot be read. It must
      // not resolve: SST's default would send the request with its `Authorization` over plain HTTP to a host of SST's.
      args.origins = [
        {
          originId: "default",
          domainName: "unrouted.invalid",
          customOriginConfig: {
            httpPort: 80,
            httpsPort: 443,
            originProtocolPolicy: "https-only",
            originReadTimeout: 20,
            originSslProtocols: ["TLSv1.2"],
          },
        },
        ...origins,
      ];
      args.originGroups = originGroups;
      if (firewall) args.transform = { distribution: { webAclId: firewall } };
      const behavior = $output(args.defaultCacheBehavior);
      args.defaultCacheBehavior = behavior.apply((api) => ({
        ...api,
        responseHeadersPolicyId: headers.api,
      }));
      const files = behavior.apply(({ targetOriginId, viewerProtocolPolicy, functionAssociations }) => ({
        targetOriginId,
        viewerProtocolPolicy,
        functionAssociations,
        allowedMethods: ["GET", "HEAD", "OPTIONS"],
        cachedMethods: ["GET", "HEAD"],
      }));
      const gallery = files.apply((file) => ({
        ...file,
        compress: true,
        // The gallery is read by its own origin alone, which sends no preflight.
        allowedMethods: ["GET", "HEAD"],
        cachePolicyId: caching.gallery,
        responseHeadersPolicyId: headers.gallery,
      }));
      const media = files.apply((file) => ({
        ...file,
        targetOriginId: mediaGroup,
        compress: false,
        cachePolicyId: caching.media,
        originRequestPolicyId: mediaRequests,
        responseHeadersPolicyId: headers.media,
      }));
      args.orderedCacheBehaviors = [
        // Before `/media/*`: the first pattern that matches decides. CloudFront verifies the signature of every request,
        // also where it has the file in its cache, whose key is the path alone.
        media.apply((each) => ({
          ...each,
          pathPattern: "/media/private/*",
          trustedKeyGroups: [mediaKeys.id],
        })),
        media.apply((each) => ({ ...each, pathPattern: "/media/*" })),
        gallery.apply((each) => ({ ...each, pathPattern: "/" })),
        gallery.apply((each) => ({ ...each, pathPattern: "/assets/*" })),
      ];
    },
  },
});

serveFrom({ url: router.url, arn: router.nodes.cdn.nodes.distribution.arn });
