/** Why requests go where they go, and why a route does not serve as the map says. Pure. */
import type { RouteView, Snapshot, WhyView } from "../api/types";
import { names } from "../diagram/shares";
import { actorWords } from "../shared/words";

/** The reasons for the present path, newest first. */
export const whyHere = (snapshot: Snapshot): WhyView[] => snapshot.status.why;

/** What is known of one route: its own sentence, then the orders, triggers and shifts that touch it. */
export function whyRoute(snapshot: Snapshot, route: RouteView): WhyView[] {
  const list: WhyView[] = [];
  if (route.why) list.push({ sentence: route.why, sinceMs: route.forced?.atMs ?? null });
  for (const trigger of snapshot.triggers) {
    if (trigger.route ? trigger.route !== route.id : trigger.provider !== route.provider) continue;
    const recovers = trigger.recovers ? ` Recovers ${trigger.recovers.replace(/\.$/, "")}.` : "";
    list.push({ sentence: `${trigger.reason.replace(/\.$/, "")}.${recovers}`, sinceMs: trigger.firedAtMs });
  }
  const tier = snapshot.tiers.find((one) => one.routes.some(({ id }) => id === route.id))?.tier ?? "hot";
  for (const shift of snapshot.shifts) {
    if (shift.phase === "home" || !names(shift.from, tier, route)) continue;
    if (list.some(({ sentence }) => sentence.includes(shift.reason))) continue;
    list.push({ sentence: `Shift ${shift.id} (${actorWords(shift.actor)}): ${shift.reason.replace(/\.$/, "")}.`, sinceMs: shift.startedAtMs });
  }
  if (route.lastFailure) list.push({ sentence: `Last failure: ${route.lastFailure.message}.`.replace(/\.\.$/, "."), sinceMs: null });
  const seen = new Set<string>();
  return list.filter(({ sentence }) => !seen.has(sentence) && seen.add(sentence));
}
