import { describe, expect, test } from "vitest";
import { argsOf, resourcesOf, short } from "./graph.ts";
import { all, graphOf } from "./graphs.ts";

const bucket = /s3\/bucket(V2)?:/;
const buckets = ["PageAssets", "Processed", "Uploads"];
const statementsOf = (policy: string) => JSON.parse(policy).Statement;

describe.each(all)("%s", (name, graph) => {
  const kept = name === "production" || name === "configured";

  test("there are two buckets and the gallery's, and nothing about any is public", () => {
    expect(resourcesOf(graph, bucket).map((each) => each.name)).toEqual(buckets.map((of) => `${of}Bucket`));
    for (const of of buckets) {
      expect(argsOf(graph, /bucketPublicAccessBlock:/, `${of}PublicAccessBlock`)).toMatchObject({
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      });
    }
  });

  test("what is said of a bucket is said of that one, and no more is said of any", () => {
    const said = graph.resources.flatMap(({ type, inputs }) => {
      // Some types have a second version: `bucketCorsConfigurationV2:`. Objects are the code of functions.
      const [, about] = /s3\/bucket(?!Object)([A-Z]\w*?)(?:V2)?:/.exec(type) ?? [];
      return about && about !== "V2" ? [`${about} ${short(`arn:aws:s3:::${inputs.bucket}`)}`] : [];
    });
    expect(said.sort()).toEqual(
      [
        "CorsConfiguration {Uploads}",
        ...["{Processed}", "{Uploads}"].flatMap((of) => [
          `LifecycleConfiguration ${of}`,
          ...(kept ? [`Versioning ${of}`] : []),
        ]),
        "Notification {Processed}",
        "Notification {Uploads}",
        ...["{PageAssets}", "{Processed}", "{Uploads}"].flatMap((of) => [
          `Policy ${of}`,
          `PublicAccessBlock ${of}`,
        ]),
      ].sort(),
    );
  });

  test("no bucket answers without TLS", () => {
    for (const of of buckets) {
      const [first] = statementsOf(argsOf(graph, /bucketPolicy:/, `${of}Policy`).policy);
      expect(first).toEqual({
        effect: "Deny",
        principals: [{ type: "*", identifiers: ["*"] }],
        actions: ["s3:*"],
        resources: expect.arrayContaining([]),
        conditions: [{ test: "Bool", variable: "aws:SecureTransport", values: ["false"] }],
      });
      expect(first.resources.map(short)).toEqual([`{${of}}`, `{${of}}/*`]);
    }
  });

  test("the bucket policies admit this distribution to variants and to the gallery, and no other principal", () => {
    expect(statementsOf(argsOf(graph, /bucketPolicy:/, "UploadsPolicy").policy)).toHaveLength(1);
    for (const [of, rights] of [
      ["Processed", [["s3:GetObject", "{Processed}/img_*,{Processed}/private/*"]]],
      [
        "PageAssets",
        [
          ["s3:GetObject", "{PageAssets}/assets/*"],
          // A missing file is a 404.
          ["s3:ListBucket", "{PageAssets}"],
        ],
      ],
    ] as const) {
      const [, ...rest] = statementsOf(argsOf(graph, /bucketPolicy:/, `${of}Policy`).policy);
      expect(rest).toEqual(
        rights.map(([action]) => ({
          principals: [{ type: "Service", identifiers: ["cloudfront.amazonaws.com"] }],
          actions: [action],
          resources: expect.arrayContaining([expect.any(String)]),
          conditions: [
            {
              test: "StringEquals",
              variable: "AWS:SourceArn",
              values: ["arn:aws:cloudfront::123456789012:distribution/RouterCdnDistribution"],
            },
          ],
        })),
      );
      expect(rest.map(({ resources }: { resources: string[] }) => resources.map(short).join())).toEqual(
        rights.map(([, resource]) => resource),
      );
    }
  });

  test(kept ? "buckets outlive everything, with their versions" : "buckets go with their stage", () => {
    for (const { name, inputs, retainOnDelete } of resourcesOf(graph, bucket)) {
      // Every deployment builds the gallery again.
      if (name === "PageAssetsBucket") continue;
      expect(inputs.forceDestroy).toBe(!kept);
      expect(retainOnDelete).toBe(kept);
    }
    expect(resourcesOf(graph, /bucketVersioning/).map((each) => each.inputs.versioningConfiguration)).toEqual(
      kept ? [{ status: "Enabled" }, { status: "Enabled" }] : [],
    );
    expect(graph.app).toMatchObject({ removal: kept ? "retain" : "remove", protect: kept });
  });

  test("parts of abandoned uploads are gone after a day, and old versions after thirty", () => {
    const lifecycles = resourcesOf(graph, /bucketLifecycleConfiguration/);
    expect(lifecycles.map((each) => each.name)).toEqual(["ProcessedLifecycle", "UploadsLifecycle"]);
    for (const { inputs } of lifecycles) {
      expect(inputs.rules).toEqual([
        {
          id: "Leftovers",
          status: "Enabled",
          filter: { prefix: "" },
          abortIncompleteMultipartUpload: { daysAfterInitiation: 1 },
          ...(kept && {
            noncurrentVersionExpiration: { noncurrentDays: 30 },
            expiration: { expiredObjectDeleteMarker: true },
          }),
        },
      ]);
    }
  });
});

test.each([
  ["development", ["https://routercdndistribution.cloudfront.net"]],
  ["production", ["https://routercdndistribution.cloudfront.net"]],
  ["sst dev", ["https://routercdndistribution.cloudfront.net", "http://127.0.0.1:5173"]],
  ["unlimited", ["https://routercdndistribution.cloudfront.net"]],
  ["configured", ["https://images.example.com", "https://app.example.com", "https://admin.example.com"]],
] as const)(
  "%s: the gallery and the origins that the stage names may upload, see the ETag, and no other",
  async (name, origins) => {
    const rules = resourcesOf(await graphOf(name), /bucketCorsConfiguration/);
    expect(rules.map(({ name, inputs }) => [name, inputs.corsRules])).toEqual([
      [
        "UploadsCors",
        [
          {
            allowedOrigins: origins,
            allowedMethods: ["GET", "HEAD", "PUT", "POST", "DELETE"],
            allowedHeaders: ["*"],
            exposeHeaders: ["ETag"],
            maxAgeSeconds: 7200,
          },
        ],
      ],
    ]);
  },
);
