/** Webhooks: the list, a form that adds one, and its secret, which is shown once. */
import type { Webhook } from "@image-pipeline/client";
import { useEffect, useState } from "preact/hooks";
import { api } from "../api.ts";
import { Copy, Icon } from "../controls.tsx";
import { type Words, wordsOf } from "../words.ts";
import { Endpoint, type Secret } from "./endpoint.tsx";

/** Events that an endpoint can receive. */
const types = ["image.ready", "image.rejected", "image.failed", "image.updated", "image.deleted"] as const;

/** The webhooks of the caller. */
export function Webhooks() {
  const [all, setAll] = useState<readonly Webhook[] | undefined>(undefined);
  const [error, setError] = useState<Words | undefined>(undefined);
  const [secret, setSecret] = useState<Secret | undefined>(undefined);
  const [isAdding, setAdding] = useState(false);
  useEffect(() => {
    api.webhooks.list().then(setAll, (cause) => setError(wordsOf(cause)));
  }, []);
  return (
    <section aria-labelledby="webhooks">
      <header>
        <h2 id="webhooks">Webhooks</h2>
        {all && !isAdding ? (
          <button type="button" class="button" onClick={() => setAdding(true)}>
            <Icon name="add" /> Add a webhook
          </button>
        ) : null}
      </header>
      {error ? (
        <p class="why" role="alert">
          {error.what} {error.help}
        </p>
      ) : null}
      {secret ? <Once secret={secret} onClose={() => setSecret(undefined)} /> : null}
      {isAdding ? (
        <Form
          onCancel={() => setAdding(false)}
          onAdded={({ secret, ...webhook }) => {
            setAll([...(all ?? []), webhook]);
            setSecret({ secret, url: webhook.url });
            setAdding(false);
          }}
        />
      ) : null}
      {all?.length === 0 && !isAdding ? (
        <p class="hint">
          Sends a request to your server when an image is ready, rejected, failed, updated or deleted.
        </p>
      ) : null}
      <ul class="webhooks">
        {all?.map((webhook) => (
          <Endpoint
            key={webhook.id}
            webhook={webhook}
            onSecret={setSecret}
            onChange={(changed) => setAll(all.map((each) => (each.id === changed.id ? changed : each)))}
            onRemoved={() => setAll(all.filter(({ id }) => id !== webhook.id))}
          />
        ))}
      </ul>
    </section>
  );
}

/** The secret of an endpoint. The API does not return it again. */
function Once({ secret: { secret, url }, onClose }: { secret: Secret; onClose: () => void }) {
  return (
    <div class="secret" role="status">
      <p>
        <strong>Secret of {url}</strong> Copy it now: it is not shown again. The receiver verifies signatures
        with it.
      </p>
      <code>{secret}</code>
      <Copy text={secret} label="Copy the secret" />
      <button type="button" class="quiet" aria-label="Hide the secret" onClick={onClose}>
        <Icon name="close" />
      </button>
    </div>
  );
}

function Form({
  onAdded,
  onCancel,
}: {
  onAdded: (webhook: Webhook & { secret: string }) => void;
  onCancel: () => void;
}) {
  const [url, setURL] = useState("");
  const [events, setEvents] = useState<readonly (typeof types)[number][]>(["image.ready"]);
  const [why, setWhy] = useState<Words | undefined>(undefined);
  return (
    <form
      class="new-webhook"
      onSubmit={(event) => {
        event.preventDefault();
        setWhy(undefined);
        api.webhooks
          .create({ url: url.trim(), events: [...events] })
          .then(onAdded, (cause) => setWhy(wordsOf(cause)));
      }}
    >
      <label>
        URL of the receiver
        <input
          type="url"
          required
          placeholder="https://example.com/hooks/images"
          value={url}
          aria-invalid={why !== undefined}
          ref={(input) => {
            if (input && url === "") input.focus();
          }}
          onInput={({ currentTarget }) => setURL(currentTarget.value)}
        />
      </label>
      <fieldset>
        <legend>Events</legend>
        {types.map((type) => (
          <label key={type}>
            <input
              type="checkbox"
              checked={events.includes(type)}
              onChange={({ currentTarget: { checked } }) =>
                setEvents(checked ? [...events, type] : events.filter((each) => each !== type))
              }
            />
            {type}
          </label>
        ))}
      </fieldset>
      {why ? (
        <p class="why" role="alert">
          {why.what} {why.help}
        </p>
      ) : null}
      <div class="actions">
        <button type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" class="button primary" disabled={!url.trim() || events.length === 0}>
          Add
        </button>
      </div>
    </form>
  );
}
