/**
 * Outgoing HTTP requests to URLs that callers gave. Guards against server-side request forgery (SSRF): a name is
 * resolved once, every address of it is checked, and the connection is made to a checked address. Each redirect is
 * checked like the first URL. Uses no proxy, and no connection twice.
 */
export * as Egress from "./egress.ts";

import type { LookupAddress } from "node:dns";
import { once } from "node:events";
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { isIP, connect as netConnect, type Socket, type TcpNetConnectOpts } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { EgressError } from "./egress-error.ts";
import { Target } from "./target.ts";

/** A request. `headers` have lower-case names and go to the origin of `url` only. */
export type Request = {
  method: "GET" | "POST";
  url: string;
  headers?: Readonly<Record<string, string>>;
  body?: Buffer;
};

/** Limits of one request, redirects included. */
export type Limits = {
  /** Most bytes of the body. */
  bytesMax: number;
  /** Cuts a longer body off and closes the connection, instead of failing with `too_large`. */
  truncate?: boolean;
  /** Most milliseconds for name resolution, TCP and TLS of one connection. */
  connectMs: number;
  /** Most milliseconds for everything. */
  totalMs: number;
  /** Most redirects that a GET follows. 0 returns the redirect itself. */
  redirectsMax: number;
};

/** The response. `body` is as it was sent: a `content-encoding` is not decoded. */
export type Response = { status: number; headers: IncomingHttpHeaders; body: Buffer };

/** The network, which tests replace: name resolution, TCP, and the certificates that TLS trusts besides Node's. */
export type Network = {
  lookup?: Target.Lookup;
  dial?: (options: TcpNetConnectOpts) => Socket;
  ca?: string;
};

/** Most bytes of the body of a response other than 2xx; the rest is cut off. */
const errorBytesMax = 65_536;
const headerBytesMax = 16_384;
const redirects = [301, 302, 303, 307, 308];

/** Headers that the request sets by itself, or that are for one connection only. */
const controlled =
  /^(host|connection|content-length|transfer-encoding|te|trailer|upgrade|keep-alive|expect|accept-encoding|proxy-.*)$/;

/** Returns whether callers may set this header (lower case). */
export const isHeaderAllowed = (name: string): boolean => !controlled.test(name);

/**
 * Sends a request and reads the response. Throws `EgressError`: `refused` (URL, address, port, or a redirect to one),
 * `unreachable` (DNS, TCP, TLS, or not HTTP), `too_large`, `timeout`.
 */
export async function send(
  { method, url: text, headers = {}, body }: Request,
  limits: Limits,
  policy: Target.Policy,
  network: Network = {},
): Promise<Response> {
  const deadline = AbortSignal.timeout(limits.totalMs);
  let url = Target.parse(text, policy);
  let own = headers;
  for (let followed = 0; ; followed++) {
    const message = await exchange({ method, url, headers: own, body }, limits, policy, network, deadline);
    const { statusCode: status = 0, headers: received } = message;
    const location = method === "GET" && redirects.includes(status) ? received.location : undefined;
    if (location === undefined || limits.redirectsMax === 0)
      return { status, headers: received, body: await read(message, limits, deadline) };
    message.destroy();
    if (followed === limits.redirectsMax)
      throw new EgressError("refused", `The URL redirects more than ${limits.redirectsMax} times.`);
    const next = Target.parse(location, policy, url);
    if (url.protocol === "https:" && next.protocol === "http:")
      throw new EgressError("refused", "The URL redirects from https to http.");
    if (next.origin !== url.origin) own = {};
    url = next;
  }
}

type Exchange = Omit<Request, "url"> & { url: URL };

