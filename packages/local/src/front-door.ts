/** The one address that clients know: what the CDN's router does with a request, on one machine. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { isIP } from "node:net";
import { prefix } from "./media.ts";
import { isForPage } from "./page.ts";
import { problem } from "./problem.ts";
import { isForSqs } from "./sqs.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** Who answers what: files, the gallery page, the queue's endpoint, and the API for all the rest. */
export type Rooms = { media: Answer; page: Answer; sqs: Answer; api: Answer };

/** A server that sends each request to its room. It does not listen yet; requests wait until `rooms` are ready. */
export function createFrontDoor(rooms: Promise<Rooms>): Server {
  return createServer((request, response) => {
    enter(rooms, request, response).catch((error) => {
      // A client that has gone away is no fault; anything else is ours.
      if (response.destroyed || request.destroyed) return response.destroy();
      console.error(error);
      if (response.headersSent) response.destroy();
      else problem(response, 500, "Internal error", "The request could not be answered.");
    });
  });
}

async function enter(rooms: Promise<Rooms>, request: IncomingMessage, response: ServerResponse) {
  const { media, page, sqs, api } = await rooms;
  if (!isLocal(request.headers.host)) {
    return problem(
      response,
      421,
      "Misdirected request",
      "This server is known as localhost or by an IP address.",
    );
  }
  if (request.url?.startsWith(prefix)) return media(request, response);
  if (isForPage(request)) return page(request, response);
  return isForSqs(request) ? sqs(request, response) : api(request, response);
}

/**
 * Whether a request names us by an address. A web page elsewhere may point its own name at this machine and would
 * then count as ours, with everything that the embedded mode lets its user do.
 */
function isLocal(host = ""): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  return name === "localhost" || name.endsWith(".localhost") || isIP(name) !== 0;
}
