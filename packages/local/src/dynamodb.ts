/**
 * A DynamoDB for one machine: dynalite over LevelDB in a folder, or in memory where tests give none. LevelDB hands each write to the operating system
 * before it is acknowledged, so a killed process loses none; after a power cut the last seconds may be missing, and
 * the reconciler finds what the bucket has and the table has not.
 *
 * Not there: transactions, streams, PartiQL and time to live (`expiry.ts` sees to that). Nothing here needs them.
 */
import { mkdir } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { openDynalite } from "./dynalite-store.ts";
import { listen } from "./listen.ts";

/** How long requests under way may take when the endpoint is closed. */
const graceMs = 2_000;

/** A running endpoint. `close` lets requests under way finish before the files are closed. */
export type Dynamodb = { url: string; close(): Promise<void> };

/** Starts the endpoint on 127.0.0.1. Throws if the port or the folder is taken. */
export async function startDynamodb({ folder, port }: { folder?: string; port: number }): Promise<Dynamodb> {
  if (folder) await mkdir(folder, { recursive: true });
  const server = await openDynalite(folder);
  const [answer] = server.listeners("request");
  server.removeAllListeners("request");
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    // dynalite lets any web page in; none has business here.
    if (request.headers.origin !== undefined) {
      response.writeHead(403).end();
      return;
    }
    answer?.call(server, request, response);
    // dynalite throws when a connection breaks, which would end the process: every killed worker breaks some.
    request.removeAllListeners("error").on("error", () => {});
  });
  const url = await listen(server, port);
  const close = () =>
    new Promise<void>((done, fail) => {
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      server.close((error) => {
        clearTimeout(timer);
        if (error) fail(error);
        else done();
      });
    });
  return { url, close };
}
