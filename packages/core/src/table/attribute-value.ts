/**
 * DynamoDB's way of writing values: `{ "S": "text" }`, `{ "N": "1" }`. Text, numbers, booleans, lists and objects,
 * which is what JSON has too; no sets and no bytes.
 */

/** A value as DynamoDB writes it. */
export type AttributeValue =
  | { S: string }
  | { N: string }
  | { BOOL: boolean }
  | { NULL: true }
  | { L: AttributeValue[] }
  | { M: AttributeMap };

/** Named values: an item, a key, or what an expression refers to. */
export type AttributeMap = { [name: string]: AttributeValue };

/** An object as DynamoDB writes it; what is undefined in it, however deep, is not there. Throws for other kinds of values. */
export function marshal(object: object): AttributeMap {
  const map: AttributeMap = {};
  for (const [name, value] of Object.entries(object)) if (value !== undefined) set(map, name, toValue(value));
  return map;
}

/** The object that is meant. Throws for kinds of values that are not written here. */
export function unmarshal(map: AttributeMap): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const name in map) set(object, name, fromValue(map[name] as AttributeValue));
  return object;
}

const own = { configurable: true, enumerable: true, writable: true };

/** A client's own words may name anything. */
function set<T>(object: Record<string, T>, name: string, value: T): void {
  if (name === "__proto__") Object.defineProperty(object, name, { ...own, value });
  else object[name] = value;
}

function toValue(value: unknown): AttributeValue {
  if (typeof value === "string") return { S: value };
  if (typeof value === "number") {
    // Beyond that a number would come back as another.
    const exact = Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
    if (!exact) throw new TypeError(`DynamoDB is not given the number ${value}.`);
    return { N: String(value) };
  }
  if (typeof value === "boolean") return { BOOL: value };
  if (value === null) return { NULL: true };
  if (Array.isArray(value)) return { L: value.filter((item) => item !== undefined).map(toValue) };
  if (typeof value === "object" && isPlain(value)) return { M: marshal(value) };
  throw new TypeError(`DynamoDB is not given ${Object.prototype.toString.call(value)}.`);
}

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function fromValue(value: AttributeValue): unknown {
  if ("S" in value) return value.S;
  if ("N" in value) return Number(value.N);
  if ("M" in value) return unmarshal(value.M);
  if ("L" in value) return value.L.map(fromValue);
  if ("BOOL" in value) return value.BOOL;
  if ("NULL" in value) return null;
  throw new TypeError(`DynamoDB answered with a value of the kind ${Object.keys(value)}.`);
}
