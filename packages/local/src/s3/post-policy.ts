/**
 * The policy of a browser's POST upload: what its signer allows the form to say.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
 */
import * as v from "valibot";
import { S3Error } from "./error.ts";

const Text = v.pipe(v.union([v.string(), v.number(), v.boolean()]), v.transform(String));
const Bytes = v.pipe(Text, v.regex(/^\d{1,15}$/), v.transform(Number));
const Name = v.pipe(
  v.string(),
  v.startsWith("$"),
  v.transform((name) => name.slice(1).toLowerCase()),
);
const operator = <T extends string>(name: T) => v.pipe(v.string(), v.toLowerCase(), v.literal(name));

const Condition = v.union([
  v.tuple([operator("eq"), Name, Text]),
  v.tuple([operator("starts-with"), Name, Text]),
  v.tuple([operator("content-length-range"), Bytes, Bytes]),
  // { "field": "value" } is short for eq.
  v.pipe(
    v.record(v.string(), Text),
    v.transform((pairs) => Object.entries(pairs)),
    v.length(1),
    v.transform((pairs): ["eq", string, string] => [
      "eq",
      pairs[0]?.[0].toLowerCase() ?? "",
      pairs[0]?.[1] ?? "",
    ]),
  ),
]);

const Policy = v.object({
  expiration: v.pipe(v.string(), v.isoTimestamp()),
  conditions: v.array(Condition),
});

/** How many bytes the file may have. */
export type Bounds = { bytesMin: number; bytesMax: number };

/** Fields that need no condition: those that carry the signature, and those that the form keeps for itself. */
const exempt = new Set(["policy", "x-amz-signature", "awsaccesskeyid", "signature", "file", "bucket"]);

/**
 * Holds the fields of a form, by lower-case name and with `bucket` and the final `key` among them, to its policy
 * (base64). Throws `InvalidPolicyDocument` or `AccessDenied`, which says what failed; otherwise the bounds that the
 * file is yet to be held to.
 */
export function checkPolicy(encoded: string, fields: ReadonlyMap<string, string>, now: number): Bounds {
  const { expiration, conditions } = parsePolicy(encoded);
  if (Date.parse(expiration) <= now) throw denied("Policy expired.");
  const bounds: Bounds = { bytesMin: 0, bytesMax: Number.POSITIVE_INFINITY };
  const covered = new Set<string>();
  for (const condition of conditions) {
    if (condition[0] === "content-length-range") {
      bounds.bytesMin = Math.max(bounds.bytesMin, condition[1]);
      bounds.bytesMax = Math.min(bounds.bytesMax, condition[2]);
      continue;
    }
    const [kind, name, wanted] = condition;
    covered.add(name);
    if (!holds(kind, name, wanted, fields.get(name) ?? ""))
      throw denied(`Policy Condition failed: ["${kind}", "$${name}", "${wanted}"]`);
  }
  for (const name of fields.keys())
    if (!covered.has(name) && !exempt.has(name) && !name.startsWith("x-ignore-"))
      throw denied(`Extra input fields: ${name}`);
  return bounds;
}

function holds(kind: "eq" | "starts-with", name: string, wanted: string, given: string): boolean {
  if (kind === "eq") return given === wanted;
  // A list of types must hold in each of them.
  if (name === "content-type") return given.split(",").every((type) => type.trim().startsWith(wanted));
  return given.startsWith(wanted);
}

function parsePolicy(encoded: string): v.InferOutput<typeof Policy> {
  const text = Buffer.from(encoded, "base64").toString();
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), Policy), text);
  if (result.success) return result.output;
  throw new S3Error(
    "InvalidPolicyDocument",
    `The content of the form does not meet the conditions specified in the policy document. ${result.issues[0].message}`,
  );
}

const denied = (why: string) => new S3Error("AccessDenied", `Invalid according to Policy: ${why}`);
