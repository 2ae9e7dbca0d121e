/**
 * CORS of the uploads bucket: the gallery and the origins in `CORS_ORIGINS` may upload.
 *
 * Apart from the bucket because it names the router, whose page policy names the bucket.
 */
import { pipeline } from "./config.ts";
import { router } from "./router.ts";
import { uploads } from "./storage.ts";

new aws.s3.BucketCorsConfigurationV2("UploadsCors", {
  bucket: uploads.name,
  corsRules: [
    {
      allowedOrigins: [router.url, ...pipeline.corsOrigins],
      // DELETE: a multipart upload that its user aborts.
      allowedMethods: ["GET", "HEAD", "PUT", "POST", "DELETE"],
      allowedHeaders: ["content-type", "if-none-match", "range", "x-amz-checksum-sha256"],
      exposeHeaders: ["ETag"],
      maxAgeSeconds: 7200,
    },
  ],
});
