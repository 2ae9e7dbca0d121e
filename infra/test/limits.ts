/**
 * AWS's hard limits on what the app deploys, by service, each with its source. A limit measures every resource of its
 * type.
 *
 * Quotas that AWS raises on request are here with their defaults, because a new account has those.
 */
import { cloudfrontLimits } from "./limits/cloudfront.ts";
import { cloudwatchLimits } from "./limits/cloudwatch.ts";
import { dynamodbLimits } from "./limits/dynamodb.ts";
import { iamLimits } from "./limits/iam.ts";
import { lambdaLimits } from "./limits/lambda.ts";
import type { Limit } from "./limits/limit.ts";
import { otherLimits } from "./limits/other.ts";
import { s3Limits } from "./limits/s3.ts";
import { sqsLimits } from "./limits/sqs.ts";
import { wafLimits } from "./limits/waf.ts";

/** All limits. */
export const limits: Limit[] = [
  ...cloudfrontLimits,
  ...lambdaLimits,
  ...iamLimits,
  ...sqsLimits,
  ...dynamodbLimits,
  ...s3Limits,
  ...cloudwatchLimits,
  ...wafLimits,
  ...otherLimits,
];
