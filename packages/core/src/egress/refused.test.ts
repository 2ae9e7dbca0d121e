import type { RequestListener } from "node:http";
import { isIP } from "node:net";
import { afterAll, beforeEach, expect, test } from "vitest";
import { Egress } from "./egress.ts";
import { internal } from "./fixture-addresses.ts";
import { type Internet, internet } from "./fixture-internet.ts";
import { Target } from "./target.ts";

const limits = { bytesMax: 1_000, connectMs: 10_000, totalMs: 20_000, redirectsMax: 3 };
const literal = (address: string) => (isIP(address) === 6 ? `[${address}]` : address);

/** The weakest policy that a deployed stage or `npm start` has. */
const policy = { http: true };
const hop: RequestListener = (request, response) => {
  const location = decodeURIComponent((request.url ?? "").slice(2));
  response.writeHead(302, { location }).end();
};

let current: Internet | undefined;
const answers = Object.fromEntries(internal.map(([address], i) => [`n${i}.example`, [[address]]]));
const mixed = Object.fromEntries(
  internal.map(([address], i) => [`m${i}.example`, [["93.184.216.34", address]]]),
);
const rebound = Object.fromEntries(
  internal.map(([address], i) => [`r${i}.example`, [["93.184.216.34"], [address]]]),
);

beforeEach(async () => {
  current ??= await internet(
    {
      ...answers,
      ...mixed,
      ...rebound,
      "images.example": [["93.184.216.34"]],
      localhost: [["127.0.0.1", "::1"]],
    },
    hop,
  );
  current.dialled.length = 0;
});
afterAll(() => current?.close());

/** Expects that a URL is refused, and that only the public server was dialled, `hops` times. */
async function expectRefused(url: string, hops: number) {
  if (!current) throw new Error("The internet is closed.");
  const sent = Egress.send({ method: "GET", url }, limits, policy, current.network);
  await expect(sent).rejects.toMatchObject({ name: "EgressError", reason: "refused" });
  expect(current.dialled).toEqual(Array.from({ length: hops }, () => "93.184.216.34"));
  expect(current.trapped()).toBe(0);
}

test.each(internal)("a URL with %s (%s) is refused without a connection", async (address) => {
  await expectRefused(`http://${literal(address)}/`, 0);
  await expectRefused(`https://${literal(address)}/`, 0);
});

test.each(internal)("a name that resolves to %s (%s) is refused without a connection", async (address) => {
  await expectRefused(`http://n${internal.findIndex(([each]) => each === address)}.example/`, 0);
});

test.each(internal)("a name that resolves to a public address and %s (%s) is refused", async (address) => {
  await expectRefused(`http://m${internal.findIndex(([each]) => each === address)}.example/`, 0);
});

test.each(internal)("a redirect to %s (%s) is refused before its connection", async (address) => {
  const location = encodeURIComponent(`http://${literal(address)}/latest/meta-data/`);
  await expectRefused(`http://images.example/?${location}`, 1);
});

