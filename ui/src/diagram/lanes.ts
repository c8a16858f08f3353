/** What the track diagram shows of each lane: which rails are lit, which nodes carry traffic. Pure. */
import type { Lamp, RouteView, TierView } from "../api/types";

export type Rail = "plain" | "lit" | "shut" | "probe" | "paused";
export type Node = "plain" | "here" | "shut" | "probe";
/** `dark`: nothing is known or nothing flows (line lost, paused). */
export type LaneState = "in-use" | "standing-by" | "stopped" | "empty" | "dark";

export interface Station {
  route: RouteView;
  /** The rail before the node, and after it. */
  into: Rail;
  out: Rail;
  node: Node;
  /** Whether the next requests come here. */
  carries: boolean;
}

export interface Lane {
  state: LaneState;
  lead: Rail;
  stations: Station[];
}

/** Whether a new request may go to this route. */
export const usable = (route: RouteView): boolean =>
  route.inService && !route.offInMap && route.circuit === "closed" && route.lamp !== "stop";

/** Whether a route is failing, as opposed to switched off or not tried yet. */
export const stopped = (route: RouteView): boolean => route.lamp === "stop" || route.circuit === "open";

/** Whether new requests come to this route now: it is next, or it shares the tier's traffic by weight. */
function carriesTraffic(tier: TierView, route: RouteView): boolean {
  if (!tier.inUse) return false;
  return route.next || ((route.weight ?? 0) > 0 && usable(route));
}

/** The lane of a Hot or Warm tier. `flowing` is false while paused or while the line to the router is lost. */
export function laneOf(tier: TierView, flowing: boolean): Lane {
  const routes = tier.routes;
  const carrying = routes.map((route) => flowing && carriesTraffic(tier, route));
  const inUse = flowing && tier.inUse && routes.length > 0;
  const state = laneState(tier, flowing, inUse);
  // Traffic travels as far as the last station that takes any; with none marked, to the first.
  const reach = inUse ? Math.max(0, carrying.lastIndexOf(true)) : -1;
  const stations = routes.map((route, i): Station => {
    const carries = carrying[i] ?? false;
    return {
      route,
      into: i <= reach ? "lit" : state === "stopped" && i === 0 ? "shut" : "plain",
      out: i < reach ? "lit" : "plain",
      node: carries ? "here" : nodeOf(route),
      carries,
    };
  });
  return { state, lead: inUse ? "lit" : state === "stopped" ? "shut" : "plain", stations };
}

function laneState(tier: TierView, flowing: boolean, inUse: boolean): LaneState {
  if (tier.routes.length === 0) return "empty";
  if (inUse) return "in-use";
  if (!flowing) return "dark";
  const serving = tier.routes.filter((route) => route.inService && !route.offInMap);
  return serving.length > 0 && serving.every(stopped) ? "stopped" : "standing-by";
}

function nodeOf(route: RouteView): Node {
  if (!route.inService || route.offInMap) return "plain";
  if (stopped(route)) return "shut";
  return route.circuit === "half_open" || route.lamp === "caution" ? "probe" : "plain";
}

/** A route as the diagram shows it while the line to the router is lost: nothing is known of it. */
export function unknownRoute(route: RouteView): RouteView {
  const off = !route.inService || route.offInMap;
  return {
    ...route,
    lamp: off ? route.lamp : ("unknown" satisfies Lamp),
    signal: off ? route.signal : "Not known",
    detail: null,
    circuit: "closed",
    next: false,
    nextProbeInMs: null,
    cooldownMs: null,
  };
}
