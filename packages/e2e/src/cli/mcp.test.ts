/** The MCP server over stdio, driven by the SDK's own client against the running product. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { leftOut, nameOf, readDocument } from "@image-pipeline/cli/tools";
import { createFetchServer, listen } from "@image-pipeline/local/listen";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { startTestCloud, type TestCloud } from "../cloud.fixture.ts";
import { run } from "./fixture.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const main = fileURLToPath(import.meta.resolve("@image-pipeline/cli/main"));

let cloud: TestCloud;
/** Credentials by their rights. */
let keys: Record<"write" | "read", string>;
/** The folder that the agent may upload from. */
let folder: string;
let agent: Agent;
let id: string;

type Result = {
  isError?: boolean;
  content: { type: string; text?: string; data?: string; mimeType?: string }[];
};
type Agent = {
  client: Client;
  pid: number;
  errors: () => string;
  call(name: string, args?: Record<string, unknown>): Promise<Result>;
};

/** Starts a server and connects a client to it. */
async function startAgent(options: readonly string[], token: string, url = cloud.url): Promise<Agent> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [main, "mcp", ...options],
    env: { PATH: process.env.PATH ?? "", NO_COLOR: "1", IMAGE_API_URL: url, IMAGE_API_TOKEN: token },
    stderr: "pipe",
  });
  let errors = "";
  transport.stderr?.on("data", (chunk) => {
    errors += chunk;
  });
  const client = new Client({ name: "test", version: "1" });
  await client.connect(transport);
  return {
    client,
    pid: transport.pid ?? 0,
    errors: () => errors,
    call: async (name, args = {}) => (await client.callTool({ name, arguments: args })) as Result,
  };
}

/** Parses the JSON of a result. Fails if it is an error. */
function bodyOf({ isError, content }: Result) {
  expect([isError ?? false, content[0]?.text]).toEqual([false, expect.any(String)]);
  return JSON.parse(content[0]?.text ?? "");
}

/** The text of an error of a tool. */
function errorOf({ isError, content }: Result): string {
  expect([isError, content.length]).toEqual([true, 1]);
  return content[0]?.text ?? "";
}

async function picture(name: string, seed: number): Promise<string> {
  const path = join(folder, name);
  const background = { r: seed, g: 90, b: 160 };
  await sharp({ create: { width: 640, height: 480, channels: 3, background } })
    .jpeg()
    .toFile(path);
  return path;
}

beforeAll(async () => {
  cloud = await startTestCloud({ egressLoopback: true });
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  const made = async (...scopes: ("images:read" | "images:write")[]) =>
    (await ApiKey.create({ name: scopes.join(), scopes, owner: "acme" })).key;
  keys = { write: await made("images:read", "images:write"), read: await made("images:read") };
  folder = join(cloud.folder, "pictures");
  await mkdir(join(folder, "deep"), { recursive: true });
  await picture("one.jpg", 10);
  agent = await startAgent(["--allow", folder], keys.write);
});

afterAll(async () => {
  await agent?.client.close();
  await cloud.stop();
});

const tools = async ({ client }: Agent) => (await client.listTools()).tools;

