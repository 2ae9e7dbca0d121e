/**
 * The invariants, one function each. `onChange` is checked at every write that took effect, `atRest` once nothing
 * moves any more. docs/reliability.md lists them; a test compares the two.
 */
import { Crop } from "@image-pipeline/core/engine/crop";
import { importCodes } from "@image-pipeline/core/records/message";
import { Placement } from "@image-pipeline/core/records/placement";
import { Term } from "@image-pipeline/core/records/terms";
import { VariantFile } from "@image-pipeline/core/records/variant-file";
import type { Transition } from "@image-pipeline/core/table/event-entity";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";
import { isListed, visibleStatuses } from "@image-pipeline/core/table/status";
import type { EventType } from "@image-pipeline/core/table/webhook-entity";
import { names } from "@image-pipeline/local/environment";
import type { Environment } from "./environment.ts";
import type { Profile } from "./faults.ts";
import { type File, isNear, type Seen } from "./image-files.ts";
import type { Received, Receiver } from "./receivers.ts";
import { type Job, now } from "./scheduler.ts";

/** A row of the audit trail. */
export type Row = Omit<Transition, "version">;

/** The state of one world, by key or image id, as it follows from the writes. */
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
};

/** A webhook endpoint. Transitions that began after `since`, in virtual milliseconds, are sent to it. */
export type Endpoint = {
  id: string;
  name: string;
  owner?: string;
  events: readonly EventType[];
  since: number;
  receiver: Receiver;
};

/** A transition with its event. */
type Announced = { type: EventType; before?: ImageRecord; after: ImageRecord; startedAt: string };

/** A delivery as it is stored. */
export type Delivery = {
  webhookID: string;
  deliveryID: string;
  type: string;
  status: string;
  tries: number;
  snapshot?: Pick<ImageRecord, "imageID" | "version">;
};

