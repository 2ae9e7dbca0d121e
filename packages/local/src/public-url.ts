/** The URL under which clients reach the front door, and the addresses on which it listens: HOST and PUBLIC_URL. */
import { networkInterfaces } from "node:os";
import type { Settings } from "@image-pipeline/core/settings";
import { StartError } from "./environment.ts";
import type { Trust } from "./isolation.ts";

/** HOST, PUBLIC_URL and CORS_ORIGINS; empty where they are not set. */
export type Exposure = Pick<Settings.Local, "host" | "publicUrl"> & Pick<Settings.Pipeline, "corsOrigins">;

const loopback = "127.0.0.1";
const wildcards = ["0.0.0.0", "::"];

/**
 * Returns the addresses on which the front door listens, 127.0.0.1 always among them. Throws a `StartError` if HOST names
 * every address and no PUBLIC_URL says which of them clients use.
 */
export function addressesOf({ host, publicUrl }: Omit<Exposure, "corsOrigins">): string[] {
  if (!wildcards.includes(host)) return [loopback, ...(host === "" || host === loopback ? [] : [host])];
  if (publicUrl === "") {
    const found = networkAddresses();
    const example = found[0] ?? "192.168.1.5";
    throw new StartError(
      `HOST=${host} needs PUBLIC_URL, because no client can connect to ${host}. Set PUBLIC_URL to the URL that clients use, such as http://${example}:3000, or HOST to one address of this machine${found.length > 0 ? `: ${found.join(", ")}` : ""}.`,
    );
  }
  return [host];
}

/** Returns the origin of URLs for callers, for a front door on `port`. */
export function publicUrlOf({ host, publicUrl }: Omit<Exposure, "corsOrigins">, port: string): string {
  if (publicUrl !== "") return publicUrl;
  const name = host === "" ? loopback : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

/** Returns the hosts and the pages that the settings allow besides this machine's. */
export const trustOf = ({ host, publicUrl, corsOrigins }: Exposure): Trust => ({
  hosts: [host, URL.parse(publicUrl)?.hostname ?? ""].filter((name) => name !== ""),
  origins: [publicUrl, ...corsOrigins].filter((origin) => origin !== ""),
});

/** Returns the IPv4 addresses of this machine in its networks. */
const networkAddresses = (): string[] =>
  Object.values(networkInterfaces())
    .flat()
    .flatMap((found) => (found && found.family === "IPv4" && !found.internal ? [found.address] : []));
