/** An S3 endpoint on this machine: path style, signatures verified, durable, over a folder. */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { type Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { every, systemClock } from "../clock.ts";
import { isolated, type Refusal, type Trust, thisMachine } from "../isolation.ts";
import { listen } from "../listen.ts";
import { errorOf, S3Error } from "./error.ts";
import type { ObjectEvent } from "./event.ts";
import { corsHeaders, headerText, preflight } from "./headers.ts";
import { type Endpoint, perform } from "./operations.ts";
import { openParts } from "./parts.ts";
import { isForm, postObject } from "./post-object.ts";
import {
  checkKey,
  endpointUrlOf,
  parseTarget,
  placeOf,
  type S3Request,
  type S3Response,
  type Signed,
} from "./request.ts";
import { isSigned, verifyUrl } from "./sigv2.ts";
import { openStore } from "./store.ts";
import { type Identity, type SignedRequest, verify } from "./verify-signature.ts";
import { errorDocument } from "./xml.ts";

export type { ObjectEvent } from "./event.ts";

export type S3Options = {
  /** The folder of all objects. One process at a time. */
  dataDir: string;
  /** 0 takes a free port. */
  port: number;
  /** The buckets. One that is removed from the list is no longer served, and not deleted. */
  buckets: readonly string[];
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** Hosts and pages that may send requests besides this machine's. */
  trust?: Trust;
  /** The origin that presigned URLs name, if clients reach this endpoint by another than its own, as through a tunnel. */
  publicUrl?: string;
  /**
   * Receives an event for every write and removal, once it is durable and before it is acknowledged; events of one
   * key in order. If it throws, the request is answered with an error, and the client repeats it.
   */
  onEvent(event: ObjectEvent): void | Promise<void>;
  /** Milliseconds since 1970; the machine's clock unless given. */
  now?: () => number;
};

/** A running endpoint. */
export type S3 = { url: string; serve: RequestListener; close(): Promise<void> };

/** A multipart upload that is not completed within a day is aborted, as by the deployed bucket's lifecycle rule. */
const abandoned = { ageMs: 86_400_000, everyMs: 3_600_000 };

/**
 * Starts the endpoint on 127.0.0.1. Resolves when it serves; rejects with `EADDRINUSE` if the port is taken, before
 * it touches the folder. `serve` answers requests of another server, with paths under `/s3`. `close` lets requests that
 * have begun end, for up to five seconds.
 */
export async function startS3(options: S3Options): Promise<S3> {
  const { now = Date.now } = options;
  const underway = new Set<Promise<void>>();
  const server = createServer();
  // A large upload over a slow line may take longer than Node's five minutes, and clients keep connections for later.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 75_000;
  server.on("clientError", refuseBroken);
  const url = await listen(server, options.port);
  const endpoint = open(options, now);
  const onRequest = (message: IncomingMessage, response: ServerResponse, waits = false) => {
    const call = { message, response, proceed: waits ? continuing(response) : () => {} };
    const work = answer(call, endpoint, options, now).finally(() => underway.delete(work));
    underway.add(work);
  };
  const serve: RequestListener = (message, response) => onRequest(message, response);
  const { trust = thisMachine } = options;
  server.on("request", isolated(trust, refuse, serve));
  // `Expect: 100-continue`: a request that is refused by its headers costs the client no body.
  server.on(
    "checkContinue",
    isolated(trust, refuse, (message, response) => onRequest(message, response, true)),
  );
  let sweeping: () => void;
  try {
    const { parts } = await endpoint;
    const sweep = () => parts.endOlder(now() - abandoned.ageMs);
    await sweep();
    sweeping = every(abandoned.everyMs, sweep, systemClock);
  } catch (error) {
    server.close();
    throw error;
  }
  return {
    url,
    serve,
    async close() {
      sweeping();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const patience = setTimeout(() => server.closeAllConnections(), 5_000);
      await Promise.all(underway);
      server.closeIdleConnections();
      await closed;
      clearTimeout(patience);
    },
  };
}

/** Answers a request that the isolation policy refuses, with the code that S3 has for pages its CORS rules refuse. */
const refuse = ({ status, detail }: Refusal, response: ServerResponse) =>
  response
    .writeHead(status, { "content-type": "application/xml" })
    .end(errorDocument({ Code: "AccessForbidden", Message: detail }));

/** Answers an incomplete or invalid HTTP request. */
function refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy();
  const isCutOff = error.code === "HPE_INVALID_EOF_STATE";
  const body = errorDocument({
    Code: isCutOff ? "IncompleteBody" : "InvalidRequest",
    Message: isCutOff ? "The connection ended before the request did." : `This is not HTTP: ${error.message}`,
  });
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/xml\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

async function open(options: S3Options, now: () => number): Promise<Endpoint> {
  const store = await openStore({ ...options, now });
  return { store, parts: await openParts(options.dataDir), region: options.region, now };
}

/** A request with its response. `proceed` sends `100 Continue` to a client that waits for it. */
type Call = { message: IncomingMessage; response: ServerResponse; proceed(): void };

/**
 * Returns a function that sends `100 Continue`. Until it is called, a response closes the connection: the client may
 * send the body or leave it out, and the next request would be read as the body.
 */
function continuing(response: ServerResponse): () => void {
  const { shouldKeepAlive } = response;
  response.shouldKeepAlive = false;
  return () => {
    response.shouldKeepAlive = shouldKeepAlive;
    response.writeContinue();
  };
}

/** Keeps a browser from running an object as a page or a script of this origin: originals are untrusted. */
const policy = {
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
  "x-content-type-options": "nosniff",
};

/** Answers a request, with an error response if anything throws. */
async function answer(
  { message, response, proceed }: Call,
  endpoint: Promise<Endpoint>,
  options: S3Options,
  now: () => number,
): Promise<void> {
  const id = randomBytes(8).toString("hex").toUpperCase();
  const { trust = thisMachine } = options;
  const cors = message.method === "OPTIONS" ? {} : corsHeaders(message.headers, trust);
  const headers = { "x-amz-request-id": id, ...policy, ...cors };
  try {
    await send(
      message,
      response,
      headers,
      await answerOf({ message, proceed }, await endpoint, options, now()),
    );
  } catch (thrown) {
    const error = errorOf(thrown);
    if (error.status >= 500 && error !== thrown) console.error(`S3 request ${id} failed.`, thrown);
    if (response.headersSent) response.destroy();
    else await send(message, response, headers, failure(error, id, message.url ?? ""));
  } finally {
    // Drains the rest of the body, so that the client receives the response and can reuse the connection.
    message.resume();
  }
}

async function answerOf(
  { message, proceed }: Pick<Call, "message" | "proceed">,
  endpoint: Endpoint,
  options: S3Options,
  now: number,
): Promise<S3Response> {
  if (message.method === "OPTIONS") return preflight(message.headers, options.trust ?? thisMachine);
  if (isForm(message)) {
    proceed(); // The signature is in the body.
    const endpointUrl = endpointUrlOf(message, options.publicUrl);
    return await postObject(message, endpoint.store, { ...options, service: "s3" }, endpointUrl, now);
  }
  return await perform({ ...(await authenticated(message, options, now)), proceed }, endpoint);
}

/** Parameters of either signature, and `x-id`, the operation name that the SDK adds: operations ignore them. */
const signatureParameter =
  /^(x-amz-(algorithm|credential|date|expires|signature|signedheaders|content-sha256|security-token)|x-id|AWSAccessKeyId|Signature|Expires)$/i;

async function authenticated(
  message: IncomingMessage,
  options: S3Options,
  now: number,
): Promise<Omit<S3Request, "proceed">> {
  const { method = "", headersDistinct } = message;
  const { path, query } = parseTarget(message.url ?? "");
  const identity: Identity = { ...options, service: "s3" };
  const request = { method, path, query, headers: headersDistinct };
  const payload = message.headers["x-amz-content-sha256"] ?? new Map(query).get("X-Amz-Content-Sha256");
  const signed = isSigned(new Map(query))
    ? verifyUrl(request, identity, now)
    : await verifyAsSent(request, identity, now, String(payload ?? "UNSIGNED-PAYLOAD"), options.publicUrl);
  if (message.headers.authorization && !message.headers["x-amz-content-sha256"])
    throw new S3Error(
      "MissingSecurityHeader",
      "Your request was missing a required header: x-amz-content-sha256",
    );
  const headers: Record<string, string | undefined> = {};
  const parameters = new Map<string, string>();
  for (const [name, value] of query)
    if (signatureParameter.test(name)) continue;
    else if (/^(x-amz-|content-(type|md5)$)/i.test(name)) hoisted(name.toLowerCase(), value, headers);
    else parameters.set(name, value);
  for (const [name, values] of Object.entries(headersDistinct)) headers[name] = values?.join(", ");
  const { bucket, key } = placeOf(path);
  return {
    method,
    bucket,
    key: key === "" ? "" : checkKey(key),
    query: parameters,
    headers,
    signed,
    endpointUrl: endpointUrlOf(message, options.publicUrl),
    message,
  };
}

/** Verifies a signature over the `Host` header as it arrived, or as it was before a tunnel replaced it. */
async function verifyAsSent(
  request: SignedRequest,
  identity: Identity,
  now: number,
  payload: string,
  publicUrl: string | undefined,
): Promise<Signed> {
  try {
    return await verify(request, identity, now, payload);
  } catch (error) {
    if (!publicUrl || !(error instanceof S3Error && error.code === "SignatureDoesNotMatch")) throw error;
    const headers = { ...request.headers, host: [new URL(publicUrl).host] };
    return await verify({ ...request, headers }, identity, now, payload);
  }
}

/**
 * SDKs move `x-amz-*` headers into the query of a presigned URL. S3 takes them from there, all but checksums of the
 * body: the SDK puts one of an empty body there by default, and S3 ignores it.
 */
function hoisted(name: string, value: string, headers: Record<string, string | undefined>): void {
  const isBodyChecksum = /^x-amz-(sdk-checksum-algorithm|checksum-(crc|sha))/.test(name);
  if (!isBodyChecksum) headers[name] = headerText(value);
}

async function send(
  message: IncomingMessage,
  response: ServerResponse,
  common: Record<string, string>,
  { status, headers = {}, body }: S3Response,
): Promise<void> {
  const all: Record<string, string> = { ...common };
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) all[name] = value;
  if (typeof body === "string") all["content-type"] ??= "application/xml";
  if (typeof body === "string" || body instanceof Buffer)
    all["content-length"] = String(Buffer.byteLength(body));
  else if (body === undefined && status !== 204 && status !== 304) all["content-length"] ??= "0";
  if (!(body instanceof Readable))
    return void response.writeHead(status, all).end(message.method === "HEAD" ? undefined : body);
  try {
    await pipeline(body, response.writeHead(status, all));
  } catch (error) {
    // A client may leave before it has read everything.
    if (!(error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE"))
      throw error;
  } finally {
    body.destroy(); // Also where the headers could not be written: it holds a file open.
  }
}

const failure = (error: S3Error, id: string, url: string): S3Response => ({
  status: error.status,
  headers: {
    "content-type": error.status === 304 ? undefined : "application/xml",
    // The response to HEAD has no body that could name it.
    "x-amz-bucket-region": error.detail.Region,
  },
  body: errorDocument({
    Code: error.code,
    Message: error.message,
    ...error.detail,
    Resource: url.split("?")[0],
    RequestId: id,
    HostId: "local",
  }),
});
