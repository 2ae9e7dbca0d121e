/** Usage of a month: the numbers that quotas are counted by. */
import type { Usage as Info } from "@image-pipeline/client";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.ts";
import { bytes, month, number } from "../format.ts";
import { type Words, wordsOf } from "../words.ts";

/** Months that the API keeps. */
const monthsMax = 13;

/** The months that can be shown, such as `2026-11`, this one first. They begin in UTC. */
function monthsOf(now: Date): string[] {
  return Array.from({ length: monthsMax }, (_, ago) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - ago)).toISOString().slice(0, 7),
  );
}

/** Numbers of a month, with a choice of months. */
export function Usage() {
  const [months] = useState(() => monthsOf(new Date()));
  const [chosen, setChosen] = useState(months[0]);
  const [usage, setUsage] = useState<Info | undefined>(undefined);
  const [error, setError] = useState<Words | undefined>(undefined);
  useEffect(() => {
    const stopped = new AbortController();
    const { signal } = stopped;
    setError(undefined);
    api.usage({ month: chosen, signal }).then(setUsage, (cause) => {
      if (!signal.aborted) setError(wordsOf(cause));
    });
    return () => stopped.abort(new DOMException("Another month was chosen.", "AbortError"));
  }, [chosen]);
  return (
    <section aria-labelledby="usage">
      <header>
        <h2 id="usage">Usage</h2>
        <label>
          <span class="hidden-label">Month</span>
          <select value={chosen} onChange={({ currentTarget }) => setChosen(currentTarget.value)}>
            {months.map((each) => (
              <option key={each} value={each}>
                {month(`${each}-15T12:00:00Z`)}
              </option>
            ))}
          </select>
        </label>
      </header>
      {error ? (
        <p class="why" role="alert">
          {error.what} {error.help}
        </p>
      ) : null}
      {usage ? <Numbers usage={usage} /> : null}
    </section>
  );
}

const List = ({ rows }: { rows: readonly [name: string, value: string][] }) => (
  <dl class="numbers">
    {rows.map(([name, value]) => (
      <div key={name}>
        <dt>{name}</dt>
        <dd>{value}</dd>
      </div>
    ))}
  </dl>
);

function Numbers({ usage: { owner, total, stored } }: { usage: Info }) {
  const now: [name: string, value: string][] = [
    ["Images", number(stored.images)],
    ["Originals", bytes(stored.originalBytes)],
    ["Variants", bytes(stored.variantBytes)],
  ];
  const rows: [name: string, value: string][] = [
    ["Uploads", number(total.uploads)],
    ["Bytes of uploads", bytes(total.bytes)],
    ["Changes", number(total.changes)],
    ["Reprocesses", number(total.reprocesses)],
    ["Runs of the processor", number(total.runs)],
    ["Lazy variants", number(total.renders)],
  ];
  return (
    <>
      <List rows={rows} />
      <h3>Stored now</h3>
      <List rows={now} />
      {owner === "default" ? null : (
        <p class="hint">Of the owner {owner}. Each number is counted while the server has a limit for it.</p>
      )}
    </>
  );
}
