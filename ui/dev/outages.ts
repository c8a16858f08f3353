/** Fixture snapshots of outages that are managed: shifts, overrides, storms, causes, and a network that is down. */
import type { NetworkView, ShiftView, Snapshot } from "../src/api/types";
import { ago, clear, event, failover, incident, now, route, strip } from "./base";

function shift(more: Partial<ShiftView>): ShiftView {
  return {
    id: 3, from: { kind: "provider", name: "anthropic" }, fromWords: "anthropic", to: { kind: "rest" }, toWords: "the other routes", mode: "gradual",
    phase: "leaving", sharePercent: 50, steps: [50, 75, 100], step: 0, nextAtMs: now + 38_000, held: null, reason: "34 % of 212 calls failed for 10 min (limit 30 %)",
    actor: "router", startedAtMs: ago(62), waitsFor: "In 38 s 75 % go elsewhere, if at least 98 % succeed and p95 stays below 2.47 s.", watch: { calls: 41, successPercent: 100, p95Ms: 2060, bounds: "at least 98 % succeed, p95 below 2.47 s" }, ...more,
  };
}

const failing = { errorPercent: 35, last: strip("11101101001101011010"), lamp: "caution", signal: "Caution", detail: "35 % errors" } as const;

function moving(sharePercent: number): Snapshot {
  const s = clear();
  const away = sharePercent >= 100;
  const why = away ? "Traffic was moved away by shift 3; it gets one trial every 30 s." : `Shift 3 sends ${sharePercent} % of its requests to the other routes.`;
  s.status = { lamp: "degraded", tier: away ? "warm" : "hot", state: away ? "Running on Warm." : "Leaving anthropic.", sentence: away ? "Traffic was moved off anthropic; openai gpt-4o-mini answers." : `${sharePercent} % of requests go to openai gpt-4o-mini.`, sinceMs: ago(1740), kept: 212, lost: 0, why: [
    { sinceMs: ago(62), sentence: "Traffic leaves anthropic in steps (shift 3, started by the router)." },
    { sinceMs: ago(662), sentence: "anthropic: 34 % of 212 calls failed for 10 min (limit 30 %)." },
  ] };
  s.tiers = [
    { tier: "hot", sharePercent: 100 - sharePercent, inUse: !away, routes: s.tiers[0]!.routes.map((r, i) => ({ ...r, ...(i === 0 ? failing : {}), shiftedPercent: sharePercent, next: !away && i === 0, why })) },
    { tier: "warm", sharePercent, inUse: away, routes: s.tiers[1]!.routes.map((r, i) => ({ ...r, next: away && i === 0 })) },
  ];
  s.triggers = [{ kind: "errors", provider: "anthropic", route: null, reason: "34 % of 212 calls failed for 10 min (limit 30 %)", beganAtMs: ago(662), firedAtMs: ago(62), recovers: "below 2 % for 30 min" }];
  s.incidents = [incident(212)];
  s.events = [event(21, 62, "degraded", "Traffic moves from anthropic to the other routes (gradual): 34 % of 212 calls failed for 10 min."), event(20, 62, "stop", "anthropic: 34 % of 212 calls failed for 10 min (limit 30 %)."), ...s.events];
  return s;
}

function leaving(): Snapshot {
  const s = moving(50);
  s.shifts = [shift({})];
  return s;
}

function away(): Snapshot {
  const s = moving(100);
  s.shifts = [shift({ phase: "away", sharePercent: 100, step: 2, nextAtMs: null, startedAtMs: ago(1740), waitsFor: null, held: { by: "window", reason: "decided by hand", sinceMs: ago(600) }, watch: { calls: 60, successPercent: 98.3, p95Ms: 2710, bounds: "health at least 99 % for 30 min, errors below 2 % for 30 min" } })];
  return s;
}

function returning(): Snapshot {
  const s = moving(75);
  s.status = { ...s.status, state: "Coming back to anthropic.", sentence: "25 % of requests go to anthropic again." };
  s.tiers[0]!.routes = s.tiers[0]!.routes.map((r) => ({ ...r, lamp: "clear", signal: "Clear", detail: null, errorPercent: 0, last: Array<boolean>(20).fill(true) }));
  s.triggers = [];
  s.shifts = [shift({ phase: "returning", sharePercent: 75, steps: [90, 75, 50, 25, 0], step: 1, nextAtMs: now + 124_000, startedAtMs: ago(4300), waitsFor: "In 2 min 50 % go elsewhere, if at least 98 % succeed and p95 stays below 3.12 s.", watch: { calls: 12, successPercent: 100, p95Ms: 2610, bounds: "at least 98 % succeed, p95 below 3.12 s" } })];
  return s;
}