test.each(internal)("a name that is rebound to %s (%s) between two hops is refused", async (address) => {
  const name = `r${internal.findIndex(([each]) => each === address)}.example`;
  await expectRefused(`http://${name}/?${encodeURIComponent(`http://${name}/`)}`, 1);
});

/** Percent-encodes the letters that a header cannot hold. */
const ascii = (host: string) => host.replace(/[^ -~]+/gu, encodeURIComponent);

/** Every spelling of an IPv4 address that some URL parser takes for it. */
function spellings(address: string): string[] {
  const parts = address.split(".").map(Number);
  const [a = 0, b = 0, c = 0, d = 0] = parts;
  const whole = ((a * 256 + b) * 256 + c) * 256 + d;
  const hex = (n: number) => `0x${n.toString(16)}`;
  const octal = (n: number) => `0${n.toString(8)}`;
  const wide = (text: string) => text.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
  const bold = (text: string) =>
    text.replace(/\d/g, (digit) => String.fromCodePoint(0x1d7ce + Number(digit)));
  return [
    String(whole),
    hex(whole),
    hex(whole).toUpperCase().replace("X", "x"),
    octal(whole),
    `${a}.${(b * 256 + c) * 256 + d}`,
    `${a}.${b}.${c * 256 + d}`,
    parts.map(hex).join("."),
    parts.map(octal).join("."),
    parts.map((n) => `00000${n.toString(8)}`).join("."),
    `${hex(a)}.${octal(b)}.${c}.${d}`,
    `${hex(a)}.${(b * 256 + c) * 256 + d}`,
    `${address}.`,
    `${whole}.`,
    wide(address),
    wide(address).replaceAll(".", "\u3002"),
    address.replaceAll(".", "\uff0e"),
    address.replaceAll(".", "\uff61"),
    bold(address),
    wide(String(whole)),
    address.replaceAll(".", "%2e"),
    [...address].map((character) => `%${character.charCodeAt(0).toString(16)}`).join(""),
    address.replace(/^\d/, (digit) => `\u00ad${digit}`),
    `[::ffff:${address}]`,
    `[0:0:0:0:0:ffff:${address}]`,
    `[::${address}]`,
    `[64:ff9b::${address}]`,
    `[::FFFF:${hex(whole).slice(2, 6)}:${hex(whole).slice(6)}]`,
  ];
}

test.each(["127.0.0.1", "169.254.169.254", "192.168.0.1"].flatMap(spellings))(
  "the spelling %s of an internal address is refused, as URL and as redirect",
  async (host) => {
    await expectRefused(`http://${host}/`, 0);
    await expectRefused(`http://images.example/?${encodeURIComponent(`http://${ascii(host)}/`)}`, 1);
  },
);

test.each([
  ["http://localhost/", "the name of loopback"],
  ["http://LOCALHOST/", "the name of loopback in capitals"],
  ["http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "circled letters"],
  ["http://[fe80::1%25eth0]/", "a zone id"],
  ["http://[::1%lo]/", "a zone id"],
  ["http://0/", "the short form of 0.0.0.0"],
  ["http://127.1/", "the short form of 127.0.0.1"],
  ["http://0177.1/", "a short octal form"],
  ["http://[::]/", "the unspecified address"],
  ["http://256.256.256.256/", "no address"],
  ["http://user:secret@images.example/", "user name and password"],
  ["http://images.example@127.0.0.1/", "a host in place of the user name"],
  ["http://127.0.0.1#@images.example/", "a fragment that other parsers take for the host"],
  ["http://127.0.0.1\\@images.example/", "a backslash that other parsers take for the user name"],
  ["http://127.0.0.1:80\\@images.example:80/", "a backslash after a port"],
  ["http:\\\\127.0.0.1/", "backslashes"],
  ["http:127.0.0.1/", "no slashes"],
  ["http:///127.0.0.1/", "three slashes"],
  ["ht\ntp://127.0.0.1/", "a line break in the scheme"],
  ["http://127.0.\t0.1/", "a tab in the host"],
  ["http://images.example:22/", "port 22"],
  ["http://images.example:6379/", "port 6379"],
  ["http://images.example:8080/", "port 8080"],
  ["http://127.0.0.1:3000/", "a port of loopback"],
  ["ftp://images.example/", "ftp"],
  ["file:///etc/passwd", "file"],
  ["gopher://images.example/", "gopher"],
  ["data:image/png;base64,AAAA", "data"],
  ["javascript:alert(1)", "javascript"],
  ["ws://images.example/", "ws"],
  ["//images.example/", "no scheme"],
  ["/latest/meta-data/", "a path"],
  ["", "an empty text"],
  [`http://images.example/${"a".repeat(2_100)}`, "more than 2,048 characters"],
])("%s is refused: %s", async (url) => {
  await expectRefused(url, 0);
});

test.each(["http://images.example/", "http://127.0.0.1/"])(
  "without the policy for http, %s is refused",
  async (url) => {
    if (!current) throw new Error("The internet is closed.");
    const sent = Egress.send({ method: "GET", url }, limits, {}, current.network);
    await expect(sent).rejects.toMatchObject({ reason: "refused" });
    expect(current.dialled).toEqual([]);
  },
);

test("a refused redirect names neither the address nor the URL", async () => {
  const location = encodeURIComponent("http://10.1.2.3/?secret");
  const url = `http://images.example/?${location}`;
  const sent = Egress.send({ method: "GET", url }, limits, policy, current?.network);
  await expect(sent).rejects.toThrow(/^The URL was refused\. The host 10\.1\.2\.3 has an address/);
  const named = Egress.send(
    { method: "GET", url: "http://n3.example/?secret" },
    limits,
    policy,
    current?.network,
  );
  await expect(named).rejects.toThrow(/^(?!.*(secret|10\.0)).*n3\.example/);
});

test("a stage that may allow URLs of this machine says by which setting, and no other does", () => {
  const advice = "EGRESS_LOOPBACK=true";
  for (const url of ["http://127.0.0.1/", "http://localhost:8080/", "http://[::1]/"])
    expect(() => Target.parse(url, { http: true })).toThrow(advice);
  expect(() => Target.parse("https://127.0.0.1/", {})).toThrow(/not public\.$/);
  expect(() => Target.parse("http://10.0.0.1/", { http: true })).toThrow(/not public\.$/);
});
