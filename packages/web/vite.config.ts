import { defineConfig } from "vite";

/** URL of `npm start`, for `npm run dev -w packages/web`; of the stage in a pane of `sst dev`. */
const server = process.env.STAGE_URL || "http://127.0.0.1:3000";

// Always a production build: with NODE_ENV=development Vite would write the build machine's paths into it.
export default defineConfig(({ command }) => {
  if (command === "build") process.env.NODE_ENV = "production";
  return {
    // Relative URLs work under any path that ends in a slash.
    base: "./",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      target: "es2023",
      // No inlined assets: the page's content security policy allows files only.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      // The licences of the bundled packages ask for a copy of their text next to the code.
      license: { fileName: "assets/licenses.md" },
    },
    server: {
      host: "127.0.0.1",
      // The buckets of a stage under `sst dev` admit uploads from this origin only: `infra/storage.ts`.
      port: 5173,
      strictPort: true,
      proxy: Object.fromEntries(
        ["/images", "/uploads", "/stats", "/health", "/media", "/docs", "/llms.txt", "/openapi.json"].map(
          (path) => [path, { target: server, changeOrigin: true }],
        ),
      ),
    },
  };
});
