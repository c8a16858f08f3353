/** What the track diagram shows of each lane: which rails are lit, which nodes carry traffic. Pure. */
import type { Lamp, RouteView, TierView } from "../api/types";
import type { Shares } from "./shares";

export type Rail = "plain" | "lit" | "shut" | "probe" | "paused";
export type Node = "plain" | "here" | "shut" | "probe";
/**
 * `dark`: nothing is known or nothing flows (line lost, paused, no network). `away`: traffic was moved off; trials go.
 * `out`: every route is switched off or left out.
 */
export type LaneState = "in-use" | "standing-by" | "stopped" | "away" | "out" | "empty" | "dark";

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
  route.inService && !route.offInMap && route.circuit === "closed" && route.lamp !== "stop" && route.lamp !== "out";

/** Whether a route was taken out on purpose: switched off, or its provider left out. */
export const outOfUse = (route: RouteView): boolean => !route.inService || route.offInMap || route.lamp === "out";

/** Whether a route is failing, as opposed to switched off or not tried yet. */
export const stopped = (route: RouteView): boolean => !outOfUse(route) && (route.lamp === "stop" || route.circuit === "open");

/** Whether a shift has taken all of a route's traffic away. */
const movedOff = (route: RouteView): boolean => (route.shiftedPercent ?? 0) >= 100;

/** Whether new requests come to this route now: it is next, it shares the tier's traffic, or a shift sends some here. */
function carriesTraffic(tier: TierView, route: RouteView, shares: Shares | null): boolean {
  if (shares?.carriers.has(route.id)) return true;
  if (movedOff(route) || !usable(route)) return tier.inUse && route.next;
  // What a shift leaves behind still comes here: to the first in line, or by weight.
  const first = tier.routes.find((own) => usable(own) && !movedOff(own));
  const inTurn = route === first || (route.weight ?? 0) > 0;
  if (inTurn && (route.shiftedPercent ?? 0) > 0 && (shares?.byTier.get(tier.tier) ?? 0) > 0) return true;
  return tier.inUse && (route.next || (route.weight ?? 0) > 0);
}

/**
 * The lane of a Hot or Warm tier. `flowing` is false while paused, without a network, or while the line to the router
 * is lost; `shares` is what a shift makes of the traffic.
 */
export function laneOf(tier: TierView, flowing: boolean, shares: Shares | null = null): Lane {
  const routes = tier.routes;
  const carrying = routes.map((route) => flowing && carriesTraffic(tier, route, shares));
  const sharing = (shares?.byTier.get(tier.tier) ?? 0) > 0 && carrying.includes(true);
  const inUse = flowing && routes.length > 0 && (tier.inUse || sharing);
  const state = laneState(tier, flowing, inUse);
  // Traffic travels as far as the last station that takes any; with none marked, to the first.
  const reach = inUse ? Math.max(0, carrying.lastIndexOf(true)) : -1;
  const lead: Rail = inUse ? "lit" : state === "stopped" ? "shut" : state === "away" ? "probe" : "plain";
  const stations = routes.map((route, i): Station => {
    const carries = carrying[i] ?? false;
    return {
      route,
      into: i <= reach ? "lit" : i === 0 ? lead : "plain",
      out: i < reach ? "lit" : "plain",
      node: carries ? "here" : nodeOf(route),
      carries,
    };
  });
  return { state, lead, stations };
}

function laneState(tier: TierView, flowing: boolean, inUse: boolean): LaneState {
  if (tier.routes.length === 0) return "empty";
  if (inUse) return "in-use";
  if (!flowing) return "dark";
  const serving = tier.routes.filter((route) => !outOfUse(route));
  if (serving.length === 0) return "out";
  if (serving.every(stopped)) return "stopped";
  return serving.every((route) => movedOff(route) || stopped(route)) ? "away" : "standing-by";
}

function nodeOf(route: RouteView): Node {
  if (outOfUse(route)) return "plain";
  if (stopped(route)) return "shut";
  return route.circuit === "half_open" || route.lamp === "caution" || movedOff(route) ? "probe" : "plain";
}

/** A route as the diagram shows it while the line to the router is lost: nothing is known of it. */
export function unknownRoute(route: RouteView): RouteView {
  const off = outOfUse(route);
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

/** Whether a host is this machine or stands in its own network: such routes serve without the internet. */
export function isNear(host: string): boolean {
  const name = host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "").toLowerCase();
  if (name === "localhost" || name === "::1" || name.endsWith(".local") || name.endsWith(".localhost")) return true;
  if (/^(127|10)\.|^192\.168\.|^169\.254\.|^172\.(1[6-9]|2\d|3[01])\./.test(name)) return true;
  return /^f[cd]|^fe80:/.test(name) && name.includes(":") ? true : !name.includes(".") && !name.includes(":");
}

/** A route as the diagram shows it while this machine has no network: nothing can be said of it, and nothing is. */
export function unreachableRoute(route: RouteView): RouteView {
  if (isNear(route.host) || outOfUse(route)) return route;
  return { ...route, lamp: "unknown", signal: "Not probed", detail: null, circuit: "closed", next: false, nextProbeInMs: null, cooldownMs: null };
}
