/** Changes of one image as callers request them: quotas, then the domain. A route and a batch do the same. */
import { Image } from "@image-pipeline/core/images/image";
import { Quota } from "@image-pipeline/core/images/quota";
import type { AppSettings, Caller } from "./auth.ts";

/** The caller of an operation and the quotas of the stage. */
export type Acting = { caller: Caller; settings: AppSettings };

type Update = Omit<Parameters<typeof Image.update>[0], "owner" | "by">;

/** Updates an image. Throws `quota_exceeded` and what `Image.update` throws. */
export async function update(
  update: Update,
  { caller: { owner, by }, settings }: Acting,
): Promise<Image.Info> {
  const { focus, regions, visibility } = update.changes;
  const isReprocess = focus !== undefined || regions !== undefined || visibility !== undefined;
  if (owner !== undefined) await Quota.change({ owner, isReprocess }, settings);
  return Image.update({ ...update, owner, by });
}

type Removal = { id: string; version?: number | undefined; permanent?: boolean | undefined };

/** Puts an image into the trash of the stage, or deletes it. Throws what `Image.remove` throws. */
export const remove = (removal: Removal, { caller: { owner, by }, settings }: Acting): Promise<void> =>
  Image.remove({ ...removal, owner, by, trashDays: settings.trashDays });

/** Takes an image out of the trash. Throws `quota_exceeded` and what `Image.restore` throws. */
export async function restore(
  { id }: { id: string },
  { caller: { owner, by }, settings }: Acting,
): Promise<Image.Info> {
  if (owner !== undefined) await Quota.change({ owner, isReprocess: true }, settings);
  return Image.restore({ id, owner, by });
}

/** Reprocesses an image, once for each `request` id. Throws `quota_exceeded` and what `Image.reprocess` throws. */
export async function reprocess(
  reference: { id: string; request?: string | undefined },
  { caller: { owner, by }, settings }: Acting,
): Promise<Image.Info> {
  if (owner !== undefined) await Quota.reprocess(owner, settings);
  return Image.reprocess({ ...reference, owner, by });
}
