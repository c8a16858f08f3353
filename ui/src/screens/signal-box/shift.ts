/** A move of traffic in words and marks. Pure. */
import type { ShiftView } from "../../api/types";

export interface Mark {
  /** Where it stands on the bar: traffic gone or, on the way home, traffic home, percent. */
  at: number;
  state: "done" | "now" | "next";
  /** Whether its figure has room: the present step and the goal always, others where they stand apart. */
  labelled: boolean;
}

/** Figures closer than this run into each other, percent of the bar. */
const APART = 10;

/** The steps of the present phase on the bar. On the way home the bar counts what is home. */
export function stepMarks(shift: ShiftView): Mark[] {
  const home = shift.phase === "returning";
  const over = shift.phase === "away" || shift.phase === "home";
  const last = shift.steps.length - 1;
  const present = over ? last : shift.step;
  const at = shift.steps.map((share) => (home ? 100 - share : share));
  const shown = [at[present] ?? 100, at[last] ?? 100];
  return at.map((own, i) => {
    const labelled = i === present || i === last || shown.every((other) => Math.abs(other - own) >= APART);
    if (labelled) shown.push(own);
    return { at: own, state: i < present ? "done" : i === present ? "now" : "next", labelled };
  });
}

export function phaseWords(shift: ShiftView): string {
  switch (shift.phase) {
    case "leaving":
      return `Leaving ${shift.fromWords}`;
    case "away":
      return `Away from ${shift.fromWords}`;
    case "returning":
      return `Coming back to ${shift.fromWords}`;
    case "home":
      return `Back on ${shift.fromWords}`;
  }
}
