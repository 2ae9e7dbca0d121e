/** `npm run types`: writes sst-env.d.ts after a change of links or settings, without a deployment. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { envTypes } from "./env-types.ts";
import { evaluate } from "./graph.ts";
import { ensureInstalled } from "./install.ts";
import { bundle, root } from "./platform.ts";

ensureInstalled();
await bundle("product");
writeFileSync(join(root, "sst-env.d.ts"), envTypes(await evaluate({ stage: "production" })));
