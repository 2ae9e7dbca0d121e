/** The month of the images in the window, and the way to another day. */
import { useRef } from "preact/hooks";
import { month, monthTaken } from "../format.ts";
import { compatible } from "../route.ts";
import { go, route } from "../router.ts";
import type { Tile } from "./tile.ts";

/** Shows the month of a tile over the scrolled grid. A click asks for a day, at which the list then begins. */
export function DateHere({ tile }: { tile: Tile }) {
  const day = useRef<HTMLInputElement>(null);
  const { filter } = route.value;
  const isTimeline = filter.sort === "taken" || filter.sort === "taken-oldest";
  const isOldestFirst = filter.sort === "oldest" || filter.sort === "taken-oldest";
  const begin = isOldestFirst ? "from" : "to";
  const name = !isTimeline ? month(tile.createdAt) : tile.takenAt ? monthTaken(tile.takenAt) : "No date";
  return (
    <div class="date-here">
      <button type="button" class="button" title="Go to a day" onClick={() => day.current?.showPicker()}>
        {name}
      </button>
      <input
        ref={day}
        type="date"
        aria-label="Go to a day"
        tabIndex={-1}
        onChange={({ currentTarget: { value } }) => {
          if (!value) return;
          go({ filter: compatible({ ...filter, from: undefined, to: undefined, [begin]: value }) });
          scrollTo({ top: 0 });
        }}
      />
    </div>
  );
}
