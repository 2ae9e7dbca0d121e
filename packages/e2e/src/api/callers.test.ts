import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Ask, codeOf, type Issuer, startIssuer } from "./fixture.ts";
import { createWorld, type MemoryWorld } from "./memory.fixture.ts";

let world: MemoryWorld;
let issuer: Issuer;
const credentials = new Map<string, string | undefined>();

/** Every kind of caller, and its access to alice's image. */
const callers = {
  owner: "writes",
  "a read-only token of the owner's": "reads",
  "somebody else": "stranger",
  "the owner's name in capitals": "stranger",
  "the owner's name with a #": "stranger",
  "the owner's name at another issuer": "unknown",
  anonymous: "unknown",
  "an expired token": "unknown",
  "a token for another audience": "unknown",
  "a service key": "writes",
  "a read-only service key": "reads",
  "a key of another owner": "stranger",
  "a revoked key": "unknown",
  "a made-up key": "unknown",
} as const;
type Caller = keyof typeof callers;
type Standing = (typeof callers)[Caller];

/** Every guarded route, applied to alice's image; `does` is the access that its scope grants. */
const routes: Record<
  string,
  {
    does: "read" | "write" | "serve";
    ask: (image: Image) => [string, Ask];
    ok: number;
    about: "image" | "owner" | "webhook" | "own";
  }
> = {
  "GET /stats": { does: "serve", about: "own", ok: 200, ask: () => ["/stats", {}] },
  "GET /usage": { does: "read", about: "own", ok: 200, ask: () => ["/usage", {}] },
  "POST /images": { does: "write", about: "own", ok: 201, ask: () => ["/images", { json: file }] },
  "GET /images": { does: "read", about: "own", ok: 200, ask: () => ["/images", {}] },
  "GET /images?id": { does: "read", about: "own", ok: 200, ask: ({ id }) => [`/images?id=${id}`, {}] },
  "GET /images/count": { does: "read", about: "own", ok: 200, ask: () => ["/images/count", {}] },
  "GET /changes": {
    does: "read",
    about: "owner",
    ok: 200,
    ask: ({ key }) => [`/changes?owner=${key.split("/")[0]}`, {}],
  },
  "GET /images/{id}": { does: "read", about: "image", ok: 200, ask: ({ id }) => [`/images/${id}`, {}] },
  "GET /images/{id}?wait": {
    does: "read",
    about: "image",
    ok: 200,
    ask: ({ id }) => [`/images/${id}?wait=0`, {}],
  },
  "POST /media-session": {
    does: "read",
    about: "own",
    ok: 200,
    ask: () => ["/media-session", { method: "POST" }],
  },
  "PATCH /images/{id}": {
    does: "write",
    about: "image",
    ok: 200,
    ask: ({ id }) => [`/images/${id}`, { method: "PATCH", json: { title: "Mine" } }],
  },
  "GET /images/{id}/events": {
    does: "read",
    about: "image",
    ok: 200,
    ask: ({ id }) => [`/images/${id}/events`, {}],
  },
  // A permitted caller gets the code for an image without an uploaded original.
  "GET /images/{id}/original": {
    does: "read",
    about: "image",
    ok: 409,
    ask: ({ id }) => [`/images/${id}/original`, {}],
  },
  "GET /images/{id}/similar": {
    does: "read",
    about: "image",
    ok: 409,
    ask: ({ id }) => [`/images/${id}/similar`, {}],
  },
  "POST /images/{id}/reprocess": {
    does: "write",
    about: "image",
    ok: 409,
    ask: ({ id }) => [`/images/${id}/reprocess`, { method: "POST" }],
  },
  "POST /images/{id}/restore": {
    does: "write",
    about: "image",
    ok: 200,
    ask: ({ id }) => [`/images/${id}/restore`, { method: "POST" }],
  },
  // The results of operations on images of others are in batch.test.ts.
  "POST /images/batch": {
    does: "write",
    about: "own",
    ok: 200,
    ask: () => ["/images/batch", { json: { operations: [{ op: "delete", id: `img_${"0".repeat(26)}` }] } }],
  },
  "POST /uploads/sign": {
    does: "write",
    about: "image",
    ok: 200,
    ask: ({ key }) => ["/uploads/sign", { json: { method: "POST", key } }],
  },
  "POST /uploads/sign, a part": {
    does: "write",
    about: "image",
    ok: 200,
    ask: ({ key }) => [
      "/uploads/sign",
      { json: { method: "PUT", key, uploadId: "u", partNumber: 1, bytes: 1 } },
    ],
  },
  "POST /webhooks": { does: "write", about: "own", ok: 201, ask: () => ["/webhooks", { json: receiver }] },
  "GET /webhooks": { does: "read", about: "own", ok: 200, ask: () => ["/webhooks", {}] },
  "GET /webhooks/{webhook}": {
    does: "read",
    about: "webhook",
    ok: 200,
    ask: ({ webhook }) => [`/webhooks/${webhook}`, {}],
  },
  "PATCH /webhooks/{webhook}": {
    does: "write",
    about: "webhook",
    ok: 200,
    ask: ({ webhook }) => [`/webhooks/${webhook}`, { method: "PATCH", json: { events: ["image.deleted"] } }],
  },
  "DELETE /webhooks/{webhook}": {
    does: "write",
    about: "webhook",
    ok: 204,
    ask: ({ webhook }) => [`/webhooks/${webhook}`, { method: "DELETE" }],
  },
  "POST /webhooks/{webhook}/rotate": {
    does: "write",
    about: "webhook",
    ok: 200,
    ask: ({ webhook }) => [`/webhooks/${webhook}/rotate`, { method: "POST" }],
  },
  "POST /webhooks/{webhook}/test": {
    does: "write",
    about: "webhook",
    ok: 202,
    ask: ({ webhook }) => [`/webhooks/${webhook}/test`, { method: "POST" }],
  },
  "GET /webhooks/{webhook}/deliveries": {
    does: "read",
    about: "webhook",
    ok: 200,
    ask: ({ webhook }) => [`/webhooks/${webhook}/deliveries`, {}],
  },
  // A permitted caller gets the code for a delivery that does not exist.
  "POST /webhooks/{webhook}/deliveries/{delivery}/retry": {
    does: "write",
    about: "webhook",
    ok: 404,
    ask: ({ webhook }) => [`/webhooks/${webhook}/deliveries/dlv_0/retry`, { method: "POST" }],
  },
  "DELETE /images/{id}": {
    does: "write",
    about: "image",
    ok: 204,
    ask: ({ id }) => [`/images/${id}`, { method: "DELETE" }],
  },
};
type Image = { id: string; key: string; webhook: string };

