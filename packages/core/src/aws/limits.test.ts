import { spawnSync } from "node:child_process";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { Storage } from "./storage.ts";

type Act = (response: ServerResponse) => void;

/** The server's responses in turn; the last one repeats. */
let acts: Act[];
let requests: number;

const server = createServer((_, response) => {
  requests++;
  (acts.length > 1 ? acts.shift() : acts[0])?.(response);
});

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  vi.stubEnv("AWS_ENDPOINT_URL_S3", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  vi.unstubAllEnvs();
});

beforeEach(() => {
  requests = 0;
});

const found: Act = (response) => response.writeHead(200, { "content-length": "5" }).end("bytes");

const get = async (client = Storage.createClient()) => {
  const { Body } = await client.send(new GetObjectCommand({ Bucket: "uploads", Key: "a" }));
  if (!Body) throw new Error("The server sent no body.");
  return Body.transformToString();
};

describe("retries", () => {
  test.each([
    ["a 503", (response: ServerResponse) => void response.writeHead(503).end()],
    ["a connection reset", (response: ServerResponse) => void response.socket?.resetAndDestroy()],
    ["silence in place of a response", () => {}],
  ] satisfies [string, Act][])("%s", async (_, fault) => {
    acts = [fault, found];
    expect(await get(Storage.createClient({ socketTimeout: 500 }))).toBe("bytes");
    expect(requests).toBe(2);
  });

  test("three times at most", async () => {
    acts = [(response) => void response.writeHead(503).end()];
    await expect(get()).rejects.toMatchObject({ $metadata: { attempts: 4 } });
    expect(requests).toBe(4);
  });
});

describe("a body", () => {
  const headers = { "content-length": "8" };

  test("that arrives slowly is read whole, however long it takes", async () => {
    acts = [
      async (response) => {
        response.writeHead(200, headers);
        for (const byte of "a body..") {
          response.write(byte);
          await pause(300);
        }
        response.end();
      },
    ];
    // 2.4 s of transfer, and never 2 s of silence.
    expect(await get(Storage.createClient({ socketTimeout: 2_000 }))).toBe("a body..");
  });

  test("that stops arriving ends with an error", async () => {
    acts = [(response) => void response.writeHead(200, headers).write("a bo")];
    await expect(get(Storage.createClient({ socketTimeout: 500 }))).rejects.toThrow(
      "timed out after 500 ms of inactivity",
    );
  });
});

describe("the shared client", () => {
  test("is one for the process", () => expect(Storage.client()).toBe(Storage.client()));

  test("needs no region, credentials or stage until its first use", () => {
    const file = JSON.stringify(new URL("storage.ts", import.meta.url));
    const code = `const { Storage } = await import(${file}); process.stdout.write(Object.keys(Storage).join());`;
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
      encoding: "utf8",
      env: {},
    });
    expect(stderr).not.toContain("Error");
    expect(stdout).toContain("readOriginal");
  });
});
