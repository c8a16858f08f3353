/** The menus of a station and of a tier: what a person can do to it by hand. */
import type { RouteView, Tier } from "../../api/types";
import { routeLabel, tierTitle } from "../../shared/words";
import { link } from "../../state/link.svelte";
import type { MenuItem } from "../../state/menu.svelte";
import { sheets } from "../../state/sheet.svelte";

export function stationMenu(route: RouteView): MenuItem[] {
  const label = routeLabel(route.id);
  const routes = link.snapshot?.tiers.flatMap((tier) => tier.routes) ?? [];
  // Where the model has one route only, its switch is the route's.
  const several = routes.filter((other) => other.model === route.model).length > 1;
  return [
    { title: "Why is it here?", run: () => sheets.show({ kind: "why", route: route.id }) },
    { title: `Move traffic off ${label}`, run: () => sheets.show({ kind: "move", from: `route:${route.id}` }), apart: true },
    { title: `Move traffic off ${route.provider}`, run: () => sheets.show({ kind: "move", from: `provider:${route.provider}` }) },
    { title: route.forced ? "Change the held circuit" : "Hold the circuit by hand", run: () => sheets.show({ kind: "breaker", route: route.id }), apart: true },
    { title: `Take ${label} out of service`, red: true, run: () => sheets.show({ kind: "kill", scope: { kind: "route", name: route.id } }), apart: true },
    ...(several ? [{ title: `Take model ${route.model} out`, red: true, run: () => sheets.show({ kind: "kill", scope: { kind: "model", name: route.model } }) }] : []),
    { title: `Take provider ${route.provider} out`, red: true, run: () => sheets.show({ kind: "kill", scope: { kind: "provider", name: route.provider } }) },
    { title: `Leave ${route.provider} out of every job`, red: true, run: () => sheets.show({ kind: "except", provider: route.provider }) },
  ];
}

export function tierMenu(tier: Tier): MenuItem[] {
  return [
    { title: "Why do requests go there?", run: () => sheets.show({ kind: "why" }) },
    { title: `Move traffic off ${tierTitle[tier]}`, run: () => sheets.show({ kind: "move", from: tier }), apart: true },
    { title: "Split traffic by hand", run: () => sheets.show({ kind: "split" }) },
  ];
}
