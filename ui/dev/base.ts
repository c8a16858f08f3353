/** What every fixture snapshot starts from: all clear, and a plain failover. */
import type { BudgetView, EventView, IncidentBrief, RequestView, RouteView, Snapshot } from "../src/api/types";

export const now = Date.now();
export const ago = (s: number) => now - s * 1000;

export function route(id: string, host: string, more: Partial<RouteView> = {}): RouteView {
  const [provider = "", model = ""] = id.split("/");
  return {
    id, provider, model, host, dialect: provider === "anthropic" ? "anthropic" : "openai-chat",
    weight: null, lamp: "clear", signal: "Clear", detail: null, circuit: "closed", nextProbeInMs: null, cooldownMs: null,
    loweredToPercent: null, shiftedPercent: null, forced: null, why: null, inService: true, offInMap: false, next: false, last: Array<boolean>(20).fill(true),
    p50Ms: 1120, p95Ms: 2840, errorPercent: 0.2, lastFailure: null, probedAtMs: ago(12), probeOk: true, ...more,
  };
}

export const strip = (marks: string) => [...marks].map((mark) => mark === "1");

export function event(id: number, s: number, lamp: EventView["lamp"], sentence: string): EventView {
  return { id, atMs: ago(s), lamp, sentence, type: "resumed" };
}

const DAY_MS = 86_400_000;

/** A budget of dollars, or of tokens where its id says so. */
export function budget(id: string, spent: number, cap: number, more: Partial<BudgetView> = {}): BudgetView {
  const measure = id.slice(id.lastIndexOf("/") + 1) as BudgetView["measure"];
  const unit = measure.endsWith("Usd") ? 1e9 : 1;
  const today = new Date(now);
  const [year, month, date] = [today.getUTCFullYear(), today.getUTCMonth(), today.getUTCDate()];
  const monthly = measure.startsWith("month");
  const sinceMs = monthly ? Date.UTC(year, month) : Date.UTC(year, month, date);
  const resetsAtMs = monthly ? Date.UTC(year, month + 1) : sinceMs + DAY_MS;
  const percent = Math.floor((spent / cap) * 100);
  return {
    id, measure, cap: cap * unit, allowance: 0, spent: Math.round(spent * unit), reserved: 0, unsettled: 0, percent, markPercent: 80, sinceMs, resetsAtMs,
    standing: percent >= 100 ? "reached" : percent >= 80 ? "marked" : "open", ...more,
  };
}

function request(n: number, s: number, more: Partial<RequestView>): RequestView {
  return {
    id: `req_${String(n).padStart(4, "0")}3f8a9c2d1e0b7a6f`, atMs: ago(s), client: "my-saas-prod", job: "summarize-call-notes",
    dialect: "openai-chat", model: "auto", stream: true, outcome: "answered", status: 200, route: "anthropic/sonnet-4.6", tier: "hot",
    degraded: false, durationMs: 1310, firstTokenMs: 420, inputTokens: 1842, outputTokens: 416,
    attempts: [{ route: "anthropic/sonnet-4.6", tier: "hot", startMs: 2, durationMs: 1300, failure: null, costNanoUsd: 11_766_000, costBasis: "usage" }], costNanoUsd: 11_766_000, degradations: [], rescues: 0, ...more,
  };
}

const wave = (n: number, base: number, swing: number) =>
  Array.from({ length: n }, (_, i) => Math.round(base + swing * Math.sin(i / 3) + swing * 0.6 * Math.sin(i * 1.7)));

