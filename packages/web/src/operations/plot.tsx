/** A bar chart with a table of its values for screen readers. */
import { number } from "../format.ts";

/** One bar. */
export type Bar = {
  /** Full label, for table and tooltip. */
  label: string;
  value: number;
  /** Rejected and failed images, stacked on top of the value. */
  failed?: number;
};

type Props = {
  title: string;
  /** Summary in one sentence. */
  summary: string;
  /** Labels of the first and the last bar. */
  ends: readonly [string, string];
  /** Headings of the table. */
  columns: readonly [string, string];
  bars: readonly Bar[];
};

const width = 600;
const height = 120;

/** The chart. */
export function Plot({ title, summary, ends, columns, bars }: Props) {
  const top = ceilingOf(Math.max(...bars.map(({ value, failed = 0 }) => value + failed)));
  const ticks = top > 1 ? [top, top / 2, 0] : [top, 0];
  const step = width / Math.max(1, bars.length);
  const gap = step > 14 ? 3 : 1.5;
  const heightOf = (value: number) => (value === 0 ? 0 : Math.max(2, (value / top) * height));
  return (
    <figure class="plot">
      <figcaption>
        <h2>{title}</h2>
        <p>{summary}</p>
      </figcaption>
      <div class="plot-area">
        <div class="ticks" aria-hidden="true">
          {ticks.map((tick) => (
            <span key={tick}>{number(tick)}</span>
          ))}
        </div>
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
          {ticks.map((tick) => (
            <path key={tick} class="line" d={`M0 ${height - (tick / top) * height}H${width}`} />
          ))}
          {bars.map(({ label, value, failed = 0 }, index) => (
            <g key={label}>
              <title>{`${label}: ${value}${failed ? `, ${failed} rejected or failed` : ""}`}</title>
              {/* As high as the chart, so that the tooltip appears anywhere in the column. */}
              <rect class="column" x={index * step} width={step} height={height} />
              {[
                { part: value, from: 0, name: undefined },
                { part: failed, from: heightOf(value), name: "failed" },
              ].map(({ part, from, name }) =>
                part > 0 ? (
                  <rect
                    key={name}
                    class={name}
                    x={index * step + gap / 2}
                    width={step - gap}
                    y={height - from - heightOf(part)}
                    height={heightOf(part)}
                  />
                ) : null,
              )}
            </g>
          ))}
        </svg>
        <div class="ends" aria-hidden="true">
          <span>{ends[0]}</span>
          <span>{ends[1]}</span>
        </div>
      </div>
      {/* A table grows to its content, also beyond the window: the element around it clips it. */}
      <div class="hidden-label">
        <table>
          <caption>{title}</caption>
          <thead>
            <tr>
              <th scope="col">{columns[0]}</th>
              <th scope="col">{columns[1]}</th>
            </tr>
          </thead>
          <tbody>
            {bars.map(({ label, value, failed = 0 }) =>
              value + failed > 0 ? (
                <tr key={label}>
                  <th scope="row">{label}</th>
                  <td>
                    {value}
                    {failed > 0 ? `, and ${failed} rejected or failed` : ""}
                  </td>
                </tr>
              ) : null,
            )}
          </tbody>
        </table>
      </div>
    </figure>
  );
}

/** Returns the end of the scale: the next of 1, 2, 4, 6, 8 and 10 times a power of ten. */
function ceilingOf(most: number): number {
  if (most <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((end) => end >= most && end > 1) ?? most;
}
