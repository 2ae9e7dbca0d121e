/** IP addresses: which of them a request to a URL of a caller may connect to. */
export * as Address from "./address.ts";

import ipaddr from "ipaddr.js";

/**
 * Unicast addresses of the internet. IANA allocates no other IPv6 block than 2000::/3, so this leaves out the
 * IPv4-compatible addresses (::/96), which ipaddr.js 2.5 takes for unicast.
 */
const globalUnicast = ipaddr.parseCIDR("2000::/3");

/** Virtual address of Azure's host services, which is outside every reserved range. */
const azureHost = "168.63.129.16";

/**
 * Returns whether an IP address is a public unicast address. False for private, loopback, link-local, shared (CGNAT),
 * multicast, reserved, benchmark and documentation ranges, for every range that holds an IPv4 address (mapped,
 * compatible, translated, NAT64, 6to4, Teredo), and for what is not an IP address.
 */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address) || address === azureHost) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || parsed.match(globalUnicast);
}

/** Returns whether an IP address is a loopback address: 127.0.0.0/8 or ::1. */
export const isLoopback = (address: string): boolean =>
  ipaddr.isValid(address) && ipaddr.parse(address).range() === "loopback";
