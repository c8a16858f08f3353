/** Everything overridden by hand, as one list of lines that can each be taken back. Pure. */
import type { DistributionView, KillScope, Order, Overrides, RouteView, Target } from "../api/types";
import { percent } from "./format";
import { routeLabel } from "./words";

export type TakeBack =
  | { kind: "kill"; scope: KillScope }
  | { kind: "breaker"; route: string }
  | { kind: "job"; job: string }
  | { kind: "except"; provider: string }
  | { kind: "client"; client: string; bounds: boolean; prefers: boolean }
  | { kind: "allOff" }
  | { kind: "distribution" };

export interface Override {
  key: string;
  title: string;
  /** What it means, where the title does not say. */
  detail: string;
  /** Who, when and why; a distribution does not say when. */
  order: Omit<Order, "atMs"> & { atMs: number | null };
  takeBack: TakeBack;
}

/** What a kill switch names: `gpt-4o-mini`, `provider openai`. */
export function scopeWords(scope: KillScope): string {
  return scope.kind === "route" ? routeLabel(scope.name) : `${scope.kind} ${scope.name}`;
}

/** The switch of a provider or a model that keeps a route out of service; none where the route's own does. */
export function widerKill({ inService, killed }: RouteView): KillScope | undefined {
  return !inService && killed && killed.scope.kind !== "route" ? killed.scope : undefined;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** The farthest reaching first. */
export function overridesOf(overrides: Overrides, distribution: DistributionView | null | undefined): Override[] {
  const list: Override[] = [];
  if (overrides.allOff) {
    list.push({ key: "all-off", title: "Everything is switched off", detail: "Each request gets an immediate refusal.", order: overrides.allOff, takeBack: { kind: "allOff" } });
  }
  for (const order of overrides.except ?? []) {
    list.push({ key: `except-${order.provider}`, title: `Without ${order.provider}`, detail: "No job uses this provider.", order, takeBack: { kind: "except", provider: order.provider } });
  }
  for (const order of overrides.kills ?? []) {
    const { scope } = order;
    list.push({ key: `kill-${scope.kind}-${scope.name}`, title: `${scope.kind === "route" ? scopeWords(scope) : capital(scopeWords(scope))} out of service`, detail: "Requests pass it by.", order, takeBack: { kind: "kill", scope } });
  }
  for (const order of overrides.forced ?? []) {
    const held = order.open ? "open" : "closed";
    const detail = order.open ? "No call goes there." : "Failures are counted and do not open it.";
    list.push({ key: `breaker-${order.route}`, title: `Circuit of ${routeLabel(order.route)} held ${held}`, detail, order, takeBack: { kind: "breaker", route: order.route } });
  }
  for (const [job, order] of Object.entries(overrides.jobs ?? {})) {
    list.push({ key: `job-${job}`, title: `Models of ${job}`, detail: order.models.map(routeLabel).join(", then "), order, takeBack: { kind: "job", job } });
  }
  for (const [client, order] of Object.entries(overrides.clients ?? {})) {
    const parts = [];
    if (order.providers) parts.push(`only ${order.providers.join(", ")}`);
    if (order.prefer) parts.push(`${order.prefer} first`);
    list.push({ key: `client-${client}`, title: `Providers of ${client}`, detail: capital(parts.join("; ")), order, takeBack: { kind: "client", client, bounds: order.providers != null, prefers: order.prefer != null } });
  }
  if (distribution) {
    const order = { actor: distribution.actor, reason: distribution.reason, atMs: null };
    const detail = distribution.weights.map((weight) => `${targetWords(weight.target)} ${percent(weight.goalPercent)}`).join(", ");
    list.push({ key: "distribution", title: "Traffic is split by hand", detail, order, takeBack: { kind: "distribution" } });
  }
  return list;
}

/** A target by its name alone. */
export function targetWords(target: Target): string {
  switch (target.kind) {
    case "tier":
      return capital(target.name);
    case "provider":
    case "model":
      return target.name;
    case "route":
      return routeLabel(target.name);
    case "rest":
      return "the other routes";
  }
}
