/** Schemas of webhook endpoints as callers send and see them. */
import * as v from "valibot";
import { ID } from "../id.ts";
import { disabledReasons, eventTypes } from "../table/webhook-entity.ts";

const time = (description: string) => v.pipe(v.string(), v.isoTimestamp(), v.description(description));

const eventType = v.picklist(eventTypes);

const url = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(2_048),
  v.description("URL of the receiver: https, on a public address, port 443. Redirects are not followed."),
);
const events = v.pipe(
  v.array(eventType),
  v.minLength(1),
  v.maxLength(eventTypes.length),
  v.transform((given) => [...new Set(given)]),
  v.description("Events to receive."),
);
const description = v.pipe(v.string(), v.minLength(1), v.maxLength(200), v.description("A note."));

/** A request for an endpoint. */
export const New = v.pipe(
  v.strictObject({
    url,
    events,
    description: v.optional(description),
    owner: v.optional(
      v.pipe(
        ID.owner,
        v.description("Owner whose images it is about; default: the caller's, or all owners of a service."),
      ),
    ),
  }),
  v.metadata({ ref: "WebhookInput" }),
);
export type New = v.InferOutput<typeof New>;

/** Changes of an endpoint. `enabled: true` ends its failures as well. */
export const Changes = v.pipe(
  v.strictObject({
    url: v.optional(url),
    events: v.optional(events),
    description: v.nullish(description),
    enabled: v.optional(
      v.pipe(v.boolean(), v.description("`true` enables a disabled endpoint, and ends its failures.")),
    ),
  }),
  v.metadata({ ref: "WebhookChanges" }),
);
export type Changes = v.InferOutput<typeof Changes>;

/** An endpoint as callers see it. */
export const Info = v.pipe(
  v.object({
    id: v.pipe(v.string(), v.description("Id of the endpoint.")),
    url: v.pipe(v.string(), v.description("URL of the receiver.")),
    events: v.pipe(v.array(v.string()), v.description("Events that it receives. More types may be added.")),
    description: v.optional(v.string()),
    owner: v.optional(
      v.pipe(v.string(), v.description("Owner whose images it is about; absent: those of all owners.")),
    ),
    enabled: v.pipe(v.boolean(), v.description("`false`: no events are sent.")),
    disabledReason: v.optional(
      v.pipe(
        v.string(),
        v.metadata({ "x-extensible-enum": disabledReasons }),
        v.description(
          "`manual`: by a change; `gone`: the receiver answered 410; `failing`: no delivery succeeded for three days.",
        ),
      ),
    ),
    disabledAt: v.optional(time("Time at which it was disabled.")),
    failingSince: v.optional(time("Time of the first failed attempt since the last success.")),
    createdAt: time("Time of creation."),
    updatedAt: time("Time of the last change of its settings."),
  }),
  v.metadata({ ref: "Webhook" }),
);
export type Info = v.InferOutput<typeof Info>;

/** A created endpoint, or one whose secret was rotated, with the secret, which is not returned again. */
export const WithSecret = v.pipe(
  v.object({
    ...Info.entries,
    secret: v.pipe(
      v.string(),
      v.description("Secret that signs messages: `whsec_` and Base64. Returned only here."),
    ),
  }),
  v.metadata({ ref: "WebhookWithSecret" }),
);
export type WithSecret = v.InferOutput<typeof WithSecret>;
