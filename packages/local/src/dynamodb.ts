/**
 * A DynamoDB endpoint on 127.0.0.1: dynalite over LevelDB in a folder, or in memory for tests. LevelDB hands each
 * write to the operating system before dynalite acknowledges it, so a killed process loses no write; after a power cut
 * the last seconds may be missing, and the reconciler finds the objects whose items are gone.
 *
 * patches/dynalite+4.0.0.patch fixes four faults of dynalite: an item and its index entries were written one after
 * another, so that a process killed between them left them in disagreement; iterators were never closed; an error of
 * the disk and a broken connection each ended the process.
 *
 * dynalite has no transactions, streams, PartiQL or time to live. Only time to live is needed here: `table.ts` has it.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { isolated, type Refusal, type Trust, thisMachine } from "./isolation.ts";
import { listen } from "./listen.ts";
import { openFolder } from "./table-folder.ts";

/** Milliseconds that requests in flight get to finish when the endpoint closes. */
const graceMs = 2_000;

/** A running endpoint. `close` lets requests in flight finish before it closes the files. */
export type Dynamodb = { url: string; close(): Promise<void> };

/**
 * Starts the endpoint; with `rebuild` over an empty table. Throws a `StartError` if the folder cannot be opened, or
 * `EADDRINUSE` for the port.
 */
export async function startDynamodb({
  folder,
  port,
  trust = thisMachine,
  rebuild,
}: {
  folder?: string;
  port: number;
  trust?: Trust;
  rebuild?: boolean;
}): Promise<Dynamodb> {
  const server = await openFolder(folder, rebuild);
  const [handle] = server.listeners("request");
  server.removeAllListeners("request");
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    // dynalite allows every origin by CORS. No web page needs the table, so every page is refused.
    if (request.headers.origin === undefined) handle?.call(server, request, response);
    else response.writeHead(403).end();
  };
  server.on("request", isolated(trust, refuse, serve));
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

const refuse = ({ status, detail: message }: Refusal, response: ServerResponse) =>
  response
    .writeHead(status, { "content-type": "application/x-amz-json-1.0" })
    .end(JSON.stringify({ __type: "com.amazon.coral.service#AccessDeniedException", message }));
