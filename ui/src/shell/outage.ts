/** The banners of an outage: what stands in for what, what it waits for, and what a person can do now. Pure. */
import type { FailureKind, NetworkState, NetworkView, RouteView, ShiftView, Snapshot, StatusView } from "../api/types";
import { soonestProbe } from "../diagram/ifs";
import { stopped } from "../diagram/lanes";
import { active } from "../diagram/shares";
import { count, countdown, number, timeOfDay } from "../shared/format";
import { overridesOf } from "../shared/overrides";
import { BY_HAND, byWhom } from "../shared/words";
import type { BannerAction, BannerText } from "./banner";

/** Failures that another key can end. */
const OF_KEYS: readonly FailureKind[] = ["key_rejected", "forbidden", "unpaid", "credential_missing"];

export const networkDown = (network: NetworkView | undefined): boolean => {
  switch (network?.state) {
    case "offline":
    case "dns_broken":
    case "captive_portal":
    case "intercepted":
    case "proxy_down":
      return true;
    case "online":
    case "unknown":
    case undefined:
      return false;
  }
};

const networkTitle: Record<NetworkState, string> = {
  unknown: "",
  online: "",
  offline: "This machine is offline",
  dns_broken: "No name can be looked up on this machine",
  captive_portal: "A sign-in page answers instead of the internet",
  intercepted: "This network intercepts connections",
  proxy_down: "No way through the proxy",
};

