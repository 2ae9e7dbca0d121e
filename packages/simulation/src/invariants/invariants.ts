/**
 * The invariants, one function each. `onChange` is checked at every write that took effect, `atRest` once nothing
 * moves any more. docs/reliability.md lists them; a test compares the two.
 */
import { copies } from "./copies.ts";
import { deletion } from "./deletion.ts";
import type { Invariant } from "./invariant.ts";
import { lists } from "./lists.ts";
import { processing } from "./processing.ts";
import { requests } from "./requests.ts";
import { webhooks } from "./webhooks.ts";

const { compare } = new Intl.Collator("en", { numeric: true });

/** By number, in the order of the numbers. */
export const invariants: Readonly<Record<string, Invariant>> = Object.fromEntries(
  Object.entries({ ...processing, ...requests, ...lists, ...deletion, ...webhooks, ...copies }).sort(
    ([a], [b]) => compare(a, b),
  ),
);
