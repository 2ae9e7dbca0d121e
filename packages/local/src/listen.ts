import type { Server } from "node:http";

/** Starts to listen on 127.0.0.1; port 0 takes any that is free. Returns where; throws what `listen` reports. */
export function listen(server: Server, port: number): Promise<string> {
  return new Promise((done, fail) => {
    server.once("error", fail);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", fail);
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("A server listens on a port.");
      done(`http://127.0.0.1:${address.port}`);
    });
  });
}

/** Lets requests under way finish for so many milliseconds and then breaks them off; takes no new ones. */
export async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(timer);
}
