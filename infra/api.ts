/** The HTTP API, behind the router. */
import { common } from "./function.ts";
import { deadLetters, processing } from "./queues.ts";
import { router } from "./router.ts";
import { cursorKey, settings } from "./settings.ts";
import { uploads } from "./storage.ts";
import { images, indexArn, itemRight, recordRights } from "./table.ts";

export const api = new sst.aws.Function("Api", {
  ...common,
  handler: "packages/functions/src/api.handler",
  timeout: "30 seconds",
  memory: "1024 MB",
  // Beside the bundle: within it, every start would read it, and hardly anybody asks for it.
  copyFiles: [{ from: "packages/functions/openapi.json", to: "openapi.json" }],
  // The API answers CORS itself, by setting; SST's default would be every origin.
  url: { cors: false },
  link: [uploads, images, processing, deadLetters, router, cursorKey, settings],
  permissions: [
    ...recordRights,
    itemRight(["dynamodb:BatchGetItem"], "image"),
    itemRight(["dynamodb:GetItem"], "owner", "key"),
    itemRight(["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], "owner"),
    itemRight(["dynamodb:Query"], "image", "tally"),
    { actions: ["dynamodb:Query"], resources: [indexArn("gsi1"), indexArn("gsi2"), indexArn("gsi3")] },
    // Signed on behalf of whoever announced: only keys of the form owner/image.
    {
      actions: ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
      resources: [$interpolate`${uploads.arn}/*/img_*`],
    },
    // The original, signed for its owner; whatever key it came under.
    { actions: ["s3:GetObject", "s3:DeleteObject"], resources: [$interpolate`${uploads.arn}/*`] },
    { actions: ["sqs:SendMessage"], resources: [processing.arn] },
    // How much waits, for the figures.
    { actions: ["sqs:GetQueueAttributes"], resources: [processing.arn, deadLetters.arn] },
  ],
});

// CloudFront waits 20 s by itself, which is how long `wait` may hold an answer.
router.route("/", api.url, { readTimeout: "30 seconds" });