describe("the list of tools", () => {
  test("has the API's operations with their limits, and the upload", async () => {
    const all = Object.fromEntries((await tools(agent)).map((tool) => [tool.name, tool]));
    const operationIds = Object.values((await readDocument()).paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(Object.keys(all)).toEqual(
      expect.arrayContaining([
        ...[
          "list_images",
          "count_images",
          "get_image",
          "update_image",
          "delete_image",
          "restore_image",
          "reprocess_image",
        ],
        ...["get_original", "list_similar_images", "list_image_events", "get_stats", "get_health"],
        ...["upload_image", "import_image"],
      ]),
    );
    for (const operationId of Object.keys(leftOut)) {
      expect(operationIds).toContain(operationId);
      expect(Object.keys(all)).not.toContain(nameOf(operationId));
    }
    expect(all.list_images?.inputSchema).toMatchObject({
      type: "object",
      additionalProperties: false,
      properties: {
        limit: { type: "integer", minimum: 1, maximum: 100, description: expect.stringMatching(/^Maximum/) },
        status: { enum: expect.arrayContaining(["ready"]) },
      },
    });
    expect(all.update_image?.inputSchema).toMatchObject({
      required: ["id"],
      properties: { title: { maxLength: 200 }, focus: { properties: { x: { maximum: 1 } } }, ifMatch: {} },
    });
    expect(JSON.stringify(all)).not.toMatch(/\$ref|#description/);
    for (const { name, description = "" } of Object.values(all))
      expect([name, description]).not.toEqual([name, ""]);
  });

  test("is that of docs/agents.md", async () => {
    const document = await readFile(new URL("../../../../docs/agents.md", import.meta.url), "utf8");
    for (const { name } of await tools(agent)) expect(document).toContain(`\`${name}\``);
  });

  test("says what reads, what destroys and what may be repeated", async () => {
    const hints = Object.fromEntries(
      (await tools(agent)).map(({ name, annotations }) => [
        name,
        [annotations?.readOnlyHint, annotations?.destructiveHint, annotations?.idempotentHint],
      ]),
    );
    expect(hints).toMatchObject({
      get_image: [true, false, true],
      update_image: [false, true, true],
      delete_image: [false, true, true],
      reprocess_image: [false, false, false],
      restore_image: [false, false, false],
      upload_image: [false, false, false],
      import_image: [false, false, false],
    });
  });

  test("has reads alone with --read-only, and no upload without --allow", async () => {
    const reader = await startAgent(["--read-only", "--allow", folder], keys.write);
    const read = await tools(reader);
    expect(read.filter(({ annotations }) => !annotations?.readOnlyHint)).toEqual([]);
    expect(read.length).toBeGreaterThan(7);
    await expect(reader.call("delete_image", { id: `img_${"0".repeat(26)}` })).rejects.toThrow(/not found/);
    await reader.client.close();
    const without = await startAgent([], keys.write);
    expect((await tools(without)).map(({ name }) => name)).not.toContain("upload_image");
    await without.client.close();
  });
});

describe("an agent", () => {
  test("uploads a file, and sees the record and the thumbnail", async () => {
    const result = await agent.call("upload_image", { path: "one.jpg", title: "One", tags: ["sea"] });
    const image = bodyOf(result);
    expect(image).toMatchObject({
      status: "ready",
      title: "One",
      tags: ["sea"],
      owner: "acme",
      filename: "one.jpg",
    });
    id = image.id;
    const shown = result.content.find(({ type }) => type === "image");
    expect(shown?.mimeType).toBe("image/webp");
    const { width } = await sharp(Buffer.from(shown?.data ?? "", "base64")).metadata();
    expect(width).toBe(200);
  });

  test("looks it up, with its ETag and its thumbnail", async () => {
    const result = await agent.call("get_image", { id, wait: 1 });
    expect(bodyOf(result)).toMatchObject({ id, status: "ready" });
    expect(result.content.map(({ type }) => type)).toEqual(["text", "text", "image"]);
    expect(result.content[1]?.text).toMatch(/^ETag: W\/"v\d+"$/);
  });

  test("changes it, keeps custom metadata that it does not name, and is refused with an old ETag", async () => {
    const etag = (await agent.call("get_image", { id })).content[1]?.text?.replace("ETag: ", "");
    const first = { id, title: "Two", metadata: { album: "42" }, ifMatch: etag };
    expect(bodyOf(await agent.call("update_image", first))).toMatchObject({ title: "Two" });
    const second = bodyOf(await agent.call("update_image", { id, metadata: { shelf: "7" } }));
    expect(second).toMatchObject({ title: "Two", metadata: { album: "42", shelf: "7" } });
    expect(errorOf(await agent.call("update_image", first))).toMatch(/^version_conflict \(412\): /);
  });

  test("finds it by tag, custom metadata and status, counts it, and reads its history and original", async () => {
    const filters = { tag: ["sea"], metadata: { album: "42" }, status: "ready" };
    expect(bodyOf(await agent.call("list_images", filters)).items).toMatchObject([{ id }]);
    expect(bodyOf(await agent.call("list_images", { ...filters, metadata: { album: "43" } })).items).toEqual(
      [],
    );
    expect(bodyOf(await agent.call("count_images", filters))).toMatchObject({ count: 1 });
    const { items } = bodyOf(await agent.call("list_image_events", { id, limit: 2 }));
    expect(items).toHaveLength(2);
    expect(bodyOf(await agent.call("list_similar_images", { id })).items).toEqual([]);
    const { url } = bodyOf(await agent.call("get_original", { id }));
    expect((await fetch(url)).status).toBe(200);
    expect(bodyOf(await agent.call("get_health"))).toMatchObject({ status: "ok" });
  });

  test("reprocesses and deletes it", async () => {
    expect(bodyOf(await agent.call("reprocess_image", { id }))).toMatchObject({ id });
    await cloud.settled();
    expect((await agent.call("delete_image", { id })).content).toEqual([{ type: "text", text: "Done." }]);
    expect(errorOf(await agent.call("get_image", { id }))).toMatch(/^image_not_found \(404\): /);
  });
});

describe("an agent that imports", () => {
  /** A server of files, by path. */
  async function source(content: Buffer): Promise<string> {
    const server = createServer(({ url }, response) => {
      response.statusCode = url === "/one.jpg" ? 200 : 404;
      response.end(url === "/one.jpg" ? content : "");
    });
    onTestFinished(() => void server.close());
    return listen(server, 0);
  }

  test("gets an image from a URL, and sees the thumbnail or why there is none", async () => {
    const url = await source(await readFile(join(folder, "one.jpg")));
    const result = await agent.call("import_image", { url: `${url}/one.jpg`, title: "Imported" });
    expect(bodyOf(result)).toMatchObject({ status: "ready", title: "Imported", owner: "acme" });
    expect(result.content.map(({ type }) => type)).toContain("image");
    const none = bodyOf(await agent.call("import_image", { url: `${url}/none.jpg` }));
    expect(none).toMatchObject({ status: "rejected", error: { code: "import_unavailable" } });
    for (const { id } of [bodyOf(result), none]) await agent.call("delete_image", { id });
  });

  test("is refused an internal address before anything is created", async () => {
    const text = errorOf(await agent.call("import_image", { url: "http://169.254.169.254/latest" }));
    expect(text).toMatch(/^invalid_request \(400\): .*not public/);
    expect(bodyOf(await agent.call("count_images"))).toMatchObject({ count: 0 });
  });
});

test("a large upload whose call was cancelled sends only the parts that S3 does not have with the next call", async () => {
  const background = { r: 10, g: 90, b: 160 };
  await sharp({ create: { width: 2400, height: 2400, channels: 3, background } })
    .png({ compressionLevel: 0 })
    .toFile(join(folder, "large.png"));
  const signed: { uploadId?: string; key?: string; partNumber?: number }[] = [];
  let isHeld = true;
  const proxy = createFetchServer(async (request) => {
    const { pathname, search } = new URL(request.url);
    const body = request.method === "GET" ? undefined : await request.text();
    const asked = pathname === "/uploads/sign" ? JSON.parse(body ?? "{}") : {};
    if (asked.uploadId) signed.push(asked);
    // The parts after the first get no response.
    if (isHeld && asked.partNumber > 1) return new Promise<Response>(() => undefined);
    const { authorization = "", "idempotency-key": key = "" } = Object.fromEntries(request.headers);
    const headers = {
      authorization,
      "content-type": "application/json",
      ...(key && { "idempotency-key": key }),
    };
    const init = { method: request.method, headers, body };
    const response = await fetch(cloud.url + pathname + search, init);
    // Without the encoding of the body, which `fetch` has decoded.
    const type = response.headers.get("content-type") ?? "";
    return new Response(await response.text(), {
      status: response.status,
      headers: { "content-type": type },
    });
  });
  const url = await listen(proxy, 0);
  onTestFinished(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  const uploader = await startAgent(["--allow", folder], keys.write, url);
  const stop = new AbortController();
  const given = { name: "upload_image", arguments: { path: "large.png" } };
  const cancelled = expect(uploader.client.callTool(given, { signal: stop.signal })).rejects.toThrow();
  const hasPart = async () => {
    const { uploadId, key } = signed.find(({ partNumber }) => partNumber === 1) ?? {};
    if (!uploadId) return false;
    const headers = { authorization: `Bearer ${keys.write}`, "content-type": "application/json" };
    const body = JSON.stringify({ method: "GET", key, uploadId });
    const { url } = await (
      await fetch(`${cloud.url}/uploads/sign`, { method: "POST", headers, body })
    ).json();
    return (await (await fetch(url)).text()).includes("<PartNumber>1<");
  };
  await vi.waitUntil(hasPart, { timeout: 60_000 });
  stop.abort();
  await cancelled;
  isHeld = false;
  signed.length = 0;
  const image = bodyOf(await uploader.call("upload_image", given.arguments));
  expect(image).toMatchObject({ status: "ready", source: { width: 2400 } });
  expect(signed.flatMap(({ partNumber }) => partNumber ?? []).sort()).toEqual([2, 3]);
  expect(bodyOf(await uploader.call("count_images"))).toMatchObject({ count: 1 });
  await uploader.call("delete_image", { id: image.id });
  await uploader.client.close();
});

describe("the key's rights", () => {
  test("are the tools': a write with a key for reading is an error with the code and what to do", async () => {
    const reader = await startAgent(["--allow", folder], keys.read);
    expect(bodyOf(await reader.call("list_images")).items).toEqual([]);
    for (const [name, args] of [
      ["update_image", { id, title: "No" }],
      ["delete_image", { id }],
      ["upload_image", { path: "one.jpg" }],
      ["get_stats", {}],
    ] as const) {
      const text = errorOf(await reader.call(name, args));
      expect([name, text]).toEqual([
        name,
        expect.stringMatching(/^forbidden \(403\): .*`(images:write|service)`/),
      ]);
      expect(text).toContain("Ask the user for an API key with that scope in IMAGE_API_TOKEN.");
    }
    await reader.client.close();
  });

  test("are none with a wrong key", async () => {
    const stranger = await startAgent([], `${keys.read.slice(0, -4)}aaaa`);
    const text = errorOf(await stranger.call("list_images"));
    expect(text).toMatch(/^unauthenticated \(401\): .*Set IMAGE_API_TOKEN to an API key or a JWT\.$/);
    await stranger.client.close();
  });
});

describe("hostile input", () => {
  test("a path outside of the folder is refused in the same words, whether a file is there or not", async () => {
    const outside = join(cloud.folder, "outside.jpg");
    await writeFile(outside, "secret");
    await symlink(outside, join(folder, "link.jpg"));
    await symlink(cloud.folder, join(folder, "way"));
    const paths = [outside, "../outside.jpg", "deep/../../outside.jpg", "link.jpg", "way/outside.jpg"]
      .concat(["../none.jpg", "/etc/passwd", "/none.jpg", ".", "", "a\0.jpg", "..", "~/a.jpg/../../../x.jpg"])
      .filter(Boolean);
    for (const path of paths) {
      const text = errorOf(await agent.call("upload_image", { path }));
      expect([path, text]).toEqual([
        path,
        expect.stringContaining("is not in a folder that the user has allowed"),
      ]);
    }
    expect(bodyOf(await agent.call("count_images"))).toMatchObject({ count: 0 });
  });

  test("within it a file must be there, a file, and an image by its name", async () => {
    await writeFile(join(folder, "notes.txt"), "text");
    await mkdir(join(folder, "folder.jpg"));
    for (const [path, words] of [
      ["none.jpg", "There is no file"],
      ["notes.txt", "is not an image by the extension of its name"],
      ["folder.jpg", "is not a file"],
    ] as const)
      expect(errorOf(await agent.call("upload_image", { path }))).toContain(words);
  });

  test("arguments beyond the limits, unknown ones and ids that are paths never reach the API", async () => {
    for (const [name, args] of [
      ["get_image", { id: "../stats" }],
      ["get_image", {}],
      ["list_images", { limit: 1_000 }],
      ["list_images", { owners: "acme" }],
      ["list_images", { q: "x".repeat(1_000_000) }],
      ["update_image", { id: `img_${"0".repeat(26)}`, title: "x".repeat(201) }],
      ["upload_image", { path: "x".repeat(100_000) }],
    ] as const)
      expect([name, errorOf(await agent.call(name, args))]).toEqual([
        name,
        expect.stringMatching(/[Ii]nput validation/),
      ]);
  });

  test("an unknown tool is an error of the protocol, and the server goes on", async () => {
    for (const name of ["none", "sign_upload", "__proto__", "constructor"])
      await expect(agent.call(name)).rejects.toThrow();
    expect(bodyOf(await agent.call("get_health"))).toMatchObject({ status: "ok" });
  });
});

/** A server without the SDK's client, for what goes over the pipes. */
function raw(environment: Record<string, string> = {}) {
  const child: ChildProcess = spawn(process.execPath, [main, "mcp"], {
    env: {
      ...process.env,
      NO_COLOR: "1",
      IMAGE_API_URL: cloud.url,
      IMAGE_API_TOKEN: keys.read,
      ...environment,
    },
    stdio: "pipe",
  });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      output[name] += text;
    });
  const send = (line: string) => child.stdin?.write(`${line}\n`);
  const answers = () =>
    output.stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { id: number; result?: unknown });
  const answer = async (wanted: number) => {
    await expect.poll(() => answers().some(({ id }) => id === wanted), { timeout: 60_000 }).toBe(true);
    return answers().find(({ id }) => id === wanted);
  };
  return { child, output, send, answer, answers };
}

