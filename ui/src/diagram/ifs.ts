/** The two notes at the left of the diagram: what happens if the lane in use fails. Read from the running map. */
import type { ColdView, RouteView, TierView } from "../api/types";
import { countdown } from "../shared/format";
import { routeLabel } from "../shared/words";
import { type LaneState, outOfUse, usable } from "./lanes";

export interface Note {
  title: string;
  text: string;
}

export interface Situation {
  hot: TierView;
  warm: TierView;
  cold: ColdView;
  hotState: LaneState;
  warmState: LaneState;
  /** How old the figures are, milliseconds: countdowns run from them. */
  ageMs: number;
  /** The line to the router is lost. */
  lost: boolean;
  /** New work is paused; the reason. */
  paused: string | null;
  /** This machine has no network. */
  offline?: boolean;
  /** Everything is switched off. */
  off?: boolean;
  /** What moved traffic, where something did: whose, and whether it is on its way home. */
  moved?: { from: string; phase: "leaving" | "away" | "returning" } | null;
}

/** Two notes, top and bottom. */
export function ifNotes(s: Situation): [Note, Note] {
  if (s.lost) {
    return [
      { title: "While the line is down", text: "These are the last figures. The router may still answer your apps." },
      { title: "When it is back", text: "This window catches up by itself." },
    ];
  }
  if (s.off) {
    return [
      { title: "While switched off", text: "Callers get an immediate refusal. Nothing is sent, nothing new is queued." },
      { title: "Queued jobs", text: "They stay in the siding until you switch on." },
    ];
  }
  if (s.paused !== null) {
    return [
      { title: "While paused", text: "No new request goes to a provider. Running requests finish." },
      coldNote(s, "Queued jobs", "They stay in the siding until you resume."),
    ];
  }
  if (s.offline) {
    return [
      { title: "While you are offline", text: "Circuits do not move and nothing is counted against a provider." },
      { title: "Held requests", text: `They go out in order when you are back; those whose time ends ${s.cold.enabled ? "wait in the siding" : "get a plain error"}.` },
    ];
  }
  const last = coldNote(s, s.cold.inUse ? "On Cold now" : "If Warm fails too", "Jobs wait in the siding. Nothing is dropped.");
  if (s.moved) return [movedNote(s.moved), last];
  if (s.hotState === "in-use") return [ifHotFails(s), last];
  return [{ title: hotTitle(s), text: hotText(s) }, s.warmState === "stopped" ? warmStopped(s, last) : last];
}

function movedNote({ from, phase }: NonNullable<Situation["moved"]>): Note {
  switch (phase) {
    case "leaving":
      return { title: `Leaving ${from}`, text: "In watched steps; a bad one is taken back." };
    case "away":
      return { title: "Traffic was moved", text: `${from} gets a real request now and then, so that its recovery shows.` };
    case "returning":
      return { title: `Coming back to ${from}`, text: "In watched steps; a bad one is taken back." };
  }
}

function ifHotFails(s: Situation): Note {
  const title = "If Hot fails";
  const next = s.warm.routes.find(usable);
  if (next) {
    const time = next.p50Ms ? `, in about ${(next.p50Ms / 1000).toFixed(1)} s` : "";
    return { title, text: `The next attempt goes to ${routeLabel(next.id)}${time}.` };
  }
  const why = s.warm.routes.length === 0 ? "This map has no Warm route" : "No Warm route is ready";
  return { title, text: s.cold.enabled ? `${why}; jobs go to the siding.` : `${why}; callers get an error.` };
}

function hotTitle(s: Situation): string {
  if (s.hotState === "empty") return "Hot is empty";
  return s.hotState === "stopped" ? "Hot is stopped" : "Hot is passed by";
}

function hotText(s: Situation): string {
  const { routes } = s.hot;
  if (routes.length === 0) return "This map names no route for Hot.";
  if (s.hotState === "stopped") {
    const all = routes.length === 1 ? "Its route fails; it is" : routes.length === 2 ? "Both routes fail; they are" : "All routes fail; they are";
    const probe = soonestProbe(routes);
    return probe === null || probe <= s.ageMs
      ? `${all} tested, not used.`
      : `${all} tested, not used. Next test call in ${countdown(probe - s.ageMs)}.`;
  }
  if (routes.every(outOfUse)) return "Its routes are switched off.";
  return "Its routes are being tested before they take traffic again.";
}

function warmStopped(s: Situation, last: Note): Note {
  return s.cold.inUse ? { ...last, title: "Warm is stopped too" } : last;
}

function coldNote(s: Situation, title: string, text: string): Note {
  return { title, text: s.cold.enabled ? text : "Callers get an error at once: this map has no queue." };
}

/** Milliseconds until the first test call of these routes, as the snapshot said. */
export function soonestProbe(routes: readonly RouteView[]): number | null {
  const waits = routes.map((route) => route.nextProbeInMs).filter((ms): ms is number => typeof ms === "number");
  return waits.length === 0 ? null : Math.min(...waits);
}
