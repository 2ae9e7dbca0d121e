/** A small plot of bars. What it shows can also be read as a table, by those who cannot see it. */
import { number } from "../format.ts";

export type Bar = {
  /** What the bar stands for, in full: for the table and the tooltip. */
  label: string;
  value: number;
  /** Part of the value that is drawn apart, such as what was refused. */
  amiss?: number;
};

export type Props = {
  title: string;
  /** The plot in one sentence. */
  summary: string;
  /** Under the first and the last bar. */
  ends: readonly [string, string];
  /** What the columns of the table are called. */
  columns: readonly [string, string];
  bars: readonly Bar[];
};

const width = 600;
const height = 120;

export function Plot({ title, summary, ends, columns, bars }: Props) {
  const top = ceilingOf(Math.max(...bars.map(({ value, amiss = 0 }) => value + amiss)));
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
          {bars.map(({ label, value, amiss = 0 }, index) => (
            <g key={label}>
              <title>{`${label}: ${value}${amiss ? `, ${amiss} amiss` : ""}`}</title>
              {/* All of the column's height, so that the pointer finds what is said of it. */}
              <rect class="column" x={index * step} width={step} height={height} />
              {[
                { part: value, from: 0, name: undefined },
                { part: amiss, from: heightOf(value), name: "amiss" },
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
      <table class="hidden-label">
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col">{columns[0]}</th>
            <th scope="col">{columns[1]}</th>
          </tr>
        </thead>
        <tbody>
          {bars.map(({ label, value, amiss = 0 }) =>
            value + amiss > 0 ? (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td>
                  {value}
                  {amiss > 0 ? `, and ${amiss} refused or failed` : ""}
                </td>
              </tr>
            ) : null,
          )}
        </tbody>
      </table>
    </figure>
  );
}

/** Where the scale ends: the next number that halves into a whole one and reads well. */
function ceilingOf(most: number): number {
  if (most <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((end) => end >= most && end > 1) ?? most;
}
