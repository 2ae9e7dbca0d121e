/** Deliveries of a webhook, with their attempts. */
import type { Delivery } from "@image-pipeline/client";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.ts";
import { clock, moment } from "../format.ts";
import { type Words, wordsOf } from "../words.ts";

/** Interval at which pending deliveries are looked up. */
const pollMs = 1500;

/** Deliveries shown at first, and those that each further request adds. */
const limit = 10;

const states: Record<string, string | undefined> = {
  pending: "Pending",
  delivered: "Delivered",
  failed: "Failed",
};

const errors: Record<string, string | undefined> = {
  redirect: "redirected",
  timeout: "no answer in time",
  unreachable: "not reachable",
  refused: "internal address",
  disabled: "webhook disabled",
};

/** The newest deliveries, and more on demand. `asked`: changes when there is a new one. */
export function Deliveries({ webhookID, asked }: { webhookID: string; asked: number }) {
  const [shown, setShown] = useState<readonly Delivery[] | undefined>(undefined);
  const [cursor, setCursor] = useState<string | undefined>(undefined);
  const [why, setWhy] = useState<Words | undefined>(undefined);
  const [retried, setRetried] = useState(0);

  useEffect(() => {
    const stopped = new AbortController();
    const { signal } = stopped;
    let timer: ReturnType<typeof setTimeout>;
    const look = async () => {
      try {
        const { items, nextCursor } = await api.webhooks.page(webhookID, { limit }, { signal });
        setShown(items);
        setCursor(nextCursor);
        if (items.some(({ status }) => status === "pending")) timer = setTimeout(look, pollMs);
      } catch (cause) {
        if (!signal.aborted) setWhy(wordsOf(cause));
      }
    };
    // `look` catches its errors.
    void look();
    return () => {
      clearTimeout(timer);
      stopped.abort(new DOMException("The list was closed.", "AbortError"));
    };
  }, [webhookID, asked, retried]);

  const more = async () => {
    const page = await api.webhooks.page(webhookID, { limit, cursor });
    setShown([...(shown ?? []), ...page.items]);
    setCursor(page.nextCursor);
  };
  const run = (work: () => Promise<unknown>) => {
    setWhy(undefined);
    work().catch((cause) => setWhy(wordsOf(cause)));
  };

  return (
    <div class="deliveries">
      {why ? (
        <p class="why" role="alert">
          {why.what} {why.help}
        </p>
      ) : null}
      {shown?.length === 0 ? <p class="hint">No deliveries in the last seven days.</p> : null}
      <ol aria-label="Deliveries">
        {shown?.map((delivery) => (
          <li key={delivery.id}>
            <span>
              <strong>{delivery.type}</strong> {moment(delivery.createdAt)}
            </span>
            <span class={`status ${delivery.status === "delivered" ? "ready" : delivery.status}`}>
              {states[delivery.status] ?? delivery.status}
            </span>
            <Attempts delivery={delivery} />
            {delivery.status === "failed" ? (
              <button
                type="button"
                class="link"
                onClick={() =>
                  run(async () => {
                    await api.webhooks.retry(webhookID, delivery.id);
                    setRetried(retried + 1);
                  })
                }
              >
                Retry
              </button>
            ) : null}
          </li>
        ))}
      </ol>
      {cursor ? (
        <button type="button" class="button" onClick={() => run(more)}>
          Older deliveries
        </button>
      ) : null}
    </div>
  );
}

function Attempts({ delivery: { attempts, nextAttemptAt } }: { delivery: Delivery }) {
  return (
    <ul class="hint">
      {attempts.map(({ at, ms, status, error }) => (
        <li key={at}>
          {clock(at)}: {status ?? errors[error ?? ""] ?? error ?? "no answer"}, {ms} ms
        </li>
      ))}
      {nextAttemptAt ? <li>Next attempt at {clock(nextAttemptAt)} at the latest</li> : null}
    </ul>
  );
}
