import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { crc32 } from "node:zlib";
import { photo } from "@image-pipeline/core/fixture";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Ask, codeOf, type Issuer, startIssuer, startWorld, type World } from "./fixture.ts";
import {
  codesOf,
  conforming,
  type Known,
  type Operation,
  operationsOf,
  request,
} from "./fixture-conformance.ts";

/** `npm run conformance` sets 20,000; every run prints how to repeat it. */
const runs = Number(process.env.CONFORMANCE_RUNS ?? (process.env.PROVE ? 2000 : 400));
/** Changes and reprocesses of an owner: more than the random requests make. */
const perDay = Math.max(100, runs);
const seed = Number(process.env.CONFORMANCE_SEED ?? 20_261_123);

const document = JSON.parse(
  readFileSync(new URL("../../../functions/openapi.json", import.meta.url), "utf8"),
);
/** Operations that delete come last, so that the others find images in every state. */
const deletes = ({ operationId, method }: Operation) => method === "DELETE" || operationId === "updateImages";
const operations = operationsOf(document).sort((a, b) => Number(deletes(a)) - Number(deletes(b)));
const guarded = operations.filter((operation) => codesOf(operation).includes("unauthenticated"));
const check = conforming(document);

/** A well-formed API key, which is looked up in the table: it has no such key. */
const unknownKey = (() => {
  const [id, secret] = ["0".repeat(16), "0".repeat(64)];
  return `imgkey_${id}_${secret}${crc32(id + secret)
    .toString(16)
    .padStart(8, "0")}`;
})();

/** The codes and statuses that each operation has returned. */
const seen = new Map<string, Set<string>>(operations.map(({ operationId }) => [operationId, new Set()]));

let world: World;
let issuer: Issuer;
let alice: string;
let service: string;
let reader: string;
let owner: string;
let sha256: string;
/** Alice's images. */
const there: { id: string; key: string }[] = [];
/** Alice's webhook, and a delivery to it. */
let webhook = { id: "", delivery: "" };

/** Sends a request and checks the response. Throws an error that names the deviation. */
async function send(operation: Operation, path: string, init: Ask): Promise<string> {
  const response = await world.ask(path, init);
  const text = await response.clone().text();
  const fault = response.status >= 500 ? `status ${response.status}: ${text}` : undefined;
  const wrong = fault ?? check(operation, response.status, response.headers.get("content-type"), text);
  if (wrong) throw new Error(`${operation.operationId}: ${wrong}\n${path} ${JSON.stringify(init)}`);
  const code = await codeOf(response);
  seen.get(operation.operationId)?.add(code);
  return code;
}

beforeAll(async () => {
  issuer = await startIssuer();
  issuer.state.down = true;
  world = await startWorld({
    ...issuer.settings,
    pendingMax: 40,
    webhooksMax: 100,
    uploadsPerDayMax: 0,
    bytesPerDayMax: 0,
    changesPerDayMax: perDay,
    reprocessesPerDayMax: perDay,
  });
  // Longer than the longest run.
  alice = await issuer.token("alice", { exp: Math.floor(Date.now() / 1000) + 86_400 });
  // While the issuer cannot be reached, a token is neither accepted nor rejected: the API answers 503.
  for (const operation of guarded) {
    const response = await world.ask(operation.path.replace("{id}", `img_${"0".repeat(26)}`), {
      method: operation.method,
      as: alice,
    });
    seen.get(operation.operationId)?.add(await codeOf(response));
    expect([operation.operationId, response.status]).toEqual([operation.operationId, 503]);
  }
  issuer.state.down = false;
  const { ID } = await import("@image-pipeline/core/id");
  owner = ID.ownerFromClaims(issuer.settings.jwtIssuer, "alice");
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  service = (await ApiKey.create({ name: "all", scopes: ["images:read", "images:write", "service"] })).key;
  reader = (await ApiKey.create({ name: "none", scopes: ["images:read"], owner: "nobody" })).key;
  // After a failure the API does not fetch the keys for five seconds: the clock is moved ahead instead of waiting.
  const { now } = Date;
  Date.now = () => now() + 5_001;
  expect((await world.ask("/images", { as: alice })).status).toBe(200);
  Date.now = now;
  await populate(alice);
  await subscribe();
}, 60_000);
afterAll(async () => {
  console.info(report());
  await issuer.stop();
});

