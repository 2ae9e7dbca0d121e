/**
 * The functions' structured log, one JSON object a line. Nothing secret goes in: no tokens, no signed URLs, no places.
 * The fields are those of Powertools' logger, which would be 24 KB of the API's bundle and a quarter of the CPU of a
 * look-up.
 */
import { Console } from "node:console";
import { Resource } from "sst";

/** What a line says beside what every line does. */
export type Fields = Record<string, unknown> & Partial<Record<"level" | "message" | "timestamp", never>>;

const weights: Record<string, number> = { INFO: 1, WARN: 2, ERROR: 3, FATAL: 4, CRITICAL: 4, SILENT: 5 };

const { AWS_LAMBDA_LOG_LEVEL, POWERTOOLS_LOG_LEVEL } = process.env;
const least = weights[(AWS_LAMBDA_LOG_LEVEL || POWERTOOLS_LOG_LEVEL || "INFO").toUpperCase()] ?? 0;

const service = `${Resource.App.name}-${Resource.App.stage}`;

// Lambda puts what the global console is given into an object of its own.
const { stdout, stderr } = process;
const out = new Console({ stdout, stderr });

function logger(level: "INFO" | "WARN" | "ERROR", print: (line: string) => void) {
  if ((weights[level] ?? 0) < least) return () => {};
  return (message: string, fields: Fields) => {
    const line = { level, message, timestamp: new Date().toISOString(), service, ...fields };
    // A request's line is plain, and written twice as fast without the function.
    print(JSON.stringify(line, Object.values(fields).every(isPlain) ? undefined : readable()));
  };
}

/** Writes a line at its level, unless only graver ones are wanted. */
export const log = {
  info: logger("INFO", out.info),
  warn: logger("WARN", out.warn),
  error: logger("ERROR", out.error),
};

const isPlain = (value: unknown) => typeof value === "string" || typeof value === "number";

/** For `JSON.stringify`: errors with what JSON would leave out, big numbers as text, and nothing within itself. */
function readable() {
  const around: { given: object; written: object }[] = [];
  return function (this: unknown, _name: string, given: unknown): unknown {
    if (typeof given === "bigint") return String(given);
    if (typeof given !== "object" || given === null) return given;
    while (around.length > 0 && around.at(-1)?.written !== this) around.pop();
    if (around.some((outer) => outer.given === given)) return undefined;
    const written = given instanceof Error ? plain(given) : given;
    around.push({ given, written });
    return written;
  };
}

const plain = ({ name, message, stack, cause, ...rest }: Error) => ({ name, message, stack, cause, ...rest });
