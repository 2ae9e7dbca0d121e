import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");
const folder = join(import.meta.dirname, "sample");

/** Code blocks of a document that name their file in the first line, as files of a virtual folder next to this test. */
async function filesOf(document: string): Promise<Map<string, string>> {
  const text = await readFile(join(root, document), "utf8");
  const blocks = [...text.matchAll(/```tsx?\n(?:\/\/ (\S+)\n)?([\s\S]*?)```/g)];
  return new Map(blocks.map(([, name = "nameless", code = ""]) => [join(folder, name), code]));
}

test("the code for Expo and React Native in docs/mobile.md compiles against the client and its hooks", async () => {
  const files = await filesOf("docs/mobile.md");
  expect([...files.keys()].map((path) => basename(path))).toEqual([
    "upload.ts",
    "photo.tsx",
    "background.ts",
  ]);

  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  options.jsxImportSource = "react";
  const host = ts.createCompilerHost(options);
  const { fileExists, directoryExists = () => true, getSourceFile, readFile: read } = host;
  host.directoryExists = (path) => path === folder || directoryExists(path);
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? read(path);
  host.getSourceFile = (path, ...rest) => {
    const code = files.get(path);
    return code === undefined
      ? getSourceFile(path, ...rest)
      : ts.createSourceFile(path, code, ts.ScriptTarget.ES2023);
  };
  const declarations = join(import.meta.dirname, "expo.fixture.d.ts");
  const program = ts.createProgram([...files.keys(), declarations], options, host);
  const faults = [...files.keys(), declarations].flatMap((path) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(path))
      .map(({ messageText }) => `${path}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`),
  );
  expect(faults).toEqual([]);
}, 120_000);
