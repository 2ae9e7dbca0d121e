/** Editor of the focal point, with a preview of every cropped variant. */
import type { Image } from "@image-pipeline/client";
import { useState } from "preact/hooks";
import { type Description, descriptionOf, drafts, edit, save } from "./draft.ts";

type Point = NonNullable<Description["focus"]>;

/** Directions of the arrow keys, in hundredths of the picture. */
const moves: Record<string, [x: number, y: number] | undefined> = {
  ArrowLeft: [-2, 0],
  ArrowRight: [2, 0],
  ArrowUp: [0, -2],
  ArrowDown: [0, 2],
};

const within = (place: number) => Math.min(1, Math.max(0, Math.round(place * 1000) / 1000));

/** Position in percent that CSS gives a picture `times` as long as its box, so that `place` is in the middle. */
const position = (place: number, times: number) =>
  `${100 * within(times > 1 ? (place * times - 0.5) / (times - 1) : 0.5)}%`;

/** Formats a focal point: `25 %, 50 %` from the left and upper edge. */
export const placeOf = (focus?: Point) =>
  focus ? `${Math.round(focus.x * 100)} %, ${Math.round(focus.y * 100)} %` : "automatic";

/** Picture with the focal point, which a click or the arrow keys move. Empty for an image without cropped variants. */
export function Focus({ image }: { image: Image }) {
  const { id, source, variants = {} } = image;
  const [old, setOld] = useState<{ focus?: Point } | undefined>(undefined);
  const { focus } = drafts.value.get(id)?.given ?? descriptionOf(image);
  const ratio = (source.width ?? 1) / (source.height ?? 1);
  const all = Object.entries(variants).map(([name, variant]) => ({ name, ...variant }));
  const times = ({ width, height }: { width: number; height: number }) => (ratio * height) / width;
  const crops = all.filter((variant) => Math.abs(Math.log(times(variant))) > 0.05);
  const shown = all.filter((variant) => !crops.includes(variant))[0];
  if (!shown || !crops[0]) return null;
  const { x, y } = focus ?? { x: 0.5, y: 0.5 };
  const put = (next?: Point) => {
    setOld(old ?? { focus });
    edit(image, { focus: next });
  };
  return (
    <div class="focus">
      Focal point
      <button
        type="button"
        class="point"
        aria-label={`Focal point: ${placeOf(focus)}. Arrow keys move it`}
        onClick={({ detail, clientX, clientY, currentTarget }) => {
          if (!detail) return;
          const box = currentTarget.getBoundingClientRect();
          put({ x: within((clientX - box.x) / box.width), y: within((clientY - box.y) / box.height) });
          void save(id);
        }}
        onKeyDown={(event) => {
          const by = moves[event.key];
          if (!by) return;
          event.preventDefault();
          event.stopPropagation();
          put({ x: within(x + by[0] / 100), y: within(y + by[1] / 100) });
        }}
      >
        <img src={shown.url} alt="" />
        {focus ? <i style={{ left: `${x * 100}%`, top: `${y * 100}%` }} /> : null}
      </button>
      <div class="crops">
        {crops.map((crop) => (
          <img
            key={crop.name}
            src={focus ? shown.url : crop.url}
            alt={`Preview of ${crop.name}`}
            style={{
              aspectRatio: crop.width / crop.height,
              objectPosition: `${position(x, times(crop))} ${position(y, 1 / times(crop))}`,
            }}
          />
        ))}
        {old ? (
          <button
            type="button"
            class="button"
            onClick={() => {
              put(old.focus);
              setOld(undefined);
              void save(id);
            }}
          >
            Undo
          </button>
        ) : null}
      </div>
    </div>
  );
}
