import { defineConfig } from "vite";

/** Where `npm start` listens, for `npm run dev -w packages/web`. */
const server = "http://127.0.0.1:3000";

// What is built is what is deployed, also where a test or a shell says otherwise: Vite would write this machine's paths
// into it.
export default defineConfig(({ command }) => {
  if (command === "build") process.env.NODE_ENV = "production";
  return {
    // Relative, so that the page works at any address that ends in a slash.
    base: "./",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      target: "es2023",
      // Everything is a file of our own: the page's policy allows nothing inline.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    server: {
      host: "127.0.0.1",
      proxy: Object.fromEntries(
        ["/images", "/uploads", "/stats", "/health", "/media", "/docs", "/openapi.json"].map((path) => [
          path,
          server,
        ]),
      ),
    },
  };
});
