/** The words on a station: its line of detail and its accessible name. Pure. */
import type { RouteView } from "../../api/types";
import { countdown, percent, span } from "../../shared/format";

/** The line under the strip where figures would mislead: why calls do not flow, or that there were none. */
export function stationLine(route: RouteView, sinceSnapshotMs: number, lost: boolean): string | null {
  if (route.offInMap) return "Switched off in the map";
  if (!route.inService) return "Switched off by you";
  if (lost) return route.last.length > 0 ? null : "No call yet";
  if (route.circuit === "open") {
    const left = (route.nextProbeInMs ?? 0) - sinceSnapshotMs;
    return left > 0 ? `Open, next test call in ${countdown(left)}` : "Open, a test call is due";
  }
  if (route.circuit === "half_open") return "Half-open, one test call at a time";
  const cooling = (route.cooldownMs ?? 0) - sinceSnapshotMs;
  if (cooling > 0) return `Asked not to be called for ${countdown(cooling)}`;
  return route.last.length === 0 ? "No call yet" : null;
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
