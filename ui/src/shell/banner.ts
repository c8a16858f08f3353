/** Which banner stands above the screen, if any. Pure. */
import type { Refusal } from "../api/refusal";
import type { Lamp, Snapshot } from "../api/types";
import { soonestProbe } from "../diagram/ifs";
import { stopped } from "../diagram/lanes";
import { count, countdown, number, timeOfDay, timeWithSeconds } from "../shared/format";
import type { LinkState } from "../state/link.svelte";
import { problemTitle } from "./problem";

export interface BannerText {
  kind: "lost" | "closed" | "unauthorized" | "paused" | "failover";
  tone: "amber" | "red" | "blue";
  lamp: Lamp;
  title: string;
  text: string;
  /** What is said once to a screen reader: no counts, no countdown. */
  announce: string;
  provider?: string | null;
  /** Whether a key of that provider can be the cause. */
  keyed?: boolean;
  statusPage?: string | null;
}

export function bannerOf(
  state: LinkState,
  snapshot: Snapshot | null,
  nowMs: number,
  retryAtMs: number | null,
  problem: Refusal | null = null,
): BannerText | null {
  // Before the first figures the whole screen says it.
  if (!snapshot) return null;
  if (state === "unauthorized") {
    return {
      announce: "The router does not accept this window's token.",
      kind: "unauthorized",
      tone: "red",
      lamp: "stop",
      title: "The router does not accept this window's token",
      text: "Open the address that the router printed when it started; it carries the current token.",
    };
  }
  if (state === "lost") {
    return {
      announce: "This window lost the router.",
      kind: "lost",
      tone: "blue",
      lamp: "info",
      title: "This window lost the router",
      text: `Figures are from ${timeWithSeconds(snapshot.atMs)}. ${tryingAgain(retryAtMs)}`,
    };
  }
  if (state === "closed") {
    const title = problemTitle(problem);
    return {
      announce: `${title}. ${problem?.message ?? ""}`,
      kind: "closed",
      tone: "red",
      lamp: "stop",
      title,
      text: `${problem?.message ?? ""} ${tryingAgain(retryAtMs)}`.trimStart(),
    };
  }
  if (snapshot.router.firstRun || state !== "open") return null;
  if (snapshot.pause.paused) {
    const since = snapshot.pause.sinceMs ? ` since ${timeOfDay(snapshot.pause.sinceMs)}` : "";
    const reason = snapshot.pause.reason ? `${snapshot.pause.reason}. ` : "";
    return {
      announce: "New work is paused.",
      kind: "paused",
      tone: "blue",
      lamp: "paused",
      title: `New work is paused${since}`,
      text: `${reason.charAt(0).toUpperCase()}${reason.slice(1)}Running requests finish.`,
    };
  }
  return failover(snapshot, nowMs);
}

/** `Trying again in 4 s.` */
export function tryingAgain(retryAtMs: number | null): string {
  const wait = retryAtMs === null ? 0 : retryAtMs - Date.now();
  return wait > 0 ? `Trying again in ${countdown(wait)}.` : "Trying again.";
}

function failover(snapshot: Snapshot, nowMs: number): BannerText | null {
  const { status } = snapshot;
  if (status.lamp !== "degraded" && status.lamp !== "stop") return null;
  const state = status.state.replace(/\.$/, "");
  const failing = snapshot.tiers.flatMap((tier) => tier.routes).filter((route) => route.inService && stopped(route));
  const wait = soonestProbe(failing);
  const left = wait === null ? null : wait - (nowMs - snapshot.atMs);
  const probe = left === null ? "" : left > 0 ? ` Next test call in ${countdown(left)}.` : " A test call is due.";
  const provider = failing[0]?.provider ?? null;
  const known = snapshot.providers.find((one) => one.name === provider);
  const cause = failing[0]?.detail ? `${provider}: ${failing[0].detail}.` : status.sentence;
  return {
    announce: `${status.state} ${cause}`,
    kind: "failover",
    tone: status.lamp === "stop" ? "red" : "amber",
    lamp: status.lamp,
    title: `${state} since ${timeOfDay(status.sinceMs)} · ${count(status.kept, "request")} kept · ${number(status.lost)} lost`,
    text: `${cause}${probe}`,
    provider,
    keyed: known?.needsCredential ?? false,
    // A vendor's page says nothing about its simulated stand-in.
    statusPage: snapshot.router.demo ? null : (known?.statusPage ?? null),
  };
}
