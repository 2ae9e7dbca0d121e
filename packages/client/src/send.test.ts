import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { listen } from "./fixture.ts";
import { send } from "./send.ts";

const MB = 1_000_000;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

test("sends the file's bytes with their length and the headers that were signed", async () => {
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

test("progress stands still while the network takes nothing", async () => {
  let received = 0;
  const url = await listen((request) => {
    request.on("data", (chunk: Buffer) => {
      received += chunk.length;
      request.pause();
    });
  });
  const cancel = new AbortController();
  let sent = 0;
  const sending = send({ method: "PUT", url }, new Blob([new Uint8Array(64 * MB)]), {
    onSent: (bytes) => {
      sent = bytes;
    },
    signal: cancel.signal,
  });
  const cancelled = expect(sending).rejects.toThrow("aborted");
  await sleep(500);
  const before = sent;
  await sleep(300);
  expect(sent).toBe(before);
  // What the kernel's buffers on both ends hold (up to 4 MB and 6 MB here) is the most that it can be ahead.
  expect(sent - received).toBeLessThan(16 * MB);
  cancel.abort();
  await cancelled;
});

test("a cancellation is thrown as the signal's own reason", async () => {
  const url = await listen((request) => void request.pause());
  const reason = new Error("The person went away.");
  const cancel = new AbortController();
  const sending = send({ method: "PUT", url }, new Blob([new Uint8Array(MB)]), { signal: cancel.signal });
  setTimeout(() => cancel.abort(reason), 50);
  await expect(sending).rejects.toBe(reason);
});

test("a connection that breaks is a network error, which may pass", async () => {
  const url = await listen((request) => void request.once("data", () => request.socket.destroy()));
  const sending = send({ method: "PUT", url }, new Blob([new Uint8Array(MB)]));
  await expect(sending).rejects.toMatchObject({ code: "network_error", isTransient: true });
});

test("outside of React Native, a file that is only named by its uri is refused", async () => {
  const sending = send({ method: "PUT", url: "http://127.0.0.1:1" }, { uri: "file:///photo.jpg" });
  await expect(sending).rejects.toMatchObject({ code: "invalid_request", isTransient: false });
});
