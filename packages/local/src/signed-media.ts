/**
 * Verifies signed URLs and signed cookies as a CloudFront behaviour with a trusted key group does.
 * https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html
 *
 * Stricter in one point: a policy without `Resource`, or with a condition on the IP address, is refused. The API makes
 * neither.
 */
import { type KeyObject, verify } from "node:crypto";

/** The public keys of the key group, by id. */
export type Keys = ReadonlyMap<string, KeyObject>;

/** A request for a private file: the URL that the client sent, its `Cookie` header, and the time in milliseconds. */
export type Asked = { url: string; cookie?: string; now: number };

/** The parameters of a signed URL. The cookies have the same names after `CloudFront-`. */
const names = ["Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"] as const;
type Parameters = Partial<Record<(typeof names)[number], string>>;

/** A custom policy has a few hundred bytes. */
const policyMax = 4_096;

/**
 * Returns why a request may not have the file, or undefined if it may. A URL with one of the parameters is a signed
 * URL, for which cookies do not count.
 */
export function refusalOf({ url, cookie, now }: Asked, keys: Keys): string | undefined {
  const [base = "", query = ""] = split(url, "?");
  const pairs = query === "" ? [] : query.split("&");
  const own = pairs.filter((pair) => !isParameter(nameOf(pair)));
  const resource = own.length > 0 ? `${base}?${own.join("&")}` : base;
  const isSigned = own.length < pairs.length;
  const given = isSigned ? parametersOf(pairs) : parametersOf(cookiesOf(cookie));
  if (!given) return "A parameter of the signature is given twice.";
  const { Signature: signature, "Key-Pair-Id": id, "Hash-Algorithm": algorithm = "SHA1" } = given;
  if (id === undefined) return "Missing Key-Pair-Id: a private file needs a signed URL or signed cookies.";
  const key = keys.get(id);
  if (!key) return "The Key-Pair-Id is unknown, or the key was revoked.";
  if (algorithm !== "SHA1" && algorithm !== "SHA256") return "The Hash-Algorithm must be SHA1 or SHA256.";
  const policy = policyOf(given, resource);
  const bytes = signature === undefined ? undefined : decoded(signature);
  if (policy === undefined || !bytes) return "The signature or its policy is missing or malformed.";
  if (!verify(algorithm.toLowerCase(), Buffer.from(policy), key, bytes))
    return "The signature does not match.";
  return conditionOf(policy, resource, now);
}

/** Returns the signed text: a custom policy, or the canned one of `Expires`. */
function policyOf({ Policy: custom, Expires: expires }: Parameters, resource: string): string | undefined {
  if (custom !== undefined) return expires === undefined ? decoded(custom)?.toString() : undefined;
  if (expires === undefined || !/^\d{1,12}$/.test(expires)) return undefined;
  return `{"Statement":[{"Resource":"${resource}","Condition":{"DateLessThan":{"AWS:EpochTime":${expires}}}}]}`;
}

/** Returns why a policy does not admit a request for this resource, or undefined if it does. */
function conditionOf(policy: string, resource: string, now: number): string | undefined {
  const statement = statementOf(policy);
  if (!statement) return "The policy is malformed.";
  const { pattern, before, after } = statement;
  if (!matches(pattern, resource)) return "The signature is for another file.";
  const seconds = now / 1000;
  if (seconds >= before) return "The signature has expired. Get the image again for a new URL.";
  if (after !== undefined && seconds <= after) return "The signature is not valid yet.";
  return undefined;
}

type Statement = { pattern: string; before: number; after?: number };

/** Parses the one statement of a policy. Undefined if it has anything that this verifier does not know. */
function statementOf(policy: string): Statement | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(policy);
  } catch {
    return undefined;
  }
  const { Statement: list, ...more } = object(parsed);
  const [first, ...others] = Array.isArray(list) ? list : [];
  const { Resource: pattern, Condition: condition, ...rest } = object(first);
  const { DateLessThan: less, DateGreaterThan: greater, ...unknown } = object(condition);
  const before = epochOf(less);
  const after = epochOf(greater);
  const isKnown = [more, rest, unknown].every((left) => Object.keys(left).length === 0);
  if (!isKnown || others.length > 0 || typeof pattern !== "string" || before === undefined) return undefined;
  if (greater !== undefined && after === undefined) return undefined;
  return { pattern, before, after };
}

function epochOf(condition: unknown): number | undefined {
  const { "AWS:EpochTime": seconds } = object(condition);
  return typeof seconds === "number" && Number.isSafeInteger(seconds) ? seconds : undefined;
}

const object = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};

/** Matches a resource with wildcards: `*` for any characters, `?` for one. In linear time for one `*`. */
function matches(pattern: string, text: string): boolean {
  let [at, from] = [0, 0];
  let star = -1;
  let restart = 0;
  while (at < text.length) {
    if (pattern[from] === "*") {
      star = from++;
      restart = at;
    } else if (from < pattern.length && (pattern[from] === "?" || pattern[from] === text[at])) {
      from++;
      at++;
    } else if (star >= 0) {
      from = star + 1;
      at = ++restart;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(from));
}

/** Decodes base64 in CloudFront's alphabet, strictly. Undefined for anything else. */
function decoded(text: string): Buffer | undefined {
  if (text.length > policyMax || !/^[A-Za-z0-9~-]+_{0,2}$/.test(text)) return undefined;
  const standard = text.replaceAll("-", "+").replaceAll("~", "/").replaceAll("_", "=");
  const bytes = Buffer.from(standard, "base64");
  return bytes.toString("base64") === standard ? bytes : undefined;
}

/** Collects the parameters of a signature. Undefined if one is given twice. */
function parametersOf(pairs: readonly string[]): Parameters | undefined {
  const found: Parameters = {};
  for (const pair of pairs) {
    const name = nameOf(pair);
    if (!isParameter(name)) continue;
    if (found[name] !== undefined) return undefined;
    // Clients may encode the one character that is not a letter, digit, `-` or `_`.
    found[name] = (split(pair, "=")[1] ?? "").replace(/%7e/gi, "~");
  }
  return found;
}

/** Returns the signed cookies of a header, as the pairs of a signed URL. */
const cookiesOf = (header = ""): string[] =>
  header
    .split(";")
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith("CloudFront-"))
    .map((pair) => pair.slice("CloudFront-".length));

const nameOf = (pair: string) => split(pair, "=")[0] ?? "";
const isParameter = (name: string): name is (typeof names)[number] =>
  (names as readonly string[]).includes(name);

/** Splits a text at the first separator. */
function split(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