export function clear(): Snapshot {
  return {
    seq: 41, atMs: now,
    router: { version: "0.1.0", proxyUrl: "http://127.0.0.1:4310", controlUrl: "http://127.0.0.1:4311", dataDir: "/home/ana/.local/share/switchyard", pid: 4711, startedAtMs: ago(16_000), demo: false, firstRun: false, telemetryDropped: 0 },
    status: { lamp: "clear", tier: "hot", state: "All clear.", sentence: "The last 20 requests ran on Hot through anthropic; 3 jobs wait in the queue.", sinceMs: ago(9000), kept: 2014, lost: 0, why: [] },
    pause: { paused: false, reason: null, sinceMs: null, causes: [] },
    budgets: [budget("total/monthUsd", 23.1, 100)],
    map: { name: "production", version: 14, appliedAtMs: ago(15_000), source: "window", jobs: ["rag-answer"], off: false },
    tiers: [
      { tier: "hot", sharePercent: 100, inUse: true, routes: [
        route("anthropic/sonnet-4.6", "api.anthropic.com", { weight: 90, next: true }),
        route("anthropic/haiku-4.5", "api.anthropic.com", { weight: 10, p50Ms: 610, p95Ms: 1400, errorPercent: 5, last: strip("11111111111110111111") }),
      ] },
      { tier: "warm", sharePercent: 0, inUse: false, routes: [
        route("openai/gpt-4o-mini", "api.openai.com", { p50Ms: 740, p95Ms: 1930, errorPercent: 0 }),
        route("google/gemini-3-flash", "generativelanguage.googleapis.com", { p50Ms: 580, p95Ms: 1710, errorPercent: 5, probedAtMs: ago(9), last: strip("11111111110111111111") }),
      ] },
    ],
    cold: { queue: "ai-tasks", enabled: true, inUse: false, waiting: 2, dead: 1, done: 41, oldestAtMs: ago(240), nextAttemptAtMs: now + 198_000,
      wagons: [{ id: "j1", job: "summarize-call-notes", state: "waiting" }, { id: "j2", job: "draft-email", state: "waiting" }, { id: "j3", job: "draft-email", state: "dead" }] },
    clients: [{ name: "my-saas-prod", perMinute: 4.1 }, { name: "n8n", perMinute: 1.6 }, { name: "Claude Code", perMinute: 0.5 }],
    traffic: { perMinute: 6.2, requests: wave(60, 7, 2), p50Ms: wave(60, 1080, 90), p95Ms: wave(60, 2600, 300), inFlight: 0 },
    events: [
      event(9, 240, "clear", "A queued draft-email job was answered by sonnet-4.6."),
      event(8, 1200, "stop", "A queued draft-email job needs you: five attempts failed."),
      event(7, 2300, "clear", "haiku-4.5 answers again. Circuit closed."),
      event(6, 2700, "caution", "haiku-4.5 gets a test call."),
      event(5, 2730, "stop", "haiku-4.5: silent, 5 in a row. Circuit open."),
      event(4, 15_000, "info", "Map v14 applied from window."),
      event(3, 16_000, "info", "Switchyard listens on http://127.0.0.1:4310."),
    ],
    requests: [
      request(12, 12, {}), request(11, 24, { client: "n8n", job: "draft-email", durationMs: 2060, inputTokens: 964, outputTokens: 388, costNanoUsd: 8_712_000 }),
      request(10, 31, { job: "rag-answer", route: "anthropic/haiku-4.5", durationMs: 580, inputTokens: 2310, outputTokens: 127, costNanoUsd: 2_945_000, attempts: [{ route: "anthropic/haiku-4.5", tier: "hot", startMs: 2, durationMs: 570, failure: null, costNanoUsd: 2_945_000, costBasis: "estimate" }] }),
      request(9, 43, { durationMs: 1190 }), request(8, 55, { client: "Claude Code", job: "default", durationMs: 2710, dialect: "anthropic", costNanoUsd: 0, attempts: [{ route: "anthropic/sonnet-4.6", tier: "hot", startMs: 2, durationMs: 2700, failure: null, costNanoUsd: 0, costBasis: "subscription" }] }),
      request(7, 62, { client: "n8n", outcome: "queued", status: 202, route: null, tier: "cold", durationMs: 40, inputTokens: null, outputTokens: null, firstTokenMs: null, job: "draft-email", costNanoUsd: null,
        attempts: [{ route: "anthropic/sonnet-4.6", tier: "hot", startMs: 1, durationMs: 12, failure: { kind: "overloaded", status: 529, message: "Overloaded" } }] }),
      request(6, 80, { route: "openai/gpt-4o-mini", tier: "warm", degraded: true, durationMs: 2490, firstTokenMs: 1810, costNanoUsd: 640_000, attempts: [
        { route: "anthropic/sonnet-4.6", tier: "hot", startMs: 0, durationMs: 214, failure: { kind: "overloaded", status: 529, message: "Overloaded" } },
        { route: "anthropic/sonnet-4.6", tier: "hot", startMs: 334, durationMs: 198, failure: { kind: "overloaded", status: 529, message: "Overloaded" } },
        { route: "anthropic/haiku-4.5", tier: "hot", startMs: 590, durationMs: 800, failure: { kind: "first_byte_timeout", message: "no response head within 800 ms" }, costNanoUsd: 80_000, costBasis: "assumed" },
        { route: "openai/gpt-4o-mini", tier: "warm", startMs: 1410, durationMs: 1080, failure: null, costNanoUsd: 560_000, costBasis: "provider" }] }),
      request(5, 91, { outcome: "refused", status: 400, route: null, tier: null, attempts: [], durationMs: 2, inputTokens: null, outputTokens: null, costNanoUsd: null }),
      request(4, 99, {}), request(3, 110, {}), request(2, 140, {}), request(1, 180, {}),
    ],
    providers: [
      { name: "anthropic", preset: "anthropic", hosts: ["api.anthropic.com"], routes: ["anthropic/sonnet-4.6", "anthropic/haiku-4.5"], statusPage: "https://status.anthropic.com", needsCredential: true, credentials: [{ name: "anthropic", foundIn: "keychain", hint: "hQ4d", condemned: null }] },
      { name: "openai", preset: "openai", hosts: ["api.openai.com"], routes: ["openai/gpt-4o-mini"], statusPage: "https://status.openai.com", needsCredential: true, credentials: [{ name: "openai", foundIn: "environment", hint: "9f2x", condemned: { kind: "key_rejected", status: 401, message: "Incorrect API key provided" } }] },
      { name: "google", preset: null, hosts: ["generativelanguage.googleapis.com"], routes: ["google/gemini-3-flash"], statusPage: null, needsCredential: true, credentials: [{ name: "google", foundIn: "missing", hint: null, condemned: null }] },
    ],
    keychain: { available: true, problem: null },
    shifts: [], distribution: null, overrides: { version: 3 }, triggers: [], shed: null, causes: [], incidents: [],
    loops: { retriesPerMinute: 0, fallbackPercent: 0, averageRetries: 0, stormSinceMs: null, reason: null, budgetLeft: 60 },
    network: { state: "online", sinceMs: ago(16_000), sentence: null, portalUrl: null, held: 0, oldestHeldMs: null, name: "Café Lisboa", dns: "system", proxy: null, checks: [] },
  };
}

