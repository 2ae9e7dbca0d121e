/** TCP proxies that reset one connection: before they forward what the client sent, or in place of the response. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** The moment of a reset: before the service receives a request, or once it has answered. */
export type Moment = "before" | "after";

/** The proxies of a test. `armed` is the reset that is due at the n-th piece of data, counted down. */
export type Proxies = {
  /** Starts a proxy in front of the service at a URL, and returns its URL. */
  through(url: string): Promise<string>;
  /** Resets the connection of the n-th piece of data from now on. */
  arm(moment: Moment, n: number): void;
  /** Disarms, and returns true if a connection was reset. */
  disarm(): boolean;
  close(): void;
};

/** Creates proxies that share one reset. */
export function createProxies(): Proxies {
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  let armed: { moment: Moment; left: number } | undefined;
  let reset = false;
  const isDue = (moment: Moment) => {
    if (armed?.moment !== moment || --armed.left > 0) return false;
    armed = undefined;
    reset = true;
    return true;
  };
  const keep = (socket: Socket) => {
    sockets.add(socket);
    // An error is followed by `close`.
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  };
  return {
    async through(url) {
      const { hostname, port, protocol } = new URL(url);
      const server = createServer((client) => {
        const service = connect(Number(port), hostname);
        keep(client);
        keep(service);
        const end = () => {
          client.resetAndDestroy();
          service.destroy();
        };
        client.on("data", (data) => (isDue("before") ? end() : service.write(data)));
        service.on("data", (data) => (isDue("after") ? end() : client.write(data)));
        client.on("close", () => service.destroy());
        service.on("close", () => client.destroy());
      });
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      servers.push(server);
      return `${protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`;
    },
    arm(moment, n) {
      reset = false;
      armed = { moment, left: n };
    },
    disarm() {
      armed = undefined;
      return reset;
    },
    close() {
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
