/** The words on a station: its line of detail and its accessible name. Pure. */
import type { RouteView } from "../../api/types";
import { countdown, percent, span } from "../../shared/format";
import { scopeWords, widerKill } from "../../shared/overrides";

export interface Line {
  full: string;
  /** For a station too narrow for the sentence. */
  short: string;
}

/** The line under the strip where figures would mislead: why calls do not flow, or that there were none. */
export function stationLine(route: RouteView, sinceSnapshotMs: number, lost: boolean, offline = false): Line | null {
  const none = route.last.length === 0 ? { full: "No call yet", short: "No call yet" } : null;
  if (route.offInMap) return { full: "Switched off in the map", short: "Off in the map" };
  const wider = widerKill(route);
  if (!route.inService) return { full: wider ? `Off with ${scopeWords(wider)}` : "Switched off by hand", short: "Off by hand" };
  if (route.lamp === "out") return { full: `${route.provider} is left out`, short: "Left out" };
  if (lost) return none;
  if (offline) return { full: "Waits until you are online", short: "Waits for you" };
  if (route.forced?.open) return { full: "Circuit held open by hand", short: "Held open" };
  if (route.circuit === "open") {
    const left = (route.nextProbeInMs ?? 0) - sinceSnapshotMs;
    return left > 0
      ? { full: `Open, next test call in ${countdown(left)}`, short: `Test in ${countdown(left)}` }
      : { full: "Open, a test call is due", short: "Test is due" };
  }
  if (route.circuit === "half_open") return { full: "Half-open, one call at a time", short: "Testing" };
  const cooling = (route.cooldownMs ?? 0) - sinceSnapshotMs;
  if (cooling > 0) {
    return { full: `Asked not to be called for ${countdown(cooling)}`, short: `Waits ${countdown(cooling)}` };
  }
  if ((route.shiftedPercent ?? 0) >= 100) return { full: "Moved away; trials go on", short: "Moved away" };
  return none;
}

/** What stands at the right of the signal: what it has less of than the map gives it, its weight, else when the probe was. */
export function stationMeta(route: RouteView, nowMs: number, lost: boolean, offline = false): { label: string; value: string; less?: boolean } | null {
  const { shiftedPercent: shifted, loweredToPercent: lowered } = route;
  if (!lost && route.inService && typeof shifted === "number" && shifted > 0 && shifted < 100) return { label: `keeps ${100 - shifted} %`, value: "", less: true };
  if (!lost && typeof lowered === "number" && route.circuit === "closed") return { label: `${lowered} % weight`, value: "", less: true };
  if (!lost && route.forced && !route.forced.open) return { label: "held closed", value: "", less: true };
  if (offline || !route.inService || route.lamp === "out") return null;
  if (typeof route.weight === "number") return { label: "weight", value: String(route.weight) };
  if (lost || route.detail || route.circuit !== "closed" || typeof route.probedAtMs !== "number") return null;
  return { label: `probed ${span(nowMs - route.probedAtMs)} ago`, value: "" };
}

/** `Hot, 1 of 2, sonnet-4.6, clear, weight 90, takes the next request`. */
export function stationName(place: string, route: RouteView, label: string, carries: boolean): string {
  const parts = [place, label, route.provider, route.signal.toLowerCase()];
  if (route.detail) parts.push(route.detail);
  if (typeof route.weight === "number") parts.push(`weight ${route.weight}`);
  if (typeof route.errorPercent === "number") parts.push(`${percent(route.errorPercent)} errors`);
  if (typeof route.loweredToPercent === "number") parts.push(`lowered to ${route.loweredToPercent} % of its weight`);
  if ((route.shiftedPercent ?? 0) > 0) parts.push(`${route.shiftedPercent} % moved elsewhere`);
  if (route.forced) parts.push(`circuit held ${route.forced.open ? "open" : "closed"} by hand`);
  if (carries) parts.push("takes traffic");
  return parts.join(", ");
}
