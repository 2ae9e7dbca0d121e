/** One webhook: its state, its actions, and its deliveries. */
import type { Webhook } from "@image-pipeline/client";
import { useState } from "preact/hooks";
import { api } from "../api.ts";
import { ask } from "../deletion.ts";
import { moment } from "../format.ts";
import { type Words, wordsOf } from "../words.ts";
import { Deliveries } from "./deliveries.tsx";

/** A secret that was just made, and the URL of its endpoint. */
export type Secret = { secret: string; url: string };

const reasons: Record<string, string | undefined> = {
  manual: "Disabled",
  gone: "Disabled, because the receiver answered 410 Gone",
  failing: "Disabled, because no delivery succeeded for three days",
};

type Props = {
  webhook: Webhook;
  onChange: (webhook: Webhook) => void;
  onSecret: (secret: Secret) => void;
  onRemoved: () => void;
};

/** An entry of the list of webhooks. */
export function Endpoint({ webhook, onChange, onSecret, onRemoved }: Props) {
  const { id, url, events, enabled, description } = webhook;
  const [isOpen, setOpen] = useState(false);
  /** Counts what asks for a new list of deliveries. */
  const [asked, setAsked] = useState(0);
  const [why, setWhy] = useState<Words | undefined>(undefined);

  const run = (work: () => Promise<unknown>) => {
    setWhy(undefined);
    work().catch((cause) => setWhy(wordsOf(cause)));
  };
  const rotate = async () => {
    const text =
      "For a day messages are signed with the old secret as well, so that the receiver can change over.";
    if (!(await ask({ title: "Rotate the secret?", text, action: "Rotate" }))) return;
    const { secret, ...changed } = await api.webhooks.rotate(id);
    onSecret({ secret, url });
    onChange(changed);
  };
  const remove = async () => {
    const text = `${url} receives no more events. Pending deliveries are not sent.`;
    if (!(await ask({ title: "Remove the webhook?", text, action: "Remove" }))) return;
    await api.webhooks.remove(id);
    onRemoved();
  };
  const test = async () => {
    await api.webhooks.test(id);
    setOpen(true);
    setAsked(asked + 1);
  };

  return (
    <li>
      <strong class="url">{url}</strong>
      <p class={enabled && !webhook.failingSince ? "status ready" : "status failed"}>{stateOf(webhook)}</p>
      <p class="hint">
        {description ? `${description}. ` : ""}
        {events.join(", ")}
      </p>
      <div class="actions">
        <button type="button" class="button" onClick={() => run(test)}>
          Test
        </button>
        <button type="button" class="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          Deliveries
        </button>
        <button
          type="button"
          class="button"
          onClick={() => run(async () => onChange(await api.webhooks.update(id, { enabled: !enabled })))}
        >
          {enabled ? "Disable" : "Enable"}
        </button>
        <button type="button" class="button" onClick={() => run(rotate)}>
          Rotate secret
        </button>
        <button type="button" class="button danger" onClick={() => run(remove)}>
          Remove
        </button>
      </div>
      {why ? (
        <p class="why" role="alert">
          {why.what} {why.help}
        </p>
      ) : null}
      {isOpen ? <Deliveries webhookID={id} asked={asked} /> : null}
    </li>
  );
}

function stateOf({ enabled, disabledReason = "manual", failingSince }: Webhook): string {
  if (!enabled) return reasons[disabledReason] ?? "Disabled";
  return failingSince ? `Failing since ${moment(failingSince)}` : "Enabled";
}
