/** One 200 × 200 thumbnail of a 12 MP JPEG. */
import { contest } from "./peers/contest.ts";
import type { Output } from "./peers/peers.ts";
import { provenance } from "./photos.ts";

const square = { name: "thumbnail", width: 200, height: 200, fit: "cover" } as const;

const ways: Output[] = [
  { ...square, format: "jpeg", quality: 80, effort: 0 },
  { ...square, format: "webp", quality: 80, effort: 4 },
];

/** Prints what each way costs. */
export async function run(): Promise<string> {
  const sections: string[] = [];
  for (const output of ways)
    sections.push(
      `As ${output.format}, quality ${output.quality}:`,
      await contest([output], { rounds: 3, target: 1, most: 4 }),
    );
  return [
    `One 200 × 200 thumbnail from a 12 MP JPEG (${provenance(4)}; the target in brackets).`,
    ...sections,
    "The engine also reads the facts and makes the placeholder and the perceptual hash.",
  ].join("\n\n");
}
