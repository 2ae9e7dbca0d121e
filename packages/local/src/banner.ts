/** The text that `npm start` prints when it is ready. */
import { renderUnicodeCompact } from "uqr";
import type { Cloud } from "./cloud.ts";
import { names } from "./environment.ts";

/** Returns the banner: URLs, keys, the first commands and, for clients on other machines, a QR code of the URL. */
export function banner(cloud: Cloud, { dataDir, host }: { dataDir: string; host: string }): string {
  const { url, publicUrl, s3Url, dynamodbUrl, region, credentials, notes } = cloud;
  const { accessKeyId, secretAccessKey } = credentials;
  const keys = `AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey} AWS_DEFAULT_REGION=${region}`;
  return `
  The image pipeline is ready. Open ${url} and drop an image on the page.

    Gallery      ${url}
    API          ${url.padEnd(24)} reference at /docs, files at /media
    S3           ${s3Url.padEnd(24)} buckets ${names.uploads} and ${names.processed}
    DynamoDB     ${dynamodbUrl.padEnd(24)} table ${names.table}
    Region       ${region.padEnd(24)} access key ${accessKeyId}, secret ${secretAccessKey}
    Data         ${dataDir}
${publicUrl === url ? "" : forOtherMachines(publicUrl, host)}${notes.map((note) => `\n  ${note}\n`).join("")}
  Upload an image and list it:
    ${keys} \\
      aws --endpoint-url ${s3Url} s3 cp docs/sample.jpg s3://${names.uploads}/sample.jpg
    curl ${url}/images

  Ctrl-C stops it. The data stays.
`;
}

function forOtherMachines(publicUrl: string, host: string): string {
  const who = host === "" ? "Everyone who knows this URL" : "Everyone in this network";
  return `
  From other machines: ${publicUrl}
  ${who} can read, upload and delete images here without a key.

${renderUnicodeCompact(publicUrl, { border: 1 }).replace(/^/gm, "    ")}
`;
}
