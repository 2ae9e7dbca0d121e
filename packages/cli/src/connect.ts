/** The way to the API, and what to tell people when it is not there. */
import { type Client, ClientError, createClient } from "@image-pipeline/client/client";
import { loadDotenv } from "./dotenv.ts";
import { printable } from "./terminal.ts";

/**
 * A client of the API that the line or the environment names, or of `npm start`, which obeys the same `PORT`. Throws `network_error` at once where
 * nothing answers, so that nobody waits through the retries of a server that was never started.
 */
export async function connect(url: string | undefined): Promise<Client> {
  loadDotenv();
  const { IMAGE_API_URL, PORT } = process.env;
  const baseUrl = url ?? (IMAGE_API_URL || `http://127.0.0.1:${PORT || 3000}`);
  if (!URL.canParse(baseUrl)) throw new ClientError("network_error", `"${baseUrl}" is not a URL.`);
  try {
    await fetch(new URL("/health", baseUrl), { signal: AbortSignal.timeout(10_000) });
  } catch (cause) {
    const isHere = /^(localhost|127\.|\[::1\])/.test(new URL(baseUrl).hostname);
    const hint = isHere ? "Start the pipeline with `npm start`, or name" : "Name";
    const message = `Nothing answers at ${baseUrl}. ${hint} another with --url or IMAGE_API_URL.`;
    throw new ClientError("network_error", message, { cause });
  }
  return createClient({ baseUrl, token: process.env.IMAGE_API_TOKEN || undefined });
}

/** An error of the API's in words that say what to do. */
export function explain(error: ClientError): string {
  const fields = error.fields.map(({ pointer, parameter, detail }) =>
    `${pointer ?? parameter ?? ""} ${detail}`.trim(),
  );
  const hint = error.code === "unauthenticated" ? " Set IMAGE_API_TOKEN to an API key or a token." : "";
  const request =
    error.status !== undefined && error.status >= 500 && error.requestID
      ? ` (request ${error.requestID})`
      : "";
  return printable(`${[error.message, ...fields].join(" ")}${hint}${request}`);
}
