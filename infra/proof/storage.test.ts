import { describe, expect, test } from "vitest";
import { argsOf, resourcesOf } from "./graph.ts";
import { all, graphOf, short } from "./graphs.ts";

const bucket = /s3\/bucket(V2)?:/;
const statementsOf = (policy: string) => JSON.parse(policy).Statement;

describe.each(all)("%s", (name, graph) => {
  const kept = name === "production" || name === "configured";

  test("there are two buckets, and nothing about either is public", () => {
    expect(resourcesOf(graph, bucket).map((each) => each.name)).toEqual(["ProcessedBucket", "UploadsBucket"]);
    for (const of of ["Uploads", "Processed"]) {
      expect(argsOf(graph, /bucketPublicAccessBlock:/, `${of}PublicAccessBlock`)).toMatchObject({
        blockPublicAcls: true,
        blockPublicPolicy: true,
        ignorePublicAcls: true,
        restrictPublicBuckets: true,
      });
    }
  });

  test("neither bucket answers without TLS", () => {
    for (const of of ["Uploads", "Processed"]) {
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

  test("the bucket policies admit this distribution to variants, and nobody to anything else", () => {
    expect(statementsOf(argsOf(graph, /bucketPolicy:/, "UploadsPolicy").policy)).toHaveLength(1);
    const [, ...rest] = statementsOf(argsOf(graph, /bucketPolicy:/, "ProcessedPolicy").policy);
    expect(rest).toEqual([
      {
        principals: [{ type: "Service", identifiers: ["cloudfront.amazonaws.com"] }],
        actions: ["s3:GetObject"],
        resources: [expect.stringMatching(/\/img_\*$/)],
        conditions: [
          {
            test: "StringEquals",
            variable: "AWS:SourceArn",
            values: ["arn:aws:cloudfront::123456789012:distribution/RouterCdnDistribution"],
          },
        ],
      },
    ]);
    expect(rest[0].resources.map(short)).toEqual(["{Processed}/img_*"]);
  });

  test(kept ? "buckets outlive everything, with their versions" : "buckets go with their stage", () => {
    for (const { inputs, retainOnDelete } of resourcesOf(graph, bucket)) {
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

test("no web app may upload unless the stage names its origin", async () => {
  for (const name of ["development", "production", "sst dev"] as const) {
    expect(resourcesOf(await graphOf(name), /bucketCorsConfiguration/)).toEqual([]);
  }
});

test("named origins may upload and read back, and see the ETag", async () => {
  const rules = resourcesOf(await graphOf("configured"), /bucketCorsConfiguration/);
  expect(rules.map(({ name, inputs }) => [name, inputs.corsRules])).toEqual([
    [
      "UploadsCors",
      [
        {
          allowedOrigins: ["https://app.example.com", "https://admin.example.com"],
          allowedMethods: ["GET", "HEAD", "PUT", "POST"],
          allowedHeaders: ["content-type", "if-none-match", "range", "x-amz-checksum-sha256"],
          exposeHeaders: ["ETag"],
          maxAgeSeconds: 7200,
        },
      ],
    ],
  ]);
});
