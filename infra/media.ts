/** `/media/…` is the processed bucket. The bucket signs nothing out that the path does not name. */
import { router } from "./router.ts";
import { processed } from "./storage.ts";

router.routeBucket("/media", processed, { rewrite: { regex: "^/media/(.*)$", to: "/$1" } });