function distribution(): Snapshot {
  const s = clear();
  s.status = { ...s.status, sentence: "Traffic is split by hand: anthropic 50 %, openai 30 %, google 20 %.", why: [{ sinceMs: ago(20), sentence: "Weights were set in the window: try the new keys." }] };
  s.distribution = { actor: "window", reason: "try the new keys", completeAtMs: now + 40_000, weights: [
    { target: { kind: "provider", name: "anthropic" }, percent: 83.3, goalPercent: 50 },
    { target: { kind: "provider", name: "openai" }, percent: 10, goalPercent: 30 },
    { target: { kind: "provider", name: "google" }, percent: 6.7, goalPercent: 20 },
  ] };
  s.tiers[0]!.sharePercent = 83;
  s.tiers[1]!.sharePercent = 17;
  return s;
}

function lowered(): Snapshot {
  const s = clear();
  const why = "12 % of 41 calls answered 5xx (limit 5 %): it keeps 50 % of its weight until below 2.5 % for 2 min.";
  s.tiers[0]!.routes[0] = route("anthropic/sonnet-4.6", "api.anthropic.com", { weight: 90, next: true, lamp: "caution", signal: "Caution", detail: "12 % 5xx", loweredToPercent: 50, errorPercent: 12, why, last: strip("11110111101111111011") });
  s.triggers = [{ kind: "server_errors", provider: "anthropic", route: "anthropic/sonnet-4.6", reason: "12 % of 41 calls answered 5xx (limit 5 %)", beganAtMs: ago(120), firedAtMs: ago(60), recovers: "below 2.5 % for 2 min" }];
  s.status.why = [{ sinceMs: ago(60), sentence: `sonnet-4.6: ${why}` }];
  return s;
}

function network(more: Partial<NetworkView>): NetworkView {
  const at = ago(4);
  return {
    state: "offline", sinceMs: ago(62), sentence: "No network answers on this machine. Check the cable or the Wi-Fi.", portalUrl: null, held: 4, oldestHeldMs: ago(31), name: "Café Lisboa", dns: "system", proxy: null,
    checks: [
      { atMs: at, what: "GET http://connectivitycheck.gstatic.com/generate_204", expected: "an empty 204", found: "no route to host", ok: false, durationMs: 3 },
      { atMs: at, what: "DNS api.anthropic.com", expected: "an address", found: "no answer", ok: false, durationMs: 2000 },
      { atMs: at, what: "TLS api.openai.com", expected: "its certificate", found: "no address", ok: false, durationMs: 2001 },
    ], ...more,
  };
}

function offline(): Snapshot {
  const s = clear();
  s.network = network({});
  s.status = { ...s.status, lamp: "info", state: "This machine is offline.", sentence: "4 requests are held at the entrance; none are lost." };
  s.tiers = s.tiers.map((tier) => ({ ...tier, inUse: false, routes: tier.routes.map((r) => ({ ...r, next: false })) }));
  s.traffic = { ...s.traffic, perMinute: 0 };
  s.events = [event(31, 31, "info", "4 requests are held. The oldest has waited 31 s."), event(30, 62, "info", "Café Lisboa is down, not anthropic."), ...s.events];
  return s;
}

function captivePortal(): Snapshot {
  const s = offline();
  const at = ago(4);
  s.status = { ...s.status, state: "The café Wi-Fi is down, not anthropic.", sentence: "4 requests are held at the entrance; none are lost." };
  s.network = network({ state: "captive_portal", sentence: "DNS and all 3 providers fail together, so this is your network.", portalUrl: "https://login.cafelisboa.pt/hotspot", checks: [
    { atMs: at, what: "GET http://connectivitycheck.gstatic.com/generate_204", expected: "an empty 204", found: "302 to login.cafelisboa.pt", ok: false, durationMs: 41 },
    { atMs: at, what: "TLS api.anthropic.com", expected: "its certificate", found: "wrong certificate, not the provider", ok: false, durationMs: 38 },
    { atMs: at, what: "TLS api.openai.com", expected: "its certificate", found: "wrong certificate, not the provider", ok: false, durationMs: 39 },
  ] });
  return s;
}

