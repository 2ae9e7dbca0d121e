/** `npm run notices`: writes THIRD-PARTY-NOTICES.md, after a change of dependencies. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildPage } from "@image-pipeline/local/gallery";
import { notices } from "./notices.ts";

const root = join(import.meta.dirname, "../../../..");

await buildPage();
const licenses = readFileSync(join(root, "packages/web/dist/assets/licenses.md"), "utf8");
writeFileSync(join(root, "THIRD-PARTY-NOTICES.md"), await notices(licenses));
