import { defineConfig } from "orval";

export default defineConfig({
  images: {
    input: "openapi.json",
    output: {
      target: "images.ts",
      client: "fetch",
      headers: true,
      baseUrl: { runtime: "process.env.IMAGES_URL" },
      override: { contentType: { include: ["application/json", "application/problem+json"] } },
    },
  },
});
