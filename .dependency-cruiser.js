/**
 * Import directions. `directions` is the table of AGENTS.md, which a test compares with it; everything that is not
 * listed is forbidden. Run by `npm run check`.
 */

/** The rooms that each room may import. A room may always import itself. */
export const directions = {
  "packages/core": [],
  "packages/functions": ["packages/core"],
  "packages/client": [],
  "packages/react": ["packages/client"],
  "packages/publish": [],
  "packages/web": ["packages/client"],
  "packages/cli": ["packages/client", "packages/core"],
  "packages/local": ["packages/core", "packages/functions", "packages/web"],
  "packages/simulation": ["packages/client", "packages/core", "packages/functions", "packages/local"],
  infra: ["packages/core", "packages/functions", "packages/web"],
  examples: ["packages/local"],
};

const rooms = "^(packages/[^/]+|infra|bench|examples)/";

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    // Except the self-re-export of a module (`export * as Image from "./image.ts"`).
    { name: "no cycles", severity: "error", from: { path: "(.+)" }, to: { circular: true, pathNot: "^$1$" } },
    ...Object.entries(directions).map(([room, allowed]) => ({
      name: `${room} imports ${allowed.join(", ") || "no sibling"}`,
      severity: "error",
      // The tests of infra run the deployed functions, so they import every room.
      from: { path: `^${room}/`, pathNot: "^infra/test/" },
      to: {
        path: rooms,
        pathNot: [room, ...allowed].map((each) => `^${each}/`),
        // The client imports its types from the API.
        ...(room === "packages/client" && { dependencyTypesNot: ["type-only"] }),
      },
    })),
    {
      name: "the client imports types of functions/http alone",
      severity: "error",
      from: { path: "^packages/client/" },
      to: { path: rooms, pathNot: "^packages/(client|functions/src/http)/" },
    },
    {
      name: "infra imports the settings, the recipe, the table's schema, content negotiation, the documentation and the page's headers alone",
      severity: "error",
      from: { path: "^infra/", pathNot: "^infra/test/" },
      to: {
        path: "^packages/",
        pathNot:
          "^packages/(core/src/(settings|engine/recipe|table/table-schema|images/negotiate)|functions/src/http/documents|web/src/headers)\\.ts$",
      },
    },
    {
      name: "core knows neither HTTP nor Lambda",
      severity: "error",
      from: { path: "^packages/core/" },
      to: { path: "node_modules/(hono|hono-openapi|@hono|@types/aws-lambda)/" },
    },
    ...[
      ["sharp", "packages/core/src/engine/sharp"],
      ["@aws-sdk/client-s3", "packages/core/src/aws/(storage|object-stream)"],
      ["@aws-sdk/(client|lib)-dynamodb", "packages/(core/src/table|local/src)/table"],
      ["@aws-sdk/client-sqs", "packages/core/src/aws/queue"],
      ["@aws-sdk/client-(lambda|cloudwatch)", "packages/functions/src/event-source"],
      ["@aws-sdk/client-cloudfront", "packages/functions/src/invalidator"],
    ].map(([library, file]) => ({
      name: `only ${file}.ts imports ${library}`,
      severity: "error",
      from: {
        path: "^packages/(core|functions|local|cli)/",
        pathNot: [`^${file}\\.ts$`, "(\\.test|\\.prove|fixture[^/]*)\\.ts$"],
      },
      to: { path: `node_modules/${library}/` },
    })),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(\\.sst|packages/[^/]+/dist|examples/[^/]+)/" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default"],
    },
  },
};