export function incident(kept: number): IncidentBrief {
  return { id: 27, provider: "anthropic", title: "anthropic: 529 overloaded", severity: 2, state: "open", openedAtMs: ago(1740), beganAtMs: ago(1742), closedAtMs: null, kept, queued: 6, lost: 0, summary: "anthropic answers 529 overloaded since 14:02. openai answers instead." };
}

export function failover(): Snapshot {
  const s = clear();
  const failure = { kind: "overloaded", status: 529, message: "Overloaded" } as const;
  s.status = { lamp: "degraded", tier: "warm", state: "Running on Warm.", sentence: "Requests go to openai gpt-4o-mini (sonnet-4.6: 529 overloaded); the last 20 requests ran on Warm through openai.", sinceMs: ago(1740), kept: 212, lost: 0, why: [
    { sinceMs: ago(1740), sentence: "sonnet-4.6 and haiku-4.5 have open circuits: 529 overloaded, 5 in a row." },
    { sinceMs: ago(1741), sentence: "gpt-4o-mini is the first Warm route whose circuit is closed." },
  ] };
  const shut = { lamp: "stop", signal: "Stop", detail: "529 overloaded", circuit: "open", lastFailure: failure, errorPercent: 40, weight: null, next: false } as const;
  s.tiers = [
    { tier: "hot", sharePercent: 0, inUse: false, routes: [
      route("anthropic/sonnet-4.6", "api.anthropic.com", { ...shut, nextProbeInMs: 18_000, last: strip("11111111111001000000") }),
      route("anthropic/haiku-4.5", "api.anthropic.com", { ...shut, nextProbeInMs: 24_000, last: strip("11111111111110100000") }),
    ] },
    { tier: "warm", sharePercent: 100, inUse: true, routes: [
      route("openai/gpt-4o-mini", "api.openai.com", { weight: 100, next: true, p50Ms: 790, p95Ms: 2060, errorPercent: 0 }),
      route("google/gemini-3-flash", "generativelanguage.googleapis.com", { lamp: "caution", signal: "Caution", detail: "1 of 2 tests", circuit: "half_open", last: strip("11111000111111100011") }),
    ] },
  ];
  s.events = [event(12, 40, "caution", "gemini-3-flash gets a test call."), event(11, 1740, "degraded", "Warm took over: gpt-4o-mini answers. anthropic is overloaded."), event(10, 1741, "stop", "sonnet-4.6: 529 overloaded, 5 in a row. Circuit open."), ...s.events];
  s.clients.push({ name: "notes-worker", perMinute: 0.3 }, { name: "cron", perMinute: 0.1 });
  s.incidents = [incident(s.status.kept)];
  return s;
}
