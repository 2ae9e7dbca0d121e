/** Panes of `sst dev`: the gallery with hot reload on this stage, and the tests. */
import { router } from "./router.ts";

new sst.x.DevCommand("GalleryDev", {
  dev: { title: "Gallery", command: "npm run dev --prefix packages/web", autostart: true },
  environment: { STAGE_URL: router.url },
});

new sst.x.DevCommand("Tests", {
  dev: { title: "Tests", command: "npx vitest --project packages", autostart: false },
});