const initialize = (number: number) =>
  JSON.stringify({
    jsonrpc: "2.0",
    id: number,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "raw", version: "1" } },
  });

describe("the process", () => {
  test("writes nothing but the protocol to standard output, whatever Node warns of and a client sends, and ends with its input", async () => {
    const warning = "data:text/javascript,process.emitWarning('from%20Node')";
    const { child, output, send, answer, answers } = raw({ NODE_OPTIONS: `--import=${warning}` });
    send("this is not JSON");
    send(initialize(1));
    expect(await answer(1)).toMatchObject({ result: { serverInfo: { name: "image-pipeline" } } });
    send(JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }));
    send('{"jsonrpc":"2.0"');
    send('{"jsonrpc":"2.0"}');
    send(JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "get_health" } }));
    expect(await answer(2)).toMatchObject({
      result: { content: [{ text: '{"status":"ok","trashDays":0}' }] },
    });
    child.stdin?.end();
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(answers().map(({ id }) => id)).toEqual([1, 2]);
    expect(output.stderr).toContain("Warning: from Node");
    expect(output.stderr).toContain("not MCP");
  });

  test("ends with a message that is larger than the protocol's library reads", async () => {
    const { child, output, send, answer } = raw();
    send(initialize(1));
    await answer(1);
    child.stdin?.on("error", () => undefined);
    send("x".repeat(11_000_000));
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(output.stderr).toContain("not MCP");
  });

  test("does not start without the API, and says why on standard error", async () => {
    const { code, stdout, stderr } = await run(["mcp"], { IMAGE_API_URL: "http://127.0.0.1:9" });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(
      "No answer from http://127.0.0.1:9. Start the pipeline with `npm start`, or name",
    );
  });

  test("does not start with a folder that is none", async () => {
    for (const path of [join(cloud.folder, "none"), join(folder, basename("one.jpg"))]) {
      const { code, stdout, stderr } = await run(["mcp", "--allow", path], { IMAGE_API_URL: cloud.url });
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain("is not a folder. Name one that exists.");
    }
  });
});
