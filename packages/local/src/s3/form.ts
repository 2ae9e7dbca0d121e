/** The form of a browser's POST upload: its fields, the file as a stream after them, and the policy that covers them. */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { Busboy, type BusboyHeaders, type BusboyInstance } from "@fastify/busboy";
import * as v from "valibot";
import { S3Error } from "./error.ts";

/** Limits of S3 for the fields before the file. */
const fieldBytesMax = 20 << 10;
const fieldsMax = 100;

export type Form = {
  /** By lower-case name. Fields after the file are not read. */
  fields: Map<string, string>;
  /** The file's name without folders, or an empty string. */
  filename: string;
  file: AsyncIterable<Buffer>;
  /** Resolves at the end of the form; rejects if it breaks off or is malformed. */
  ended: Promise<void>;
};

/** Reads up to the file. Throws `MalformedPOSTRequest`, or `InvalidArgument` if there is no file. */
export async function readForm(message: IncomingMessage, contentType: string): Promise<Form> {
  const { promise, resolve, reject } = Promise.withResolvers<Form>();
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => {}); // If the form is never returned, `promise` rejects with the same error.
  const busboy = parserFor({ ...message.headers, "content-type": contentType });
  const fields = new Map<string, string>();
  let fieldBytes = 0;
  let file: Readable | undefined;
  const fail = (error: S3Error) => {
    message.unpipe(busboy);
    file?.destroy(error);
    ended.reject(error);
    reject(error);
  };
  busboy.on("field", (name, value) => {
    if (file) return;
    fieldBytes += Buffer.byteLength(name) + Buffer.byteLength(value);
    if (fieldBytes > fieldBytesMax)
      fail(
        new S3Error(
          "MaxPostPreDataLengthExceeded",
          "Your POST request fields preceding the upload file were too large.",
        ),
      );
    fields.set(name.toLowerCase(), value);
  });
  busboy.on("file", (_, stream, filename) => {
    file = stream;
    stream.on("error", () => {}); // A reader gets the error; without one it must not end the process.
    resolve({ fields, filename: filename ?? "", file: bytesOf(stream), ended: ended.promise });
  });
  busboy.on("finish", () => {
    if (!file) fail(new S3Error("InvalidArgument", "POST requires exactly one file upload per request."));
    ended.resolve();
  });
  busboy.on("error", (cause) => fail(malformed(cause instanceof Error ? cause.message : String(cause))));
  message.on("close", () => {
    if (!message.complete) fail(malformed("It breaks off."));
  });
  message.pipe(busboy);
  return await promise;
}

function parserFor(headers: BusboyHeaders): BusboyInstance {
  try {
    return new Busboy({
      headers,
      limits: { files: 1, fields: fieldsMax, fieldSize: fieldBytesMax },
      isPartAFile: (name) => name?.toLowerCase() === "file",
    });
  } catch (cause) {
    throw malformed(String(cause)); // No boundary.
  }
}

async function* bytesOf(stream: Readable): AsyncGenerator<Buffer> {
  try {
    yield* stream;
  } catch (cause) {
    throw cause instanceof S3Error ? cause : malformed(String(cause));
  }
}

const malformed = (why: string) =>
  new S3Error(
    "MalformedPOSTRequest",
    `The body of your POST request is not well-formed multipart/form-data. ${why}`,
  );

const Text = v.pipe(v.union([v.string(), v.number(), v.boolean()]), v.transform(String));
const Bytes = v.pipe(Text, v.regex(/^\d{1,15}$/), v.transform(Number));
const Name = v.pipe(
  v.string(),
  v.startsWith("$"),
  v.transform((name) => name.slice(1).toLowerCase()),
);
const operator = <T extends string>(name: T) => v.pipe(v.string(), v.toLowerCase(), v.literal(name));

const Condition = v.union([
  v.tuple([operator("eq"), Name, Text]),
  v.tuple([operator("starts-with"), Name, Text]),
  v.tuple([operator("content-length-range"), Bytes, Bytes]),
  // { "field": "value" } is short for eq.
  v.pipe(
    v.record(v.string(), Text),
    v.transform((pairs) => Object.entries(pairs)),
    v.length(1),
    v.transform((pairs): ["eq", string, string] => [
      "eq",
      pairs[0]?.[0].toLowerCase() ?? "",
      pairs[0]?.[1] ?? "",
    ]),
  ),
]);

/** A time that never arrives, such as a 30th of February, would be a policy that never expires. */
const Expiration = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.endsWith("Z"),
  v.transform((text) => ({ text, ms: Date.parse(text) })),
  v.check(
    ({ text, ms }) => !Number.isNaN(ms) && new Date(ms).toISOString().slice(0, 19) === text.slice(0, 19),
    "Invalid 'expiration' value: there is no such time",
  ),
  v.transform(({ ms }) => ms),
);

const Policy = v.strictObject({ expiration: Expiration, conditions: v.array(Condition) });

/** The size in bytes that the policy allows for the file. */
export type Bounds = { bytesMin: number; bytesMax: number };

/** Fields that need no condition in the policy. */
const exempt = new Set(["policy", "x-amz-signature", "awsaccesskeyid", "signature", "file", "bucket"]);

/**
 * Checks the fields of a form, by lower-case name and with `bucket` and the final `key` among them, against its policy
 * (base64). Returns the bounds for the file. Throws `InvalidPolicyDocument`, or `AccessDenied` with the condition that
 * failed. https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 */
export function checkPolicy(encoded: string, fields: ReadonlyMap<string, string>, now: number): Bounds {
  const { expiration, conditions } = parsePolicy(encoded);
  if (expiration <= now) throw denied("Policy expired.");
  const bounds: Bounds = { bytesMin: 0, bytesMax: Number.POSITIVE_INFINITY };
  const covered = new Set<string>();
  for (const condition of conditions) {
    if (condition[0] === "content-length-range") {
      bounds.bytesMin = Math.max(bounds.bytesMin, condition[1]);
      bounds.bytesMax = Math.min(bounds.bytesMax, condition[2]);
      continue;
    }
    const [kind, name, wanted] = condition;
    covered.add(name);
    if (!holds(kind, name, wanted, fields.get(name) ?? ""))
      throw denied(`Policy Condition failed: ["${kind}", "$${name}", "${wanted}"]`);
  }
  for (const name of fields.keys())
    if (!covered.has(name) && !exempt.has(name) && !name.startsWith("x-ignore-"))
      throw denied(`Extra input fields: ${name}`);
  return bounds;
}

function holds(kind: "eq" | "starts-with", name: string, wanted: string, given: string): boolean {
  if (kind === "eq") return given === wanted;
  // Every type of a list must match.
  if (name === "content-type") return given.split(",").every((type) => type.trim().startsWith(wanted));
  return given.startsWith(wanted);
}

function parsePolicy(encoded: string): v.InferOutput<typeof Policy> {
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded.replace(/\s/g, "")) throw invalid("It is not base64.");
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), Policy), bytes.toString());
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw invalid([v.getDotPath(issue), issue.message].filter(Boolean).join(": "));
}

const invalid = (why: string) =>
  new S3Error(
    "InvalidPolicyDocument",
    `The content of the form does not meet the conditions specified in the policy document. Invalid Policy: ${why}`,
  );

const denied = (why: string) => new S3Error("AccessDenied", `Invalid according to Policy: ${why}`);
