/** Budgets and what was spent. Each call rejects with a `Refusal`. */
import { client, done } from "./client";
import type { ResumeBudget } from "./types";

/** By what spend is taken together. */
export type SpendBy = "provider" | "model" | "job" | "client" | "day";

export const money = {
  read: () => done(client.GET("/v1/budget")),
  /** Without a scope: wherever money paused something. */
  resume: (body: ResumeBudget) => done(client.POST("/v1/budget/resume", { body })),
  spend: (by: SpendBy, sinceMs: number, untilMs: number) =>
    done(client.GET("/v1/budget/spend", { params: { query: { by, sinceMs, untilMs } } })),
};
