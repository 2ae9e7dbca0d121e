/** Scenarios of webhooks: the outbox, the sender and its receivers. */
import { profiles } from "../faults.ts";
import { type Fault, type Job, only, other, runToEnd, runUntil, step } from "../scheduler.ts";
import type { World } from "../simulation.ts";
import { announce, fromJob, on, pathIn, type Scenario } from "./steps.ts";

const { full } = profiles;
/** Makes each look at an event another event, in a mutant. */
let uncounted = 0;

/** By the name of the mutant. */
export const webhooks: Record<string, Scenario> = {
  "outbox-late": {
    rule: "writing a delivery before the record",
    title: "The event of a change is received although its writer dies right after the write",
    profile: full,
    async play(world) {
      await subscribe(world);
      await announce(world);
      world.api("PATCH", pathIn(world), { title: "changed" });
      await stepAt(only(), putImage, "die after");
      await world.wait(1000);
    },
    without: { broken: on("PutItem", "delivery", "late") },
  },
  undelivered: {
    rule: "the reconciler's messages for deliveries that are due",
    title: "An event is received although the message to the sender was never sent",
    profile: full,
    async play(world) {
      await subscribe(world);
      await announce(world);
      world.api("PATCH", pathIn(world), { title: "changed" });
      await stepAt(only(), /^SendMessageBatch/, "die before");
      await world.wait(1000);
    },
    without: { broken: fromJob("deliver") },
  },
  "unwritten-sent": {
    rule: "looking up whether the write of a delivery has succeeded",
    title: "The event of a change that lost a race, and whose writer died, is not received",
    profile: full,
    async play(world) {
      await subscribe(world);
      await announce(world);
      world.api("PATCH", pathIn(world), { title: "lost" });
      const writer = only();
      await runUntil(writer, putImage);
      world.api("PATCH", pathIn(world), { title: "won" });
      await runToEnd(other(writer));
      writer.kill();
      await world.wait(1000);
    },
    without: { outgoing: { isWritten: () => true } },
  },
  "overtaken-discarded": {
    rule: "keeping the delivery of a write whose result is unknown",
    title: "The event of a change is received although its response was lost and another change followed",
    profile: full,
    async play(world) {
      await subscribe(world);
      await announce(world);
      world.api("PATCH", pathIn(world), { title: "first" });
      const writer = only();
      await stepAt(writer, putImage, "time out after");
      world.api("PATCH", pathIn(world), { title: "second" });
      await runToEnd(other(writer));
      await runToEnd(writer);
      await world.wait(1000);
    },
    without: { outgoing: { isRefused: () => true } },
  },
  "other-message-id": {
    rule: "one message id for every attempt at a delivery",
    title: "A receiver that answers 500 although it kept the event recognises the next attempt",
    profile: full,
    async play(world) {
      const { receiver } = await subscribe(world);
      receiver.mode = "lying";
      await announce(world);
    },
    without: { outgoing: { messageIDOf: () => `msg_${uncounted++}` } },
  },
  "lost-rotation": {
    rule: "replacing the secret that a rotation has read, and no other",
    title: "Every secret of two rotations at once signs",
    profile: full,
    async play(world) {
      const endpoint = await subscribe(world);
      world.rotate(endpoint);
      const first = only();
      await runUntil(first, /^PutItem/);
      world.rotate(endpoint);
      await runToEnd(other(first));
      await runToEnd(first);
      await world.wait(31_000);
      await announce(world);
      world.api("PATCH", pathIn(world), { title: "changed" });
      await world.wait(1000);
    },
    without: { broken: on("PutItem", "secret", "unconditionally") },
  },
  "redirect-received": {
    rule: "taking only a 2xx for an answer of the receiver",
    title: "A receiver that redirects for a time receives its events after it",
    profile: full,
    async play(world) {
      const { receiver } = await subscribe(world);
      receiver.mode = "moved";
      await announce(world);
    },
    without: { outgoing: { isReceived: (status) => status < 400 } },
  },
};

/** The write of a record. */
const putImage = /^PutItem .*\$image_/;

/** Creates an endpoint for every event of all owners, and waits until each process has read it. */
async function subscribe(world: World, name = "app") {
  await world.subscribe(name);
  await world.wait(31_000);
  const endpoint = world.observer.endpoints.find((endpoint) => endpoint.name === name);
  if (!endpoint) throw new Error(`There is no endpoint ${name}.`);
  return endpoint;
}

/** Lets a job run until it makes a request whose label matches, which meets the fault. */
async function stepAt(job: Job, request: RegExp, fault: Fault): Promise<void> {
  await runUntil(job, request);
  const labels = job.gates.map(({ label }) => label).sort();
  const choice = labels.findIndex((label) => request.test(label));
  await step(job, choice, fault);
}
