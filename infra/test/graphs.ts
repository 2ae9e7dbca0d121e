/** The evaluated stages, for the tests. */
import { evaluate, type Graph } from "./graph.ts";
import { stages } from "./stages.ts";

/** Every stage with its name. */
export const all: [name: string, graph: Graph][] = await Promise.all(
  Object.entries(stages).map(
    async ([name, stage]): Promise<[string, Graph]> => [name, await evaluate(stage)],
  ),
);

/** One of them. */
export const graphOf = (name: keyof typeof stages): Promise<Graph> => evaluate(stages[name]);

/** Whether a stage has a limit on what a day costs, and so the function that keeps it. */
export const hasBreaker = (name: string): boolean => name !== "sst dev" && name !== "unlimited";

/** The region of a stage. */
export const regionOf = (name: string): string => (name === "configured" ? "eu-central-1" : "us-east-1");

/** An ARN with what it belongs to in place of the physical name: `{Uploads}/img_*`. */
export const short = (arn: string): string =>
  arn
    .replace(/^arn:aws:s3:::image-pipeline-[a-z]+-(\w+)bucket-[a-z]+/, (_, name) => `{${name}}`)
    .replace(
      /^arn:aws:\w+:[a-z0-9-]+:123456789012:(?:table\/)?image-pipeline-[a-z]+-(\w+?)(?:Table|Queue)-[a-z]+/,
      "{$1}",
    )
    .replace(/^.*ProcessingSubscriber\w+EventSourceMapping$/, "{mapping}")
    .replace(/^arn:aws:cloudfront::123456789012:distribution\/RouterCdnDistribution$/, "{distribution}")
    .replace("{uploads}", "{Uploads}")
    .replace("{processed}", "{Processed}")
    .replace("{pageassets}", "{PageAssets}");