/** Sends one request on a new connection and resolves with the head of the response. */
async function exchange(
  { method, url, headers = {}, body }: Exchange,
  { connectMs }: Limits,
  policy: Target.Policy,
  network: Network,
  deadline: AbortSignal,
): Promise<IncomingMessage> {
  const signal = AbortSignal.any([deadline, AbortSignal.timeout(connectMs)]);
  const addresses = await unlessAborted(Target.resolve(url, policy, network.lookup), url, signal);
  const socket = await unlessAborted(open(url, addresses, network, signal), url, signal);
  const allowed = Object.entries(headers).filter(([name]) => isHeaderAllowed(name));
  const request = httpRequest({
    createConnection: () => socket,
    method,
    path: `${url.pathname}${url.search}`,
    headers: {
      "user-agent": "image-pipeline",
      ...Object.fromEntries(allowed),
      host: url.host,
      connection: "close",
      "accept-encoding": "identity",
      ...(body && { "content-length": body.length }),
    },
    maxHeaderSize: headerBytesMax,
    signal: deadline,
  });
  return await unlessAborted(
    new Promise<IncomingMessage>((resolve, reject) => {
      request.on("response", resolve);
      request.on("error", reject);
      request.on("close", () => reject(new Error("The connection was closed before a response.")));
      request.end(body);
    }),
    url,
    deadline,
  );
}

/** Opens a connection to one of the checked addresses; for https with the certificate verified against the name. */
async function open(
  url: URL,
  addresses: readonly LookupAddress[],
  { dial = netConnect, ca }: Network,
  signal: AbortSignal,
): Promise<Socket> {
  const secure = url.protocol === "https:";
  const host = Target.hostnameOf(url);
  const socket = dial({
    host,
    port: Number(url.port || (secure ? 443 : 80)),
    // The resolved addresses, so that the name is not resolved a second time.
    lookup: (_, { all }, callback) => {
      const [first] = addresses;
      if (all) callback(null, [...addresses]);
      else callback(null, first?.address ?? "", first?.family);
    },
  });
  // An error that comes after the connection was given up has no other handler.
  socket.on("error", () => undefined);
  const abort = () => socket.destroy();
  signal.addEventListener("abort", abort);
  try {
    await once(socket, "connect");
    if (!secure) return socket;
    const name = host.replace(/\.$/, "");
    const servername = isIP(name) ? "" : name;
    const secured = tlsConnect({ socket, host: name, servername, ALPNProtocols: ["http/1.1"], ca });
    secured.on("error", () => undefined);
    await once(secured, "secureConnect");
    return secured;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Reads a body up to the limit. */
async function read(message: IncomingMessage, limits: Limits, deadline: AbortSignal): Promise<Buffer> {
  const { statusCode = 0 } = message;
  const ok = statusCode >= 200 && statusCode < 300;
  const bytesMax = ok ? limits.bytesMax : Math.min(limits.bytesMax, errorBytesMax);
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bytesMax) break;
    }
  } catch (error) {
    throw failureOf(error, deadline);
  }
  if (bytes > bytesMax && ok && !limits.truncate)
    throw new EgressError("too_large", `The response has more than ${bytesMax} bytes.`);
  return Buffer.concat(chunks).subarray(0, bytesMax);
}

/** Resolves with the work, or rejects at once when the signal aborts, with an `EgressError` in both cases. */
async function unlessAborted<T>(work: Promise<T>, { hostname }: URL, signal: AbortSignal): Promise<T> {
  // Late failures of work that was given up have no other handler.
  work.catch(() => undefined);
  const aborted = once(signal, "abort").then(() => Promise.reject(signal.reason));
  aborted.catch(() => undefined);
  if (signal.aborted) throw failureOf(signal.reason, signal, hostname);
  try {
    return await Promise.race([work, aborted]);
  } catch (error) {
    throw failureOf(error, signal, hostname);
  }
}

/** Returns the `EgressError` for any failure of the network. */
function failureOf(error: unknown, signal: AbortSignal, hostname = "the URL"): EgressError {
  if (error instanceof EgressError) return error;
  if (signal.aborted)
    return new EgressError("timeout", `The response of ${hostname} did not arrive in time.`, {
      cause: error,
    });
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  const why = code ? ` (${code})` : "";
  return new EgressError("unreachable", `The request to ${hostname} failed${why}.`, { cause: error });
}
