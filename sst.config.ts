/// <reference path="./.sst/platform/config.d.ts" />

export default $config({
  app({ stage }) {
    // SST shortens names of 64 characters from the front. Up to 32, each still contains the whole stage.
    const stageLengthMax = 32;
    if (stage.length > stageLengthMax) {
      throw new Error(
        `The stage name "${stage}" has ${stage.length} characters; at most ${stageLengthMax} fit into the names of AWS resources. Choose a shorter --stage.`,
      );
    }
    const production = stage === "production";
    return {
      name: "image-pipeline",
      home: "aws",
      // Production retains its buckets and table, and `sst remove` refuses it.
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
    await import("./infra/gallery.ts");
    await import("./infra/processor.ts");
    await import("./infra/reconciler.ts");
    await import("./infra/invalidator.ts");
    await import("./infra/api.ts");
    await import("./infra/breaker.ts");
    await import("./infra/alarms.ts");
    await import("./infra/budget.ts");
    await import("./infra/dashboard.ts");
    if ($dev) await import("./infra/dev.ts");
    return { url: router.url, uploads: uploads.name, table: images.name };
  },
});
