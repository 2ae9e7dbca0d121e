/** Unsaved changes to images' title, alternative text, tags and focal point. They outlive the form, so that closing it loses nothing. */
import { type Changes, ClientError, type Image } from "@image-pipeline/client";
import { effect, signal } from "@preact/signals";
import { api, isReachable } from "../api.ts";
import { publish } from "../live.ts";
import { type Words, wordsOf } from "../words.ts";

/** The fields that a person edits. */
export type Description = { title: string; alt: string; tags: readonly string[]; focus?: Image["focus"] };

/** Changes to one image. */
export type Draft = {
  /** Version that the changes are relative to: older than the current one after a concurrent change. */
  base: Image;
  given: Description;
  isSaving?: boolean;
  /** Why the last save failed. */
  error?: Words;
  /** The version that the API has instead of `base`, after a version conflict. */
  other?: Image;
};

/** Drafts by image id. A draft is removed when it equals the saved version. */
export const drafts = signal<ReadonlyMap<string, Draft>>(new Map());

/** Image whose last change was saved, for the form's status line. */
export const savedID = signal<string | undefined>(undefined);

/** Returns an image's description. */
export const descriptionOf = ({ title = "", alt = "", tags = [], focus }: Image): Description => ({
  title,
  alt,
  tags,
  focus,
});

function put(id: string, draft: Draft | undefined): void {
  const next = new Map(drafts.peek());
  if (draft) next.set(id, draft);
  else next.delete(id);
  drafts.value = next;
}

/** Changes an image's draft; creates it if there is none. */
export function edit(image: Image, change: Partial<Description>): void {
  const draft = drafts.peek().get(image.id);
  const base = draft?.base ?? image;
  const given = { ...(draft?.given ?? descriptionOf(image)), ...change };
  savedID.value = undefined;
  put(image.id, isEmpty(changesOf(descriptionOf(base), given)) ? undefined : { ...draft, base, given });
}

/** Removes an image's draft. */
export const discard = (id: string) => put(id, undefined);

/**
 * Saves an image's draft with `If-Match`, so that a concurrent change is not overwritten; does nothing without a draft.
 * After a conflict with a change to other fields, saves again on top of it; with one to the same fields the draft keeps
 * both versions, and `save` with `force` overwrites the other one.
 */
export async function save(id: string, { force = false } = {}): Promise<void> {
  const draft = drafts.peek().get(id);
  if (!draft || draft.isSaving || (draft.other && !force)) return;
  const { given } = draft;
  const changes = changesOf(descriptionOf(draft.base), given);
  const base = draft.other ?? draft.base;
  put(id, { base: draft.base, given, isSaving: true });
  try {
    const saved = await api.images.update(id, changes, { version: base.version });
    const now = drafts.peek().get(id);
    // Typed while the request was running: stays a draft, relative to the saved version.
    const rest = now && changesOf(given, now.given);
    if (!now || !rest || isEmpty(rest)) put(id, undefined);
    else put(id, { base: saved, given: now.given });
    savedID.value = id;
    publish(saved);
    if (drafts.peek().has(id)) await save(id);
  } catch (cause) {
    const now = drafts.peek().get(id) ?? draft;
    const kept = { base: draft.base, given: now.given };
    const other = await conflictOf(id, cause);
    if (!other) return put(id, { ...kept, error: wordsOf(cause) });
    publish(other);
    const theirs = changesOf(descriptionOf(draft.base), descriptionOf(other));
    const isApart = Object.keys(changes).every((field) => !(field in theirs));
    if (!isApart) return put(id, { ...kept, other, error: wordsOf(cause) });
    put(id, { base: other, given: { ...descriptionOf(other), ...pick(now.given, changes) } });
    await save(id);
  }
}

/** Returns the current version if a request failed because of it. */
async function conflictOf(id: string, cause: unknown): Promise<Image | undefined> {
  if (!(cause instanceof ClientError) || cause.code !== "version_conflict") return undefined;
  return api.images.get(id).catch(() => undefined);
}

/** Returns the changed fields; `null` for an emptied one. */
export function changesOf(before: Description, after: Description): Changes {
  const title = after.title.trim();
  const alt = after.alt.trim();
  const { tags, focus } = after;
  const isSameTags = tags.length === before.tags.length && tags.every((tag, i) => tag === before.tags[i]);
  return {
    ...(title === before.title ? {} : { title: title || null }),
    ...(alt === before.alt ? {} : { alt: alt || null }),
    ...(isSameTags ? {} : { tags: tags.length > 0 ? [...tags] : null }),
    ...(focus?.x === before.focus?.x && focus?.y === before.focus?.y ? {} : { focus: focus ?? null }),
  };
}

const isEmpty = (changes: Changes) => Object.keys(changes).length === 0;

const pick = (given: Description, changes: Changes): Partial<Description> =>
  Object.fromEntries(Object.entries(given).filter(([field]) => field in changes));

function saveAll(): void {
  for (const id of drafts.peek().keys()) void save(id);
}

// Saves when the server is reachable again, and when the page is closed.
effect(() => {
  if (isReachable.value) saveAll();
});
addEventListener("pagehide", saveAll);
