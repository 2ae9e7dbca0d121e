/** The difference that the current recipe makes to images of older ones, for `reprocess --dry-run`. */
import { fingerprint, recipe, type Spec } from "@image-pipeline/core/engine/recipe";
import { VariantFile } from "@image-pipeline/core/records/variant-file";
import type { ImageRecord } from "@image-pipeline/core/table/image-entity";

/** Images of one older recipe, and the variants that change their files, by name, with the number of images. */
type Change = { images: number; variants: Map<string, number> };

/** Collects the changes of every image that a walk finds. */
export function createChanges() {
  const changes = new Map<string, Change>();
  return {
    add({ recipe: from = "none", variants = {} }: Pick<ImageRecord, "recipe" | "variants">): void {
      const change = changes.get(from) ?? { images: 0, variants: new Map<string, number>() };
      changes.set(from, change);
      change.images++;
      for (const what of differences(variants))
        change.variants.set(what, (change.variants.get(what) ?? 0) + 1);
    },
    /** One line for each older recipe, as text and for `--json`. */
    lines: () =>
      [...changes].map(([from, { images, variants }]) => {
        const found = [...variants].map(([what, count]) => `${what} (${count})`);
        return {
          text: `recipe ${from} → ${fingerprint}, images: ${images}; ${found.join(", ") || "same variants and formats, encoded again"}`,
          data: { from, to: fingerprint, images, variants: Object.fromEntries(variants) },
        };
      }),
  };
}

/** Returns the variants that are new, that are removed, and that change their formats. */
function differences(stored: NonNullable<ImageRecord["variants"]>): string[] {
  const specs = Object.entries<Spec>(recipe);
  const wanted = specs.flatMap(([name, { formats }]) => {
    const variant = stored[name as keyof typeof stored];
    if (!variant) return Object.keys(stored).length > 0 ? `+${name}` : [];
    const before = VariantFile.formatsOf(variant).map(({ format }) => format);
    const [old, next] = [before.sort().join("+"), [...formats].sort().join("+")];
    return old === next ? [] : `${name} ${old} → ${next}`;
  });
  const names = specs.map(([name]) => name);
  return [...wanted, ...Object.keys(stored).flatMap((name) => (names.includes(name) ? [] : `-${name}`))];
}
