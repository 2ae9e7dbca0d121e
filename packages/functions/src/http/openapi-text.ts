/** The prose of the OpenAPI document: guide, limits and error codes, in Markdown. */
import type { Code as Rejection } from "@image-pipeline/core/engine/rejection";
import type { ImportCode } from "@image-pipeline/core/records/message";
import { problems } from "./problem.ts";

export const tags = [
  { name: "Images", description: "Images, their variants and their audit trail." },
  {
    name: "Uploads",
    description:
      "Presigned S3 requests for uploaders such as Uppy, and for multipart uploads. See [Multipart uploads](#description/multipart-uploads).",
  },
  {
    name: "Webhooks",
    description:
      "Endpoints that receive the events of images, signed by the Standard Webhooks specification. See [Webhooks](#description/webhooks).",
  },
  { name: "Service", description: "Health, statistics and the documentation of this API." },
];

/** The meaning of each code of a rejected or failed image. A code without an entry does not compile. */
const rejections: Record<Rejection | ImportCode | "processing_failed", string> = {
  empty_file: "The file has no bytes.",
  too_many_bytes: "The file is larger than the limit.",
  unsupported_format: "The bytes are not of a supported format. File name and content type do not count.",
  unsupported_codec: "The container format is supported, its codec is not.",
  too_many_pixels: "Width times height is over the limit.",
  side_too_long: "The width or the height is over the limit.",
  too_many_frames: "The animation has more frames than the limit.",
  too_many_scans: "The JPEG has more scans than the limit.",
  too_much_metadata: "The EXIF data is larger than the limit.",
  corrupt_image: "The file is damaged or truncated.",
  too_slow: "Decoding took longer than the limit.",
  too_much_memory: "Decoding needed more memory than the limit.",
  import_refused:
    "The URL or a redirect of it leads to an address that is not public or to another port, has too many redirects, or the response is encoded.",
  import_unavailable: "The source responded with another status than 200.",
  import_unreachable: "The source could not be reached: DNS, TCP, TLS or HTTP failed.",
  import_too_large: "The file of the source is larger than the limit.",
  import_timeout: "The source did not send the file within 20 seconds.",
  import_interrupted: "The import was lost. Import the URL again.",
  processing_failed: "The pipeline failed. It retries later, and at once after a reprocess.",
};

const table = (head: string[], rows: (string | number)[][]) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