function overrides(): Snapshot {
  const s = clear();
  const order = { actor: "window", reason: "bad answers since noon", atMs: ago(5400), expiresAtMs: now + 7_200_000 };
  s.overrides = {
    version: 9,
    kills: [{ ...order, scope: { kind: "provider", name: "google" } }],
    forced: [{ ...order, actor: "cli", route: "openai/gpt-4o-mini", open: false, reason: "its probes lie", expiresAtMs: now + 1_500_000 }],
    jobs: { "rag-answer": { ...order, actor: "api", reason: null, expiresAtMs: null, models: ["openai/gpt-4o-mini", "anthropic/haiku-4.5"] } },
    except: [],
    clients: { n8n: { ...order, reason: "their contract", expiresAtMs: null, providers: ["anthropic"], prefer: null } },
  };
  s.tiers[1]!.routes[0] = { ...s.tiers[1]!.routes[0]!, forced: s.overrides.forced![0]!, why: "Its circuit is held closed from the command line: its probes lie." };
  s.tiers[1]!.routes[1] = { ...s.tiers[1]!.routes[1]!, inService: false, killed: s.overrides.kills![0]!, lamp: "out", signal: "Out of use", why: "Provider google was taken out of service in the window: bad answers since noon." };
  return s;
}

/** The map's own switch: nothing but another map switches it on. */
function offInMap(): Snapshot {
  const s = allOff();
  s.overrides = { version: 10 };
  s.map = { ...s.map, off: true };
  s.cold = { ...s.cold, waiting: 2, nextAttemptAtMs: ago(5) };
  return s;
}

function allOff(): Snapshot {
  const s = clear();
  s.overrides = { version: 10, allOff: { actor: "cli", reason: "customer data in a prompt", atMs: ago(240), expiresAtMs: null } };
  s.status = { ...s.status, lamp: "paused", state: "AI is switched off.", sentence: "Callers get an immediate refusal; nothing is sent." };
  s.tiers = s.tiers.map((tier) => ({ ...tier, inUse: false, routes: tier.routes.map((r) => ({ ...r, next: false })) }));
  return s;
}

function storm(): Snapshot {
  const s = failover();
  s.loops = { retriesPerMinute: 184, fallbackPercent: 61, averageRetries: 3.1, stormSinceMs: ago(45), reason: "184 retries a minute, 61 % fell back", budgetLeft: 0 };
  s.shed = { upTo: "low", reason: "a retry storm", shed: 17 };
  s.causes = [
    { code: "retry_storm", severity: 1, title: "Retry storm", sentence: "Retries feed on themselves: 184 a minute, 3.1 for each request.", evidence: ["184 retries a minute (limit 100)", "61 % fell back (limit 30 %)"], fix: { label: "Cut tries per route to 1", command: "switchyard map set retry.attempts=1", method: "POST", path: "/v1/map/set", body: '{"changes":{"retry.attempts":1},"reason":"retry storm"}' } },
    { code: "client_retries", severity: 2, title: "n8n retries by itself", sentence: "41 of its 60 requests repeat one that had just failed, on top of Switchyard's own retries.", evidence: ["41 repeats within 30 s"], fix: null },
    { code: "provider_outage", severity: 2, title: "anthropic is down", sentence: "Its status page says: Elevated errors on all models.", evidence: ["2 of 2 routes open", "status.anthropic.com: major outage"], fix: { label: "Leave anthropic out", command: "switchyard failover --except anthropic", method: "POST", path: "/v1/overrides/except", body: '{"provider":"anthropic","on":true,"reason":"outage"}' } },
  ];
  return s;
}

/** The outage is over; its incident is still shown for a while. */
function closed(): Snapshot {
  const s = clear();
  s.incidents = [{ ...incident(271), state: "closed", closedAtMs: ago(480), summary: "anthropic answered 529; Warm carried the traffic for 38 minutes." }];
  return s;
}

export const outageScenes = { leaving, away, returning, distribution, lowered, offline, captivePortal, overrides, allOff, offInMap, storm, closed };