const file = { filename: "a.jpg", contentType: "image/jpeg", bytes: 1 };
const receiver = { url: "https://receiver.example.com/", events: ["image.ready"] };

beforeAll(async () => {
  issuer = await startIssuer();
  world = await createWorld({ ...issuer.settings, pendingMax: 0 });
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  const now = Math.floor(Date.now() / 1000);
  const revoked = await ApiKey.create({
    name: "revoked",
    scopes: ["images:read", "images:write", "service"],
  });
  await ApiKey.revoke(revoked.id);
  const key = async (scopes: ("images:read" | "images:write" | "service")[], owner?: string) =>
    (await ApiKey.create({ name: "test", scopes, owner })).key;
  const all: Record<Caller, string | undefined> = {
    owner: await issuer.token("alice"),
    "a read-only token of the owner's": await issuer.token("alice", { scope: "openid images:read" }),
    "somebody else": await issuer.token("bob"),
    "the owner's name in capitals": await issuer.token("ALICE"),
    "the owner's name with a #": await issuer.token("alice#"),
    "the owner's name at another issuer": await issuer.token("alice", {
      iss: "https://elsewhere.example.com",
    }),
    anonymous: undefined,
    "an expired token": await issuer.token("alice", { exp: now - 3600 }),
    "a token for another audience": await issuer.token("alice", { aud: "other" }),
    "a service key": await key(["images:read", "images:write", "service"]),
    "a read-only service key": await key(["images:read", "service"]),
    "a key of another owner": await key(["images:read", "images:write"], "other"),
    "a revoked key": revoked.key,
    "a made-up key": `imgkey_${"0".repeat(16)}_${"0".repeat(72)}`,
  };
  for (const [name, credential] of Object.entries(all)) credentials.set(name, credential);
});
afterAll(async () => {
  await world.stop();
  await issuer.stop();
});

async function aliceAnnounces(): Promise<Image> {
  const response = await world.ask("/images", { json: file, as: credentials.get("owner") });
  const { id, source } = (await response.json()) as { id: string; source: { key: string } };
  return { id, key: source.key, webhook: await aliceSubscribes() };
}

let made: string | undefined;

/** Returns the id of a webhook of alice's; creates one if there is none. */
async function aliceSubscribes(): Promise<string> {
  const as = credentials.get("owner");
  const isThere = made !== undefined && (await world.ask(`/webhooks/${made}`, { as })).status === 200;
  if (!isThere) {
    const response = await world.ask("/webhooks", { json: receiver, as });
    made = ((await response.json()) as { id: string }).id;
  }
  return made ?? "";
}

/** Returns the expected code for a caller. Another owner's image is not found; lists hold only the caller's images. */
function expected(caller: Caller, standing: Standing, { does, about, ok }: (typeof routes)[string]): string {
  if (standing === "unknown") return "unauthenticated";
  if (does === "serve" && !caller.endsWith("service key")) return "forbidden";
  if (standing === "reads" && does === "write") return "forbidden";
  if (standing === "stranger" && about === "owner") return "forbidden";
  if (standing === "stranger" && about !== "own") return `${about}_not_found`;
  if (ok === 404) return "delivery_not_found";
  return ok === 409 ? "image_not_ready" : String(ok);
}