/** The random requests of each operation: how many were sent, and how many succeeded. */
const reached = new Map<string, { sent: number; succeeded: number }>();

/** Returns the number of requests and of successes, as a line for each operation. */
function report(): string {
  const lines = operations.map((operation) => {
    const { sent, succeeded } = reached.get(operation.operationId) ?? { sent: 0, succeeded: 0 };
    const codes = codesOf(operation);
    const met = codes.filter((code) => seen.get(operation.operationId)?.has(code));
    return `${operation.operationId}: ${succeeded} of ${sent} random requests succeeded, ${met.length} of ${codes.length} documented errors met`;
  });
  return ["Reached by the conformance suite:", ...lines].join("\n");
}

const receiver = { url: "https://receiver.example.com/hook", events: ["image.ready"] };

/** Creates alice's webhook with a delivery. Its receiver is never reached: there is no such name. */
async function subscribe() {
  const created = await world.ask("/webhooks", { json: receiver, as: alice });
  const { id } = (await created.json()) as { id: string };
  const tested = await world.ask(`/webhooks/${id}/test`, { method: "POST", as: alice });
  webhook = { id, delivery: ((await tested.json()) as { id: string }).id };
}

/** Images in every state: pending, ready, rejected. */
async function populate(as: string) {
  const bytes = await photo({ width: 200, height: 150 });
  sha256 = createHash("sha256").update(bytes).digest("hex");
  const bodies = [undefined, undefined, bytes, bytes, Buffer.from("no picture at all")];
  for (const body of bodies) {
    const json = {
      filename: "a.jpg",
      contentType: "image/jpeg",
      bytes: body?.length ?? 1,
      title: "é😀",
      tags: ["a"],
      metadata: { a: "b" },
    };
    const image = (await (await world.ask("/images", { json, as })).json()) as {
      id: string;
      source: { key: string };
      upload: { url: string; headers: Record<string, string> };
    };
    if (body)
      await fetch(image.upload.url, {
        method: "PUT",
        headers: image.upload.headers,
        body: new Uint8Array(body),
      });
    if (as === alice) there.push({ id: image.id, key: image.source.key });
  }
  await world.settled();
}

/** Values for the random requests, current when a request is generated. */
const known: Known = {
  id: one(() => there.map(({ id }) => id)),
  webhook: one(() => [webhook.id]),
  delivery: one(() => [webhook.delivery]),
  contentType: one(() => ["image/jpeg", "image/png", "IMAGE/JPG", "application/octet-stream"]),
  // As many names of new files as keys of images, most of which take no upload.
  key: one(() => there.flatMap(({ key }) => [key, "boat.jpg"])),
  owner: one(() => [owner, owner, "default"]),
  sha256: one(() => [sha256, "0".repeat(64)]),
  status: one(() => ["pending", "ready", "rejected"]),
  tag: one(() => ["a"]),
  // Refused once its name is resolved, and of a receiver.
  url: one(() => ["https://localhost/a.jpg", receiver.url, receiver.url, receiver.url]),
  headers: fc.constantFrom({}, { authorization: "Bearer a" }),
  "Idempotency-Key": fc.uuid(),
  "If-Match": one(() => ["*", 'W/"v1"', 'W/"v3"']),
  "If-None-Match": one(() => ["*", 'W/"v1"', 'W/"v3"']),
  operations: fc.array(
    fc.oneof(
      fc.record({
        op: fc.constant("update"),
        id: one(() => there.map(({ id }) => id)),
        changes: fc.record({ title: fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }) }),
      }),
      fc.record({
        op: fc.constantFrom("delete", "restore", "reprocess"),
        id: one(() => there.map(({ id }) => id)),
      }),
    ),
    { minLength: 1, maxLength: 4 },
  ),
  createdAfter: one(() => ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00+02:00"]),
  createdBefore: one(() => ["2099-01-01T00:00:00Z", "2020-01-01T00:00:00.5Z"]),
};

/** Requests that create an image, more often than those that need the id of a multipart upload. */
const signing: Known = {
  method: one(() => ["PUT", "PUT", "POST", "POST", "GET", "DELETE"]),
};

/** Picks from a list that is read again for each value. */
function one(list: () => string[]): fc.Arbitrary<string> {
  return fc.nat({ max: 999 }).map((n) => {
    const values = list();
    return values[n % values.length] ?? "";
  });
}

