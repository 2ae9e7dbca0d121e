/** Starting and stopping of the HTTP servers of the embedded cloud. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { getRequestListener } from "@hono/node-server";

/** Creates a server that answers each request with what `fetch` returns. It does not listen yet. */
export const createFetchServer = (fetch: (request: Request) => Response | Promise<Response>): Server =>
  createServer(getRequestListener(fetch));

/**
 * Listens on an address of this machine and returns the URL; port 0 takes a free port. Throws `EADDRINUSE` and the
 * like.
 */
export async function listen(server: Server, port: number, host = "127.0.0.1"): Promise<string> {
  server.listen(port, host);
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no TCP port.");
  return `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`;
}

/** Accepts no more requests, and cuts off those that are still in flight after `graceMs`. */
export async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
