import type { Cloud } from "./cloud.ts";
import { names } from "./environment.ts";

/** What `npm start` prints when all is up: where things are, and two commands to try. */
export function banner({ url, s3Url, dynamodbUrl, region, credentials }: Cloud, dataDir: string): string {
  const { accessKeyId, secretAccessKey } = credentials;
  const keys = `AWS_ACCESS_KEY_ID=${accessKeyId} AWS_SECRET_ACCESS_KEY=${secretAccessKey} AWS_DEFAULT_REGION=${region}`;
  return `
  Image pipeline, whole on this machine

    Front door   ${url.padEnd(24)} the gallery and the API; files under /media
    S3           ${s3Url.padEnd(24)} buckets ${names.uploads} and ${names.processed}
    DynamoDB     ${dynamodbUrl.padEnd(24)} table ${names.table}
    Region       ${region.padEnd(24)} access key ${accessKeyId}, secret ${secretAccessKey}
    Data         ${dataDir}

  Try it
    ${keys} \\
      aws --endpoint-url ${s3Url} s3 cp photo.jpg s3://${names.uploads}/photo.jpg
    curl ${url}/images

  Ctrl-C stops it; the next start finds everything again.
`;
}
