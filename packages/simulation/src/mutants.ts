// biome-ignore-all lint/suspicious/noTemplateCurlyInString: pieces of source text, which hold template strings.
/**
 * The product's sources with one rule taken out, each in one place. A mutant that nothing notices would mean that the
 * rule is not needed, or that the tests are not sharp.
 */
import { registerHooks } from "node:module";

/** `from` stands exactly once in `file` (of core) and is replaced by `to`. */
export type Mutant = { without: string; file: string; from: string; to: string };

export const mutants: Record<string, Mutant> = {
  "ack-lost": {
    without: "Keeping the message when the commit was refused",
    file: "pipeline/pipeline.ts",
    from: "acknowledge: Protocol.mayAcknowledge(await read(imageID), message)",
    to: "acknowledge: true",
  },
  "ack-lease": {
    without: "Keeping the message while another worker holds the lease",
    file: "records/protocol.ts",
    from: '{ do: "retry", why: "another worker holds the lease" }',
    to: '{ do: "acknowledge", why: "mutant" }',
  },
  "ack-dead": {
    without: "Keeping a dead letter while a worker holds the lease",
    file: "records/protocol.ts",
    from: '{ do: "retry", why: "a worker holds the lease" }',
    to: '{ do: "acknowledge", why: "mutant" }',
  },
  "no-fence": {
    without: "The fencing token at the commit",
    file: "records/protocol.ts",
    from: "record?.attempt !== attempt || !isLeased(record, context.now)",
    to: "!record || !isLeased(record, context.now)",
  },
  "no-lease": {
    without: "The lease at the commit",
    file: "records/protocol.ts",
    from: "record?.attempt !== attempt || !isLeased(record, context.now)",
    to: 'record?.attempt !== attempt || record.status !== "processing"',
  },
  "path-without-attempt": {
    without: "The attempt in the variants' path",
    file: "pipeline/pipeline.ts",
    from: "`${imageID}/${attempt}-${etag.slice(0, 8)}`",
    to: "`${imageID}/${etag.slice(0, 8)}`",
  },
  "one-path": {
    without: "A path for each upload's variants",
    file: "pipeline/pipeline.ts",
    from: "`${imageID}/${attempt}-${etag.slice(0, 8)}`",
    to: "imageID",
  },
  "no-sequencer": {
    without: "Comparing sequencers",
    file: "records/protocol.ts",
    from: 'if (record && (record.sequencer ?? "") > sequencer)\n    return',
    to: "if (Date.now() < 0)\n    return",
  },
  "no-tombstone": {
    without: "The tombstone's place in the order",
    file: "records/protocol.ts",
    from: "{ ...tombstone(record, event.key, context), sequencer: event.sequencer }",
    to: "{ ...tombstone(record, event.key, context), sequencer: undefined }",
  },
  "no-if-match": {
    without: "Reading only the upload that was claimed",
    file: "aws/storage.ts",
    from: 'IfMatch: `"${etag}"`',
    to: "IfMatch: etag && undefined",
  },
  "publish-first": {
    without: "Writing the variants before the record",
    file: "pipeline/pipeline.ts",
    from: "await Storage.writeVariant(",
    to: "void Storage.writeVariant(",
  },
  "no-compare-and-set": {
    without: "The condition on every write of a record",
    file: "records/record.ts",
    from: ".where(({ version }, { eq }) => eq(version, before.version))",
    to: "",
  },
  "no-history": {
    without: "Filing a transition before it is replaced",
    file: "records/record.ts",
    from: "if (before && entry) await keep(before);",
    to: "",
  },
  "no-grace": {
    without: "A day of grace for what was replaced",
    file: "records/protocol.ts",
    from: "at) > now - keptMs",
    to: "at) > now",
  },
  "no-compare": {
    without: "Comparing the bucket with the table",
    file: "pipeline/reconcile.ts",
    from: "await Queue.send(wrong);",
    to: "",
  },
  "no-nudge": {
    without: "Asking again after what is stuck",
    file: "pipeline/reconcile.ts",
    from: "await Queue.send([{ key: next.key, attempt: next.attempt, by }]);",
    to: "",
  },
  "unfiled-end": {
    without: "Looking after a tombstone until its last transition is on file",
    file: "records/protocol.ts",
    from: "    dueAt: iso(context.now),\n",
    to: "",
  },
  "told-twice": {
    without: "Telling of a removal once, whoever found it first",
    file: "records/protocol.ts",
    from: '...(record?.status === "deleted" ? {} : { entry: { type: "deleted", by: "storage" } })',
    to: 'entry: { type: "deleted", by: "storage" }',
  },
  "late-untagging": {
    without: "The version on the row of a tag",
    file: "records/tags.ts",
    from: ".where((row, { lte }) => lte(row.version, version))",
    to: "",
  },
};

/** Makes this process load a mutant in place of the source. Before anything imports it; throws if it does not fit. */
export function mutate({ file, from, to }: Mutant): void {
  registerHooks({
    load(url, context, next) {
      const loaded = next(url, context);
      if (!url.endsWith(`/core/src/${file}`)) return loaded;
      const source = String(loaded.source);
      if (source.split(from).length !== 2)
        throw new Error(`The mutant of ${file} does not fit it any more: ${from}`);
      return { ...loaded, source: source.replace(from, () => to) };
    },
  });
}
