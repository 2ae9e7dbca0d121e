/** A browser's form as it comes in: fields first, then the file, which nobody has to hold in memory. */
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { Busboy, type BusboyHeaders, type BusboyInstance } from "@fastify/busboy";
import { S3Error } from "./error.ts";

/** What S3 takes before the file. */
const fieldBytesMax = 20 << 10;
const fieldsMax = 100;

export type Form = {
  /** By lower-case name. Fields after the file are not read. */
  fields: Map<string, string>;
  /** Without folders; empty where the file came without a name. */
  filename: string;
  file: AsyncIterable<Buffer>;
  /** Resolves when the form was whole; rejects if it broke off or was not one. */
  ended: Promise<void>;
};

/** Reads up to the file. Throws `MalformedPOSTRequest`, or `InvalidArgument` if there is no file. */
export async function readForm(message: IncomingMessage, contentType: string): Promise<Form> {
  const { promise, resolve, reject } = Promise.withResolvers<Form>();
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => {}); // Whoever is given the form waits for it; if nobody is, `promise` says the same.
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
    stream.on("error", () => {}); // Whoever reads it meets the error; if nobody does, it must not end the process.
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
