/** Fixture snapshots: the situations the design draws, plus those it does not. */
import type { Snapshot } from "../src/api/types";
import { ago, clear, failover, now, route, strip } from "./base";
import { moneyScenes } from "./money";
import { outageScenes } from "./outages";

function cold(): Snapshot {
  const s = failover();
  s.status = { lamp: "degraded", tier: "cold", state: "Jobs wait in Cold.", sentence: "No route answers; 14 jobs are in the siding.", sinceMs: ago(200), kept: 14, lost: 0, why: [{ sinceMs: ago(200), sentence: "No Hot or Warm route has a closed circuit." }] };
  const warm = s.tiers[1]!;
  warm.inUse = false;
  warm.sharePercent = 0;
  warm.routes = warm.routes.map((r) => ({ ...r, next: false, weight: null, lamp: "stop", signal: "Stop", detail: "connection refused", circuit: "open", nextProbeInMs: 21_000, lastFailure: { kind: "connect", message: "connection refused" } }));
  s.cold = { ...s.cold, inUse: true, waiting: 14, dead: 0, nextAttemptAtMs: now + 4_000, wagons: Array.from({ length: 12 }, (_, i) => ({ id: `w${i}`, job: ["rag-answer", "summarize-call-notes", "draft-email"][i % 3]!, state: i === 0 ? "running" : "waiting" })) };
  return s;
}

function paused(): Snapshot {
  const s = clear();
  s.pause = { paused: true, reason: "paused in the window", sinceMs: ago(65), causes: [{ cause: "manual", sinceMs: ago(65), by: "window", reason: "paused in the window" }] };
  s.status = { ...s.status, lamp: "paused", state: "Paused.", sentence: "New work waits; running requests finish." };
  return s;
}

/** Demo mode: four routes on Hot, one switched off, nothing called yet on Warm, no Cold. */
function wide(): Snapshot {
  const s = clear();
  s.router.demo = true;
  s.tiers[0]!.routes = [
    route("anthropic/sonnet-4.6", "127.0.0.1:40001", { last: strip("1111110000"), lamp: "stop", signal: "Stop", detail: "500 server error", circuit: "open", nextProbeInMs: 9_000 }),
    route("anthropic/haiku-4.5", "127.0.0.1:40001", { inService: false, lamp: "out", signal: "Out of use" }),
    route("anthropic/opus-5", "127.0.0.1:40001", { next: true }),
    route("anthropic/sonnet-4.6#2", "127.0.0.1:40002", { cooldownMs: 20_000, lamp: "caution", signal: "Caution", detail: "429 rate limited" }),
  ];
  s.tiers[1]!.routes = [route("openai/gpt-4o-mini", "127.0.0.1:40003", { last: [], p50Ms: null, p95Ms: null, errorPercent: null, lamp: "unknown", signal: "Not probed", probedAtMs: null })];
  s.cold = { ...s.cold, enabled: false, waiting: 0, dead: 0, wagons: [], oldestAtMs: null, nextAttemptAtMs: null };
  s.clients = [];
  s.requests = [];
  s.keychain = { available: false, problem: "No secret service answers on D-Bus." };
  return s;
}

/** Demo mode just after it was started: nothing was called yet. */
function fresh(): Snapshot {
  const s = clear();
  s.router.demo = true;
  s.map = { ...s.map, name: "demo", version: 1, source: "demo" };
  s.tiers = s.tiers.map((tier) => ({
    ...tier,
    sharePercent: null,
    routes: tier.routes.map((r) => ({ ...r, weight: null, last: [], p50Ms: null, p95Ms: null, errorPercent: null, host: "127.0.0.1:40001" })),
  }));
  s.cold = { ...s.cold, waiting: 0, dead: 0, done: 0, wagons: [], oldestAtMs: null, nextAttemptAtMs: null };
  s.clients = [];
  s.requests = [];
  s.traffic = { perMinute: 0, requests: Array<number>(60).fill(0), p50Ms: Array<null>(60).fill(null), p95Ms: Array<null>(60).fill(null), inFlight: 0 };
  s.events = s.events.slice(-2);
  s.providers = s.providers.map((p) => ({ ...p, needsCredential: false, credentials: [] }));
  return s;
}

function firstRun(): Snapshot {
  const s = clear();
  s.router.firstRun = true;
  s.map = { name: "production", version: 0, appliedAtMs: null, source: null, jobs: [], off: false };
  s.status = { lamp: "unknown", tier: "cold", state: "Not set up.", sentence: "No routing map yet; start with simulated providers or write one.", sinceMs: now, kept: 0, lost: 0, why: [] };
  s.tiers = [{ tier: "hot", sharePercent: null, inUse: false, routes: [] }, { tier: "warm", sharePercent: null, inUse: false, routes: [] }];
  s.cold = { ...s.cold, waiting: 0, dead: 0, done: 0, wagons: [], oldestAtMs: null, nextAttemptAtMs: null };
  s.clients = [];
  s.requests = [];
  s.events = s.events.slice(-1);
  s.providers = [];
  return s;
}

export const scenes = { clear, failover, cold, paused, wide, fresh, firstRun, lost: clear, opening: clear, busyPort: clear, ...outageScenes, ...moneyScenes } satisfies Record<string, () => Snapshot>;
export type Scene = keyof typeof scenes;
