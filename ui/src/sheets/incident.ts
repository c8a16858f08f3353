/** An incident's figures and its course, as the sheet draws them. Pure. */
import type { Incident, IncidentState, Kpi, Lamp } from "../api/types";
import { latency, number, percent, span, timeOfDay, timeWithSeconds } from "../shared/format";

export interface Figure {
  name: string;
  value: string;
  /** What it is measured between, or what it is compared with. */
  note: string;
  met: boolean | null;
  goal: string;
}

export const incidentState: Record<IncidentState, { word: string; lamp: Lamp }> = {
  open: { word: "Open", lamp: "degraded" },
  recovering: { word: "Recovering", lamp: "caution" },
  closed: { word: "Closed", lamp: "clear" },
};

const long = (ms: number): string => (ms < 120_000 ? latency(ms) : span(ms));
const time = (name: string, kpi: Kpi, note: string, none: string): Figure => ({
  name,
  value: typeof kpi.value === "number" ? long(kpi.value) : none,
  note,
  met: kpi.met ?? null,
  goal: `goal below ${span(kpi.goal)}`,
});

/** The four times and the promise, in the order they happen. */
export function figures({ kpis }: Incident): Figure[] {
  const lost = kpis.lost === 0;
  return [
    time("Detection", kpis.detectionMs, "until the first rerouted request", "none"),
    time("Failover", kpis.failoverMs, "until the other side answered", "none"),
    time("Restoration", kpis.restorationMs, "what callers could notice", "none"),
    time("Recovery", kpis.recoveryMs, "until it was closed", "open"),
    { name: "Requests", value: `${number(kpis.kept)} kept, ${number(kpis.lost)} lost`, note: `${number(kpis.queued)} through Cold, ${number(kpis.failed)} failed`, met: lost, goal: "goal none lost" },
  ];
}

/** The comparisons: callers' errors, slowdown, cost. */
export function comparisons({ kpis, validation }: Incident): Figure[] {
  const share = (name: string, kpi: Kpi, note: string): Figure => ({ name, value: typeof kpi.value === "number" ? percent(kpi.value).replace("-", "−") : "not known", note, met: kpi.met ?? null, goal: `goal below ${percent(kpi.goal)}` });
  const list = [share("Errors for callers", kpis.userErrorPercent, `${number(kpis.failed)} of ${number(kpis.requests)}`), share("Slowdown", kpis.slowdownPercent, "p95 against the hour before")];
  if (typeof kpis.costDifferenceUsd === "number") {
    const usd = kpis.costDifferenceUsd / 1e9;
    list.push({ name: "Cost", value: `${Math.abs(usd) < 0.005 ? "" : usd < 0 ? "−" : "+"}$${Math.abs(usd).toFixed(2)}`, note: "against the usual route", met: null, goal: "" });
  }
  if (validation) {
    const { successPercent } = validation;
    list.push({ name: "Validation", value: typeof successPercent.value === "number" ? percent(successPercent.value) : "not known", note: `${number(validation.calls)} calls after failover`, met: validation.passed, goal: `goal ${percent(successPercent.goal)}` });
  }
  return list;
}

export interface Stretch {
  /** What carried traffic then. */
  words: string;
  look: "home" | "down" | "away";
  /** Share of the width, percent. */
  width: number;
  /** When it began. */
  at: string;
}

/** The course from just before it to now (or just after): home, down, away, home again. Each part wide enough to be read. */
export function course(incident: Incident, nowMs: number): Stretch[] {
  const { beganAtMs, closedAtMs, marks } = incident;
  const decided = marks.decidedAtMs ?? null;
  const home = marks.homeAtMs ?? null;
  const end = closedAtMs ?? nowMs;
  const parts: { words: string; look: Stretch["look"]; from: number; to: number }[] = [
    { words: "before", look: "home", from: beganAtMs, to: beganAtMs },
    { words: "failing", look: "down", from: beganAtMs, to: decided ?? home ?? end },
  ];
  if (decided !== null) parts.push({ words: "other routes answer", look: "away", from: decided, to: home ?? end });
  if (home !== null) parts.push({ words: "home again", look: "home", from: home, to: Math.max(home, end) });
  const total = Math.max(1, end - beganAtMs);
  const clock = total < 600_000 ? timeWithSeconds : timeOfDay;
  const weights = parts.map((part) => Math.max(0.12, (part.to - part.from) / total));
  const sum = weights.reduce((a, b) => a + b, 0);
  return parts.map((part, i) => ({ words: part.words, look: part.look, width: ((weights[i] ?? 0) / sum) * 100, at: i === 0 ? "" : clock(part.from) }));
}
