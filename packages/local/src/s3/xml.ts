/** XML as S3 writes and reads it. */
import { SaxesParser } from "saxes";
import * as v from "valibot";
import { S3Error } from "./error.ts";

/** Children by name; an array repeats its element, and undefined is left out. */
export type Tree = { readonly [name: string]: Value | readonly Value[] };
type Value = string | number | boolean | undefined | Tree;

/** A whole document in S3's namespace. */
export const document = (root: string, children: Tree): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inside(children)}</${root}>`;

/** An error document, which S3 writes without a namespace. */
export const errorDocument = (children: Tree): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${inside(children)}</Error>`;

const inside = (children: Tree): string =>
  Object.entries(children)
    .flatMap(([name, values]) => [values].flat().map((value) => element(name, value as Value)))
    .join("");

const element = (name: string, value: Value): string =>
  value === undefined
    ? ""
    : `<${name}>${typeof value === "object" ? inside(value) : escaped(String(value))}</${name}>`;

const named: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Control characters go as references: a parser would otherwise turn `\r` into `\n` and refuse most of the rest. */
const escaped = (text: string) =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: keys may hold them, and these are the ones to escape.
  text.replace(/[&<>"\u0000-\u001f\u007f\ufffe\uffff]/g, (char) => named[char] ?? `&#${char.charCodeAt(0)};`);

/** An element that was read: its text, or its child elements by name. */
type Node = string | { [name: string]: Node[] };

const namespaces = ["", "http://s3.amazonaws.com/doc/2006-03-01/"];

/**
 * Reads a body whose root element is `root` and returns it in the shape of `schema`, in which every child element is an
 * array. Nothing is skipped: an element that the schema lacks, text between elements, a character that XML 1.0 forbids
 * (as a reference, too), another encoding or namespace is `MalformedXML`.
 */
export function parse<Schema extends v.GenericSchema>(
  body: Buffer,
  root: string,
  schema: Schema,
): v.InferOutput<Schema> {
  const content = read(body);
  if (content.name !== root) throw malformed(`The document must be a ${root}.`);
  const result = v.safeParse(schema, content.node);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw malformed(`${[root, v.getDotPath(issue)].filter(Boolean).join(".")}: ${issue.message}`);
}

/** Schema of an element that occurs once and holds text. */
export const text = v.pipe(
  v.strictTuple([v.string()]),
  v.transform(([value]) => value),
);

/** Schema of an element that occurs once and holds a whole number of up to nine digits. */
export const whole = v.pipe(text, v.trim(), v.regex(/^\d{1,9}$/), v.transform(Number));

/** Schema of an element that occurs once and holds `true` or `false`. */
export const boolean = v.pipe(
  text,
  v.trim(),
  v.picklist(["true", "false"]),
  v.transform((value) => value === "true"),
);

function read(body: Buffer): { name: string; node: Node } {
  const parser = new SaxesParser({ xmlns: true });
  const open: { name: string; text: string; children?: { [name: string]: Node[] } }[] = [
    { name: "", text: "" },
  ];
  let root: { name: string; node: Node } | undefined;
  parser.on("error", ({ message }) => {
    throw malformed(message);
  });
  parser.on("doctype", () => {
    throw malformed("A document type is not allowed.");
  });
  parser.on("xmldecl", ({ encoding = "utf-8" }) => {
    if (!/^(utf-8|us-ascii)$/i.test(encoding)) throw malformed(`The encoding ${encoding} is not UTF-8.`);
  });
  parser.on("opentag", ({ local, uri }) => {
    if (!namespaces.includes(uri)) throw malformed(`${local} is in the namespace ${uri}.`);
    open.push({ name: local, text: "" });
  });
  const onText = (value: string) => {
    const current = open.at(-1);
    if (current) current.text += value;
  };
  parser.on("text", onText);
  parser.on("cdata", onText);
  parser.on("closetag", () => {
    const { name = "", text = "", children } = open.pop() ?? {};
    if (children && text.trim() !== "") throw malformed(`${name} holds elements and text.`);
    const node = children ?? text;
    const parent = open.at(-1);
    if (!parent || parent.name === "") {
      root = { name, node };
      return;
    }
    // Without a prototype: an element may be named `__proto__`.
    parent.children ??= Object.create(null) as { [name: string]: Node[] };
    parent.children[name] ??= [];
    parent.children[name].push(node);
  });
  try {
    parser.write(new TextDecoder("utf-8", { fatal: true }).decode(body)).close();
  } catch (error) {
    throw error instanceof S3Error ? error : malformed("The body is not UTF-8.");
  }
  if (!root) throw malformed("The document has no root element.");
  return root;
}

const malformed = (why: string) =>
  new S3Error("MalformedXML", `The XML you provided was not well-formed or did not validate. ${why}`);
