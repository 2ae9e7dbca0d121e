/** The audit trail as a time line. */
import type { Event } from "@image-pipeline/client/client";
import { clock, moment } from "../format.ts";
import { wordsFor } from "../words.ts";

const names: Record<string, string | undefined> = {
  announced: "Announced",
  uploaded: "Uploaded",
  ready: "Ready",
  rejected: "Refused",
  failed: "Failed",
  updated: "Described anew",
  reprocessed: "Sent through again",
  deleting: "Deleting",
  deleted: "Deleted",
};

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
              <time dateTime={at} title={moment(at)}>
                {isNewDay(events, index) ? moment(at) : clock(at)}
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
    receives ? `${receives} tries` : "",
  ].filter(Boolean);
  return more.length > 0 ? ` · ${more.join(" · ")}` : "";
}

/** The day is said once, and again when another begins. */
const isNewDay = (events: readonly Event[], index: number) =>
  new Date(events[index]?.at ?? 0).toDateString() !== new Date(events[index - 1]?.at ?? 0).toDateString();
