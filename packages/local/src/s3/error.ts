/** S3's own error codes, each with its one status. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */

const statuses = {
  AccessControlListNotSupported: 400,
  AccessDenied: 403,
  AccessForbidden: 403,
  AuthorizationHeaderMalformed: 400,
  AuthorizationQueryParametersError: 400,
  BadDigest: 400,
  BucketAlreadyOwnedByYou: 409,
  ConditionalRequestConflict: 409,
  EntityTooLarge: 400,
  EntityTooSmall: 400,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidDigest: 400,
  InvalidPart: 400,
  InvalidPartNumber: 416,
  InvalidPartOrder: 400,
  InvalidPolicyDocument: 400,
  InvalidRange: 416,
  InvalidRequest: 400,
  InvalidStorageClass: 400,
  InvalidToken: 400,
  InvalidURI: 400,
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
  RequestTimeTooSkewed: 403,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  XAmzContentSHA256Mismatch: 400,
} as const;

/** The codes that this endpoint answers with. */
export type Code = keyof typeof statuses;

/** An error response of S3. `detail` becomes further elements of the error document. */
export class S3Error extends Error {
  override readonly name = "S3Error";
  readonly code: Code;
  readonly status: number;
  readonly detail: Readonly<Record<string, string>>;

  constructor(code: Code, message: string, detail: Readonly<Record<string, string>> = {}) {
    super(message);
    this.code = code;
    this.status = statuses[code];
    this.detail = detail;
  }
}

/** Responses to errors of the disk, by Node's error code. Clients repeat a request after a 5xx. */
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

/** Returns the error response for anything thrown. A failed request leaves nothing visible. */
export function errorOf(thrown: unknown): S3Error {
  if (thrown instanceof S3Error) return thrown;
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
  const [name, message] = faults[code] ?? [
    "InternalError",
    "The S3 endpoint failed. Its log says more; the request may be repeated.",
  ];
  return new S3Error(name, message);
}
