/// <reference path="./.sst/platform/config.d.ts" />

export default $config({
  app(input) {
    const production = input.stage === "production";
    return {
      name: "image-pipeline",
      home: "aws",
      // Production keeps its buckets and its table whatever happens, and `sst remove` refuses it.
      removal: production ? "retain" : "remove",
      protect: production,
      // SST brings the AWS provider that it was written for.
      providers: { random: "4.16.6" },
    };
  },
  async run() {
    const { router } = await import("./infra/router.ts");
    const { uploads } = await import("./infra/storage.ts");
    const { images } = await import("./infra/table.ts");
    await import("./infra/media.ts");
    await import("./infra/page.ts");
    await import("./infra/processing.ts");
    await import("./infra/reconciling.ts");
    await import("./infra/api.ts");
    await import("./infra/breaker.ts");
    await import("./infra/alarms.ts");
    await import("./infra/budget.ts");
    await import("./infra/dashboard.ts");
    return { url: router.url, uploads: uploads.name, table: images.name };
  },
});