describe.each(Object.keys(routes))("%s", (name) => {
  test.each(Object.entries(callers))("%s", async (caller, standing) => {
    const route = routes[name];
    if (!route) throw new Error("No such route.");
    const image = await aliceAnnounces();
    const [path, init] = route.ask(image);
    const response = await world.ask(path, { ...init, as: credentials.get(caller) });
    const text = await response.clone().text();
    expect(await codeOf(response)).toBe(expected(caller as Caller, standing, route));
    // A caller without access sees no field of alice's image.
    if (standing === "stranger" || standing === "unknown")
      for (const { id } of [image, { id: image.webhook }]) expect(text).not.toContain(`"${id}"`);
    const still = await world.ask(`/images/${image.id}`, { as: credentials.get("owner") });
    expect(still.status).toBe(name === "DELETE /images/{id}" && standing === "writes" ? 404 : 200);
  });
});

test("the table above has at least 100 cells, and knows every guarded route", async () => {
  expect(Object.keys(routes).length * Object.keys(callers).length).toBeGreaterThanOrEqual(100);
  const { declared } = await import("@image-pipeline/functions/http/route");
  const { createApp } = await import("@image-pipeline/functions/http/app");
  const { linkedSettings } = await import("@image-pipeline/functions/api");
  const guarded = declared(createApp(linkedSettings())).filter(
    ({ declaration }) => declaration.scope !== "open",
  );
  const tested = Object.keys(routes).map((name) => name.replace(/[?,].*/, ""));
  for (const { method, path } of guarded)
    expect(tested).toContain(`${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
});

test("public routes ignore credentials", async () => {
  for (const path of ["/health", "/docs", "/llms.txt", "/docs/api.md", "/openapi.json"]) {
    expect([path, (await world.ask(path, { as: "nonsense" })).status]).toEqual([path, 200]);
  }
});

describe("acting for others", () => {
  const service = () => credentials.get("a service key");

  test("is for service keys: they create uploads for any owner, and list all images or one owner's", async () => {
    const json = { ...file, owner: "acme" };
    const made = (await (await world.ask("/images", { json, as: service() })).json()) as {
      id: string;
      owner: string;
    };
    expect(made.owner).toBe("acme");
    const owners = async (query: string) => {
      const response = await world.ask(`/images?limit=100${query}`, { as: service() });
      return new Set(
        ((await response.json()) as { items: { owner: string }[] }).items.map(({ owner }) => owner),
      );
    };
    expect((await owners("")).size).toBeGreaterThan(1);
    expect(await owners("&owner=acme")).toEqual(new Set(["acme"]));
    expect(await codeOf(await world.ask("/images?status=pending", { as: service() }))).toBe(
      "invalid_request",
    );
  });

  test("is refused for every other caller, even with such a scope in the token", async () => {
    const greedy = await issuer.token("bob", { scope: "images:read images:write service" });
    expect(await codeOf(await world.ask("/images?owner=acme", { as: greedy }))).toBe("forbidden");
    expect(await codeOf(await world.ask("/images", { json: { ...file, owner: "acme" }, as: greedy }))).toBe(
      "forbidden",
    );
    expect(
      await codeOf(await world.ask("/images?owner=acme", { as: credentials.get("a key of another owner") })),
    ).toBe("forbidden");
  });
});

test("the audit trail says who it was, without saying who they are", async () => {
  const { id } = await aliceAnnounces();
  await world.ask(`/images/${id}`, {
    method: "PATCH",
    json: { title: "T" },
    as: credentials.get("a service key"),
  });
  const { items } = (await (
    await world.ask(`/images/${id}/events`, { as: credentials.get("owner") })
  ).json()) as { items: { by: string }[] };
  expect(items.map(({ by }) => by)).toEqual([
    expect.stringMatching(/^user:[a-z0-9]{26}$/),
    expect.stringMatching(/^key:[0-9a-f]{16}$/),
  ]);
});

test("a key that is revoked stops working within half a minute, wherever it was used before", async () => {
  const { ApiKey } = await import("@image-pipeline/core/api-key");
  const { KeyEntity } = await import("@image-pipeline/core/table/key-entity");
  const { id, key } = await ApiKey.create({ name: "short-lived", scopes: ["images:read"] });
  expect(await ApiKey.verify(key)).toMatchObject({ id });
  // Revokes the key as another instance does, without this instance's cache.
  await KeyEntity.patch({ keyID: id }).set({ revokedAt: new Date().toISOString() }).go();
  expect(await ApiKey.verify(key, Date.now() + 30_001)).toBeUndefined();
});
