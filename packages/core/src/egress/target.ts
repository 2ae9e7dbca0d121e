/** Target of an outgoing request: a URL that the policy allows, and the addresses that it may connect to. */
export * as Target from "./target.ts";

import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Settings } from "../settings.ts";
import { Address } from "./address.ts";
import { EgressError } from "./egress-error.ts";

/** The URLs that may be requested. By default only https, and only public addresses. */
export type Policy = {
  /** Allows `http:` as well. */
  http?: boolean;
  /** Allows loopback addresses on any port, for development and tests. */
  loopback?: boolean;
};

/** Returns the policy of a stage: `local` is embedded mode. */
export const policyOf = (
  stage: string,
  { egressLoopback }: Pick<Settings.Pipeline, "egressLoopback">,
): Policy => ({ http: stage === "local", loopback: stage === "local" && egressLoopback });

/** Resolves a host name to all its addresses. */
export type Lookup = (hostname: string) => Promise<readonly LookupAddress[]>;

const urlCharactersMax = 2_048;
const ports = ["", "80", "443"];

/**
 * Parses a URL, which normalises every spelling of an IPv4 address (decimal, octal, hex, short, full-width digits).
 * Throws `EgressError` `refused` for another scheme or port, an IP address that is not public, a URL with user name or
 * password, or one that is too long. Names are checked when they are resolved.
 */
export function parse(text: string, policy: Policy, base?: URL): URL {
  const { http = false } = policy;
  const url = text.length <= urlCharactersMax && URL.canParse(text, base) ? new URL(text, base) : undefined;
  if (!url) throw refused(`It is not an absolute URL of at most ${urlCharactersMax} characters.`);
  if (url.protocol !== "https:" && !(http && url.protocol === "http:"))
    throw refused(`Its scheme is ${url.protocol.slice(0, -1)}; use ${http ? "https or http" : "https"}.`);
  if (url.username || url.password) throw refused("It has a user name or password; use a header instead.");
  const hostname = hostnameOf(url);
  const family = isIP(hostname);
  if (family) mustBeAllowed(url, [{ address: hostname, family }], policy);
  else if (!policy.loopback) mustHavePort(url, policy);
  return url;
}

/**
 * Resolves the host of a URL once. Throws `EgressError`: `refused` if any address is not public or the port is not 80
 * or 443, `unreachable` if the name has no address. The message does not name the address, so that a caller cannot
 * read an internal DNS zone.
 */
export async function resolve(
  url: URL,
  policy: Policy,
  resolver: Lookup = (hostname) => lookup(hostname, { all: true }),
): Promise<readonly LookupAddress[]> {
  const hostname = hostnameOf(url);
  const family = isIP(hostname);
  const addresses = family ? [{ address: hostname, family }] : await resolver(hostname).catch(notFound(url));
  if (addresses.length === 0) notFound(url)();
  mustBeAllowed(url, addresses, policy);
  return addresses;
}

function mustBeAllowed(url: URL, addresses: readonly LookupAddress[], policy: Policy): void {
  if (policy.loopback && addresses.every(({ address }) => Address.isLoopback(address))) return;
  if (!addresses.every(({ address }) => Address.isPublic(address)))
    throw refused(`The host ${url.hostname} has an address that is not public.${adviceOf(url, policy)}`);
  mustHavePort(url, policy);
}

function mustHavePort(url: URL, policy: Policy): void {
  if (!ports.includes(url.port))
    throw refused(`Its port is ${url.port}; only 80 and 443 are allowed.${adviceOf(url, policy)}`);
}

/** Returns the text that follows the refusal of a URL of this machine where a setting would allow it, else nothing. */
export const adviceOf = (url: URL, { http, loopback }: Policy): string =>
  http && !loopback && (url.hostname === "localhost" || Address.isLoopback(hostnameOf(url)))
    ? " Start with EGRESS_LOOPBACK=true to allow URLs of this machine."
    : "";

/** Returns the host of a URL as sockets take it: IPv6 without brackets. */
export const hostnameOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, "$1");

const refused = (why: string) => new EgressError("refused", `The URL was refused. ${why}`);

const notFound = (url: URL) => (cause?: unknown) => {
  throw new EgressError("unreachable", `The host ${url.hostname} could not be resolved.`, { cause });
};
