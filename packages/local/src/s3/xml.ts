/** XML as S3 writes and reads it. */
import { XMLParser } from "fast-xml-parser";
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

const parser = new XMLParser({
  parseTagValue: false,
  // Keys may begin or end with spaces.
  trimValues: false,
  htmlEntities: true,
  ignoreAttributes: true,
  removeNSPrefix: true,
  isArray: (name) => name === "Object" || name === "Part",
});

/** The content of the root element `root`. Throws `MalformedXML`. */
export function parse(text: string, root: string): Record<string, unknown> {
  try {
    const content: unknown = parser.parse(text, true)[root];
    if (typeof content === "object" && content !== null) return content as Record<string, unknown>;
  } catch (cause) {
    throw malformed(cause instanceof Error ? cause.message : String(cause));
  }
  throw malformed(`The document must be a ${root}.`);
}

/** Returns the child elements `name` of `content`, each as the text of its children by name. */
export function children(content: Record<string, unknown>, name: string): Record<string, string>[] {
  const list = content[name];
  if (!Array.isArray(list)) return [];
  return list.map((item: unknown) => {
    if (typeof item !== "object" || item === null) throw malformed(`An empty ${name}.`);
    return Object.fromEntries(
      Object.entries(item).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
    );
  });
}

const malformed = (why: string) =>
  new S3Error("MalformedXML", `The XML you provided was not well-formed or did not validate. ${why}`);
