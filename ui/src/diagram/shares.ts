/** Where a move of traffic sends it: which tiers and stations share requests while a shift is between its ends. Pure. */
import type { RouteView, ShiftView, Snapshot, Target, Tier, TierView } from "../api/types";
import { usable } from "./lanes";

export interface Shares {
  /** Share of traffic a tier is meant to take now, percent, where a shift decides it. */
  byTier: ReadonlyMap<Tier, number>;
  /** Stations that take the traffic a shift sends elsewhere. */
  carriers: ReadonlySet<string>;
}

const NONE: Shares = { byTier: new Map(), carriers: new Set() };

/** Whether a target names this route. */
export function names(target: Target, tier: Tier, route: RouteView): boolean {
  switch (target.kind) {
    case "tier":
      return target.name === tier;
    case "provider":
      return target.name === route.provider;
    case "route":
      return target.name === route.id;
    case "model":
      return target.name === route.model;
    case "rest":
      return false;
  }
}

/** Whether a shift moves traffic away at present. */
export const active = (shift: ShiftView): boolean => shift.phase !== "home" && shift.sharePercent > 0;

/** What the newest active shift makes of the tiers. */
export function sharesOf(snapshot: Pick<Snapshot, "tiers" | "shifts">): Shares {
  const shift = snapshot.shifts.findLast(active);
  if (!shift) return NONE;
  const stops = snapshot.tiers.flatMap((tier) => tier.routes.map((route) => ({ tier, route })));
  const ready = stops.filter(({ route }) => usable(route));
  const from = ready.filter(({ tier, route }) => names(shift.from, tier.tier, route));
  const rest = ready.filter(({ tier, route }) => !names(shift.from, tier.tier, route));
  const to = rest.find(({ tier, route }) => names(shift.to, tier.tier, route)) ?? rest[0];
  if (!to) return NONE;

  const goes = from.length === 0 ? 100 : shift.sharePercent;
  const byTier = new Map<Tier, number>();
  // Only a tier that is left whole has a share that the shift alone decides.
  const whole = (tier: TierView) => tier.routes.every((route) => !usable(route) || names(shift.from, tier.tier, route));
  const left = from[0]?.tier ?? snapshot.tiers.find((tier) => tier.routes.some((route) => names(shift.from, tier.tier, route)));
  if (left && left.tier !== to.tier.tier && whole(left)) {
    byTier.set(left.tier, 100 - goes);
    byTier.set(to.tier.tier, goes);
  }
  return { byTier, carriers: new Set([to.route.id]) };
}
