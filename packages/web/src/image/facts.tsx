/** Read-only details of an image: its metadata and its audit trail. */
import type { Event, Image } from "@image-pipeline/client";
import { bytes, clock, exact, formatName, moment, number, taken } from "../format.ts";
import { wordsFor } from "../words.ts";

/** Metadata of the original. */
export function Facts({ image }: { image: Image }) {
  const { source, owner, filename, createdAt, processedAt, expiresAt, metadata, visibility } = image;
  const { width, height, camera, lens, takenAt, location, frames = 1, alpha, hdr } = source;
  const kind = [
    source.format && formatName(source.format),
    frames > 1 ? `${frames} frames` : "",
    alpha ? "with transparency" : "",
    hdr ? "HDR" : "",
  ];
  const facts: [string, string | undefined][] = [
    ["Taken", takenAt && taken(takenAt)],
    ["Camera", camera],
    ["Lens", lens],
    ["Place", location && `${location.latitude.toFixed(4)}, ${location.longitude.toFixed(4)}`],
    ["Size", width && height ? `${width} × ${height}, ${megapixels(width * height)}` : undefined],
    ["Original", [source.bytes === undefined ? "" : bytes(source.bytes), ...kind].filter(Boolean).join(", ")],
    ["File", filename ?? source.key],
    ["Imported from", source.url],
    ["Added", moment(createdAt)],
    ["Processed", processedAt && moment(processedAt)],
    ["Expires", expiresAt && moment(expiresAt)],
    ["Visibility", visibility === "private" ? "Private, by signed URLs" : undefined],
    ["Owner", owner === "default" ? undefined : owner],
    ...Object.entries(metadata ?? {}),
    ["ID", image.id],
  ];
  return (
    <section aria-labelledby="facts">
      <h3 id="facts">Facts</h3>
      <dl class="facts">
        {facts.map(([name, value]) =>
          value ? (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ) : null,
        )}
      </dl>
    </section>
  );
}

const megapixels = (pixels: number) =>
  `${number(Number((pixels / 1e6).toPrecision(pixels < 1e6 ? 1 : 2)))} MP`;

/** Names of audit events. A newer API may send others, which are shown as they are. */
const names: Record<string, string | undefined> = {
  announced: "Created",
  uploaded: "Uploaded",
  deferred: "Deferred",
  ready: "Ready",
  rejected: "Rejected",
  failed: "Failed",
  updated: "Updated",
  reprocessed: "Reprocessed",
  trashed: "Moved to the trash",
  restored: "Restored",
  deleting: "Deleting",
  deleted: "Deleted",
};

/** Audit trail as a timeline, oldest entry first. */
export function History({ events }: { events?: readonly Event[] }) {
  if (!events || events.length === 0) return null;
  return (
    <section aria-labelledby="history">
      <h3 id="history">History</h3>
      <ol class="history">
        {events.map(({ type, at, by, detail = {} }, index) => (
          <li key={index} class={type}>
            <strong>{names[type] ?? type}</strong>
            <span>
              <time dateTime={at} title={exact(at)}>
                {isNewDay(events, index) ? exact(at) : clock(at)}
              </time>{" "}
              by {by}
              {moreOf(detail)}
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function moreOf({ attempt, code, fields, reason, receives }: Record<string, string | undefined>): string {
  const more = [
    code ? wordsFor(code).what : "",
    fields ? `(${fields})` : "",
    attempt && attempt !== "1" ? `attempt ${attempt}` : "",
    reason ?? "",
    receives ? `${receives} receives` : "",
  ].filter(Boolean);
  return more.length > 0 ? ` · ${more.join(" · ")}` : "";
}

/** True for the first event of a day: only its time includes the date. */
const isNewDay = (events: readonly Event[], index: number) =>
  new Date(events[index]?.at ?? 0).toDateString() !== new Date(events[index - 1]?.at ?? 0).toDateString();