export const description = `Upload images, get optimized variants, and find them again.

\`POST /images\` creates a \`pending\` image and returns a presigned upload URL. After the upload, poll \`GET /images/{id}\` until it is \`ready\`, \`rejected\` or \`failed\`. Each variant has its own URL, which never changes.

For client generators: [openapi.json](/openapi.json) (OpenAPI 3.1). For coding agents: [llms.txt](/llms.txt), this documentation as Markdown.

## Authentication

Send \`Authorization: Bearer\` with an API key or with a token (JWT) of the trusted issuer. A user sees its own images only. An API key has scopes: \`images:read\`, \`images:write\`, and \`service\`, which may act for every owner. In embedded mode (\`npm start\`) there is no authentication.

## Uploading an image

**1. Create the image** with the file's name, content type and exact size. The content type may be an alias such as \`image/jpg\`, or \`application/octet-stream\` if it is unknown; \`upload.headers\` has the one to send. The response is the \`pending\` image with \`upload\`, the presigned request that uploads the file. With \`sha256\`, S3 verifies the file; and if you already have an image with this hash, S3 copies its file: the response is 200 with the new image and without \`upload\`. Continue with step 3.

\`\`\`sh
curl -X POST "$API/images" \\
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  -d '{ "filename": "photo.jpg", "contentType": "image/jpeg", "bytes": 3481190 }'
\`\`\`

**2. Upload the file** to \`upload.url\` with exactly the headers in \`upload.headers\`, and without your token.

\`\`\`sh
curl -T photo.jpg "$UPLOAD_URL" -H "Content-Type: image/jpeg" -H "If-None-Match: *"
\`\`\`

S3 responds with XML:

${table(
  ["Status", "Meaning"],
  [
    ["200", "The file is uploaded."],
    ["412", "The file was already uploaded by an earlier attempt. Continue with step 3."],
    [
      "403",
      "Size, content type or a header differs from the created image, or `upload.expiresAt` has passed. Create a new image.",
    ],
    ["400", "The file does not match `sha256`."],
    ["5xx or none", "Send the same request again."],
  ],
)}

With \`"method": "POST"\` in step 1, upload the file as a form instead: every field of \`upload.fields\`, and the file last. The response is 204.

\`\`\`sh
curl "$UPLOAD_URL" -F "key=$KEY" -F "Content-Type=image/jpeg" -F … -F "file=@photo.jpg"
\`\`\`

**3. Wait** until the image is \`ready\`, \`rejected\` or \`failed\`: get it again after the \`Retry-After\` seconds of each response, with its \`ETag\` in \`If-None-Match\`. An unchanged image is a 304. After a restart, an app gets up to 100 images at once with \`GET /images?id=…&id=…\`. A server need not poll: see [Webhooks](#description/webhooks).

\`\`\`sh
curl -i "$API/images/$ID" -H "Authorization: Bearer $TOKEN" -H 'If-None-Match: W/"v1"'
\`\`\`

In a script, \`?wait=20\` delays the response until the image is final, or for 20 seconds. An app should poll: a request that waits holds one of the stage's concurrent executions, which the processing of the image needs as well.

**4. Show** \`variants.small.url\`, or the variant that is as wide as you need. Its URL may be cached forever. Until it is loaded, show \`placeholder.thumbhash\` or \`placeholder.color\`. For a rejected image, show the reason: see [Rejected images](#description/rejected-images).

## Importing from a URL

With \`from\` in place of the upload's fields, the pipeline gets the file itself. The response is 202 with the \`pending\` image.

\`\`\`sh
curl -X POST "$API/images" \\
  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
  -d '{ "from": { "url": "https://example.com/photo.jpg" }, "tags": ["imported"] }'
\`\`\`

The URL must be https, lead to a public address on port 443 or 80, and respond with 200 within 20 seconds; at most three redirects are followed. \`from.headers\`, such as \`Authorization\`, go to the URL's own origin only. Network errors, 5xx and 429 are tried four times within about six minutes, later if the source sends \`Retry-After\`. An import counts against the quotas like an upload of the largest size. \`source.url\` is the URL without its query. An import that brought no file is \`rejected\` or \`failed\` with a code that begins with \`import_\`: import the URL again, because there is nothing to reprocess.

## Multipart uploads

A multipart upload survives broken connections: only the current part is lost. Create the image as above, ignore \`upload\`, and have each of these S3 requests presigned by \`POST /uploads/sign\`, with the image's \`source.key\` as \`key\`. Then send it with the \`url\` and \`headers\` of the response.

${table(
  ["Body of `POST /uploads/sign`", "S3 request"],
  [
    ['`{ "method": "POST", key }`', "CreateMultipartUpload. The response's XML has the `UploadId`."],
    [
      '`{ "method": "PUT", key, uploadId, partNumber, bytes }`',
      "UploadPart. Part numbers start at 1; every part but the last has at least 5 MiB.",
    ],
    ['`{ "method": "GET", key, uploadId }`', "ListParts, to resume."],
    [
      '`{ "method": "POST", key, uploadId }`',
      "CompleteMultipartUpload. The body lists the parts: `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>…</ETag></Part>…`",
    ],
    ['`{ "method": "DELETE", key, uploadId }`', "AbortMultipartUpload."],
  ],
)}

## Webhooks

\`POST /webhooks\` creates an endpoint of your server. It receives a POST of \`{ "type", "timestamp", "data" }\` for each event; \`data\` is the image as \`GET /images/{id}\` returned it by then, without private files; of \`image.deleted\`, as it was.

${table(
  ["Event", "Meaning"],
  [
    ["`image.ready`", "The variants exist, also after a reprocess."],
    ["`image.rejected`", "The file is at fault; `data.error` says why."],
    ["`image.failed`", "The pipeline failed. It retries later."],
    ["`image.updated`", "A caller changed the image, put it into the trash (`data.status`) or restored it."],
    ["`image.deleted`", "The image was deleted, through the API or from the bucket."],
  ],
)}

Verify \`webhook-signature\` with a library of the [Standard Webhooks](https://www.standardwebhooks.com) specification and the secret of the endpoint, and respond with 2xx within 15 seconds. Any other response, a redirect included, is a failed attempt. There are ten in about three days: at once, then after 5 seconds, 5 and 30 minutes, 2, 5, 10, 14, 20 and 24 hours, or later if \`Retry-After\` says so. A 410, or three days without a success, disables the endpoint (\`disabledReason\`).

Messages may come twice and in any order: \`webhook-id\` is the same for every attempt, and of two messages about an image the one with the higher \`data.version\` is newer. Above 20 KB, \`data\` is without \`alt\`, \`metadata\`, \`regions\` and \`tags\`, and the message has \`"truncated": true\`.

## Retries and concurrency

Every response has \`X-Request-Id\`. After a 429 or 503, retry after \`Retry-After\` seconds. After a 500 or without a response, retry with backoff. Send a POST again with the same \`Idempotency-Key\`: it runs once, and gets the same response for a day, with a new presigned URL once the first has expired. After a crash in the middle the repetition continues the same image, for at most a minute with a 409 \`request_in_progress\`. The same key with another body is a 422. GET, PATCH and DELETE may be sent again as they are.

Every image has an \`ETag\`. With \`If-None-Match\`, getting an unchanged image is a 304 without a body. With \`If-Match\`, a change is made only if the image still has that version; otherwise the response is 412.

## Pagination

Lists are paginated: repeat the request with the page's \`nextCursor\` and the same filters until a page has none.

## Compatibility

New fields, codes, statuses and event types may be added at any time: ignore those that you do not know. Values that may grow are strings, with the current ones in \`x-extensible-enum\`. A field without a value is absent; \`null\` is never sent. Times are in UTC and whole seconds.

## Rejected images

\`error.code\` of an image that is \`rejected\` (the file is at fault, permanently) or \`failed\` (the pipeline is at fault). Limits differ by stage; \`error.message\` states them. More codes may be added.

${table(
  ["Code", "Meaning"],
  Object.entries(rejections).map(([code, meaning]) => [`\`${code}\``, meaning]),
)}

## Error codes

Errors are problems (RFC 9457) of type \`application/problem+json\`. More codes may be added.

${table(
  ["Code", "Status", "Title"],
  Object.entries(problems).map(([code, { status, title }]) => [`\`${code}\``, status, title]),
)}
`;
