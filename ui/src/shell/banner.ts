/** Which banner stands above the screen, if any. Pure. */
import type { Refusal } from "../api/refusal";
import type { Lamp, Pause, Snapshot } from "../api/types";
import { countdown, timeOfDay, timeWithSeconds } from "../shared/format";
import type { LinkState } from "../state/link.svelte";
import { alsoMoney, moneyBanner, partBanner } from "./money-banner";
import { allOffBanner, failoverBanner, networkBanner, networkDown } from "./outage";
import { problemTitle } from "./problem";

/** What a banner offers, in the order of its buttons; the last one is the primary. */
export type BannerAction =
  | "retry" | "resume" | "switchOn" | "overrides" | "hold" | "holdOnWarm" | "goOn" | "failback" | "incident" | "keys" | "statusPage"
  | "queue" | "checkNetwork" | "portal" | "editMap" | "budget" | "resumeMoney";

export interface BannerText {
  kind: "lost" | "closed" | "unauthorized" | "paused" | "money" | "allOff" | "network" | "failover";
  tone: "amber" | "red" | "blue";
  lamp: Lamp;
  title: string;
  text: string;
  /** What is said once to a screen reader: no counts, no countdown. */
  announce: string;
  actions: readonly BannerAction[];
  provider?: string | null;
  /** Whether a key of that provider can be the cause. */
  keyed?: boolean;
  statusPage?: string | null;
  /** The pause of money it speaks of. */
  pause?: Pause;
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
      actions: [],
      tone: "red",
      lamp: "stop",
      title: "The router does not accept this window's token",
      text: "The router was started anew, or this link was used before. Run `switchyard link` and open the address it prints.",
    };
  }
  if (state === "lost") {
    return {
      announce: "This window lost the router.",
      kind: "lost",
      actions: ["retry"],
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
      actions: ["retry"],
      tone: "red",
      lamp: "stop",
      title,
      text: `${problem?.message ?? ""} ${tryingAgain(retryAtMs)}`.trimStart(),
    };
  }
  if (snapshot.router.firstRun || state !== "open") return null;
  const off = allOffBanner(snapshot);
  if (off) return off;
  if (snapshot.pause.paused) return moneyBanner(snapshot, nowMs) ?? manualBanner(snapshot);
  if (snapshot.network && networkDown(snapshot.network)) return networkBanner(snapshot.network);
  return failoverBanner(snapshot, nowMs) ?? partBanner(snapshot, nowMs);
}

/** A person paused new work. */
function manualBanner(snapshot: Snapshot): BannerText {
  const { pause } = snapshot;
  const manual = pause.causes?.find(({ cause }) => cause === "manual");
  const sinceMs = manual?.sinceMs ?? pause.sinceMs;
  const since = sinceMs ? ` since ${timeOfDay(sinceMs)}` : "";
  const why = manual?.reason || pause.reason;
  const reason = why ? `${why.replace(/\.$/, "")}. ` : "";
  return {
    announce: "New work is paused.",
    kind: "paused",
    actions: ["resume"],
    tone: "blue",
    lamp: "paused",
    title: `New work is paused${since}`,
    text: `${reason.charAt(0).toUpperCase()}${reason.slice(1)}Running requests finish.${alsoMoney(snapshot)}`,
  };
}

/** `Trying again in 4 s.` */
export function tryingAgain(retryAtMs: number | null): string {
  const wait = retryAtMs === null ? 0 : retryAtMs - Date.now();
  return wait > 0 ? `Trying again in ${countdown(wait)}.` : "Trying again.";
}
