/**
 * The resource isolation policy of every port: which hosts and web pages may send requests. The embedded key pair is
 * public and the API asks for no key, so a page of another site must not reach either of them.
 * https://web.dev/articles/fetch-metadata
 */
import type { IncomingHttpHeaders, RequestListener, ServerResponse } from "node:http";
import { isIP } from "node:net";

/**
 * Callers that the user allows besides this machine. `hosts` are host names in the `Host` header, without a port;
 * `origins` are web pages.
 */
export type Trust = { hosts: readonly string[]; origins: readonly string[] };

/** Only this machine: loopback names and IP addresses as hosts, and the pages of loopback origins. */
export const thisMachine: Trust = { hosts: [], origins: [] };

/** A refused request: the HTTP status, its reason phrase, and what to do about it. */
export type Refusal = { status: 403 | 421; title: string; detail: string };

const loopback = /^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)*\.localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** Returns true if pages of an origin may read responses: loopback origins on any port, and those of the settings. */
export function isTrustedOrigin(origin: string, { origins }: Trust): boolean {
  if (origins.includes(origin)) return true;
  const url = URL.parse(origin);
  return (
    url !== null && /^https?:$/.test(url.protocol) && loopback.test(url.hostname) && url.origin === origin
  );
}

/**
 * Passes a request on to `serve` if the policy allows it. Otherwise responds by `refuse`, before anything reads the
 * request.
 */
export const isolated =
  (
    trust: Trust,
    refuse: (refusal: Refusal, response: ServerResponse) => void,
    serve: RequestListener,
  ): RequestListener =>
  (request, response) => {
    const refusal = refusalOf(request, trust);
    if (!refusal) return void serve(request, response);
    // The body is not read, so the connection cannot serve another request.
    response.setHeader("connection", "close");
    refuse(refusal, response);
  };

function refusalOf(
  { method, headers }: { method?: string | undefined; headers: IncomingHttpHeaders },
  trust: Trust,
): Refusal | undefined {
  const host = URL.parse(`http://${headers.host}`)?.hostname ?? "";
  if (!isTrustedHost(host, trust)) {
    const detail = `Requests for the host ${JSON.stringify(headers.host ?? "")} are refused, because a foreign name may be DNS rebinding. Use localhost or an IP address, or set PUBLIC_URL to the URL under which clients reach this server.`;
    return { status: 421, title: "Misdirected request", detail };
  }
  const isTrusted = (origin: string) =>
    isTrustedOrigin(origin, trust) || URL.parse(origin)?.host === headers.host;
  const { origin } = headers;
  // Browsers add `Origin` to every request of a page that is not a GET, and to each that a script may read.
  if (origin !== undefined) return isTrusted(origin) ? undefined : refusedPage(origin);
  // A request without it may be an <img>, a <script> or a link. Clients that are not browsers send no Fetch Metadata.
  const site = headers["sec-fetch-site"];
  if (site === undefined || site === "same-origin" || site === "none") return undefined;
  if (site === "same-site" && loopback.test(host)) return undefined;
  if (isNavigation(method, headers)) return undefined;
  const referrer = URL.parse(headers.referer ?? "")?.origin;
  return referrer !== undefined && isTrusted(referrer) ? undefined : refusedPage(referrer);
}

/**
 * Returns true if a host is a loopback name, an IP address or one of the settings. A page elsewhere can point a DNS name
 * of its owner at this machine (DNS rebinding), and its requests would count as same-origin. It cannot do so with an IP
 * address, which is how emulators and containers reach this machine.
 */
const isTrustedHost = (host: string, { hosts }: Trust) =>
  loopback.test(host) || isIP(host.replace(/^\[|\]$/g, "")) !== 0 || hosts.includes(host);

/** Returns true if a person follows a link into a tab, whose content the page with the link cannot read. */
const isNavigation = (method: string | undefined, headers: IncomingHttpHeaders) =>
  method === "GET" && headers["sec-fetch-mode"] === "navigate" && headers["sec-fetch-dest"] === "document";

function refusedPage(origin: string | undefined): Refusal {
  const page = origin === undefined ? "A page of another site that sends no Referer" : `Pages of ${origin}`;
  const detail = `${page} may not send requests to this server. Pages of this machine may, and those whose origin is in CORS_ORIGINS.`;
  return { status: 403, title: "Forbidden", detail };
}