/** Restores the number of images: deletes a created upload, and uploads a deleted image again. */
async function restore(operationId: string, code: string) {
  if (
    (operationId === "deleteImage" && code === "204") ||
    (operationId === "updateImages" && code === "200")
  ) {
    const { items } = (await (await world.ask("/images?limit=100", { as: alice })).json()) as Images;
    const left = items.map(({ id, source: { key } }) => ({ id, key }));
    there.splice(0, Number.POSITIVE_INFINITY, ...left);
    while (there.length < 5) {
      const json = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1 };
      const { id, source } = (await (
        await world.ask("/images", { json, as: alice })
      ).json()) as Images["items"][0];
      there.push({ id, key: source.key });
    }
  }
  if (operationId === "createWebhook" && code === "201") {
    for (const query of [`?owner=${owner}`, "?owner=default", ""]) {
      const response = await world.ask(`/webhooks${query}`, { as: service });
      for (const { id } of ((await response.json()) as { items: { id: string }[] }).items)
        if (id !== webhook.id) await world.ask(`/webhooks/${id}`, { method: "DELETE", as: service });
    }
  }
  if (operationId === "deleteWebhook" && code === "204") await subscribe();
  if (operationId === "updateWebhook" && code === "200")
    await world.ask(`/webhooks/${webhook.id}`, { method: "PATCH", json: { enabled: true }, as: service });
  if ((operationId === "createImage" && code === "201") || (operationId === "signUpload" && code === "200")) {
    const { items } = (await (
      await world.ask("/images?status=pending&limit=100", { as: alice })
    ).json()) as Images;
    const { items: others } = (await (
      await world.ask("/images?status=pending&owner=default&limit=100", { as: service })
    ).json()) as Images;
    for (const { id } of [...items, ...others])
      if (!there.some((image) => image.id === id))
        await world.ask(`/images/${id}`, { method: "DELETE", as: service });
  }
}
type Images = { items: { id: string; source: { key: string } }[] };

describe(`random requests agree with the document (CONFORMANCE_SEED=${seed} CONFORMANCE_RUNS=${runs})`, () => {
  test.each(operations)(
    "$operationId",
    async (operation) => {
      const share = Math.ceil(runs / operations.length);
      // Most fields of a signing request exclude each other, and a webhook has two lists of few valid values: fewer of their requests succeed.
      const numRuns = ["signUpload", "createWebhook"].includes(operation.operationId) ? 4 * share : share;
      // Long polling is tested elsewhere; here it would only cost time.
      const parameters = operation.parameters?.filter(({ name }) => name !== "wait");
      const requests = request({ ...operation, parameters }, document, {
        known: operation.operationId === "signUpload" ? { ...known, ...signing } : known,
        as: [alice, service, alice, service, alice, service, reader, "", "nonsense"],
      });
      const enough = Math.min(share / 12, 20);
      const counts = { sent: 0, succeeded: 0 };
      reached.set(operation.operationId, counts);
      await world.settled();
      await fc.assert(
        fc.asyncProperty(requests, async ({ path, init }) => {
          const code = await send(operation, path, init);
          counts.sent++;
          if (/^[23]/.test(code)) counts.succeeded++;
          await restore(operation.operationId, code);
          // Waits, so that the next request finds a finished image.
          if (operation.operationId === "reprocessImage" && code === "200" && counts.succeeded < enough)
            await world.settled();
        }),
        { seed, numRuns },
      );
      // If every request were refused, the successful responses would not be tested.
      expect(counts.succeeded).toBeGreaterThanOrEqual(enough);
    },
    3_600_000,
  );
});

