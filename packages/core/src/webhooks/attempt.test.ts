import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Attempt } from "./attempt.ts";

const policy = { http: true, loopback: true };
const secrets = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"];

/** Starts a TCP server that answers each connection by `answer`. Resolves with its URL and its connections. */
async function serve(answer: (socket: Socket) => void) {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    socket.resume();
    answer(socket);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, sockets };
}

/** Sends `text` at once, and then a byte every 10 ms for as long as the connection is open. */
const trickle = (text: string) => (socket: Socket) => {
  socket.write(text);
  const timer = setInterval(() => socket.write("x"), 10);
  socket.on("close", () => clearInterval(timer));
};

const send = (url: string, timeoutMs?: number) =>
  Attempt.send({ id: "msg_1", url, body: "{}", secrets }, policy, { timeoutMs });

test.each<[string, (socket: Socket) => void]>([
  ["never answers", () => {}],
  ["sends its headers byte by byte", trickle("HTTP/1.1 200 OK\r\nx-slow: ")],
  ["sends its body byte by byte", trickle("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")],
  ["sends its chunks byte by byte", trickle("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3e8\r\n")],
  [
    "sends interim responses without an end",
    (socket) => {
      const timer = setInterval(() => socket.write("HTTP/1.1 103 Early Hints\r\n\r\n"), 10);
      socket.on("close", () => clearInterval(timer));
    },
  ],
])("gives up a receiver that %s, and closes the connection", async (_, answer) => {
  const { url, sockets } = await serve(answer);
  expect(await send(url, 200)).toEqual({ ok: false, error: "timeout" });
  const [socket] = sockets;
  if (socket && !socket.closed) await new Promise((closed) => socket.once("close", closed));
  expect(sockets).toHaveLength(1);
});

test("cuts a longer answer off, and takes its status", async () => {
  const { url } = await serve((socket) =>
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n${"x".repeat(10_000)}`),
  );
  expect(await send(url)).toEqual({ ok: true, status: 200 });
});

test.each([
  ["is cut off", "HTTP/1.1 200"],
  ["is not HTTP", "SSH-2.0-OpenSSH_9.6\r\n\r\n"],
  ["has headers above 16 KB", `HTTP/1.1 200 OK\r\nx-long: ${"x".repeat(17_000)}\r\n\r\n`],
])("fails by an answer that %s", async (_, text) => {
  const { url } = await serve((socket) => socket.end(text));
  expect(await send(url)).toEqual({ ok: false, error: "unreachable" });
});
