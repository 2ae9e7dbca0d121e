/**
 * Prints the types of a module as a module without imports. The client infers its types from the API's routes, which
 * a published package cannot import; TypeScript's declarations would import them, and bundling them would bring in the
 * server's. A name that the module exports is printed as that name wherever its type occurs.
 */
import ts from "typescript";

/** Returns the exported type aliases of `file` as TypeScript source, all inferred types written out. */
export function printTypes(file: string): string {
  const program = ts.createProgram([file], {
    allowImportingTsExtensions: true,
    lib: ["lib.es2024.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    module: ts.ModuleKind.NodeNext,
    noEmit: true,
    skipLibCheck: true,
    strict: true,
    target: ts.ScriptTarget.ES2023,
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) throw new Error(`Cannot print the types of ${file}: it is not a module.`);
  const exported = checker.getExportsOfModule(module).map((symbol) => {
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    return { type, name: symbol.name, comment: comment(symbol, "") };
  });
  const names = new Map(exported.filter(({ type }) => !isUnion(type)).map(({ type, name }) => [type, name]));

  function comment(symbol: ts.Symbol, indent: string): string {
    const text = ts.displayPartsToString(symbol.getDocumentationComment(checker)).replaceAll("\n", " ");
    return text && `${indent}/** ${text} */\n`;
  }

  function print(type: ts.Type, indent: string, self?: string): string {
    const name = names.get(type);
    if (name && name !== self) return name;
    if (isUnion(type)) {
      // TypeScript lists `undefined` first, and `boolean` as its two values.
      const members = type.types.map((each) => print(each, indent));
      const rest = members.filter((each) => each !== "true" && each !== "false");
      const isBoolean = rest.length === members.length - 2;
      return [...new Set(isBoolean ? [...rest, "boolean"] : members)].join(" | ");
    }
    const atoms =
      ts.TypeFlags.StringLike |
      ts.TypeFlags.NumberLike |
      ts.TypeFlags.BooleanLike |
      ts.TypeFlags.Null |
      ts.TypeFlags.Undefined |
      ts.TypeFlags.Never |
      ts.TypeFlags.Unknown;
    if (type.flags & atoms) return checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation);
    if (checker.isArrayType(type)) {
      const [element] = checker.getTypeArguments(type as ts.TypeReference);
      if (element) return `Array<${print(element, indent)}>`;
    }
    const isData = checker.getSignaturesOfType(type, ts.SignatureKind.Call).length === 0;
    if (type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection) && isData) return object(type, indent);
    throw new Error(`Cannot print the type ${checker.typeToString(type)} of ${file}.`);
  }

  function object(type: ts.Type, indent: string): string {
    const inner = `${indent}  `;
    const indexes = checker
      .getIndexInfosOfType(type)
      .map((index) => `${inner}[key: ${print(index.keyType, inner)}]: ${print(index.type, inner)};\n`);
    const properties = checker.getPropertiesOfType(type).map((symbol) => {
      const optional = symbol.flags & ts.SymbolFlags.Optional ? "?" : "";
      const value = print(checker.getTypeOfSymbol(symbol), inner);
      return `${comment(symbol, inner)}${inner}${JSON.stringify(symbol.name)}${optional}: ${value};\n`;
    });
    return `{\n${[...indexes, ...properties].join("")}${indent}}`;
  }

  return exported
    .map(({ type, name, comment: text }) => `${text}export type ${name} = ${print(type, "", name)};\n`)
    .join("\n");
}

function isUnion(type: ts.Type): type is ts.UnionType {
  return type.isUnion() && !(type.flags & ts.TypeFlags.EnumLike);
}
