/**
 * The few requests to S3 and SQS that the API makes, signed by hand: their clients would add 740 KB to its bundle.
 */
import { AwsClient } from "aws4fetch";
import { Table } from "./table.ts";

/** A signer with this process's credentials, which the DynamoDB client finds and renews. */
export async function signer(service: "s3" | "sqs"): Promise<AwsClient> {
  const [credentials, region] = await Promise.all([
    Table.client.config.credentials(),
    Table.client.config.region(),
  ]);
  return new AwsClient({ ...credentials, region, service, retries: 3 });
}
