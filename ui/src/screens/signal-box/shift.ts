/** A move of traffic in words and marks. Pure. */
import type { ShiftView } from "../../api/types";

export interface Mark {
  /** Where it stands on the bar, percent of this phase's goal. */
  at: number;
  state: "done" | "now" | "next";
}

/** The steps of the present phase on the bar. On the way home the bar counts what is home. */
export function stepMarks(shift: ShiftView): Mark[] {
  const home = shift.phase === "returning";
  const over = shift.phase === "away" || shift.phase === "home";
  return shift.steps.map((share, i) => ({
    at: home ? 100 - share : share,
    state: over ? (i === shift.steps.length - 1 ? "now" : "done") : i < shift.step ? "done" : i === shift.step ? "now" : "next",
  }));
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
