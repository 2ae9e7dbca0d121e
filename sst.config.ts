/// <reference path="./.sst/platform/config.d.ts" />

export default $config({
  app({ stage }) {
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
    // SST shortens names of 64 characters from the front. Up to 32, each still contains the whole stage. Checked here
    // because SST prints errors of `app` to its log only.
    const stageLengthMax = 32;
    if ($app.stage.length > stageLengthMax) {
      throw new Error(
        `The stage name "${$app.stage}" has ${$app.stage.length} characters; at most ${stageLengthMax} fit into the names of AWS resources. Choose a shorter --stage.`,
      );
    }
    const { router } = await import("./infra/router.ts");
    const { uploads } = await import("./infra/storage.ts");
    const { images } = await import("./infra/table.ts");
    await import("./infra/gallery.ts");
    await import("./infra/processor.ts");
    await import("./infra/importer.ts");
    await import("./infra/reconciler.ts");
    await import("./infra/sender.ts");
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
