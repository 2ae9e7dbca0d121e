import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { listen } from "./fixture.ts";
import { send } from "./send.ts";

const MB = 1_000_000;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("sends the file's bytes with their length and the signed headers", async () => {
  const file = randomBytes(3 * MB + 17);
  const url = await listen((request, response) => {
    const hash = createHash("sha256");
    request.on("data", (chunk) => hash.update(chunk));
    request.on("end", () => {
      const { "content-length": length, "content-type": type, "transfer-encoding": chunks } = request.headers;
      response
        .setHeader("etag", '"0a1b"')
        .end(JSON.stringify({ length, type, chunks, hash: hash.digest("hex") }));
    });
  });
  const target = { method: "PUT", url, headers: { "content-type": "image/png" } };
  const answer = await send(target, new Blob([file]));
  expect(answer).toMatchObject({ status: 200, etag: '"0a1b"' });
  expect(JSON.parse(answer.text)).toEqual({ length: "3000017", type: "image/png", hash: sha256(file) });
});

test("progress grows up to the file's size", async () => {
  const url = await listen((request, response) => request.resume().on("end", () => response.end()));
  const file = new Blob([new Uint8Array(2 * MB)]);
  const sent: number[] = [];
  await send({ method: "PUT", url }, file, { onSent: (bytes) => sent.push(bytes) });
  expect(sent.length).toBeGreaterThan(20);
  expect(sent).toEqual([...sent].sort((a, b) => a - b));
  expect(sent.at(-1)).toBe(file.size);
});

test("progress counts what the network took: a server that reads nothing stops it", async () => {
  let received = 0;
  let resume = () => {};
  const url = await listen((request, response) => {
    request.once("data", () => {
      request.pause();
      resume = () => request.resume();
    });
    request.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    request.on("end", () => response.end());
  });
  let sent = 0;
  let aheadMax = 0;
  const file = new Blob([new Uint8Array(64 * MB)]);
  const sending = send({ method: "PUT", url }, file, {
    onSent: (bytes) => {
      sent = bytes;
      aheadMax = Math.max(aheadMax, sent - received);
    },
  });
  // Until progress has stopped: no change over a hundred turns of the event loop.
  for (let turns = 0, before = -1; turns < 100; turns++) {
    if (sent !== before || received === 0) turns = 0;
    before = sent;
    await new Promise(setImmediate);
  }
  expect(sent).toBeLessThan(file.size);
  resume();
  await sending;
  expect(sent).toBe(file.size);
  // Socket buffers of both ends hold up to 4 MB and 6 MB here.
  expect(aheadMax).toBeLessThan(16 * MB);
});

test("a cancellation rejects with the signal's reason", async () => {
  const reason = new Error("The person left.");
  const cancel = new AbortController();
  const url = await listen((request) => {
    request.pause();
    cancel.abort(reason);
  });
  const sending = send({ method: "PUT", url }, new Blob([new Uint8Array(MB)]), { signal: cancel.signal });
  await expect(sending).rejects.toBe(reason);
});

test("a broken connection is a transient network_error", async () => {
  const url = await listen((request) => void request.once("data", () => request.socket.destroy()));
  const sending = send({ method: "PUT", url }, new Blob([new Uint8Array(MB)]));
  await expect(sending).rejects.toMatchObject({ code: "network_error", isTransient: true });
});

test("refuses a file by uri outside of React Native", async () => {
  const sending = send({ method: "PUT", url: "http://127.0.0.1:1" }, { uri: "file:///photo.jpg" });
  await expect(sending).rejects.toMatchObject({ code: "invalid_request", isTransient: false });
});
