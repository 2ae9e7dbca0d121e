/** `.env` of the product, which `npm start` obeys as well: what the environment names already stays as it is. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder that the product lies in. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));

/** Puts what `.env` says into the environment. */
export function loadDotenv(): void {
  if (existsSync(`${root}.env`)) process.loadEnvFile(`${root}.env`);
}
