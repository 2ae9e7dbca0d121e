/** Errors of the hooks. */
import { ClientError, type Image } from "@image-pipeline/client";

/** Returns an error as a `ClientError`. An error of the app, such as of its `token` function, is `unexpected_answer`. */
export function errorOf(error: unknown): ClientError {
  if (error instanceof ClientError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ClientError("unexpected_answer", message, { cause: error });
}

/** Returns the error of an image that is `rejected` or `failed`, otherwise undefined. */
export function faultOf({ status, error }: Image): ClientError | undefined {
  if (status !== "rejected" && status !== "failed") return undefined;
  return new ClientError(error?.code ?? status, error?.message ?? `The image is ${status}.`);
}
