/** Whose name this process signs its requests to AWS in, and where. */
export * as Aws from "./aws.ts";

/** A key pair; with `sessionToken` where it is good for a while only. */
export type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string };

let find: () => Promise<Credentials> = async () => fromEnvironment();

/**
 * The credentials to sign with, asked for anew for each request, because they may be renewed at any time. Throws if
 * there are none.
 */
export const credentials = (): Promise<Credentials> => find();

/**
 * Asks `provider` from now on. Lambda and `npm start` say it all in the environment; people have profiles and sign in
 * with a browser, which the AWS SDK's own providers know of.
 */
export function credentialsFrom(provider: () => Promise<Credentials>): void {
  find = provider;
}

/** The region. Throws if the environment does not say. */
export function region(): string {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const region = AWS_REGION || AWS_DEFAULT_REGION;
  if (!region) throw new Error("No AWS region: set AWS_REGION.");
  return region;
}

function fromEnvironment(): Credentials {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw new Error("No AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.");
  }
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
  };
}
