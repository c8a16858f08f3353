/** Points of a small line chart, 240 by 34. Gaps (null) break the line. */
export const WIDTH = 240;
export const HEIGHT = 34;
const TOP = 3;

/** Half the length of the flat line that stands for a minute between two without values. */
const ALONE = 6;

/** One `points` attribute per unbroken run of values. A single value becomes a short flat line, or it would not show. */
export function runs(values: readonly (number | null)[], max: number): string[] {
  const step = WIDTH / Math.max(1, values.length - 1);
  const y = (value: number) => (HEIGHT - 1 - (value / Math.max(max, 1e-9)) * (HEIGHT - 1 - TOP)).toFixed(1);
  const found: string[][] = [[]];
  values.forEach((value, i) => {
    if (value === null) found.push([]);
    else found.at(-1)?.push(`${(i * step).toFixed(1)},${y(value)}`);
  });
  return found
    .filter((run) => run.length > 0)
    .map((run) => {
      if (run.length > 1) return run.join(" ");
      const [x = "0", only = "0"] = (run[0] ?? "").split(",");
      const from = Math.min(Math.max(0, Number(x) - ALONE), WIDTH - 2 * ALONE);
      return `${from},${only} ${from + 2 * ALONE},${only}`;
    });
}