/** A world in which nothing moves any more. `count` counts an event for the report. */
type AtRest = {
  observer: State;
  environment: Pick<Environment, "app" | "counters" | "webhooks">;
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

/** Clocks may differ by so much. */
const skewMs = 10_000;
const dayMs = 86_400_000;

export const invariants: Readonly<Record<string, Invariant>> = {
  I1: {
    promise:
      "Once nothing moves any more, every upload has exactly one record, `ready`, `rejected` or `failed`, of the bytes in the bucket.",
    heldBy: ["simulation", "kills"],
    *atRest({ observer: { uploads, records, files }, count }, { reconciler }) {
      const byKey = Map.groupBy(records.values(), ({ key }) => key);
      for (const [key, { etag }] of uploads) {
        const [record, ...more] = byKey.get(key) ?? [];
        const file = files.find((file) => file.etag === etag);
        if (!record) yield "an object has no record";
        else if (more.length > 0) yield "an object has two records";
        else if (!["ready", "rejected", "failed"].includes(record.status))
          yield `an object is left ${record.status}`;
        else if (record.etag !== etag) yield "a record is of another upload";
        else if (record.status === "rejected" && file?.color && !isOverQuota(record))
          yield "a good image was rejected";
        else if (record.status === "failed") {
          count("good image ends failed");
          if (reconciler && record.dueAt) yield "a failed image is not tried again";
        }
      }
    },
  },
  I2: {
    promise:
      "A record without an upload is a tombstone, or was rejected for its size, or is an import that failed. A `pending` record whose upload never came expires.",
    heldBy: ["simulation", "kills"],
    *atRest({ observer: { uploads, records } }, { reconciler }) {
      for (const { key, status, discarded, from } of records.values())
        if (
          !uploads.has(key) &&
          status !== "deleted" &&
          !(status === "rejected" && discarded) &&
          !(from && (status === "rejected" || status === "failed")) &&
          (reconciler || status !== "pending")
        )
          yield `a record without an upload is left ${status}`;
    },
  },
  I3: {
    promise:
      "At every moment, each variant that a `ready` record names exists, decodes, and has the size, format and bytes of the record.",
    heldBy: ["simulation", "kills"],
    *onChange(change, { records, variants, doomed }) {
      if (change.of === "put" && change.bytes === 0) yield "an empty variant was written";
      if (change.of === "variant" && change.after === undefined) {
        const record = records.get(Placement.imageIDOf(change.key));
        if (record && promised(record, doomed).includes(change.key))
          yield `a variant was removed that clients of a ${record.status} image may hold`;
      }
      if (change.of !== "record" || !change.before) return;
      const { after } = change;
      for (const key of promised(after, doomed))
        if (!variants.has(key)) yield `a ${after.status} image names a variant that does not exist`;
      if (after.status !== "ready") return;
      for (const [name, { key, ...said }] of Object.entries(after.variants ?? {})) {
        const found = variants.get(key);
        const fields = ["format", "width", "height", "bytes"] as const;
        if (found && fields.some((field) => found[field] !== said[field]))
          yield `the variant ${name} is not what its record says`;
      }
    },
  },
  I4: {
    promise: "Variants show the upload that the record names.",
    heldBy: ["simulation", "kills"],
    *onChange(change, { files, variants }) {
      if (change.of === "variant" && change.before && change.after && change.before !== change.after)
        yield "a variant was overwritten by another";
      if (change.of !== "record" || change.after.status !== "ready") return;
      const color = files.find(({ etag }) => etag === change.after.etag)?.color;
      for (const { key } of Object.values(change.after.variants ?? {})) {
        const seen = variants.get(key)?.color;
        if (color && seen && !isNear(seen, color)) yield "a variant shows another upload";
      }
    },
  },
  I5: {
    promise:
      "The version, the sequencer and the attempt never decrease. A final state is left only for a newer upload, by reprocessing, for another focus or visibility, or for the trash or deletion.",
    heldBy: ["simulation"],
    *onChange(change) {
      if (change.of !== "record") return;
      const { before, after, entry } = change;
      if (after.version !== (before?.version ?? 0) + 1) yield "a write overtook another";
      if (after.attempt < (before?.attempt ?? 0)) yield "the attempt decreased";
      if ((after.sequencer ?? "") < (before?.sequencer ?? "")) yield "the sequencer decreased";
      if (!before || before.status === after.status) return;
      if (!["ready", "rejected", "deleted"].includes(before.status)) return;
      const newer = (after.sequencer ?? "") > (before.sequencer ?? "") || after.etag !== before.etag;
      const moved =
        entry?.type === "updated" &&
        (Crop.keyOf(after) !== Crop.keyOf(before) || after.visibility !== before.visibility);
      const asked =
        moved || (entry && ["reprocessed", "trashed", "deleting", "deleted"].includes(entry.type));
      if (!newer && !asked) yield `a ${before.status} image became ${after.status} for no reason`;
    },
  },
  I6: {
    promise: "Only the worker that claimed last commits, and only while its lease runs.",
    heldBy: ["simulation"],
    *onChange(change) {
      if (change.of !== "record" || !change.before) return;
      const { before, after, entry, job } = change;
      if (after.status !== "ready" && after.status !== "rejected") return;
      if (entry?.type === "restored") return;
      if (isOverQuota(after) || isUnfetched(after)) return;
      if (before.status === after.status && before.attempt === after.attempt) return;
      if (before.status !== "processing") yield "an outcome was committed to an image without a worker";
      if (job?.attempt !== before.attempt) yield "a worker committed to another's attempt";
      if ((before.leaseUntil ?? "") <= after.last.at) yield "a worker committed after its lease";
    },
  },
  I7: {
    promise:
      "After the reconciler's sweep, no object in the processed bucket is without a record that names it.",
    heldBy: ["simulation", "kills"],
    *atRest({ observer: { records, variants } }, { reconciler }) {
      if (!reconciler) return;
      const live = [...records.values()].filter(({ status }) => status !== "deleted");
      const used = new Set(live.flatMap((record) => VariantFile.keysOf(record)));
      for (const key of variants.keys()) if (!used.has(key)) yield "an orphan is left";
    },
  },
  I8: {
    promise: "Bad bytes end `rejected` with a code from a closed list, and are not tried again.",
    heldBy: ["simulation", "end-to-end.test.ts", "hostile.test.ts", "fuzz.test.ts"],
    *onChange(change, { files }) {
      if (change.of !== "record" || change.after.status !== "ready") return;
      const file = files.find(({ etag }) => etag === change.after.etag);
      if (!file?.color) yield "a bad image is ready";
    },
  },
  I9: {
    promise:
      "A message is received at most six times, then it is a dead letter. The pipeline never writes into the uploads bucket.",
    heldBy: ["simulation", "queue.test.ts"],
    *onChange(change) {
      if (change.of === "put" && change.bucket !== names.processed)
        yield "the pipeline wrote into the uploads bucket";
    },
  },
  I10: {
    promise: "A caller learns nothing of another owner's images.",
    heldBy: ["callers.test.ts", "lists.test.ts"],
  },
  I11: {
    promise: "No variant contains any of the upload's metadata.",
    heldBy: ["render.test.ts"],
  },
  I12: {
    promise:
      "A file that takes its process beyond its time or memory is stopped, and the next file is processed.",
    heldBy: ["runtime.test.ts", "fuzz.test.ts", "hostile.test.ts"],
  },
  I13: {
    promise:
      "What the API or S3 acknowledged survives a kill at the next moment, and processing keeps what clients set.",
    heldBy: ["simulation", "kills"],
    *onChange(change, { history }) {
      // A GET does nothing.
      if (change.of === "answer" && !change.request.startsWith("GET")) {
        const { types, anyVersion } = acknowledged[change.request] ?? { types: [] };
        const said = anyVersion ? undefined : change.version;
        const done = history
          .get(change.id)
          ?.some(({ type, version }) => types.includes(type) && version === (said ?? version));
        if (!done) yield `${change.request} was answered before it was done`;
      }
      if (change.of !== "record" || !change.before) return;
      const { before, after, entry } = change;
      for (const name of ["owner", "key", "imageID"] as const)
        if (before[name] !== after[name]) yield `the ${name} was changed`;
      const isDeletion = [before.status, after.status].includes("deleted") || entry?.type === "deleting";
      if (entry?.type === "updated" || isDeletion) return;
      for (const name of [
        "title",
        "alt",
        "tags",
        "metadata",
        "filename",
        "createdAt",
        "focus",
        "regions",
        "visibility",
        "deleteAt",
      ] as const)
        if (JSON.stringify(before[name]) !== JSON.stringify(after[name])) yield `the ${name} was lost`;
    },
  },
  I14: {
    promise:
      "Walking a list returns each image once. An image is found by its tags, words, metadata, format, time of capture and perceptual hash from the moment that its record has them, and not by those that it has no longer.",
    heldBy: ["simulation", "lists.test.ts", "queries.test.ts"],
    *onChange(change, { records, terms }) {
      if (change.of !== "record" && change.of !== "term") return;
      const record = change.of === "record" ? change.after : records.get(change.imageID);
      if (!record || record.status === "deleting" || record.status === "deleted") return;
      for (const term of Term.of(record))
        if (!terms.has(termKeyOf(record, term))) yield `the row of a ${Term.partsOf(term).kind} is missing`;
    },
    async *atRest(world, { api }) {
      const { terms, records } = world.observer;
      const live = [...records.values()].filter(({ status }) => status !== "deleted");
      const wanted = new Set(
        live.flatMap((record) => Term.of(record).map((term) => termKeyOf(record, term))),
      );
      // A crash may leave rows.
      if (world.isUnharmed())
        for (const key of terms) if (!wanted.has(key)) yield "the row of a term is left";
      if (!api) return;
      const visible = [...records.values()].filter(
        ({ owner, status, deleteAt, expiresAt = Number.POSITIVE_INFINITY }) =>
          owner === "default" &&
          isListed({ status }) &&
          expiresAt * 1000 > now() &&
          (deleteAt === undefined || Date.parse(deleteAt) > now()),
      );
      const limit = visible.length > 30 ? 100 : 3;
      const isProcessed = ({ source, processedAt, status }: ImageRecord) =>
        source !== undefined || processedAt !== undefined || status === "failed";
      const lists: [query: string, has: (record: ImageRecord) => unknown][] = [
        ["", () => true],
        ["tag=cat", ({ tags }) => tags?.includes("cat")],
        ["tag=dog", ({ tags }) => tags?.includes("dog")],
        ["tag=cat&tag=dog&order=asc", ({ tags }) => tags?.includes("cat") && tags.includes("dog")],
        ["tag=cat&status=ready", ({ tags, status }) => status === "ready" && tags?.includes("cat")],
        ["q=title", ({ title }) => title?.startsWith("title")],
        ["format=png", ({ source }) => source?.format === "png"],
        ["orderBy=takenAt", isProcessed],
      ];
      for (const [query, has] of lists)
        if (idsOf(visible.filter(has)) !== (await walk(world, `/images?limit=${limit}&${query}`)))
          yield `the list ${query} does not return every image once`;
      if (visible.length > 100) return;
      for (const image of visible.slice(0, 10)) {
        const hash = image.source?.perceptualHash;
        if (hash === undefined) continue;
        const equal = visible.filter(
          ({ imageID, source }) => source?.perceptualHash === hash && imageID !== image.imageID,
        );
        if (idsOf(equal) !== (await idsOfSimilar(world, image.imageID)))
          yield "the similar images are not those with the same hash";
      }
    },
  },
  I15: {
    promise:
      "The audit trail lists each transition of an image once and in order, also after its tombstone has expired.",
    heldBy: ["simulation", "kills"],
    *onChange(change, { rows, history, puts }) {
      if (
        change.of === "row" &&
        change.before &&
        JSON.stringify(change.before) !== JSON.stringify(change.after)
      )
        yield "a row was rewritten";
      if (change.of !== "record" || !change.before) return;
      const { before, after, entry } = change;
      const { imageID, last } = before;
      if (!entry && last.version !== after.last.version) yield "the newest transition was changed";
      if (entry && rows.get(imageID)?.get(last.version)?.type !== last.type)
        yield "a transition was replaced before it was filed";
      if (before.status === "deleted" && entry?.type === "deleted") yield "one removal was recorded twice";
      if (entry?.type === "uploaded") {
        const recorded = (history.get(imageID) ?? []).filter(({ type }) => type === "uploaded").length;
        if (recorded > (puts.get(after.key) ?? 0)) yield "one upload was recorded twice";
      }
    },
    async *atRest({ observer: { history }, environment }) {
      for (const [imageID, transitions] of history) {
        const response = await environment.app.request(`/images/${imageID}/events`);
        const { items = [] } = (await response.json()) as { items?: Transition[] };
        if (trailOf(items) !== trailOf(transitions)) yield "the audit trail is not what happened";
      }
    },
  },
  I16: {
    promise: "After the reconciler's comparison, the counters equal the number of images in each status.",
    heldBy: ["simulation"],
    async *atRest({ observer: { records }, environment }, { reconciler }) {
      if (!reconciler) return;
      for (const [status, counted] of Object.entries(await environment.counters())) {
        const { length } = [...records.values()].filter((record) => record.status === status);
        if (length !== counted) yield `the counter of ${status} is ${counted}, with ${length} images`;
      }
    },
  },
  I17: {
    promise:
      "An image that the API created and deleted stays deleted, whichever bytes come under its key. These are removed.",
    heldBy: ["simulation", "deletion.test.ts"],
    *onChange(change, state) {
      if (change.of !== "record" || !isErased(change.after.imageID, state)) return;
      const { status, key, sequencer = "" } = change.after;
      if (status !== "deleting" && status !== "deleted") yield `a deleted image is ${status} again`;
      const late = state.uploads.get(key);
      if (status === "deleted" && late && late.sequencer <= sequencer)
        yield "an image was taken for deleted while its late bytes were there";
    },
    *atRest({ observer }, { reconciler }) {
      if (!reconciler) return;
      for (const { imageID, key } of observer.records.values())
        if (observer.uploads.has(key) && isErased(imageID, observer)) yield "late bytes are left";
    },
  },
  I18: {
    promise:
      "Requests that repeat an `Idempotency-Key` create one image, and every other request one with what it says.",
    heldBy: ["simulation", "repeats"],
    *onChange(change, { records }) {
      if (change.of === "answer" && change.other) yield "a request was answered with another one's image";
      if (change.of !== "record" || change.entry?.type !== "announced") return;
      const { imageID, filename } = change.after;
      for (const other of records.values())
        if (other.filename === filename && other.imageID !== imageID)
          yield "one idempotency key has created two images";
    },
  },
  I19: {
    promise:
      "An upload that replaces an earlier one by the same presigned form counts against the owner's quota once, before it is processed.",
    heldBy: ["simulation", "replay.test.ts"],
    *onChange(change, { replays }) {
      if (change.of === "record" && replays.claimed > replays.charged)
        yield "a replayed upload was not counted";
    },
    *atRest({ observer: { history, records, puts, replays } }) {
      let again = 0;
      for (const [imageID, [first]] of history) {
        const key = records.get(imageID)?.key ?? `default/${imageID}`;
        if (first?.type === "announced") again += Math.max((puts.get(key) ?? 0) - 1, 0);
      }
      if (replays.charged > again) yield "a replayed upload was counted twice";
    },
  },
  I20: {
    promise:
      "The bytes of an upload that the API announced and that is too large are removed, and its rejection is not lost with them.",
    heldBy: ["simulation", "deletion.test.ts"],
    *onChange(change) {
      if (change.of !== "record" || !change.before) return;
      const { before, after, entry } = change;
      if (before.discarded && before.status === "rejected" && entry?.type === "deleted")
        yield `a rejection was lost with its bytes, and is ${after.status}`;
    },
    *atRest({ observer: { records, uploads } }, { reconciler }) {
      for (const { status, discarded, key, etag } of records.values())
        if (reconciler && status === "rejected" && discarded && uploads.get(key)?.etag === etag)
          yield "the bytes of a rejected upload are left";
    },
  },
  I21: {
    promise: "The cropped variants of a `ready` image were made for the focus that its record names.",
    heldBy: ["simulation", "focus.test.ts"],
    *onChange(change, { crops }) {
      if (change.of !== "record" || change.after.status !== "ready") return;
      if (crops.get(change.after.imageID) !== Crop.keyOf(change.after))
        yield "an image is ready with the crops of another focus";
    },
  },
  I22: {
    promise:
      "From the moment that an image is private, no record and no answer names a public file of it. Once the change is settled, none exists.",
    heldBy: ["simulation", "private.test.ts"],
    *onChange(change, { variants }) {
      if (change.of === "answer" && change.exposes) yield "an answer of a private image has a public URL";
      if (change.of !== "record" || !isHidden(change.after)) return;
      const { before, after } = change;
      const named = [...VariantFile.keysOf(after), ...(after.superseded ?? []).flatMap(({ keys }) => keys)];
      if (named.some((key) => !Placement.isPrivate(key))) yield "a private image names a public file";
      if (before?.revoked && !after.revoked && [...variants.keys()].some((key) => isPublicOf(after, key)))
        yield "a public file of a private image is left";
    },
    *atRest({ observer: { records, variants } }, { reconciler }) {
      if (!reconciler) return;
      for (const record of records.values())
        if (isHidden(record) && [...variants.keys()].some((key) => isPublicOf(record, key)))
          yield "a public file of a private image is left at rest";
    },
  },
  I23: {
    promise:
      "An enabled endpoint receives each committed transition that it is subscribed to at least once, and no other. Receivers and workers may fail at any time. Repeated messages have one `webhook-id`, and `version` orders those of an image.",
    heldBy: ["simulation", "webhooks.test.ts"],
    async *atRest({ observer, environment }, { reconciler }) {
      const { endpoints, transitions, deliveries } = observer;
      const given = Map.groupBy(deliveries.values(), ({ webhookID }) => webhookID);
      for (const { id, owner, events, since, receiver } of endpoints) {
        const received = Map.groupBy(receiver.received, keyOf);
        const ids = new Set<string>();
        for (const [key, messages] of received) {
          const transition = transitions.get(key);
          if (!transition || messages.some((message) => !isOfWrite(message, transition)))
            yield "an event was received of a write that never happened";
          else if (
            !events.includes(transition.type) ||
            (owner ?? transition.after.owner) !== transition.after.owner
          )
            yield "an event was received without a subscription";
          const [first, ...more] = new Set(messages.map(({ messageID }) => messageID));
          if (more.length > 0) yield "a repeated message has another id";
          if (first !== undefined && ids.has(first)) yield "two events have one id";
          ids.add(first ?? "");
        }
        if (!reconciler || !(await environment.webhooks.find({ id })).enabled) continue;
        for (const [key, { type, after, startedAt }] of transitions) {
          if (!events.includes(type) || (owner ?? after.owner) !== after.owner) continue;
          if (Date.parse(startedAt) < since || received.has(key)) continue;
          const failed = given.get(id)?.find((row) => row.status === "failed" && isAbout(row, key));
          if (!failed || failed.tries < attemptsMax) yield `a committed ${type} was never received`;
        }
      }
    },
  },
  I24: {
    promise:
      "An image in the trash has no file. It leaves the trash with all its fields and its original by being restored, or is deleted: by a request, with its original, or when its days are over.",
    heldBy: ["simulation", "trash.test.ts"],
    *onChange(change, { variants }) {
      if (change.of !== "record") return;
      const { before, after, entry } = change;
      if (after.status === "trashed") {
        if (VariantFile.keysOf(after).length > 0 || after.superseded)
          yield "an image in the trash names a file";
        if (before?.revoked && !after.revoked && [...variants.keys()].some((key) => isOf(after, key)))
          yield "a file of an image in the trash is left";
      }
      if (before?.status !== "trashed" || after.status === "trashed") return;
      const { type = "", by = "" } = entry ?? {};
      if (!["restored", "deleting", "deleted"].includes(type))
        yield `an image left the trash as ${after.status}`;
      if (type === "restored" && before.etag !== after.etag)
        yield "an image was restored without its original";
      if (
        type === "deleting" &&
        by === "reconciler" &&
        !entry?.detail?.expired &&
        Date.parse(before.trash?.until ?? "") > now() + skewMs
      )
        yield "an image was deleted from the trash before its time";
      if (type === "deleted" && by !== "storage" && before.etag === undefined)
        yield "an image in the trash was taken for deleted before its bytes came";
    },
    *atRest({ observer: { records, variants } }, { reconciler }) {
      for (const record of records.values()) {
        if (!reconciler || record.status !== "trashed") continue;
        if ([...variants.keys()].some((key) => isOf(record, key)))
          yield "a file of an image in the trash is left at rest";
        if (Date.parse(record.trash?.until ?? "") < now() - skewMs) yield "an image is left in the trash";
      }
    },
  },
  I25: {
    promise:
      "An image with an expiry keeps it until it is changed. From then on no answer shows the image, and the reconciler deletes it, not before.",
    heldBy: ["simulation", "expiry.test.ts"],
    *onChange(change) {
      if (change.of === "answer" && Date.parse(change.expiresAt ?? "") < now() - skewMs)
        yield "an answer shows an expired image";
      if (change.of !== "record" || !change.entry?.detail?.expired) return;
      if (Date.parse(change.before?.deleteAt ?? "") > now() + skewMs)
        yield "an image was deleted before its expiry";
    },
    *atRest({ observer: { records } }, { reconciler }) {
      for (const { deleteAt = "", status } of records.values())
        if (reconciler && Date.parse(deleteAt) < now() - skewMs) yield `an expired image is left ${status}`;
    },
  },
  I26: {
    promise:
      "A client that keeps a copy by the change feed has every listed image in its newest version and no other, through crashes and gaps, for an index that lags by 5 s, clocks that differ by 10 s and writes that take 20 s.",
    heldBy: ["simulation", "changes.test.ts"],
    async *atRest(world, { api }) {
      if (!api) return;
      const { records, late } = world.observer;
      const copies = await world.mirrored();
      for (const { imageID, version, status, expiresAt = 0, deleteAt = "" } of records.values()) {
        if (late.has(imageID)) continue;
        const isOver = (expiresAt && expiresAt * 1000 <= now()) || Date.parse(deleteAt) <= now();
        const wanted = isListed({ status }) && !isOver ? version : undefined;
        const copied = copies.get(imageID);
        if (wanted === undefined && copied !== undefined) yield "a copy has an image that is gone";
        if (wanted !== undefined && copied !== wanted) yield "a copy has missed a change";
      }
    },
  },
  I27: {
    promise:
      "An import ends with the bytes of its URL or with a code of imports. Once it has bytes, it never gets such a code, and no check takes it for deleted before.",
    heldBy: ["simulation", "imports.test.ts"],
    *onChange(change) {
      if (change.of !== "record" || !change.before?.from) return;
      const { before, after, entry } = change;
      const failed = entry && ["rejected", "failed"].includes(entry.type) && hasImportCode(after);
      if (failed && before.etag !== undefined) yield "an import that has bytes was reported as failed";
      const isChecked = entry?.type === "deleted" && entry.by !== "storage";
      if (isChecked && before.status !== "deleting" && before.etag === undefined)
        yield "an import without bytes was taken for deleted";
    },
    *atRest({ observer: { records, files }, isUnharmed }) {
      if (!isUnharmed()) return;
      for (const record of records.values()) {
        const file = files.find(({ name }) => record.from?.url.endsWith(`/${name}`));
        const isLost = record.error?.code === "import_interrupted";
        if (file?.color && hasImportCode(record) && !isLost) yield "an import of a good file failed";
      }
    },
  },
};

/**
 * The transition that each request of the API has made when it is answered: one of these, and that of the version in the
 * answer unless a repeated request is answered with a later one.
 */
const acknowledged: Record<string, { types: Transition["type"][]; anyVersion?: boolean }> = {
  "POST /images": { types: ["announced"], anyVersion: true },
  "PATCH /images/:id": { types: ["updated"] },
  "POST /images/:id/reprocess": { types: ["reprocessed"] },
  // An image whose original an S3 client removed is deleted already.
  "DELETE /images/:id": { types: ["deleting", "deleted"] },
  "TRASH /images/:id": { types: ["trashed", "deleting", "deleted"] },
  // One that is not in the trash any more stays as it is.
  "POST /images/:id/restore": { types: ["restored", "deleting", "deleted"], anyVersion: true },
};

/** Attempts at a delivery, after which it is failed. */
const attemptsMax = 10;

const isVisible = (record: ImageRecord | undefined) =>
  visibleStatuses.some((visible) => visible === record?.status);

/** Returns the event of a transition, if endpoints can subscribe to it. */
export function eventOf(before: ImageRecord | undefined, after: ImageRecord): EventType | undefined {
  if (isVisible(before) && !isVisible(after)) return "image.deleted";
  const { type } = after.last;
  if (type === "ready" || type === "rejected" || type === "failed" || type === "updated")
    return `image.${type}`;
  return type === "trashed" || type === "restored" ? "image.updated" : undefined;
}

const keyOf = ({ imageID, version }: { imageID: string; version: number }) => `${imageID} ${version}`;

const isAbout = ({ snapshot }: Delivery, key: string) => snapshot !== undefined && keyOf(snapshot) === key;

/** Returns true for a message of this very transition, and not of another write that tried to make the version. */
function isOfWrite({ type, title, status }: Received, transition: Announced): boolean {
  const { before, after } = transition;
  const { title: written, status: reached } = type === "image.deleted" && before ? before : after;
  return type === transition.type && title === written && status === reached;
}

/** Returns true if the API created an image and has acknowledged, or begun, its deletion. */
const isErased = (imageID: string, { history, erased }: State) => {
  const transitions = history.get(imageID) ?? [];
  const begun = erased.has(imageID) || transitions.some(({ type }) => type === "deleting");
  return begun && transitions[0]?.type === "announced";
};

/** Returns true for an import that has had no bytes. */
const isUnfetched = ({ from, etag }: ImageRecord) => from !== undefined && etag === undefined;

const hasImportCode = ({ error }: ImageRecord) => importCodes.some((code) => code === error?.code);

const isHidden = ({ visibility, status }: ImageRecord) =>
  visibility === "private" && status !== "deleting" && status !== "deleted";

const isOf = ({ imageID }: ImageRecord, key: string) => Placement.imageIDOf(key) === imageID;

const isPublicOf = (record: ImageRecord, key: string) => isOf(record, key) && !Placement.isPrivate(key);

/** Returns true for a replayed upload that was refused because the owner's quota was used up. */
const isOverQuota = ({ error }: ImageRecord) => error?.code === "quota_exceeded";

/** Every variant whose URL a client may hold: the record's own, and those that were replaced within a day. */
function promised(record: ImageRecord, doomed: ReadonlySet<string>): string[] {
  const { status, superseded = [] } = record;
  if (status === "deleted" || status === "deleting") return [];
  const recent = superseded.filter(({ at }) => Date.parse(at) > now() - dayMs + skewMs);
  const replaced = recent.flatMap(({ keys }) => keys).filter((key) => !doomed.has(key));
  return [...VariantFile.keysOf(record), ...replaced];
}

/** The key of a term row, of what is in the key and not in its format. */
export const termKeyOf = (
  image: Pick<ImageRecord, "imageID" | "owner" | "createdAt">,
  term: Term.Term,
): string => JSON.stringify([image.imageID, image.owner, image.createdAt, term]);

const idsOf = (records: readonly { imageID: string }[]) =>
  records
    .map(({ imageID }) => imageID)
    .sort()
    .join();

const trailOf = (entries: readonly Pick<Transition, "type" | "by">[]) =>
  entries.map(({ type, by }) => `${type} by ${by}`).join();

/** The ids of an image's similar ones, sorted. The hashes of two files of a world are equal or far apart. */
async function idsOfSimilar({ environment }: AtRest, imageID: string): Promise<string> {
  const response = await environment.app.request(`/images/${imageID}/similar?limit=100`);
  const { items } = (await response.json()) as { items: { image: { id: string } }[] };
  return items
    .map(({ image }) => image.id)
    .sort()
    .join();
}

/** The ids of all pages of a list, sorted. */
async function walk({ environment }: AtRest, path: string): Promise<string> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const response = await environment.app.request(
      cursor ? `${path}&cursor=${encodeURIComponent(cursor)}` : path,
    );
    const page = (await response.json()) as { items: { id: string }[]; nextCursor?: string };
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor);
  return ids.sort().join();
}
