/** An invariant, and the state of a world that it is checked against. */
import type { Transition } from "@image-pipeline/core/table/event-entity";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import type { EventType } from "@image-pipeline/core/table/webhook-entity";
import type { Copied } from "../copies.ts";
import type { Environment } from "../environment.ts";
import type { Profile } from "../faults.ts";
import type { File, Seen } from "../image-files.ts";
import type { Receiver } from "../receivers.ts";
import type { Job } from "../scheduler.ts";

/** A row of the audit trail. */
export type Row = Omit<Transition, "version">;

/** The state of one world, by key or image id, derived from the writes. */
export type State = {
  files: readonly File[];
  uploads: Map<string, { etag: string; sequencer: string }>;
  variants: Map<string, Partial<Seen> & { etag: string }>;
  records: Map<string, ImageRecord>;
  /** The transitions of each image, in order. */
  history: Map<string, Transition[]>;
  /** Keys of the term rows that exist, by which images are found. */
  terms: Set<string>;
  /** The rows of its audit trail, by version. */
  rows: Map<string, Map<number, Row>>;
  /** Images whose last write came so late after its time that the change feed does not promise them. */
  late: Set<string>;
  /** Variants of deleted images: no longer promised to clients, even if the image comes back. */
  doomed: Set<string>;
  /** Images whose deletion the API has acknowledged. */
  erased: Set<string>;
  /** The crop that the newest claim of each image began with. */
  crops: Map<string, string>;
  /** Objects created, by key. */
  puts: Map<string, number>;
  /** Replayed uploads that were taken from a quota, and those whose events have changed a record. */
  replays: { charged: number; claimed: number };
  endpoints: Endpoint[];
  /** Transitions that endpoints can subscribe to, by image and version. */
  transitions: Map<string, Announced>;
  /** Deliveries as they were last written, by endpoint and id. */
  deliveries: Map<string, Delivery>;
  /** Images that were imported, with what the export had. */
  copies: Map<string, Copied>;
  /** Keys that a client has put, removed or changed by a request. */
  touched: Set<string>;
};

/**
 * A webhook endpoint. Transitions that began after `since`, in virtual milliseconds, are sent to it; `Infinity` while a
 * request disables or enables it. `secrets` has the requests for a secret, and `retried` when each delivery was sent again.
 */
export type Endpoint = {
  id: string;
  name: string;
  owner?: string;
  events: readonly EventType[];
  since: number;
  receiver: Receiver;
  secrets: Secret[];
  retried: Map<string, number>;
};

/** A request for a secret, and the secret, once its response has come. Times in virtual milliseconds. */
export type Secret = { startedAt: number; endedAt?: number; secret?: string };

/** A transition with its event. */
export type Announced = { type: EventType; before?: ImageRecord; after: ImageRecord; startedAt: string };

/** A delivery as it is stored. */
export type Delivery = {
  webhookID: string;
  deliveryID: string;
  type: string;
  status: string;
  tries: number;
  writeID?: string;
  snapshot?: Pick<ImageRecord, "imageID" | "version">;
};

/** A world in which nothing moves any more. `count` counts an event for the report. */
export type AtRest = {
  observer: State;
  environment: Pick<Environment, "app" | "counters" | "storedOf" | "webhooks">;
  count(what: string): void;
  /** Brings the mirror up to date, and returns its images by id, each with its version. */
  mirrored(): Promise<Map<string, number>>;
  /** Returns whether no job was killed and no request met a fault. */
  isUnharmed(): boolean;
};

/**
 * A write, or an answer of the API, that has just taken effect; `State` includes it. `other`: the answer is an image
 * that another request created; `exposes`: it is a private one with the URL of a public file.
 */
export type Change =
  | { of: "record"; before?: ImageRecord; after: ImageRecord; entry?: Transition; job?: Job }
  | { of: "copy"; after: ImageRecord }
  | { of: "row"; before?: Row; after: Row }
  | { of: "term"; imageID: string }
  | { of: "put"; bucket: string; bytes: number }
  | { of: "variant"; key: string; before?: string; after?: string }
  | {
      of: "answer";
      request: string;
      id: string;
      version?: number;
      other: boolean;
      exposes: boolean;
      expiresAt?: string;
    };

type Violations = Iterable<string> | AsyncIterable<string>;

/** `heldBy`: suites of `npm run prove`, of which `simulation` is schedules, scenarios, storm and races; or test files. */
export type Invariant = {
  promise: string;
  heldBy: readonly string[];
  onChange?(change: Change, state: State): Iterable<string>;
  atRest?(world: AtRest, profile: Profile): Violations;
};

/** Largest difference between two clocks, in milliseconds. */
export const skewMs = 10_000;
