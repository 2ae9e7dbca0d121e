/**
 * Requests of this process to its own servers, without sockets: they go from the client's last line straight to the
 * server's first. What Node does in between is four tenths of a schedule's CPU, and no part of what is tested here.
 */
import { EventEmitter } from "node:events";
import http from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { Readable, Writable } from "node:stream";

type Headers = Record<string, string>;
type Answer = { status: number; headers: Headers; body: Buffer };
type Request = { method: string; path: string; headers: Headers; body: Buffer };

/** By port. */
const servers = new Map<string, http.Server>();

/** Takes it for every server that listens from now on, and for `http.request` and `fetch`. Once in a process. */
export function takeShortcuts(): void {
  const listen = http.Server.prototype.listen;
  http.Server.prototype.listen = function (this: http.Server, ...given: unknown[]) {
    this.once("listening", () => {
      const address = this.address();
      if (address && typeof address === "object") servers.set(String(address.port), this);
    });
    return Reflect.apply(listen, this, given) as http.Server;
  } as typeof listen;

  const request = http.request;
  http.request = ((...given: Parameters<typeof http.request>) => {
    // Either `(url, options, told)` or `(options, told)`.
    const options = given.find(
      (one) => typeof one === "object" && !(one instanceof URL),
    ) as http.RequestOptions;
    const url = given.find((one) => one instanceof URL);
    const server = servers.get(String(url?.port ?? options.port));
    if (!server) return Reflect.apply(request, http, given) as http.ClientRequest;
    const { method = "GET", headers = {} } = options;
    const path = options.path ?? "/";
    const sent = new Sent(server, { method, path, headers: texts(headers) });
    const onResponse = given.at(-1);
    if (typeof onResponse === "function") sent.once("response", onResponse as () => void);
    return sent;
  }) as typeof http.request;
  syncBuiltinESMExports();

  const realFetch = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const { port, host, pathname, search } = new URL(request.url);
    const server = servers.get(port);
    if (!server) return realFetch(request);
    const content = Buffer.from(await request.arrayBuffer());
    const length = { host, "content-length": String(content.length) };
    const { method } = request;
    const all = { ...Object.fromEntries(request.headers), ...length };
    const answer = await ask(server, { method, path: pathname + search, headers: all, body: content });
    const { status, headers, body } = answer;
    return new Response(body.length > 0 ? new Uint8Array(body) : null, { status, headers });
  };
}

/** A request as its sender holds it. */
class Sent extends Writable {
  readonly #chunks: Buffer[] = [];
  readonly #server: http.Server;
  readonly #head: Omit<Request, "body">;

  constructor(server: http.Server, head: Omit<Request, "body">) {
    super();
    this.#server = server;
    this.#head = head;
    if (head.headers.expect) process.nextTick(() => this.emit("continue"));
  }

  /** Answers come at once or not at all. */
  setTimeout(): this {
    return this;
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  override _final(done: () => void): void {
    done();
    const body = Buffer.concat(this.#chunks);
    ask(this.#server, { ...this.#head, body }).then(
      ({ status, headers, body }) => {
        const received = Object.assign(bodyOf(body), { statusCode: status, statusMessage: "", headers });
        this.emit("response", received);
      },
      (error) => this.emit("error", error),
    );
  }
}

/** An answer as its server writes it. */
class Reply extends Writable {
  statusCode = 200;
  headersSent = false;
  readonly #headers: Headers = {};
  readonly #chunks: Buffer[] = [];
  readonly #tell: (answer: Answer | undefined) => void;

  constructor(tell: (answer: Answer | undefined) => void) {
    super();
    this.#tell = tell;
  }

  setHeader(name: string, value: unknown): this {
    this.#headers[name.toLowerCase()] = String(value);
    return this;
  }

  writeHead(status: number, headers: object = {}): this {
    this.statusCode = status;
    this.headersSent = true;
    Object.assign(this.#headers, texts(headers));
    return this;
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.#chunks.push(chunk);
    done();
  }

  override _final(done: () => void): void {
    this.#tell({ status: this.statusCode, headers: this.#headers, body: Buffer.concat(this.#chunks) });
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#tell(undefined);
    done(error);
  }
}

/** Hands a request to a server. Rejects where the server breaks off. */
function ask(server: http.Server, { method, path, headers, body }: Request): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const reply = new Reply((answer) => {
    if (answer) resolve(answer);
    else reject(Object.assign(new Error("socket hang up"), { code: "ECONNRESET" }));
  });
  const headersDistinct = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
  const socket = new EventEmitter();
  const arrived = Object.assign(bodyOf(body), { method, url: path, headers, headersDistinct, socket });
  server.emit("request", arrived, reply);
  return promise;
}

const bodyOf = (body: Buffer) => Readable.from(body.length > 0 ? [body] : [], { objectMode: false });

const texts = (headers: object = {}): Headers =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