describe("every documented error can be met", () => {
  const by = (operationId: string): Operation => {
    const operation = operations.find((each) => each.operationId === operationId);
    if (!operation) throw new Error(`There is no ${operationId}.`);
    return operation;
  };
  const file = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1 };
  const json = { "content-type": "application/json" };
  // An owner that the random requests do not use.
  let carol: string;
  beforeAll(async () => {
    carol = await issuer.token("carol");
  });
  const announce = async (as: string, more: object = {}) =>
    (await (await world.ask("/images", { json: { ...file, ...more }, as })).json()) as {
      id: string;
      source: { key: string };
    };

  test("by who asks", async () => {
    const stranger = await issuer.token("mallory");
    const limited = await issuer.token("alice", { scope: "images:nothing" });
    for (const operation of guarded) {
      const path = operation.path.replace("{id}", there[0]?.id ?? "");
      expect(await send(operation, path, { method: operation.method, as: "nonsense" })).toBe(
        "unauthenticated",
      );
      expect(await send(operation, path, { method: operation.method, as: limited })).toBe("forbidden");
      if (operation.operationId === "createImage") continue;
      if (!codesOf(operation).includes("image_not_found")) continue;
      const init = operation.requestBody
        ? {
            method: operation.method,
            headers: json,
            body: JSON.stringify(
              operation.operationId === "signUpload" ? { method: "POST", key: there[0]?.key } : {},
            ),
          }
        : { method: operation.method };
      expect(await send(operation, path, { ...init, as: stranger })).toBe("image_not_found");
    }
  });

  test("by what is asked", async () => {
    const missing = `img_${"0".repeat(26)}`;
    for (const operation of operations) {
      const codes = codesOf(operation);
      const path = operation.path.replace("{id}", there[0]?.id ?? missing);
      const ask = (init: Ask, query = "") =>
        send(operation, path + query, { method: operation.method, as: service, ...init });
      if (codes.includes("malformed_json")) await ask({ headers: json, body: "{" });
      if (codes.includes("unsupported_media_type"))
        await ask({ body: "{}", headers: { "content-type": "text/plain" } });
      if (codes.includes("body_too_large")) await ask({ headers: json, body: "x".repeat(70_000) });
      if (codes.includes("webhook_not_found"))
        expect(await ask({ headers: json, body: operation.requestBody && "{}" })).toBe("webhook_not_found");
      if (codes.includes("delivery_not_found")) {
        const known = operation.path.replace("{webhook}", webhook.id);
        expect(await send(operation, known, { method: "POST", as: service })).toBe("delivery_not_found");
        const change = (enabled: boolean) =>
          world.ask(`/webhooks/${webhook.id}`, { method: "PATCH", json: { enabled }, as: service });
        await change(false);
        expect(await send(operation, known, { method: "POST", as: service })).toBe("webhook_disabled");
        await change(true);
      }
      if (operation.operationId === "listChanges") await ask({}, `?owner=${owner}&since=x`);
      else if (codes.includes("invalid_cursor")) await ask({}, "?cursor=x");
      if (codes.includes("invalid_request"))
        await ask(
          { headers: { ...json, "idempotency-key": "a b" }, body: operation.requestBody && "[]" },
          operation.requestBody ? "" : "?nothing=1",
        );
      if (codes.includes("version_conflict"))
        await ask({
          headers: { ...json, "if-match": 'W/"v999"' },
          body: operation.requestBody && '{"title":"x"}',
        });
    }
  });

  test("by the state of things", async () => {
    const { id } = await announce(carol);
    for (const operationId of ["reprocessImage", "getOriginal"]) {
      const operation = by(operationId);
      expect(
        await send(operation, operation.path.replace("{id}", id), { method: operation.method, as: carol }),
      ).toBe("image_not_ready");
    }
    const { Image } = await import("@image-pipeline/core/images/image");
    await Image.remove({ id, by: "test", trashDays: 1 });
    for (const operationId of ["reprocessImage", "getOriginal", "updateImage"]) {
      const operation = by(operationId);
      const init = {
        method: operation.method,
        as: carol,
        ...(operation.requestBody ? { json: { alt: "x" } } : {}),
      };
      expect(await send(operation, operation.path.replace("{id}", id), init)).toBe("image_trashed");
    }
    const [ready] = await readyImages();
    const taken = { method: "POST", key: ready?.source.key };
    expect(await send(by("signUpload"), "/uploads/sign", { json: taken, as: carol })).toBe("image_not_ready");
  });

  test("by the age of a cursor", async () => {
    const { Cursor } = await import("@image-pipeline/core/images/cursor");
    const old = Cursor.issue(["changes", owner], ["0", "0", new Date().toISOString(), ""], Date.now() - 1);
    expect(await send(by("listChanges"), `/changes?since=${old}`, { as: alice })).toBe("cursor_expired");
  });

  test("by the file", async () => {
    const large = { bytes: 26_214_401 };
    const other = { contentType: "text/html" };
    const whole = { method: "PUT", key: "a.jpg", contentType: "image/jpeg" };
    for (const [more, code] of [
      [large, "too_many_bytes"],
      [other, "unsupported_format"],
    ] as const) {
      expect(await send(by("createImage"), "/images", { json: { ...file, ...more }, as: carol })).toBe(code);
      const sign = { json: { ...whole, ...more }, as: carol };
      expect(await send(by("signUpload"), "/uploads/sign", sign)).toBe(code);
    }
  });

  test("by the quota", async () => {
    const greedy = await issuer.token("greedy");
    for (let i = 0; i < 40; i++) await announce(greedy);
    expect(await send(by("createImage"), "/images", { json: file, as: greedy })).toBe("quota_exceeded");
    expect(
      await send(by("signUpload"), "/uploads/sign", { json: { method: "POST", key: "a" }, as: greedy }),
    ).toBe("quota_exceeded");
    for (const operationId of ["updateImage", "reprocessImage"]) {
      const operation = by(operationId);
      const init = { method: operation.method, as: greedy, ...(operation.requestBody ? { json: {} } : {}) };
      const codes = new Set<string>();
      // The quota counts requests for an unknown image as well.
      for (let i = 0; i <= perDay; i++)
        codes.add(
          await send(operation, operation.path.replace("{id}", "img_00000000000000000000000000"), init),
        );
      expect([...codes]).toEqual(["image_not_found", "quota_exceeded"]);
    }
    const restore = by("restoreImage");
    const unknown = restore.path.replace("{id}", "img_00000000000000000000000000");
    expect(await send(restore, unknown, { method: "POST", as: greedy })).toBe("quota_exceeded");
  });

  test("by the quota of webhooks", async () => {
    const greedy = await issuer.token("greedy");
    for (const operation of operations) {
      if (operation.path.startsWith("/webhooks") && codesOf(operation).includes("quota_exceeded")) {
        const json = operation.operationId === "createWebhook" ? receiver : {};
        const init = { method: operation.method, as: greedy, ...(operation.requestBody ? { json } : {}) };
        expect(await send(operation, operation.path, init)).toBe("quota_exceeded");
      }
    }
  });

  test("by the key for idempotency", async () => {
    const bob = await issuer.token("bob");
    const headers = { "idempotency-key": "conformance" };
    await send(by("createImage"), "/images", { json: file, as: bob, headers });
    expect(await send(by("createImage"), "/images", { json: { ...file, bytes: 2 }, as: bob, headers })).toBe(
      "idempotency_key_reused",
    );
    const reprocess = by("reprocessImage");
    const path = (id: string) => reprocess.path.replace("{id}", id);
    const [ready] = await readyImages();
    await send(reprocess, path(ready?.id ?? ""), { method: "POST", as: carol, headers });
    expect(
      await send(reprocess, path((await announce(carol)).id), { method: "POST", as: carol, headers }),
    ).toBe("idempotency_key_reused");
    const changes = (title: string) => ({
      operations: [{ op: "update", id: `img_${"0".repeat(26)}`, changes: { title }, merge: false }],
    });
    const change = (title: string, key: string) =>
      send(by("updateImages"), "/images/batch", {
        json: changes(title),
        as: bob,
        headers: { "idempotency-key": key },
      });
    expect(await change("A", "changes")).toBe("200");
    expect(await change("B", "changes")).toBe("idempotency_key_reused");
    await abandon("gone-1");
    const gone = { json: { ...file, bytes: 4 }, as: bob, headers: { "idempotency-key": "gone-1" } };
    expect(await send(by("createImage"), "/images", gone)).toBe("image_not_found");
    // A claim without a response, as of another instance that is still running.
    const { Idempotency } = await import("@image-pipeline/core/images/idempotency");
    const { ID } = await import("@image-pipeline/core/id");
    const owner = ID.ownerFromClaims(issuer.settings.jwtIssuer, "bob");
    const stands = (path: string, input: unknown, key: string) =>
      void Idempotency.once(
        { owner, key: `user:${owner} ${key}`, request: JSON.stringify(["POST", path, input]) },
        () => new Promise<Record<string, unknown>>(() => {}),
      );
    stands("/images", file, "busy-1");
    const busy = () =>
      send(by("createImage"), "/images", { json: file, as: bob, headers: { "idempotency-key": "busy-1" } });
    expect(await busy()).toMatch(/request_in_progress|201/);
    const { id } = await announce(bob);
    stands(path(id), null, "busy-2");
    stands("/images/batch", changes("A"), "busy-4");
    await expect.poll(() => change("A", "busy-4")).toBe("request_in_progress");
    await expect
      .poll(() =>
        send(reprocess, path(id), { method: "POST", as: bob, headers: { "idempotency-key": "busy-2" } }),
      )
      .toBe("request_in_progress");
    stands("/images", { ...file, bytes: 3 }, "busy-3");
    await expect
      .poll(() =>
        send(by("createImage"), "/images", {
          json: { ...file, bytes: 3 },
          as: bob,
          headers: { "idempotency-key": "busy-3" },
        }).then(() => [...(seen.get("createImage") ?? [])]),
      )
      .toContain("request_in_progress");
  });

  /** Leaves bob's claim as after a crash, with an image that was deleted since. */
  async function abandon(key: string) {
    const { Idempotency } = await import("@image-pipeline/core/images/idempotency");
    const { Image } = await import("@image-pipeline/core/images/image");
    const { Upload } = await import("@image-pipeline/core/images/upload");
    const { ID } = await import("@image-pipeline/core/id");
    const { Settings } = await import("@image-pipeline/core/settings");
    const owner = ID.ownerFromClaims(issuer.settings.jwtIssuer, "bob");
    const upload = { ...file, bytes: 4 } as Parameters<typeof Upload.create>[0];
    const request = JSON.stringify(["POST", "/images", upload]);
    const crash = Idempotency.once({ owner, key: `user:${owner} ${key}`, request }, async (imageID) => {
      await Upload.create(upload, { owner, by: "bob", limits: Settings.pipelineDefaults, imageID });
      await Image.remove({ id: imageID, owner, by: "bob", trashDays: 0 });
      throw new Error("The process has crashed.");
    });
    await expect(crash).rejects.toThrow("crashed");
  }

  async function readyImages(): Promise<{ id: string; source: { key: string } }[]> {
    const response = await world.ask("/images?status=ready", { as: carol });
    const { items } = (await response.json()) as { items: { id: string; source: { key: string } }[] };
    if (items.length > 0) return items;
    await populate(carol);
    return readyImages();
  }

  test.each([
    ["storage_unavailable", "when no store answers"],
    ["internal_error", "by a fault of ours, when the table is gone"],
  ])("by %s %s", async (code) => {
    if (code === "storage_unavailable") await world.stop();
    const table = createServer((_, response) => {
      response.writeHead(400).end('{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}');
    });
    if (code === "internal_error") {
      const { port } = new URL(process.env.AWS_ENDPOINT_URL_DYNAMODB ?? "");
      await once(table.listen(Number(port), "127.0.0.1"), "listening");
    }
    onTestFinished(() => {
      table.close();
      table.closeAllConnections();
    });
    const { createApp } = await import("@image-pipeline/functions/http/app");
    const { linkedSettings } = await import("@image-pipeline/functions/api");
    const app = createApp(linkedSettings());
    const bodies: Record<string, object> = {
      signUpload: { method: "POST", key: "a" },
      createImage: file,
      createWebhook: receiver,
      updateWebhook: { enabled: true },
    };
    for (const operation of guarded) {
      const body = operation.requestBody
        ? JSON.stringify(bodies[operation.operationId] ?? { title: "x" })
        : undefined;
      // A key without an owner names one there.
      const query = operation.operationId === "listChanges" ? `?owner=${owner}` : "";
      const path = operation.path
        .replace("{id}", `img_${"0".repeat(26)}`)
        .replace("{webhook}", `whk_${"0".repeat(26)}`);
      const response = await app.request(path + query, {
        method: operation.method,
        // A session of files reads nothing but the caller's API key, and a batch has a result where a store fails.
        headers: {
          ...json,
          authorization: `Bearer ${["createMediaSession", "updateImages"].includes(operation.operationId) ? unknownKey : service}`,
        },
        body,
      });
      const text = await response.clone().text();
      expect([operation.operationId, await codeOf(response.clone())]).toEqual([operation.operationId, code]);
      expect(response.headers.get("retry-after")).toBe(code === "storage_unavailable" ? "5" : null);
      expect(check(operation, response.status, response.headers.get("content-type"), text)).toBeUndefined();
      seen.get(operation.operationId)?.add(code);
    }
  });

  test("and now all of them have been", () => {
    const unmet = operations.flatMap((operation) =>
      codesOf(operation)
        .filter((code) => !seen.get(operation.operationId)?.has(code))
        .map((code) => `${operation.operationId}: ${code}`),
    );
    expect(unmet).toEqual([]);
  });
});
