/**
 * The origins of `/media/…`: the processed bucket and, for files that it does not have, a function. It makes lazy files
 * if the recipe has any, and else only responds 404.
 */
import { hasLazy, recipe } from "../packages/core/src/engine/recipe.ts";
import { cloud, pipeline } from "./config.ts";
import { common } from "./function.ts";
import { originSecret, originSecretLink, settings } from "./settings.ts";
import { processedArn, processedHost, processedLink, uploads, variants } from "./storage.ts";
import { images, itemRight } from "./table.ts";

/** Not a stub under `sst dev`, which would make CloudFront wait for the developer's machine. */
const second = { ...common, dev: false, url: { cors: false } } as const;

/** Responds 404 with a problem. S3 responds 403 with XML, because the distribution must not list the bucket. */
const missing = () => ({
  timeout: 5,
  fn: new sst.aws.Function("Missing", {
    ...second,
    handler: "packages/functions/src/missing.handler",
    timeout: "5 seconds",
    memory: "128 MB",
  }),
});

/** Makes and stores lazy files, and responds 404 to requests for any other file. */
function renderer() {
  // CloudFront waits for 60 seconds at most.
  const timeout = Math.min(60, pipeline.decodeSecondsMax + 10);
  const fn = new sst.aws.Function("Renderer", {
    ...second,
    handler: "packages/functions/src/renderer.handler",
    timeout: `${timeout} seconds`,
    memory: `${cloud.processorMemoryMB} MB`,
    ...(cloud.processorConcurrencyReserved &&
      !$dev && { concurrency: { reserved: cloud.processorConcurrencyMax } }),
    nodejs: { ...common.nodejs, install: ["sharp", "libheif-js"] },
    link: [uploads, images, originSecretLink, settings],
    environment: processedLink,
    permissions: [
      { actions: ["s3:GetObject"], resources: [$interpolate`${uploads.arn}/*`] },
      {
        actions: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
        resources: variants,
      },
      // So that a missing object is a 404, not a 403.
      { actions: ["s3:ListBucket"], resources: [uploads.arn, processedArn] },
      itemRight(["dynamodb:GetItem"], "image"),
      itemRight(["dynamodb:UpdateItem"], "usage"),
    ],
  });
  return { timeout, fn };
}

const { fn, timeout } = hasLazy(recipe) ? renderer() : missing();

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
    domainName: fn.url.apply((url) => new URL(url).host),
    // The renderer accepts requests with this header only.
    customHeaders: [{ name: "x-origin-secret", value: originSecret.current }],
    customOriginConfig: {
      httpPort: 80,
      httpsPort: 443,
      originProtocolPolicy: "https-only",
      originReadTimeout: timeout,
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
