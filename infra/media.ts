/** The origins of `/media/…`: the processed bucket and, for files that it does not have, a function that responds 404. */
import { common } from "./function.ts";
import { processedHost } from "./storage.ts";

/** Responds 404 with a problem. S3 responds 403 with XML, because the distribution must not list the bucket. */
const missing = new sst.aws.Function("Missing", {
  ...common,
  handler: "packages/functions/src/missing.handler",
  // Not a stub under `sst dev`, which would make CloudFront wait for the developer's machine.
  dev: false,
  timeout: "5 seconds",
  memory: "128 MB",
  url: { cors: false },
});

const access = new aws.cloudfront.OriginAccessControl("ProcessedAccess", {
  originAccessControlOriginType: "s3",
  signingBehavior: "always",
  signingProtocol: "sigv4",
});

/** The id of the origin group, which the behaviour of `/media/*` targets. */
export const mediaGroup = "media";

/** The origins of the distribution that `originGroups` refers to. */
export const origins = [
  {
    originId: "processed",
    domainName: processedHost,
    originAccessControlId: access.id,
  },
  {
    originId: "missing",
    domainName: missing.url.apply((url) => new URL(url).host),
    customOriginConfig: {
      httpPort: 80,
      httpsPort: 443,
      originProtocolPolicy: "https-only",
      originReadTimeout: 5,
      originSslProtocols: ["TLSv1.2"],
    },
  },
];

/**
 * Fails over from the bucket to the function, as AWS's own sample does
 * (https://github.com/aws-samples/image-optimization): where S3 responds 403, because the distribution may not list the
 * bucket, 404, or 400 to a key that is too long. CloudFront sends the same request to the second origin, for GET, HEAD
 * and OPTIONS. https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/RequestAndResponseBehaviorOriginGroups.html
 */
export const originGroups = [
  {
    originId: mediaGroup,
    failoverCriteria: { statusCodes: [400, 403, 404] },
    members: [{ originId: "processed" }, { originId: "missing" }],
  },
];
