/** The words on a station: its line of detail and its accessible name. Pure. */
import type { RouteView } from "../../api/types";
import { countdown, percent, span } from "../../shared/format";

export interface Line {
  full: string;
  /** For a station too narrow for the sentence. */
  short: string;
}

/** The line under the strip where figures would mislead: why calls do not flow, or that there were none. */
export function stationLine(route: RouteView, sinceSnapshotMs: number, lost: boolean): Line | null {
  const none = route.last.length === 0 ? { full: "No call yet", short: "No call yet" } : null;
  if (route.offInMap) return { full: "Switched off in the map", short: "Off in the map" };
  if (!route.inService) return { full: "Switched off by you", short: "Off by you" };
  if (lost) return none;
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
  return none;
}

/** What stands at the right of the signal: the weight, else when the probe was. */
export function stationMeta(route: RouteView, nowMs: number, lost: boolean): { label: string; value: string } | null {
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
  if (carries) parts.push("takes traffic");
  return parts.join(", ");
}
