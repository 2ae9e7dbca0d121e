/** A receiver of webhooks on this machine: an HTTP server that records and verifies what it gets. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

/** A message as it came. */
export type Received = {
  headers: IncomingHttpHeaders;
  body: string;
  message: {
    type: string;
    timestamp: string;
    data: { id: string; version?: number; visibility?: string; variants?: object };
    truncated?: true;
  };
};

/** The answer to a message: a status, with headers; undefined: none, the connection stays open. */
export type Answer = { status: number; headers?: Record<string, string> } | undefined;

/** A running receiver. `until` resolves with the messages once `count` of them match. */
export type Receiver = {
  url: string;
  received: Received[];
  answer: (received: Received) => Answer;
  until(count: number, matches?: (received: Received) => boolean): Promise<Received[]>;
  stop(): Promise<void>;
};

/** Starts a receiver that answers 204 until its `answer` is replaced. */
export async function startReceiver(): Promise<Receiver> {
  let waiting: (() => void)[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const received = { headers: request.headers, body, message: JSON.parse(body) };
    receiver.received.push(received);
    for (const done of waiting.splice(0)) done();
    const answer = receiver.answer(received);
    if (answer) response.writeHead(answer.status, answer.headers).end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received: [],
    answer: () => ({ status: 204 }),
    until: async (count, matches = () => true) => {
      for (;;) {
        const found = receiver.received.filter(matches);
        if (found.length >= count) return found;
        await new Promise<void>((done) => waiting.push(done));
      }
    },
    stop: () => {
      waiting = [];
      server.closeAllConnections();
      return new Promise((done) => server.close(() => done()));
    },
  };
  return receiver;
}

/** Verifies a message by the reference library. Throws if the signature is not of this secret. */
export const verify = (secret: string, { body, headers }: Received): unknown =>
  new Webhook(secret).verify(body, headers as Record<string, string>);
