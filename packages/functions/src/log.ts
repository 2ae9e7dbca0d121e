/**
 * The functions' structured log, one JSON object a line. Never log secrets: tokens, presigned URLs, GPS positions.
 * Writes the same fields as Powertools Logger, which would add 24 KB to the API's bundle and a quarter of the CPU of a
 * look-up.
 */
import { Console } from "node:console";
import { Resource } from "sst";

/** The fields of a log line besides those of every line. */
export type Fields = Record<string, unknown> & Partial<Record<"level" | "message" | "timestamp", never>>;

const weights: Record<string, number> = { INFO: 1, WARN: 2, ERROR: 3, FATAL: 4, CRITICAL: 4, SILENT: 5 };

const { AWS_LAMBDA_LOG_LEVEL, POWERTOOLS_LOG_LEVEL } = process.env;
const least = weights[(AWS_LAMBDA_LOG_LEVEL || POWERTOOLS_LOG_LEVEL || "INFO").toUpperCase()] ?? 0;

const service = `${Resource.App.name}-${Resource.App.stage}`;

// Lambda wraps lines of the global console in another JSON object.
const { stdout, stderr } = process;
const out = new Console({ stdout, stderr });

function logger(level: "INFO" | "WARN" | "ERROR", print: (line: string) => void) {
  if ((weights[level] ?? 0) < least) return () => {};
  return (message: string, fields: Fields) => {
    const line = { level, message, timestamp: new Date().toISOString(), service, ...fields };
    // Request lines have only plain fields. Without a replacer they are serialized twice as fast.
    print(JSON.stringify(line, Object.values(fields).every(isPlain) ? undefined : readable()));
  };
}

/** Writes a line if its level is at or above the configured one. */
export const log = {
  info: logger("INFO", out.info),
  warn: logger("WARN", out.warn),
  error: logger("ERROR", out.error),
};

const isPlain = (value: unknown) => typeof value === "string" || typeof value === "number";

/** Returns a replacer for `JSON.stringify`: keeps all fields of errors, writes bigint as text, drops cycles. */
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
