/** The HTTP API, behind the router. */
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { documentsOf } from "../packages/functions/src/http/documents.ts";
import { cloud } from "./config.ts";
import { common } from "./function.ts";
import { mediaKey } from "./media-key.ts";
import { deadLetters, deliveries, imports, processing } from "./queues.ts";
import { router } from "./router.ts";
import { cursorKey, originSecretLink, settings } from "./settings.ts";
import { uploads } from "./storage.ts";
import { images, indexArn, itemRight, recordRights } from "./table.ts";

/**
 * The converters that hono-openapi imports to write the OpenAPI document, which happens before a deployment. These
 * `import()`s never run in the function; without this list esbuild would add 300 KB of them to the bundle.
 */
const converters = ["@valibot/to-json-schema", "effect", "sury", "zod", "zod-openapi", "zod-to-json-schema"];

/** The script of the page at `/docs`. */
const scalar = "node_modules/@scalar/api-reference/dist/browser/standalone.js";

/** Serves every route of the API. */
export const api = new sst.aws.Function("Api", {
  ...common,
  handler: "packages/functions/src/api.handler",
  nodejs: { ...common.nodejs, esbuild: { external: converters } },
  timeout: "30 seconds",
  memory: "1024 MB",
  ...(cloud.apiConcurrencyReserved > 0 && { concurrency: { reserved: cloud.apiConcurrencyReserved } }),
  // Next to the bundle, because every cold start would parse them inside it. A hook, because SST's `copyFiles` puts a
  // file into the archive twice.
  hook: {
    postbuild: async (folder) => {
      await copyFile("packages/functions/openapi.json", join(folder, "openapi.json"));
      await copyFile(scalar, join(folder, "scalar.js"));
      await writeFile(join(folder, "documents.json"), JSON.stringify(documentsOf(".")));
    },
  },
  // The API handles CORS itself, by `CORS_ORIGINS`; SST's default admits every origin.
  url: { cors: false },
  link: [
    uploads,
    images,
    processing,
    imports,
    deliveries,
    deadLetters,
    router,
    cursorKey,
    mediaKey,
    originSecretLink,
    settings,
  ],
  permissions: [
    ...recordRights,
    itemRight(["dynamodb:BatchGetItem"], "image", "usage"),
    itemRight(["dynamodb:GetItem"], "owner", "key"),
    itemRight(["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], "owner"),
    itemRight(["dynamodb:Query"], "image", "term", "owner", "tally"),
    itemRight(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"], "webhook", "secret"),
    itemRight(["dynamodb:UpdateItem"], "webhook"),
    itemRight(["dynamodb:GetItem", "dynamodb:Query"], "delivery"),
    {
      actions: ["dynamodb:Query"],
      resources: [indexArn("gsi1"), indexArn("gsi2"), indexArn("gsi3"), indexArn("gsi6")],
    },
    // For presigned uploads, whose keys are `owner/image`.
    {
      actions: ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
      resources: [$interpolate`${uploads.arn}/*/img_*`],
    },
    // For presigned downloads of originals, under any key.
    { actions: ["s3:GetObject", "s3:DeleteObject"], resources: [$interpolate`${uploads.arn}/*`] },
    { actions: ["sqs:SendMessage"], resources: [processing.arn, imports.arn] },
    // For the queue lengths in `GET /stats`.
    { actions: ["sqs:GetQueueAttributes"], resources: [processing.arn, deadLetters.arn] },
  ],
});

// More than CloudFront's default of 20 s, which is the longest `wait`.
router.route("/", api.url, { readTimeout: "30 seconds" });
