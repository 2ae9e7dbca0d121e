/** The prose of comments and documents: the field's own terms, and sentences that name who acts. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../../../..");

/** Words that leave out who acts, or that a reader has to translate into a term of the field. */
const refused =
  /\b(nobody|somebody|whoever|whatever|anew|amiss|beside|stands|lies|is told|are told|of its own|of their own|what is said of)\b/gi;

/** A docstring begins with a verb or a noun. */
const opening = /^\/\*\*[\s*]*(What|Whether|Whose|Where|How)\b/;

const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root })
  .toString()
  .split("\n");
const sources = files.filter((file) => /\.(tsx?|mjs|js)$/.test(file) && !file.endsWith("sst-env.d.ts"));
const documents = files.filter((file) => file.endsWith(".md"));

test("finds the words that it looks for", () => {
  const text = "// Nobody is told.\nconst lies = 1; /** What it lies on. */ /* fine */";
  expect(faults("a.ts", commentsOf(text))).toEqual([
    'a.ts:1: "Nobody"',
    'a.ts:1: "is told"',
    'a.ts:2: "lies"',
    'a.ts:2: a docstring that begins with "What"',
  ]);
  expect(faults("a.md", proseOf("It stands.\n```sh\nlies\n```\n`beside` and anew"))).toEqual([
    'a.md:1: "stands"',
    'a.md:5: "anew"',
  ]);
});

test("comments name who acts, in the field's terms", () => {
  expect(sources.flatMap((file) => faults(file, commentsOf(read(file))))).toEqual([]);
});

test("documents name who acts, in the field's terms", () => {
  expect(documents.flatMap((file) => faults(file, proseOf(read(file))))).toEqual([]);
});

/** A passage of prose and the line on which it begins. */
type Passage = { line: number; text: string };

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** Returns every comment of a TypeScript source. */
function commentsOf(text: string): Passage[] {
  const source = ts.createSourceFile("a.tsx", text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TSX);
  const found = new Map<number, Passage>();
  const add = ({ pos, end }: ts.CommentRange) => {
    const { line } = source.getLineAndCharacterOfPosition(pos);
    found.set(pos, { line: line + 1, text: text.slice(pos, end) });
  };
  const visit = (node: ts.Node) => {
    // The text of JSX may contain what looks like a comment.
    if (node.kind === ts.SyntaxKind.JsxText) return;
    ts.getLeadingCommentRanges(text, node.getFullStart())?.forEach(add);
    ts.getTrailingCommentRanges(text, node.getEnd())?.forEach(add);
    for (const child of node.getChildren(source)) visit(child);
  };
  visit(source);
  return [...found.values()];
}

/** Returns the lines of a Markdown document without its code. */
function proseOf(text: string): Passage[] {
  let fenced = false;
  return text.split("\n").flatMap((line, index) => {
    if (line.trimStart().startsWith("```")) {
      fenced = !fenced;
      return [];
    }
    return fenced ? [] : [{ line: index + 1, text: line.replace(/`[^`]*`/g, "") }];
  });
}

/** Returns a line for each refused word, with its place. */
function faults(file: string, passages: Passage[]): string[] {
  return passages.flatMap(({ line, text }) => [
    ...[...text.matchAll(refused)].map((match) => {
      const below = text.slice(0, match.index).split("\n").length - 1;
      return `${file}:${line + below}: "${match[0]}"`;
    }),
    ...[...text.matchAll(new RegExp(opening, "g"))].map(
      ([, word]) => `${file}:${line}: a docstring that begins with "${word}"`,
    ),
  ]);
}
