/** S3's own error codes, each with its one status. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
import { SignatureError } from "../sigv4.ts";

const statuses = {
  AccessControlListNotSupported: 400,
  AccessDenied: 403,
  AccessForbidden: 403,
  BadDigest: 400,
  BucketAlreadyOwnedByYou: 409,
  ConditionalRequestConflict: 409,
  EntityTooLarge: 400,
  EntityTooSmall: 400,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidArgument: 400,
  InvalidDigest: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidPolicyDocument: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidStorageClass: 400,
  KeyTooLongError: 400,
  MalformedPOSTRequest: 400,
  MalformedTrailerError: 400,
  MalformedXML: 400,
  MaxPostPreDataLengthExceeded: 400,
  MetadataTooLarge: 400,
  MethodNotAllowed: 405,
  MissingContentLength: 411,
  MissingSecurityHeader: 400,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchUpload: 404,
  NotImplemented: 501,
  PreconditionFailed: 412,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  XAmzContentSHA256Mismatch: 400,
} as const;

/** An answer that S3 would give. `detail` becomes further elements of the error document. */
export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly code: keyof typeof statuses | SignatureError["code"];
  readonly status: number;
  readonly detail: Readonly<Record<string, string>>;

  constructor(code: keyof typeof statuses, message: string, detail: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.status = statuses[code];
    this.detail = detail;
  }
}

/** What to do about a fault of the disk, by Node's error code. Clients repeat a request that got a 5xx. */
const faults: Record<string, readonly ["ServiceUnavailable" | "InternalError", string]> = {
  ENOSPC: ["ServiceUnavailable", "The disk is full. Free some space and repeat the request."],
  EDQUOT: ["ServiceUnavailable", "The disk quota is used up. Free some space and repeat the request."],
  EMFILE: [
    "ServiceUnavailable",
    "Too many files are open. Raise `ulimit -n` or send fewer requests at once.",
  ],
  EROFS: ["InternalError", "The data folder is on a read-only file system. Make it writable."],
  EACCES: ["InternalError", "The data folder may not be written. Give this user the right to."],
  EPERM: ["InternalError", "The data folder may not be written. Give this user the right to."],
};

/** The answer to whatever was thrown. Nothing that a failed request sent is visible afterwards. */
export function errorOf(thrown: unknown): S3Error | SignatureError {
  if (thrown instanceof S3Error || thrown instanceof SignatureError) return thrown;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const [name, message] = faults[code] ?? [
    "InternalError",
    "The S3 endpoint failed. Its log says more; the request may be repeated.",
  ];
  return new S3Error(name, message);
}
