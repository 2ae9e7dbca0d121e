/** The API client of the commands, and API errors as text. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Client, ClientError, createClient } from "@image-pipeline/client";
import { printable } from "./format.ts";

/** The root folder of the product. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Loads `.env`, as `npm start` does. Variables that are set already keep their values. */
export function loadDotenv(): void {
  if (existsSync(`${root}.env`)) process.loadEnvFile(`${root}.env`);
}

/**
 * Returns a client of the API at `url`, IMAGE_API_URL, or `npm start` on this machine (by its PORT). Asks /health
 * first, and throws `network_error` without the client's retries if there is no answer.
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
    const message = `No answer from ${baseUrl}. ${hint} another URL with --url or IMAGE_API_URL.`;
    throw new ClientError("network_error", message, { cause });
  }
  return createClient({ baseUrl, token: process.env.IMAGE_API_TOKEN || undefined });
}

/** Returns an API error as text: its message, which names the fields at fault, and what to do. */
export function explain(error: ClientError): string {
  const hint = error.code === "unauthenticated" ? " Set IMAGE_API_TOKEN to an API key or a JWT." : "";
  const request =
    error.status !== undefined && error.status >= 500 && error.requestID
      ? ` (request ${error.requestID})`
      : "";
  return printable(`${error.message}${hint}${request}`);
}