export function networkBanner(network: NetworkView): BannerText {
  const { held } = network;
  const title = networkTitle[network.state];
  const waits = held > 0 ? `${count(held, "held request goes", "held requests go")} out in order once you are online.` : "New requests are held at the entrance, up to their time.";
  // The title and the count say a part of the router's sentence already.
  const said = (network.sentence ?? "").replace(`${title}.`, "").replace(/Requests wait[.;]/, "").replace(/ +/g, " ").trim();
  const rest = said.replace(/(^|\. )([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
  // The map's header offers the check, too.
  const actions: BannerAction[] = ["queue", network.portalUrl ? "portal" : "checkNetwork"];
  return {
    announce: `${title}. No provider is blamed for it.`,
    kind: "network",
    tone: "blue",
    lamp: "info",
    title,
    text: [rest, waits].filter(Boolean).join(" "),
    actions,
  };
}

/** Whether every request is refused at once, by the switch or by the map. */
export const allOff = ({ overrides, map }: Snapshot): boolean => overrides.allOff != null || map.off === true;

export function allOffBanner(snapshot: Snapshot): BannerText | null {
  if (!allOff(snapshot)) return null;
  const order = snapshot.overrides.allOff;
  const reason = order?.reason ? ` ${order.reason.charAt(0).toUpperCase()}${order.reason.slice(1)}.` : "";
  const inMap = snapshot.map.off ? " The map does so: its flags.ai_enabled is false." : "";
  return {
    announce: "Everything is switched off.",
    kind: "allOff",
    tone: "blue",
    lamp: "paused",
    title: order ? `Everything is switched off since ${timeOfDay(order.atMs)}` : "Everything is switched off in the map",
    text: `Callers get an immediate refusal; nothing is sent and nothing waits.${reason}${inMap}`,
    // Where the map does it, the switch alone switches nothing on.
    actions: [...(order ? (["overrides", "switchOn"] as const) : []), ...(inMap ? (["editMap"] as const) : [])],
  };
}

/** Whether all of a shift's traffic is away and another tier answers: that is the news then. */
const tookOver = (shift: ShiftView, { lamp }: StatusView): boolean => shift.phase === "away" && shift.sharePercent >= 100 && (lamp === "degraded" || lamp === "stop");

/** How requests fared: since another tier answers, else since the shift's incident began. */
function fared(shift: ShiftView, { status, incidents }: Snapshot): string {
  const since = tookOver(shift, status) ? status : incidents.find((incident) => incident.state !== "closed");
  return since ? ` · ${count(since.kept, "request")} kept · ${number(since.lost)} lost` : "";
}

/** What a shift does now, then how it went: `Traffic leaves anthropic, 50 % gone`. */
function shiftTitle(shift: ShiftView, snapshot: Snapshot): string {
  const { status } = snapshot;
  switch (shift.phase) {
    case "leaving":
      return `Traffic leaves ${shift.fromWords}: ${shift.sharePercent} % goes to ${shift.toWords}`;
    case "away":
      return tookOver(shift, status)
        ? `${status.state.replace(/\.$/, "")} since ${timeOfDay(status.sinceMs)}`
        : `${shift.sharePercent} % of ${shift.fromWords}'s traffic goes to ${shift.toWords} since ${timeOfDay(shift.startedAtMs)}`;
    case "returning":
    case "home":
      return `Coming back to ${shift.fromWords}: ${100 - shift.sharePercent} % is home`;
  }
}

/** What a shift waits for, in the words of the router, which name the time of the next step. */
export function shiftWaits(shift: ShiftView, nowMs: number): string {
  if (shift.held) {
    const { by, reason, sinceMs } = shift.held;
    return `Held ${byWhom(by)} since ${timeOfDay(sinceMs)}${reason === BY_HAND ? "" : `: ${reason.replace(/\.$/, "")}`}.`;
  }
  const coming = comingStep(shift, nowMs);
  if (coming) return coming;
  if (shift.waitsFor) return `${shift.waitsFor.charAt(0).toUpperCase()}${shift.waitsFor.slice(1).replace(/\.$/, "")}.`;
  return nextStep(shift, nowMs);
}

/** The next step and its time; empty where none is due. What it takes stands beside it, as the bounds of the watch. */
function comingStep(shift: ShiftView, nowMs: number): string {
  const { phase, nextAtMs, steps, step } = shift;
  if (typeof nextAtMs !== "number" || nextAtMs <= nowMs) return "";
  const wait = countdown(nextAtMs - nowMs);
  const next = steps[step + 1];
  if (phase === "leaving") return next === undefined ? `In ${wait} all steps are done.` : `In ${wait} ${next} % goes to ${shift.toWords}.`;
  if (phase === "returning") return next ? `In ${wait} ${100 - next} % is back on ${shift.fromWords}.` : `In ${wait} all of it is back on ${shift.fromWords}.`;
  return "";
}

/** The banner's line: why it stands still, else what it waits for away from home, else why it began and its next step. */
function shiftText(shift: ShiftView, reason: string, nowMs: number): string {
  if (shift.held || (shift.phase === "away" && shift.waitsFor)) return shiftWaits(shift, nowMs);
  return `${reason} ${nextStep(shift, nowMs)}`.trimEnd();
}

const nextStep = (shift: ShiftView, nowMs: number): string =>
  typeof shift.nextAtMs === "number" && shift.nextAtMs > nowMs ? `Next step in ${countdown(shift.nextAtMs - nowMs)}.` : "";

function shiftBanner(snapshot: Snapshot, shift: ShiftView, nowMs: number): BannerText {
  const { status } = snapshot;
  const reason = `${shift.reason.replace(/\.$/, "")}.`;
  const actions: BannerAction[] = [shift.held ? "goOn" : "hold"];
  if (shift.phase === "leaving" || shift.phase === "away") actions.push("failback");
  return {
    announce: `${shiftTitle(shift, snapshot).split(":")[0]}. ${reason}`,
    kind: "failover",
    tone: status.lamp === "stop" ? "red" : "amber",
    lamp: status.lamp === "stop" ? "stop" : shift.phase === "returning" ? "caution" : "degraded",
    title: `${shiftTitle(shift, snapshot)}${fared(shift, snapshot)}`,
    text: shiftText(shift, `${reason.charAt(0).toUpperCase()}${reason.slice(1)}`, nowMs),
    actions: withIncident(snapshot, actions),
    provider: shift.from.kind === "provider" ? shift.from.name : null,
  };
}

function withIncident(snapshot: Snapshot, actions: BannerAction[]): BannerAction[] {
  return snapshot.incidents.some((incident) => incident.state !== "closed") ? [...actions, "incident"] : actions;
}

export function failoverBanner(snapshot: Snapshot, nowMs: number): BannerText | null {
  const { status } = snapshot;
  const shift = snapshot.shifts.findLast((one) => active(one) || one.phase === "leaving");
  if (shift) return shiftBanner(snapshot, shift, nowMs);
  if (status.lamp !== "degraded" && status.lamp !== "stop") return null;
  const state = status.state.replace(/\.$/, "");
  const failing = snapshot.tiers.flatMap((tier) => tier.routes).filter((route) => route.inService && stopped(route));
  const provider = failing[0]?.provider ?? null;
  const known = snapshot.providers.find((one) => one.name === provider);
  const cause = failing[0]?.detail ? `${provider}: ${failing[0].detail}.` : status.sentence;
  const keyed = known?.needsCredential ?? false;
  // A vendor's page says nothing about its simulated stand-in.
  const statusPage = snapshot.router.demo ? null : (known?.statusPage ?? null);
  const actions: BannerAction[] = [];
  if (keyed && failing.some((route) => route.lastFailure && OF_KEYS.includes(route.lastFailure.kind))) actions.push("keys");
  if (status.tier === "warm") actions.push("holdOnWarm");
  if (statusPage) actions.push("statusPage");
  // With every route taken out on purpose, the way on is to take an order back.
  if (status.lamp === "stop" && failing.length === 0 && overridesOf(snapshot.overrides, null).length > 0) actions.push("overrides");
  return {
    announce: `${status.state} ${cause}`,
    kind: "failover",
    tone: status.lamp === "stop" ? "red" : "amber",
    lamp: status.lamp,
    title: `${state} since ${timeOfDay(status.sinceMs)} · ${count(status.kept, "request")} kept · ${number(status.lost)} lost`,
    text: `${cause}${probeWords(failing, nowMs - snapshot.atMs)}`,
    provider,
    keyed,
    statusPage,
    actions: withIncident(snapshot, actions),
  };
}

function probeWords(failing: readonly RouteView[], ageMs: number): string {
  const wait = soonestProbe(failing);
  if (wait === null) return "";
  const left = wait - ageMs;
  return left > 0 ? ` Next test call in ${countdown(left)}.` : " A test call is due.";
}
