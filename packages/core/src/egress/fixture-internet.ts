/**
 * Fixture: an internet in which every public address is one server on this machine, and every other address is a
 * trap that counts connections. Names resolve from a table.
 */
import type { LookupAddress } from "node:dns";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, createServer as createTcpServer, isIP, type Server } from "node:net";
import { Address } from "./address.ts";
import type { Egress } from "./egress.ts";

/** The addresses of a name, one entry for each resolution; the last entry repeats. */
type Names = Record<string, readonly (readonly string[])[]>;

export type Internet = {
  network: Required<Egress.Network>;
  /** Names that were resolved, in order. */
  resolved: string[];
  /** Addresses that were dialled, in order. */
  dialled: string[];
  /** Port of the public server for https on this machine. */
  securePort: number;
  /** Connections that the trap accepted. */
  trapped: () => number;
  close: () => void;
};

/** Listens on ports of 127.0.0.1 for the public server (http on port 80, https on 443) and the trap. */
export async function internet(names: Names, listener: RequestListener): Promise<Internet> {
  let trapped = 0;
  const plain = createServer(listener);
  const secure = createTlsServer({ key, cert: certificate }, listener);
  const trap = createTcpServer((socket) => {
    trapped++;
    socket.end("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret");
  });
  const ports = new Map<Server, number>();
  for (const server of [plain, secure, trap]) ports.set(server, await listen(server));
  const resolved: string[] = [];
  const dialled: string[] = [];
  return {
    resolved,
    dialled,
    securePort: ports.get(secure) ?? 0,
    trapped: () => trapped,
    network: {
      ca: certificate,
      lookup: async (hostname) => {
        const answers = names[hostname] ?? [];
        const turn = resolved.filter((each) => each === hostname).length;
        resolved.push(hostname);
        return addressesOf(answers[Math.min(turn, answers.length - 1)] ?? []);
      },
      dial: ({ host = "", port, lookup }) => {
        let addresses: LookupAddress[] = isIP(host) ? addressesOf([host]) : [];
        if (!isIP(host))
          lookup?.(host, { all: true }, (_, found) => {
            if (Array.isArray(found)) addresses = found;
          });
        dialled.push(...addresses.map(({ address }) => address));
        const isPublic = addresses.length > 0 && addresses.every(({ address }) => Address.isPublic(address));
        const server = !isPublic ? trap : port === 443 ? secure : plain;
        return connect({ host: "127.0.0.1", port: ports.get(server) ?? 0 });
      },
    },
    close: () => {
      for (const server of [plain, secure, trap]) server.close();
    },
  };
}

async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const addressesOf = (texts: readonly string[]) =>
  texts.map((address) => ({ address, family: isIP(address) }));

/** Key and certificate of images.example and cdn.example, self-signed for this fixture and valid until 2126. */
const key = `
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpu9GgVPnvDqjMIqO
nN8dKKia8gH15ao1hbwO9LS8pUmhRANCAAQp3R0XtwLFGSVhmqx1jKC+3v6vL7KN
I/it5xKRLaW4fhzRjvATIi+kac+bqLM97IhliTI7cf4RhE6/N2nKvmA+
-----END PRIVATE KEY-----
`;
const certificate = `
-----BEGIN CERTIFICATE-----
MIIBsTCCAVegAwIBAgIUVnFHXrO5aUX9noB2n96SjyER7CgwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOaW1hZ2VzLmV4YW1wbGUwIBcNMjYxMTI2MDgwODU2WhgPMjEy
NjExMDIwODA4NTZaMBkxFzAVBgNVBAMMDmltYWdlcy5leGFtcGxlMFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEKd0dF7cCxRklYZqsdYygvt7+ry+yjSP4recSkS2l
uH4c0Y7wEyIvpGnPm6izPeyIZYkyO3H+EYROvzdpyr5gPqN7MHkwHQYDVR0OBBYE
FPlP2wRG47oy2FdjFU2bNY3W+tvNMB8GA1UdIwQYMBaAFPlP2wRG47oy2FdjFU2b
NY3W+tvNMA8GA1UdEwEB/wQFMAMBAf8wJgYDVR0RBB8wHYIOaW1hZ2VzLmV4YW1w
bGWCC2Nkbi5leGFtcGxlMAoGCCqGSM49BAMCA0gAMEUCIBi6S77MW7TTdbzPVy0e
8w1r5ie4+1sPiLU6nPu7aR+7AiEAr+pViKBD4JYmRuGtSbcs62DrCZYNYmaX+ehv
NUYRgCQ=
-----END CERTIFICATE-----
`;
