/** Operations view: counters, queue depths, rates and rejections, from `GET /stats`. */
import { ClientError, type Stats } from "@image-pipeline/client";
import { useSignal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { api, isReachable } from "../api.ts";
import { Icon } from "../controls.tsx";
import { clock, duration, hour, number } from "../format.ts";
import { lazyDialog } from "../lazy.tsx";
import { format } from "../route.ts";
import { mustSignIn, token } from "../sign-in.tsx";
import { statusNames, wordsFor, wordsOf } from "../words.ts";
import { Plot } from "./plot.tsx";

const Settings = lazyDialog<{ onClose: () => void }>(
  async () => (await import("../settings/settings.tsx")).Settings,
);

/** Polling interval. Long enough to cost little, short enough to watch an upload. */
const pollMs = 5000;

/** The operations view. */
export function Operations() {
  const { stats, error } = useStats();
  const shown = stats.value;
  const [isOpen, setOpen] = useState(false);
  return (
    <div class="operations">
      <header>
        <h1>Operations</h1>
        {shown ? <p>As of {clock(shown.at)}</p> : null}
        <button type="button" class="button" onClick={() => setOpen(true)}>
          <Icon name="settings" /> Webhooks and usage
        </button>
      </header>
      {isOpen ? <Settings onClose={() => setOpen(false)} /> : null}
      {error.value ? <Trouble error={error.value} /> : null}
      {shown ? <Board stats={shown} /> : null}
      {shown || error.value ? null : (
        <p role="status" class="foot">
          <i class="spinner" aria-hidden="true" /> Loading
        </p>
      )}
    </div>
  );
}

/** Polls the statistics. `error` is the last request's error. */
function useStats() {
  const stats = useSignal<Stats | undefined>(undefined);
  const error = useSignal<unknown>(undefined);
  const isBack = isReachable.value;
  const who = token.value;
  useEffect(() => {
    const stopped = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = async () => {
      try {
        if (document.visibilityState === "visible" && isBack) {
          stats.value = await api.stats({ signal: stopped.signal });
          error.value = undefined;
        }
      } catch (cause) {
        if (!stopped.signal.aborted) error.value = cause;
      } finally {
        if (!stopped.signal.aborted) timer = setTimeout(ask, pollMs);
      }
    };
    // `ask` catches its errors.
    void ask();
    return () => {
      clearTimeout(timer);
      stopped.abort(new DOMException("The view was closed.", "AbortError"));
    };
  }, [isBack, who, stats, error]);
  return { stats, error };
}

function Board({ stats }: { stats: Stats }) {
  const { images, queue, hours, readyByMinute, timeToReady, rejections } = stats;
  const inHour = readyByMinute.reduce((sum, count) => sum + count, 0);
  const inDay = hours.reduce((sum, { ready }) => sum + ready, 0);
  const longest = timeToReady.times.at(-2)?.upTo ?? 0;
  const { p50, p95 } = timeToReady;
  const made = timeToReady.times.reduce((sum, { count }) => sum + count, 0);
  return (
    <>
      <dl class="counts">
        {(["ready", "processing", "pending", "rejected", "failed", "trashed"] as const).map((status) => (
          <Count key={status} name={statusNames[status]} value={images[status]} status={status} />
        ))}
        <Count name="In the queue" value={queue.waiting} />
        <Count name="In flight" value={queue.taken} />
        <Count name="Dead letters" value={queue.deadLetters} isBad={queue.deadLetters > 0} />
      </dl>
      <div class="plots">
        <Plot
          title="Images per minute"
          summary={
            inHour === 1
              ? "1 became ready in the last hour."
              : `${number(inHour)} became ready in the last hour.`
          }
          ends={["An hour ago", "Now"]}
          columns={["Minute", "Images"]}
          bars={readyByMinute.map((value, index) => ({
            label: index === 59 ? "This minute" : index === 58 ? "1 minute ago" : `${59 - index} minutes ago`,
            value,
          }))}
        />
        <Plot
          title="Images per hour"
          summary={`${number(inDay)} became ready in ${hours.length} hours.`}
          ends={[hour(hours[0]?.at ?? stats.at), "Now"]}
          columns={["Hour", "Images"]}
          bars={hours.map(({ at, ready, rejected, failed }) => ({
            label: hour(at),
            value: ready,
            failed: rejected + failed,
          }))}
        />
        <Plot
          title="Time to ready"
          summary={
            made === 0
              ? "None in these hours."
              : `Half within ${p50 === undefined ? "more than 5 minutes" : duration(p50)}, 19 of 20 within ${
                  p95 === undefined ? "more than 5 minutes" : duration(p95)
                }.`
          }
          ends={["1 second", "Over 5 minutes"]}
          columns={["Time", "Images"]}
          bars={timeToReady.times.map(({ upTo, count }) => ({
            label: upTo === undefined ? `Over ${duration(longest)}` : `Up to ${duration(upTo)}`,
            value: count,
          }))}
        />
        <section class="plot">
          <h2>Rejections by reason</h2>
          {rejections.length === 0 ? (
            <p>None in {hours.length} hours.</p>
          ) : (
            <Reasons rejections={rejections} />
          )}
        </section>
      </div>
    </>
  );
}

type CountProps = { name: string; value: number; status?: keyof Stats["images"]; isBad?: boolean };

function Count({ name, value, status, isBad = status === "failed" && value > 0 }: CountProps) {
  return (
    <div class={isBad ? "bad" : undefined}>
      <dt>{name}</dt>
      <dd>
        {status ? (
          <a href={format({ page: "gallery", filter: { status } })}>{number(value)}</a>
        ) : (
          number(value)
        )}
      </dd>
    </div>
  );
}

function Reasons({ rejections }: { rejections: Stats["rejections"] }) {
  const most = Math.max(...rejections.map(({ count }) => count));
  return (
    <ul class="reasons">
      {rejections.map(({ code, count }) => (
        <li key={code}>
          <span>{wordsFor(code).what}</span>
          <b>{number(count)}</b>
          <i style={{ width: `${(count / most) * 100}%` }} aria-hidden="true" />
        </li>
      ))}
    </ul>
  );
}

function Trouble({ error }: { error: unknown }) {
  const isDenied =
    error instanceof ClientError && (error.code === "unauthenticated" || error.code === "forbidden");
  const { what, help } = wordsOf(error);
  // The sign-in form is open and shows the same error.
  if (isDenied && mustSignIn.value) return null;
  return (
    <section class="empty" role="alert">
      <h2>{isDenied ? "Permission required" : what}</h2>
      <p>{isDenied ? "Statistics need an API key with the scope service." : help}</p>
      {isDenied ? (
        <button
          type="button"
          class="button"
          onClick={() => {
            mustSignIn.value = true;
          }}
        >
          Sign in
        </button>
      ) : null}
    </section>
  );
}
