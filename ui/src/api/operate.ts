/**
 * What a person does in an outage: moves of traffic, overrides, the network, incidents. Every path of it is here and
 * nowhere else. Each call rejects with a `Refusal`.
 */
import { ask } from "./ask";
import type { Incident } from "./incident";
import type { FixView, KillScope, ShiftMode } from "./types";

export interface StartShift {
  from: string;
  to?: string;
  mode?: ShiftMode;
  percent?: number;
  reason?: string;
}

export type BreakerOrder = "open" | "closed" | "auto";

/** Sends an order; returns what a person should know of what it does. */
async function order(kind: string, body: unknown): Promise<string[]> {
  const answer = (await ask("POST", `/v1/orders/${kind}`, body)) as { warnings?: string[] } | undefined;
  return answer?.warnings ?? [];
}

export const operate = {
  startShift: async (shift: StartShift) => ((await ask("POST", "/v1/shifts", shift)) as { id: number }).id,
  holdShift: (id: number, held: boolean, reason: string) => ask("POST", `/v1/shifts/${id}/hold`, { held, reason }),
  /** The way home in watched steps. */
  failback: (id: number) => ask("POST", `/v1/shifts/${id}/failback`, { now: false }),
  /** All of it home at once, unwatched. */
  takeBackShift: (id: number) => ask("DELETE", `/v1/shifts/${id}`),
  /** No weights: as the map says again. */
  distribute: (weights: Record<string, number>, reason: string, transitionMs?: number) =>
    ask("PUT", "/v1/distribution", { weights, reason, ...(transitionMs === undefined ? {} : { transitionMs }) }),

  kill: (scope: KillScope, on: boolean, reason: string, forMs: number | null) => order("kill", { scope, on, reason, forMs }),
  breaker: (route: string, state: BreakerOrder, reason: string, forMs: number | null) => order("breaker", { route, state, reason, forMs }),
  /** Null gives the job back to the map. */
  overrideJob: (job: string, models: string[] | null) => ask("PUT", "/v1/overrides/jobs", { [job]: models }),
  except: (provider: string, on: boolean, reason: string, forMs: number | null) => order("except", { provider, on, reason, forMs }),
  clearBounds: (client: string, reason: string) => order("client-bounds", { client, only: null, reason }),
  clearPreference: (client: string, reason: string) => order("client-prefer", { client, provider: null, reason }),
  allOff: (on: boolean, reason: string) => order("all-off", { on, reason }),

  checkNetwork: () => ask("POST", "/v1/network/check"),

  incident: async (id: number) => (await ask("GET", `/v1/incidents/${id}`)) as Incident,
  incidentReport: async (id: number) => readReport(await ask("GET", `/v1/incidents/${id}/report`)),
  noteIncident: (id: number, text: string) => ask("POST", `/v1/incidents/${id}/notes`, { text }),
  closeIncident: (id: number) => ask("POST", `/v1/incidents/${id}/close`, {}),

  /** A fix is a call that the router itself wrote down. */
  applyFix: (fix: FixView) => ask(fix.method, fix.path, fix.body == null ? undefined : (JSON.parse(fix.body) as unknown)),
};

/** The report as text, also where it comes wrapped in JSON. */
export function readReport(body: unknown): string {
  if (typeof body === "string") return body;
  const { markdown, report } = (body ?? {}) as { markdown?: unknown; report?: unknown };
  const text = markdown ?? report;
  return typeof text === "string" ? text : "";
}
