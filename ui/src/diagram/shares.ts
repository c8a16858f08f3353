/** Where a shift or a distribution sends traffic: which tiers and stations share requests. Pure. */
import type { DistributionView, RouteView, ShiftView, Snapshot, Target, Tier, TierView } from "../api/types";
import { usable } from "./lanes";

export interface Shares {
  /** Share of traffic a tier is meant to take now, percent, where that is decided by hand or by a shift. */
  byTier: ReadonlyMap<Tier, number>;
  /** Stations that take it. */
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

interface Stop {
  tier: TierView;
  route: RouteView;
}

/** What the newest active shift makes of the tiers; without one, what a distribution does. */
export function sharesOf(snapshot: Pick<Snapshot, "tiers" | "shifts" | "distribution">): Shares {
  const ready = snapshot.tiers.flatMap((tier) => tier.routes.filter(usable).map((route): Stop => ({ tier, route })));
  const shift = snapshot.shifts.findLast(active);
  if (shift) return shifted(shift, snapshot.tiers, ready);
  return snapshot.distribution ? split(snapshot.distribution, ready) : NONE;
}

/** Each weight counts where its first station is: a distribution takes all tiers as one line. */
function split(distribution: DistributionView, ready: readonly Stop[]): Shares {
  const byTier = new Map<Tier, number>();
  const carriers = new Set<string>();
  for (const { target, percent } of distribution.weights) {
    const stop = ready.find(({ tier, route }) => names(target, tier.tier, route));
    if (!stop || percent < 0.5) continue;
    carriers.add(stop.route.id);
    byTier.set(stop.tier.tier, (byTier.get(stop.tier.tier) ?? 0) + percent);
  }
  return { byTier, carriers };
}

function shifted(shift: ShiftView, tiers: readonly TierView[], ready: readonly Stop[]): Shares {
  const from = ready.filter(({ tier, route }) => names(shift.from, tier.tier, route));
  const rest = ready.filter(({ tier, route }) => !names(shift.from, tier.tier, route));
  const to = rest.find(({ tier, route }) => names(shift.to, tier.tier, route)) ?? rest[0];
  if (!to) return NONE;

  const goes = from.length === 0 ? 100 : shift.sharePercent;
  const byTier = new Map<Tier, number>();
  // Only a tier that is left whole has a share that the shift alone decides.
  const whole = (tier: TierView) => tier.routes.every((route) => !usable(route) || names(shift.from, tier.tier, route));
  const left = from[0]?.tier ?? tiers.find((tier) => tier.routes.some((route) => names(shift.from, tier.tier, route)));
  if (left && left.tier !== to.tier.tier && whole(left)) {
    byTier.set(left.tier, 100 - goes);
    byTier.set(to.tier.tier, goes);
  }
  return { byTier, carriers: new Set([to.route.id]) };
}
