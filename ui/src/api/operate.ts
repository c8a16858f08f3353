/**
 * What a person does in an outage: moves of traffic, overrides, the network, incidents. Each call rejects with a
 * `Refusal`.
 */
import { ask } from "./ask";
import { client, done } from "./client";
import type { BreakerOrder, FixView, KillScope, OrdersAnswer, StartShift } from "./types";

/** Sends an order; returns what a person should know of what it does. */
const order = async (call: Promise<OrdersAnswer>): Promise<string[]> => (await call).warnings;

const at = (id: number) => ({ path: { id } });

export const operate = {
  startShift: async (body: StartShift) => (await done(client.POST("/v1/shifts", { body }))).id,
  holdShift: (id: number, held: boolean, reason: string) =>
    done(client.POST("/v1/shifts/{id}/hold", { params: at(id), body: { held, reason } })),
  /** The way home in watched steps. */
  failback: (id: number, reason: string) =>
    done(client.POST("/v1/shifts/{id}/failback", { params: at(id), body: { now: false, reason } })),
  /** All of it home at once, unwatched. */
  takeBackShift: (id: number) => done(client.DELETE("/v1/shifts/{id}", { params: at(id) })),
  /** No weights: as the map says again. */
  distribute: (weights: Record<string, number>, reason: string, transitionMs?: number) =>
    done(client.PUT("/v1/distribution", { body: { weights, reason, ...(transitionMs === undefined ? {} : { transitionMs }) } })),

  kill: (scope: KillScope, on: boolean, reason: string, forMs: number | null) =>
    order(done(client.POST("/v1/overrides/kill", { body: { scope, on, reason, forMs } }))),
  breaker: (route: string, state: BreakerOrder, reason: string, forMs: number | null) =>
    order(done(client.POST("/v1/overrides/breaker", { body: { route, state, reason, forMs } }))),
  /** Null gives the job back to the map. */
  overrideJob: (job: string, models: string[] | null, reason: string) =>
    order(done(client.PUT("/v1/overrides/jobs", { params: { query: { reason } }, body: { [job]: models } }))),
  except: (provider: string, on: boolean, reason: string, forMs: number | null) =>
    order(done(client.POST("/v1/overrides/except", { body: { provider, on, reason, forMs } }))),
  clearBounds: (app: string, reason: string) =>
    order(done(client.POST("/v1/overrides/client-bounds", { body: { client: app, only: null, reason } }))),
  clearPreference: (app: string, reason: string) =>
    order(done(client.POST("/v1/overrides/client-prefer", { body: { client: app, provider: null, reason } }))),
  allOff: (on: boolean, reason: string) => order(done(client.POST("/v1/overrides/all-off", { body: { on, reason } }))),

  checkNetwork: () => done(client.POST("/v1/network/check")),

  incident: (id: number) => done(client.GET("/v1/incidents/{id}", { params: at(id) })),
  incidentReport: async (id: number) => (await done(client.GET("/v1/incidents/{id}/report", { params: at(id) }))).markdown,
  noteIncident: (id: number, text: string) =>
    done(client.POST("/v1/incidents/{id}/notes", { params: at(id), body: { text } })),
  closeIncident: (id: number, reason: string) =>
    done(client.POST("/v1/incidents/{id}/close", { params: at(id), body: { reason } })),

  /** A fix is a call that the router itself wrote down. */
  applyFix: (fix: FixView) => ask(fix.method, fix.path, fix.body == null ? undefined : (JSON.parse(fix.body) as unknown)),
};
