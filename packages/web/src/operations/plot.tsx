/** A small plot of bars. What it shows can also be read as a table, by those who cannot see it. */

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
  const most = Math.max(1, ...bars.map(({ value, amiss = 0 }) => value + amiss));
  const step = width / Math.max(1, bars.length);
  const gap = step > 14 ? 3 : 1.5;
  const heightOf = (value: number) => (value === 0 ? 0 : Math.max(2, (value / most) * (height - 4)));
  return (
    <figure class="plot">
      <figcaption>
        <h2>{title}</h2>
        <p>{summary}</p>
      </figcaption>
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="ground" d={`M0 ${height - 0.5}H${width}`} />
        {bars.map(({ label, value, amiss = 0 }, index) => (
          <g key={label}>
            <title>{`${label}: ${value}${amiss ? `, ${amiss} amiss` : ""}`}</title>
            <rect
              x={index * step + gap / 2}
              width={step - gap}
              y={height - heightOf(value)}
              height={heightOf(value)}
              rx="1.5"
            />
            <rect
              class="amiss"
              x={index * step + gap / 2}
              width={step - gap}
              y={height - heightOf(value) - heightOf(amiss)}
              height={heightOf(amiss)}
              rx="1.5"
            />
          </g>
        ))}
      </svg>
      <div class="ends" aria-hidden="true">
        <span>{ends[0]}</span>
        <span>{ends[1]}</span>
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
