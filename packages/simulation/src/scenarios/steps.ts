/** A scenario, and the steps that several of them take. */
import type { Outgoing } from "@image-pipeline/core/records/outgoing";
import { Protocol } from "@image-pipeline/core/records/protocol";
import type { Stored } from "@image-pipeline/core/records/stored";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import type { Broken, Profile } from "../faults.ts";
import type { File } from "../image-files.ts";
import type { Fate, World } from "../simulation.ts";

/** `rule` is what the mutant leaves out: by other rules of the protocol, or by a service that breaks its contract. */
export type Scenario = {
  rule: string;
  title: string;
  /** `calm` unless given. */
  profile?: Profile;
  /** One copy of each notification, at once, unless given. */
  fates?: Fate[];
  play(world: World): Promise<void>;
  without: {
    rules?: Partial<Protocol.Rules>;
    outgoing?: Partial<Outgoing.Rules>;
    stored?: Partial<Stored.Rules>;
    broken?: Broken;
  };
};

/** The rules as they are, for mutants that change the decision of one. */
export const rules = { ...Protocol.rules };

/** The key under which most scenarios put their image. */
export const key = "photo.jpg";

export function put(world: World, name: string, under = key): Promise<void> {
  return world.put(under, fileOf(world, name));
}

export function fileOf(world: World, name: string): File {
  const file = world.files.find((file): file is File => file.name === name);
  if (!file) throw new Error(`There is no file ${name}.`);
  return file;
}

/** Uploads an image through the API and returns its id. */
export async function announce(world: World, method: "PUT" | "POST" = "PUT"): Promise<string> {
  world.create(fileOf(world, "red"), [], method);
  await world.wait(1000);
  const [id] = world.created.keys();
  if (!id) throw new Error("The API created no image.");
  await world.send(id);
  await world.wait(1000);
  return id;
}

export const pathIn = ({ observer }: World) => `/images/${[...observer.records.keys()][0]}`;

export function on(operation: string, entity: string, how: ReturnType<Broken>): Broken {
  return (asked) => (asked.operation === operation && asked.entity === entity ? how : undefined);
}

/** A queue that loses what this job of the reconciler sends. */
export function fromJob(name: string): Broken {
  return ({ operation, job }) => (/^SendMessage/.test(operation) && job === name ? "never" : undefined);
}

export const omitting = (decision: Protocol.Decision, field: "sequencer" | "dueAt"): Protocol.Decision =>
  decision.do === "write" ? { ...decision, draft: { ...decision.draft, [field]: undefined } } : decision;

/** A record whose key takes uploads. */
export const opened = <R extends ImageRecord | undefined>(record: R): R =>
  record && { ...record, closed: undefined };
